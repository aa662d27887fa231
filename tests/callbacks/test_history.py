"""History has what every epoch reported, as plain numbers."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from golden import recorded

from annlib import Input, Sequential, layers, metrics, optimizers
from annlib.callbacks import Callback, History, LambdaCallback
from annlib.core.errors import ModelFormatError

X, Y = (np.array(recorded("training")["training"]["data"][key]) for key in ("x", "y_value"))


def make_model():
    model = Sequential([Input((6,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", ["mae"])
    return model


def test_history_has_every_key_of_every_epoch():
    model = make_model()
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert all(len(values) == 3 for values in history.history.values())
    assert all(type(value) is float for values in history.history.values() for value in values)
    assert history.epoch == [0, 1, 2]
    assert history.params == {"verbose": 0, "epochs": 3, "steps": 2}


def test_keys_that_a_callback_adds_are_in_history():
    class Rate(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["learning_rate"] = self.model.optimizer.learning_rate / (epoch + 1)

    history = make_model().fit(X, Y, epochs=2, verbose=0, callbacks=[Rate()])
    assert history.history["learning_rate"] == [0.01, 0.005]


def test_all_numbers_are_pythons_and_json_takes_them():
    def add(epoch, logs):
        logs |= {"half": np.float32(0.5), "seven": 7, "text": "x", "pair": np.arange(2) + epoch}

    model = Sequential([Input((6,)), layers.Dense(3, "softmax")], seed=0)
    model.compile(
        optimizers.SGD(1.0), "categorical_crossentropy", [metrics.F1Score(name="f1"), "accuracy"]
    )
    labels = np.eye(3)[np.arange(len(X)) % 3]
    history = model.fit(
        X, labels, epochs=3, validation_split=0.3, verbose=0,
        callbacks=[LambdaCallback(on_epoch_end=add)],
    ).history  # fmt: skip
    for key in ("loss", "accuracy", "val_loss", "val_accuracy", "half"):
        assert [type(value) for value in history[key]] == [float] * 3, key
    assert history["seven"] == [7] * 3
    assert history["text"] == ["x"] * 3
    np.testing.assert_array_equal(history["pair"], [[0, 1], [1, 2], [2, 3]])
    for key in ("f1", "val_f1"):
        assert [[type(number) for number in value] for value in history[key]] == [[float] * 3] * 3
    assert history["f1"][0] != history["f1"][2]
    assert json.loads(json.dumps(history)) == history


def test_it_knows_what_the_run_was_made_of():
    history = make_model().fit(X, Y, epochs=1, batch_size=16, verbose=0)
    settings = history.settings
    assert settings["optimizer"] == "SGD()"
    assert settings["optimizer learning_rate"] == 0.01
    assert settings["loss"] == "MeanSquaredError()"
    assert settings["layer dense"] == "Dense(1)"
    assert (settings["batch_size"], settings["seed"], settings["dtype"]) == (16, 0, "float32")
    json.dumps(settings)
    assert pickle.loads(pickle.dumps(history)).settings == settings


def test_a_function_that_gives_the_rate_is_not_asked_besides():
    asked = []

    def rate():
        asked.append(None)
        return 0.1 / len(asked)

    model = Sequential([Input((6,)), layers.Dense(1)], seed=0)
    model.compile(optimizers.SGD(rate), "mse")
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[])
    assert len(asked) <= 1 + 3 * history.params["steps"]
    assert np.isnan(history.learning_rates).all()


def test_rates_come_back_with_a_state_also_from_before_there_were_any():
    history = make_model().fit(X, Y, epochs=3, verbose=0)
    state = history.get_state()
    for given in (state, {k: v for k, v in state.items() if k != "learning_rates"}):
        again = History()
        again.check_state(given, range(5))
        again.set_state(given)
        assert again.history == history.history
        assert len(again.learning_rates) == len(again.seconds) == 3
        assert np.isnan(again.seconds).all()
    with pytest.raises(ModelFormatError, match="learning_rates"):
        History().check_state({**state, "learning_rates": [0.1]}, range(5))
    with pytest.raises(ModelFormatError, match="learning_rates"):
        History().check_state({**state, "learning_rates": [0.1, "a", 0.2]}, range(5))
