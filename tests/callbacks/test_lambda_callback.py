"""LambdaCallback calls functions where Keras calls them."""

from __future__ import annotations

import numpy as np
import pytest
from golden import recorded

from annlib import Input, Sequential, layers
from annlib.callbacks import Callback, LambdaCallback
from annlib.callbacks.base import HOOKS
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError

RECORD = recorded("callbacks")["lambda_callback"]
X = np.random.default_rng(0).normal(size=(50, 3))


def make_model():
    model = Sequential([Input((3,)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    return model


def noting(hooks):
    """Functions for these hooks, and the list that their calls go to."""
    calls = []

    def function(hook):
        return lambda *arguments: calls.append([hook, *arguments[:-1]])

    return {hook: function(hook) for hook in hooks}, calls


def test_the_functions_are_called_as_by_keras():
    functions, calls = noting(RECORD["hooks"])
    model, callback = make_model(), LambdaCallback(**functions)
    model.fit(X, X[:, 0], verbose=0, callbacks=[callback], **RECORD["fit"])
    model.predict(X, batch_size=25, callbacks=[callback])
    assert calls == RECORD["calls"]


def test_every_hook_is_an_argument():
    assert list(constructor_arguments(LambdaCallback))[:6] == [
        "on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end",
        "on_train_batch_begin", "on_train_batch_end",
    ]  # fmt: skip  # by position, as in Keras
    assert set(constructor_arguments(LambdaCallback)) == set(HOOKS)
    functions, calls = noting(HOOKS)
    model, callback = make_model(), LambdaCallback(**functions)
    model.fit(X, X[:, 0], verbose=0, callbacks=[callback], validation_split=0.5)
    model.predict(X, callbacks=[callback])
    silent = {"on_batch_begin", "on_batch_end", "on_exception"}  # the long names are called
    assert {hook for hook, *_ in calls} == set(HOOKS) - silent


def test_functions_get_the_logs_and_can_add_to_them():
    def add(epoch, logs):
        logs["twice"] = 2 * logs["loss"]

    history = (
        make_model()
        .fit(X, X[:, 0], epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_end=add)])
        .history
    )
    assert history["twice"] == [2 * loss for loss in history["loss"]]


def test_the_last_function_hears_of_an_error():
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("enough")

    heard = []
    with pytest.raises(RuntimeError, match="enough"):
        make_model().fit(
            X, X[:, 0], verbose=0, callbacks=[LambdaCallback(on_exception=heard.append), Fails()]
        )
    assert [str(error) for error in heard] == ["enough"]


def test_without_functions_nothing_is_called():
    made = LambdaCallback()
    assert repr(made) == "LambdaCallback()"
    assert set(made.get_config().values()) == {None}
    assert repr(LambdaCallback(on_train_end=print)) == (
        "LambdaCallback(on_train_end=<built-in function print>)"
    )
    assert LambdaCallback(print).clone().on_epoch_begin is print


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"on_epoch_ends": print}, 'Did you mean "on_epoch_end"'),
        ({"on_epoch_end": "print"}, "a function as on_epoch_end, got 'print'"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        LambdaCallback(**arguments)
