"""TerminateOnNaN ends a diverging training where Keras ends it, with weights that are finite."""

from __future__ import annotations

import math

import numpy as np
import pytest
from golden import recorded

from annlib import Input, Sequential, layers, optimizers
from annlib.callbacks import LambdaCallback, TerminateOnNaN
from annlib.core.errors import DivergenceError

RECORDS = recorded("callbacks")["terminate_on_nan"]
X, Y = (np.array(recorded("training")["training"]["data"][key]) for key in ("x", "y_value"))


def make_model(rate, dtype="float64"):
    dense = layers.Dense(1, kernel_initializer="ones")
    model = Sequential([Input((6,)), dense], dtype=dtype, seed=0)
    model.compile(optimizers.SGD(rate), "mse", ["mae"])
    return model


def finite(model):
    return all(np.isfinite(weights).all() for weights in model.get_weights())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record["learning_rate"]))
def test_it_ends_where_keras_ends(record, capsys):
    model, batches = make_model(record["learning_rate"]), []
    counter = LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(logs["loss"]))
    callbacks = [TerminateOnNaN(), counter]
    history = model.fit(X, Y, verbose=0, callbacks=callbacks, **record["fit"])
    assert len(batches) == record["batches"]
    assert history.epoch == record["epoch"]
    assert list(history.history) == list(record["history"])
    *losses, last = history.history["loss"]
    np.testing.assert_allclose(losses, record["history"]["loss"][:-1], rtol=1e-9)
    assert not math.isfinite(last)
    assert not math.isfinite(record["history"]["loss"][-1])
    # Not 0, of no rows: that would be the best of all, and ModelCheckpoint would save it.
    assert math.isnan(history.history["mae"][-1])
    assert model.stop_training
    assert finite(model)
    steps = -(-len(X) // record["fit"]["batch_size"])
    batch = (record["batches"] - 1) % steps + 1
    assert capsys.readouterr().out == f"Batch {batch}: the loss is nan, training ends\n"


def test_in_keras_the_weights_may_be_lost():
    assert any(np.isinf(record["weights"][0]).any() for record in RECORDS)


def test_the_weights_are_those_before_the_batch_that_diverged():
    model, kept = make_model(1e150), []
    keep = LambdaCallback(on_train_batch_begin=lambda batch, logs: kept.append(model.get_weights()))
    model.fit(X, Y, epochs=9, batch_size=50, verbose=0, callbacks=[TerminateOnNaN(), keep])
    for found, expected in zip(model.get_weights(), kept[-1], strict=True):
        np.testing.assert_array_equal(found, expected)
    model.optimizer.learning_rate = 1e-3  # the object serves again, and the model goes on
    assert model.fit(X, Y, verbose=0, callbacks=[TerminateOnNaN()]).epoch == [0]


@pytest.mark.parametrize("callbacks", [[], [TerminateOnNaN(raise_error=True)]], ids=len)
def test_with_raise_error_fit_says_where_it_arose(callbacks):
    model = make_model(1e150)
    with pytest.raises(DivergenceError, match=r"fit, epoch 3, batch 1: .*finite loss"):
        model.fit(X, Y, epochs=9, batch_size=50, verbose=0, callbacks=callbacks)
    assert finite(model)


@pytest.mark.parametrize(("rate", "dtype"), [(1e308, "float64"), (1e38, "float32")])
@pytest.mark.parametrize("batch_size", [10, 50])
def test_an_update_that_overflows_is_no_error_either(rate, dtype, batch_size):
    model = make_model(rate, dtype)
    history = model.fit(
        X, Y * 50, epochs=5, batch_size=batch_size, verbose=0, callbacks=[TerminateOnNaN()]
    )
    assert math.isnan(history.history["loss"][-1])
    assert len(history.epoch) <= 2


def test_a_training_that_does_not_diverge_is_left_alone():
    plain, watched = make_model(0.01), make_model(0.01)
    histories = [
        plain.fit(X, Y, epochs=3, verbose=0).history,
        watched.fit(X, Y, epochs=3, verbose=0, callbacks=[TerminateOnNaN()]).history,
    ]
    assert histories[0] == histories[1]
    assert not watched.stop_training
