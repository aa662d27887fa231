"""ModelCheckpoint writes the files that Keras writes, when Keras writes them."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import scripted
from golden import recorded
from scripted import ScriptedModel

import annlib
from annlib import Input, Sequential, layers
from annlib.callbacks import Callback, CallbackList, ModelCheckpoint
from annlib.core.errors import ConfigurationError

RECORDS = recorded("scripted_callbacks")["model_checkpoint"]
X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make_model():
    model = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)], seed=0)
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("record", RECORDS, ids=range(len(RECORDS)))
def test_it_saves_when_and_under_which_name_keras_does(record):
    with pytest.warns(UserWarning, match="written in annlib's format, safetensors"):
        callback = ModelCheckpoint(**record["config"])
    for again in record["runs"]:  # with the same object
        model = ScriptedModel()
        hooks = CallbackList([callback], model, "test")
        hooks.call("on_train_begin", {})
        for epoch, (*batches, last) in enumerate(again["values"]):
            hooks.call("on_epoch_begin", epoch, {})
            for batch, value in enumerate(batches):
                hooks.call("on_train_batch_end", batch, {"watched": value})
            hooks.call("on_epoch_end", epoch, {"watched": last})
            best = None if math.isnan(callback.best) else callback.best
            model.saved.append([f"end of epoch {epoch}", best])
        hooks.call("on_train_end", {})
        assert model.saved == again["saved"]


def test_the_records_have_every_case():
    configs = [record["config"] for record in RECORDS]
    assert {config["save_freq"] for config in configs} == {"epoch", 1, 2, 3, 5, 9}
    for names in ({"save_best_only"}, {"save_weights_only"}, {"save_best_only", "save_freq"}):
        assert len({tuple(config[name] for name in names) for config in configs}) >= 2 * len(names)
    assert {config["initial_value_threshold"] for config in configs} == {None, 0.25, 0.75}
    assert any("{batch}" in config["filepath"] for config in configs)
    assert any("{watched" in config["filepath"] for config in configs)


@pytest.mark.parametrize("weights_only", [False, True])
def test_the_best_file_is_the_model_of_the_best_epoch(weights_only):
    values = [3.0, 1.0, 2.0, math.nan, 1.0]

    class Script(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["watched"] = values[epoch]
            self.weights = [*getattr(self, "weights", []), self.model.get_weights()]

    model, script = make_model(), Script()
    path = Path("deep") / "down" / "best.safetensors"
    best = ModelCheckpoint(
        path, "watched", save_best_only=True, save_weights_only=weights_only, mode="min"
    )
    model.fit(X, X[:, 0], epochs=5, verbose=0, callbacks=[script, best])
    assert os.listdir(path.parent) == [path.name]
    if weights_only:
        other = make_model()
        other.load_weights(path)
    else:
        other = annlib.load_model(path)
    for found, expected in zip(other.get_weights(), script.weights[1], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("keep", [1, 3])
def test_the_oldest_files_are_removed(keep):
    Path("run-9").write_text("not this object's")
    callback = ModelCheckpoint("run-{epoch}", "loss", max_to_keep=keep)
    make_model().fit(X, X[:, 0], epochs=5, verbose=0, callbacks=[callback])
    assert sorted(os.listdir()) == [*(f"run-{6 - i}" for i in range(keep, 0, -1)), "run-9"]
    os.unlink("run-5")  # by the user
    make_model().fit(X, X[:, 0], epochs=2, verbose=0, callbacks=[callback])
    kept = {1: ["run-2"], 3: ["run-1", "run-2"]}[keep]
    assert sorted(os.listdir()) == [*kept, "run-9"]


def test_a_file_written_again_counts_once():
    callback = ModelCheckpoint("last", "loss", max_to_keep=1)
    make_model().fit(X, X[:, 0], epochs=4, verbose=0, callbacks=[callback])
    assert os.listdir() == ["last"]


def test_values_of_the_logs_are_in_the_name():
    callback = ModelCheckpoint("{epoch:02d}-{loss:.2f}-{val_loss:.2e}")
    history = (
        make_model()
        .fit(X, X[:, 0], epochs=2, validation_split=0.5, verbose=0, callbacks=[callback])
        .history
    )
    pairs = zip(history["loss"], history["val_loss"], strict=True)
    names = [f"{i:02d}-{a:.2f}-{b:.2e}" for i, (a, b) in enumerate(pairs, 1)]
    assert sorted(os.listdir()) == names


def test_a_number_that_is_none_is_not_the_best():
    model = ScriptedModel()
    callback = ModelCheckpoint("best", "watched", save_best_only=True, mode="min")
    scripted.run(callback, [{"watched": value} for value in (math.nan, 2.0, math.nan, 1.0)], model)
    assert model.saved == [["save", "best"]] * 2  # in Keras a NaN first is never beaten
    assert callback.best == 1.0


def test_it_says_what_it_does_when_asked(capsys):
    callback = ModelCheckpoint("b", "watched", verbose=1, save_best_only=True, mode="max")
    scripted.run(callback, [{"watched": value} for value in (math.nan, 0.5, 0.25, 0.75)])
    scripted.run(ModelCheckpoint("last", "watched", 1), [{}])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 1: watched did not improve",
        "Epoch 2: watched improved to 0.50000, saved b",
        "Epoch 3: watched did not improve from 0.50000",
        "Epoch 4: watched improved from 0.50000 to 0.75000, saved b",
        "Epoch 1: saved last",
    ]


@pytest.mark.parametrize(
    ("filepath", "message"),
    [
        ("{vall_loss}", r"known values.*'vall_loss'.*Known: epoch, f1, loss"),
        ("{loss:d}", "known values.*'loss'|known values.*Unknown format"),
        ("{f1:.2f}", "known values"),
    ],
)
def test_a_name_of_values_that_are_not_there_is_an_error(filepath, message):
    model = ScriptedModel()
    with pytest.raises(ConfigurationError, match=message):
        scripted.run(ModelCheckpoint(filepath), [{"loss": 0.5, "f1": np.ones(2)}], model)
    assert not model.saved


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModelCheckpoint("{epoch"), r"filepath, got '\{epoch'"),
        (lambda: ModelCheckpoint("model-{}"), "names of values in the braces"),
        (lambda: ModelCheckpoint("model-{0:d}"), "names of values in the braces"),
        (lambda: ModelCheckpoint("a", save_freq="batch"), "save_freq as an integer >= 1"),
        (lambda: ModelCheckpoint("a", save_freq=0), "save_freq"),
        (lambda: ModelCheckpoint("a", initial_value_threshold="0.5"), "initial_value_threshold"),
        (lambda: ModelCheckpoint("a", max_to_keep=0), "max_to_keep"),
        (lambda: ModelCheckpoint("a", mode="best"), "mode one of auto, min, max"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_an_existing_folder_in_the_place_of_the_file_stays():
    os.mkdir("best")
    with pytest.raises(OSError, match="best"):
        make_model().fit(X, X[:, 0], verbose=0, callbacks=[ModelCheckpoint("best")])
    assert os.listdir() == ["best"]
    assert not os.listdir("best")
