"""SwapEMAWeights validates and leaves the averages that Keras validates and leaves."""

from __future__ import annotations

import numpy as np
import pytest
from golden import recorded

import annlib
from annlib import Input, Sequential, layers, optimizers
from annlib.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    SwapEMAWeights,
)
from annlib.core.errors import ConfigurationError

RECORDS = recorded("callbacks")["swap_ema_weights"]
X, Y = (np.array(recorded("training")["training"]["data"][key]) for key in ("x", "y_value"))


def make_model(**optimizer):
    dense = layers.Dense(1, kernel_initializer="ones")
    model = Sequential([Input((6,)), dense], dtype="float64")
    how = {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.75} | optimizer
    model.compile(optimizers.SGD(**how), "mse", ["mae"])
    return model


def swapping(record):
    swap = record["swap_on_epoch"]
    return [] if swap is None else [SwapEMAWeights(swap)]


def assert_same_weights(found, expected, rtol=1e-9):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol)


@pytest.mark.parametrize(
    "record", RECORDS["runs"], ids=lambda r: f"{r['swap_on_epoch']}-{r['optimizer']}"
)
def test_trainings_are_keras(record):
    model, seen = make_model(**record["optimizer"]), []
    watcher = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()))
    callbacks = [*swapping(record), watcher]
    history = model.fit(X, Y, verbose=0, callbacks=callbacks, **RECORDS["fit"]).history
    assert list(history) == list(record["history"])
    for key, values in history.items():
        np.testing.assert_allclose(values, record["history"][key], rtol=1e-9, err_msg=key)
    for found, expected in zip(seen, record["weights_at_epoch_ends"], strict=True):
        assert_same_weights(found, expected)
    assert_same_weights(model.get_weights(), record["weights"])


def test_the_records_tell_the_settings_apart():
    runs = {(r["swap_on_epoch"], r["optimizer"]["ema_overwrite_frequency"]): r
            for r in RECORDS["runs"]}  # fmt: skip
    plain, tested, swapped = (runs[swap, None] for swap in (None, False, True))
    assert plain["history"]["val_loss"] != tested["history"]["val_loss"]
    assert plain["history"]["loss"] == tested["history"]["loss"] == swapped["history"]["loss"]
    assert tested["weights_at_epoch_ends"] != swapped["weights_at_epoch_ends"]


class StopAt(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == self.epoch


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_a_run_that_ends_early_leaves_the_averages_too(swap_on_epoch):
    """In Keras it leaves the last weights with swap_on_epoch=True."""
    model, other = make_model(), make_model()
    stopped = [SwapEMAWeights(swap_on_epoch), StopAt(1)]
    model.fit(X, Y, epochs=9, verbose=0, shuffle=False, callbacks=stopped)
    other.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    assert_same_weights(model.get_weights(), other.get_weights(), 0)
    np.testing.assert_array_equal(model.optimizer.averages, other.optimizer.averages)
    # ... and training goes on from there.
    for one in (model, other):
        one.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    assert_same_weights(model.get_weights(), other.get_weights(), 0)


def test_checkpoints_after_it_hold_the_averages(tmp_path):
    model, path = make_model(), tmp_path / "best"
    callbacks = [SwapEMAWeights(True), ModelCheckpoint(path, "loss")]
    history = model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=callbacks)
    loaded = annlib.load_model(path)
    assert_same_weights(loaded.get_weights(), model.get_weights(), 0)
    loss, _ = loaded.evaluate(X, Y)
    np.testing.assert_allclose(loss, history.history["val_loss"][-1], rtol=1e-12)


def test_the_best_averages_are_restored():
    callbacks = [SwapEMAWeights(True), EarlyStopping(patience=2, restore_best_weights=True)]
    model = make_model(learning_rate=0.3, ema_momentum=0.3)
    history = model.fit(X, Y, epochs=20, verbose=0, validation_data=(X, Y), callbacks=callbacks)
    loss, _ = model.evaluate(X, Y)
    np.testing.assert_allclose(loss, min(history.history["val_loss"]), rtol=1e-12)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("hook", ["on_test_batch_end", "on_epoch_end", "on_train_batch_end"])
def test_an_error_leaves_the_weights_that_were_trained(hook, swap_on_epoch):
    def fail(*arguments):
        raise RuntimeError("enough")

    model, other = make_model(), make_model()
    callbacks = [SwapEMAWeights(swap_on_epoch), LambdaCallback(**{hook: fail})]
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X, Y, batch_size=10, verbose=0, validation_split=0.2, shuffle=False,
                  callbacks=callbacks)  # fmt: skip
    for batch in range(1 if hook == "on_train_batch_end" else 4):
        rows = slice(10 * batch, 10 * batch + 10)
        other.train_on_batch(X[rows], Y[rows])
    assert_same_weights(model.get_weights(), other.get_weights(), 0)


def test_evaluate_and_predict_use_the_averages_when_asked():
    model = make_model()
    for _ in range(3):
        model.train_on_batch(X, Y)
    own, averages = model.get_weights(), model.optimizer.averages.copy()
    predicted = model.predict(X, callbacks=[SwapEMAWeights()])
    loss, _ = model.evaluate(X, Y, callbacks=[SwapEMAWeights()])
    assert_same_weights(model.get_weights(), own, 0)
    np.testing.assert_array_equal(model.optimizer.averages, averages)
    kernel, bias = averages[:6].reshape(6, 1), averages[6:]
    np.testing.assert_allclose(predicted, X @ kernel + bias, rtol=1e-12)
    np.testing.assert_allclose(loss, np.mean((predicted[:, 0] - Y) ** 2), rtol=1e-12)


def test_before_a_step_there_are_no_averages_to_swap():
    model = make_model()
    expected = model.predict(X)
    np.testing.assert_array_equal(model.predict(X, callbacks=[SwapEMAWeights()]), expected)


def test_an_optimizer_without_averages_is_refused_at_once():
    model = make_model(use_ema=False)
    for use in (
        lambda: model.fit(X, Y, verbose=0, callbacks=[SwapEMAWeights()]),
        lambda: model.evaluate(X, Y, callbacks=[SwapEMAWeights()]),
        lambda: Sequential([layers.Dense(1)]).predict(X, callbacks=[SwapEMAWeights()]),
    ):
        with pytest.raises(ConfigurationError, match="expected an optimizer with use_ema=True"):
            use()
    assert model.optimizer.iterations == 0
