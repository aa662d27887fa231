"""Models and weights in file objects; what a file holds and leaves out; the user's metadata."""

from __future__ import annotations

import copy
import gzip
import io
import json
import pickle
import tempfile
from typing import Any

import numpy as np
import pytest

from annlib import ConfigurationError, Input, ModelFormatError, Sequential, layers, load_model
from annlib.models import save_model
from annlib.saving import container

X, Y = np.random.default_rng(0).normal(size=(2, 30, 4))


def trained(optimizer: Any = "adam", loss: Any = "mse", **keywords: Any) -> Sequential:
    model = Sequential([Input((4,)), layers.Dense(3, "tanh"), layers.Dense(4)], seed=1, **keywords)
    model.compile(optimizer, loss)
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def unbuffered() -> Any:
    return tempfile.TemporaryFile(buffering=0)


@pytest.mark.parametrize("make", [io.BytesIO, unbuffered, tempfile.SpooledTemporaryFile])
def test_a_model_goes_on_from_a_file_object(make, tmp_path):
    model = trained()
    with make() as file:
        model.save(file)
        file.seek(0)
        again = load_model(file)
    for one in (model, again):
        one.fit(X, Y, epochs=2, verbose=0)
    assert [W.tobytes() for W in again.weights] == [W.tobytes() for W in model.weights]


def test_a_file_object_has_the_bytes_of_a_file_and_is_read_from_where_it_stands(tmp_path):
    model, file = trained(), io.BytesIO(b"before")
    file.seek(6)
    save_model(model, file, overwrite=False)
    model.save(tmp_path / "m")
    assert file.getvalue() == b"before" + (tmp_path / "m").read_bytes()
    file.seek(6)
    np.testing.assert_array_equal(load_model(file).predict(X), model.predict(X))
    with gzip.open(tmp_path / "m.gz", "wb") as packed:
        model.save_weights(packed)
    other = trained()
    other.set_weights([0 * W for W in other.get_weights()])
    with gzip.open(tmp_path / "m.gz", "rb") as packed:
        other.load_weights(packed)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_a_file_object_that_stands_at_its_end_is_told_from_a_damaged_one():
    file = io.BytesIO()
    model = trained()
    model.save(file)
    with pytest.raises(ModelFormatError, match=r"<BytesIO>, file: .* got nothing.*seek\(0\)"):
        load_model(file)
    with pytest.raises(ModelFormatError, match="damaged or cut short"):
        load_model(io.BytesIO(file.getvalue()[:-1]))
    with pytest.raises(ModelFormatError, match="expected at most 10 bytes, got more"):
        container.read(io.BytesIO(file.getvalue()), "model", max_bytes=10)


@pytest.mark.parametrize("file", [io.StringIO(), io.StringIO("text"), io.BytesIO])
def test_what_is_no_binary_file_object_is_refused(file):
    model, before = trained(), file.getvalue() if isinstance(file, io.StringIO) else None
    calls = (model.save, load_model, model.save_weights, model.load_weights)
    for call in calls:
        with pytest.raises(ConfigurationError, match=r"file object|as a path"):
            call(file)
    assert before is None or file.getvalue() == before


def test_files_that_are_open_for_something_else_are_refused(tmp_path):
    (tmp_path / "m").write_bytes(b"old")
    with open(tmp_path / "m", "rb") as file, pytest.raises(ConfigurationError, match='"wb"'):
        trained().save(file)
    with open(tmp_path / "n", "wb") as file, pytest.raises(ConfigurationError, match='"rb"'):
        load_model(file)
    assert (tmp_path / "m").read_bytes() == b"old"


def test_weights_are_read_from_a_models_file(tmp_path):
    model = trained()
    model.save(tmp_path / "m")
    other = Sequential([Input((4,)), layers.Dense(3, "tanh"), layers.Dense(4)], seed=7)
    other.load_weights(tmp_path / "m")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    wider = Sequential([Input((4,)), layers.Dense(3, "tanh"), layers.Dense(5)], seed=7)
    before = [W.tobytes() for W in wider.weights]
    with pytest.raises(ModelFormatError, match=r'expected shape \(3, 5\) for "dense_1/kernel"'):
        wider.load_weights(tmp_path / "m")
    longer = Sequential([*other.clone().layers, layers.Dense(1)])
    longer.build((None, 4))
    with pytest.raises(ModelFormatError, match="expected 3 layers, got 2"):
        longer.load_weights(tmp_path / "m")
    assert [W.tobytes() for W in wider.weights] == before
    with pytest.warns(UserWarning, match="dense_1"):
        wider.load_weights(tmp_path / "m", skip_mismatch=True)
    np.testing.assert_array_equal(wider.weights[0], model.weights[0])
    model.save_weights(tmp_path / "w")
    with pytest.raises(ModelFormatError, match="kind: expected 'model', got 'weights'"):
        load_model(tmp_path / "w")


def test_without_the_optimizer_a_file_is_small_and_takes_plain_functions(tmp_path):
    def square(y_true, y_pred):
        return np.mean((y_true - y_pred) ** 2)

    model = Sequential([Input((4,)), layers.Dense(300), layers.Dense(4)], seed=1)
    model.compile("adam", "mse", metrics=[square])
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m", include_optimizer=False)
    again = load_model(tmp_path / "m")
    assert not again.compiled and again.optimizer is None
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert (tmp_path / "m").stat().st_size < 1.5 * sum(W.nbytes for W in model.weights)
    with pytest.raises(ConfigurationError, match="include_optimizer"):
        model.save(tmp_path / "m", include_optimizer=1)


def test_metadata_are_kept_in_files_and_copies(tmp_path):
    model = trained()
    model.save(tmp_path / "plain")
    assert "metadata" not in container.read(tmp_path / "plain", "model")[0]
    known = {
        "classes": ["cat", "dog"],
        "note": "two\nlines, größer",
        "auc": 0.9,
        "more": {"n": None},
    }
    model.metadata = known
    model.metadata["means"] = list(np.linspace(0, 1, 3000))
    model.save(tmp_path / "m")
    for other in (
        load_model(tmp_path / "m"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert other.metadata == {**known, "means": np.linspace(0, 1, 3000).tolist()}
        other.metadata["classes"].append("cow")
    assert known["classes"] == ["cat", "dog"]
    assert load_model(tmp_path / "plain").metadata == {} == Sequential().metadata


@pytest.mark.parametrize(
    "value", [np.ones(2), {1, 2}, float("nan"), b"bytes", {1: "a"}, 1j], ids=repr
)
def test_metadata_that_a_file_would_change_are_refused(value, tmp_path):
    model = trained()
    model.metadata = {"note": value}
    with pytest.raises(ConfigurationError, match=r"Sequential\.save, metadata: .*JSON"):
        model.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())
    for wrong in ("text", [1], None):
        with pytest.raises(
            ConfigurationError, match=r"Sequential\.metadata: expected a dictionary"
        ):
            model.metadata = wrong
    assert list(model.metadata) == ["note"]


def test_metadata_that_json_gives_back_are_taken(tmp_path):
    model = trained()
    model.metadata = {"pair": (1, 2.5), "deep": [[{"a": True}]], "": ""}
    model.save(tmp_path / "m")
    found = load_model(tmp_path / "m").metadata
    assert found == json.loads(json.dumps(model.metadata))
