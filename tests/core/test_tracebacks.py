"""What an error shows of a program: the user's lines and the message, no line of annlib's."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

import annlib
from annlib import Sequential, callbacks, config, layers, losses, metrics
from annlib.core.errors import AnnlibError
from annlib.estimators import MLPClassifier, SequentialClassifier, TabularClassifier

X = np.linspace(-1.0, 1.0, 40).reshape(10, 4)
Y = np.arange(10) % 2


@pytest.fixture(autouse=True)
def filtering() -> Iterator[None]:
    config.enable_traceback_filtering()
    yield
    config.disable_traceback_filtering()


def model(**changes):
    made = Sequential([layers.Dense(3, activation="softmax")], seed=0)
    made.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy"} | changes)
    return made


def built():
    made = model()
    made.build((None, 4))
    return made


def set_rate():
    layers.Dropout(0.5).rate = 3


MISTAKES = {
    "constructor": lambda: layers.Dense(-3),
    "argument of a constructor": lambda: layers.Dense(3, activation="rleu"),
    "layers": lambda: Sequential([layers.Dense(3), 5]),
    "attribute": set_rate,
    "compile": lambda: model(optimizer="adma"),
    "lengths": lambda: model().fit(X, Y[:3], verbose=0),
    "labels": lambda: model().fit(X, Y + 5, verbose=0),
    "not built": lambda: Sequential([layers.Dense(3)]).get_weights(),
    "evaluate": lambda: model().evaluate(X, Y[:3]),
    "predict": lambda: built().predict(X[:, :2]),
    "on a batch": lambda: built().train_on_batch(X, Y[:3]),
    "a layer": lambda: layers.Dense(3)(1.0),
    "history": lambda: callbacks.History().plot(),
    "the name of a loss": lambda: losses.get("ms"),
    "explain": lambda: annlib.explain("adma"),
    "compare": lambda: annlib.compare(3),
    "lr_find": lambda: annlib.lr_find(model(), X, Y[:3]),
    "estimator": lambda: MLPClassifier(activation="rleu").fit(X, Y),
    "not fitted": lambda: MLPClassifier().predict(X),
    "scikit-learn's check": lambda: MLPClassifier().fit(X[:3], Y),
    "of tables": lambda: TabularClassifier().fit(X[:3], Y),
    "around a model": lambda: SequentialClassifier([layers.Dense(3)], epochs=-1).fit(X, Y),
    "no file": lambda: annlib.load_model("/nowhere/model.safetensors"),
}


def caught(mistake) -> Exception:
    try:
        mistake()
    except Exception as error:
        # What calls a mistake here, is no line of a script.
        error.__traceback__ = error.__traceback__.tb_next
        return error
    raise AssertionError("it is no mistake")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_shows_the_line_and_the_message(name):
    error = caught(MISTAKES[name])
    lines = "".join(traceback.format_exception(error)).splitlines()
    message = "".join(traceback.format_exception_only(error)).splitlines()
    assert len(lines) - len(message) <= 10, "\n".join(lines)
    frames = traceback.extract_tb(error.__traceback__)
    assert frames[0].filename == __file__
    if isinstance(error, AnnlibError) and name not in ("attribute", "the name of a loss"):
        assert {frame.filename for frame in frames} == {__file__}, "\n".join(lines)


class Own(layers.Layer):
    def forward(self, x, work, *, training=False):
        raise ZeroDivisionError("in a layer")

    def backward(self, dy, work, *, input_gradient=True):
        return dy


class Called(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.get_layer("no such")


def batches():
    yield X, Y
    raise KeyError("in a generator")


class Sized(metrics.Metric):
    def reset_state(self):
        self.total = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        if len(y_pred) == len(X):
            [].pop()

    def result(self):
        return self.total


def own_layer():
    made = Sequential([Own(), layers.Dense(3, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy")
    made.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("mistake", "own"),
    [
        (own_layer, "forward"),
        (lambda: model().fit(X, Y, verbose=0, callbacks=[Called()]), "on_epoch_end"),
        (lambda: model().fit(batches(), verbose=0, steps_per_epoch=3), "batches"),
        (lambda: model(metrics=[Sized()]).fit(X, Y, verbose=0), "update_state"),
    ],
)
def test_frames_of_the_users_own_parts_stay(mistake, own):
    frames = traceback.extract_tb(caught(mistake).__traceback__)
    assert own in [frame.name for frame in frames]
    assert {frame.filename for frame in frames} == {__file__}


def test_an_error_that_is_not_annlibs_keeps_the_line_that_raised_it(monkeypatch):
    made = model()
    monkeypatch.setattr("annlib.models.trainer.array_dataset", None)
    monkeypatch.setattr("annlib.models.trainer.as_dataset", None)
    frames = traceback.extract_tb(caught(lambda: made.fit(X, Y)).__traceback__)
    assert [frame.name for frame in frames][1:] == ["fit"]
    assert frames[1].filename != __file__


def test_what_the_user_was_handling_stays():
    def handling():
        try:
            {}["key"]
        except KeyError:
            model().fit(X, Y[:3])

    text = "".join(traceback.format_exception(caught(handling)))
    assert "KeyError: 'key'" in text
    assert "During handling" in text


def test_the_switch_shows_all_frames():
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    whole = traceback.extract_tb(caught(MISTAKES["lengths"]).__traceback__)
    config.enable_traceback_filtering()
    assert config.is_traceback_filtering_enabled()
    short = traceback.extract_tb(caught(MISTAKES["lengths"]).__traceback__)
    assert "array_dataset" in [frame.name for frame in whole]
    assert len(short) < len(whole)


def test_a_script_shows_its_line(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import annlib\n"
        "model = annlib.Sequential([annlib.layers.Dense(3)])\n"
        "model.compile(loss='mse')\n"
        "model.fit([[1.0]], [[1.0], [2.0]])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert "model.fit([[1.0]], [[1.0], [2.0]])" in done.stderr
    assert done.stderr.count("File ") == 1, done.stderr


def test_warnings_point_to_the_users_line(tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = Sequential([layers.Dense(3)])
        made.compile("adam", "sparse_categorical_crossentropy")
        made.fit(X, Y, verbose=0)
        made.save(tmp_path / "model.keras")
        made.save_weights(tmp_path / "model.weights.h5")
        clone = annlib.clone_model(made)
        clone.compile("adam", "mse", metrics=["r2_score"])
        clone.evaluate(X[:1], np.ones((1, 3)))
    assert len(told) >= 4
    assert {one.filename for one in told} == {__file__}, [str(one.message) for one in told]


def test_the_wrapping_is_seen_by_nobody():
    assert next(iter(inspect.signature(Sequential.fit).parameters)) == "self"
    assert pickle.loads(pickle.dumps(annlib.lr_find)) is annlib.lr_find

    class Mine(Sequential):
        def fit(self, *arguments, **keywords):
            return super().fit(*arguments, **keywords)

    assert not hasattr(Mine.fit, "__wrapped__")
