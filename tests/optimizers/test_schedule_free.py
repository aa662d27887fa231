"""Weights to evaluate with apart from those that are trained: a schedule-free method as a class."""

from __future__ import annotations

import copy
import pickle
import signal
import threading

import numpy as np
import pytest
from stepping import FakeLayer, drawn, steps_of, vector_of

import annlib
from annlib import Sequential, callbacks, constraints, layers
from annlib.core.errors import ConfigurationError
from annlib.optimizers import Optimizer, ScheduleFreeAdamW
from annlib.testing import check_optimizer


class ScheduleFreeSGD(Optimizer):
    """Defazio et al. (2024), "The Road Less Scheduled": theta is y while it is trained, else x.

    z <- z - rate g(y)        x <- (1 - c) x + c z, c = 1 / t        y = (1 - beta) z + beta x
    """

    state_names = ("z", "x")

    def __init__(self, learning_rate=0.1, beta=0.9, **keywords):
        super().__init__(learning_rate, **keywords)
        self.beta = beta

    def initialize(self, theta, state):
        state.z = state.x = theta

    def update(self, theta, gradient, rate, state, scratch):
        c = 1 / (self.iterations + 1)
        state.z -= np.multiply(gradient, rate, out=scratch)
        state.x *= 1 - c
        state.x += np.multiply(state.z, c, out=scratch)
        self._interpolate(theta, state)

    def _interpolate(self, theta, state):
        np.multiply(state.x, self.beta / (1 - self.beta), out=theta)
        theta += state.z
        theta *= 1 - self.beta

    def evaluation_weights(self, theta, state):
        np.copyto(theta, state.x)

    def training_weights(self, theta, state):
        np.copyto(state.x, theta)
        self._interpolate(theta, state)


class Rounding(ScheduleFreeSGD):
    """As PyTorch's: only y and z are kept, and x comes of them with an error of rounding."""

    state_names = ("z",)

    def initialize(self, theta, state):
        state.z = theta

    def update(self, theta, gradient, rate, state, scratch):
        c = 1 / (self.iterations + 1)
        theta += np.multiply(state.z - theta, c, out=scratch)
        theta -= np.multiply(gradient, rate * (1 - self.beta * (1 - c)), out=scratch)
        state.z -= np.multiply(gradient, rate, out=scratch)

    def evaluation_weights(self, theta, state):
        theta += (state.z - theta) * (1 - 1 / self.beta)

    def training_weights(self, theta, state):
        theta += (state.z - theta) * (1 - self.beta)


@pytest.mark.parametrize("warmup", [0, 4])
def test_the_steps_of_adamw_are_those_of_the_paper(warmup):
    """Algorithm 1 of Defazio et al. (2024) with Keras' weights 1/t, x, y and z on their own.

    Recorded numbers of Keras are no use: on PyTorch its z_old is already the new z (3.15).
    """
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 2)), rng.normal(size=(9, 3, 2))
    rate, b1, b2, epsilon, decay = 0.05, 0.8, 0.95, 1e-4, 0.1
    optimizer = ScheduleFreeAdamW(rate, b1, b2, epsilon, warmup, weight_decay=decay)
    fake = FakeLayer(w=start)
    found = steps_of(optimizer, fake, [{"w": g} for g in gradients])
    x, z, v = start.copy(), start.copy(), np.zeros_like(start)
    for t, g in enumerate(gradients, 1):
        now = rate * min(1, t / warmup) if warmup else rate
        x -= rate * decay * ((1 - b1) * z + b1 * x) / b1  # y decays, and z stays
        v = b2 * v + (1 - b2) * g**2
        z = z - now * g / (np.sqrt(v / (1 - b2**t)) + epsilon)
        x = (1 - 1 / t) * x + z / t
        np.testing.assert_allclose(found[t - 1]["w"], (1 - b1) * z + b1 * x, rtol=1e-12)
    optimizer.to_evaluation(fake.vector)
    np.testing.assert_allclose(fake.now["w"], x, rtol=1e-12)


BOTH = pytest.mark.parametrize("make", [ScheduleFreeSGD, Rounding])
CUSTOM = {"ScheduleFreeSGD": ScheduleFreeSGD, "Rounding": Rounding}
X, Y = np.random.default_rng(0).normal(size=(2, 60, 3))


def network(optimizer, **keywords):
    stack = [layers.Dense(4, "tanh", **keywords), layers.Dense(3)]
    model = Sequential(stack, seed=0, dtype="float64")
    model.compile(optimizer, "mse")
    return model


def bits(model):
    arrays = model.optimizer.state_arrays().values()
    return model.vector.values.tobytes(), [array.tobytes() for array in arrays]


def x_of(model):
    """What to evaluate with, by the state, whatever the model has."""
    return model.optimizer.state_arrays()["x"]


@BOTH
def test_it_keeps_the_rules(make):
    check_optimizer(make(0.05), may_allocate=make is Rounding)


@BOTH
def test_its_steps_are_the_plain_recurrence(make):
    fake, gradients = drawn(6, (4,))
    optimizer = make(0.1)
    found = [step["w"] for step in steps_of(optimizer, fake, gradients)]
    z = x = fake.start["w"]
    for t, g in enumerate(gradients, 1):
        z = z - 0.1 * g["w"]
        x = (1 - 1 / t) * x + z / t
        np.testing.assert_allclose(found[t - 1], 0.1 * z + 0.9 * x, rtol=1e-10)
    optimizer.to_evaluation(fake.vector)
    np.testing.assert_allclose(fake.now["w"], x, rtol=1e-10)


@BOTH
def test_the_start_is_that_of_the_first_step_and_not_of_build(make):
    fake, gradients = drawn(3, (4,))
    expected = steps_of(make(0.1), fake, gradients)
    late, optimizer = drawn(1, (4,), seed=9)[0], make(0.1)
    vector = vector_of(late)
    optimizer.build(vector)
    late.now["w"][...] = fake.start["w"]
    optimizer.iterations = 0
    for step, gradient in zip(expected, gradients, strict=True):
        optimizer.to_training(vector)
        optimizer.step(gradient["w"])
        np.testing.assert_array_equal(late.now["w"], step["w"])


def test_a_step_with_the_weights_to_evaluate_with_is_refused():
    fake, gradients = drawn(1, (4,))
    optimizer = ScheduleFreeSGD()
    optimizer.build(vector_of(fake))
    with pytest.raises(ConfigurationError, match="Call to_training before"):
        optimizer.step(gradients[0]["w"])


# In a model


class Look(callbacks.Callback):
    """Whether the model has x, at each of the hooks."""

    def __init__(self):
        self.seen = []

    def look(self, hook):
        vector = self.model.vector
        self.seen.append((hook, np.array_equal(vector.values, x_of(self.model))))

    def on_epoch_begin(self, epoch, logs=None):
        self.look("epoch begins")

    def on_gradients(self, batch, logs):
        self.look("gradients")

    def on_train_batch_end(self, batch, logs=None):
        self.look("batch ends")

    def on_test_begin(self, logs=None):
        self.look("test")

    def on_epoch_end(self, epoch, logs=None):
        self.look("epoch ends")

    def on_train_end(self, logs=None):
        self.look("training ends")


def test_the_model_has_x_but_while_it_makes_steps():
    model, look = network(ScheduleFreeSGD()), Look()
    model.fit(X, Y, epochs=2, batch_size=30, validation_data=(X, Y), callbacks=[look], verbose=0)
    steps = [("gradients", False), ("batch ends", False)] * 2
    expected = [("epoch begins", True), *steps, ("test", True), ("epoch ends", True)]
    expected = [*expected, *expected, ("training ends", True)]
    # y is x at the very first gradient and after the first step, since z = x there.
    assert look.seen[3:] == expected[3:]
    val_loss = model.history.history["val_loss"][-1]
    assert val_loss == pytest.approx(model.evaluate(X, Y), rel=1e-12)


def test_evaluations_in_the_middle_of_an_epoch_have_x_and_change_no_bit(tmp_path):
    class Middle(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            model = self.model
            before = bits(model)
            other = network(ScheduleFreeSGD())
            other.build((None, 3))
            other.vector.values[...] = x_of(model)
            for outputs in (
                model.predict(X),
                model.predict(X, batch_size=7),
                model.predict_on_batch(X),
                model(X),
                copy.deepcopy(model).predict(X),
                pickle.loads(pickle.dumps(model)).predict(X),
            ):
                np.testing.assert_allclose(outputs, other.predict(X), rtol=1e-12)
            assert model.evaluate(X, Y) == other.evaluate(X, Y) == model.test_on_batch(X, Y)
            model.save_weights(tmp_path / "middle.safetensors")
            other.load_weights(tmp_path / "middle.safetensors")
            assert other.vector.values.tobytes() == x_of(model).tobytes()
            model.save(tmp_path / "model.safetensors")
            saved = annlib.load_model(tmp_path / "model.safetensors", custom_objects=CUSTOM)
            np.testing.assert_array_equal(saved.vector.values, x_of(model))
            # A thread that does not train sees the weights as they are, and does not touch them.
            thread = threading.Thread(target=model.predict, args=(X,))
            thread.start()
            thread.join()
            assert bits(model) == before
            self.looked = True

    one, other, middle = network(ScheduleFreeSGD()), network(ScheduleFreeSGD()), Middle()
    one.fit(X, Y, epochs=3, batch_size=20, callbacks=[middle], verbose=0)
    other.fit(X, Y, epochs=3, batch_size=20, verbose=0)
    assert middle.looked
    assert bits(one) == bits(other)


def test_batches_by_hand_are_an_epoch_and_show_x_in_between():
    one, other = network(ScheduleFreeSGD()), network(ScheduleFreeSGD())
    one.fit(X, Y, epochs=2, batch_size=20, shuffle=False, verbose=0)
    for start in (0, 20, 40) * 2:
        other.train_on_batch(X[start : start + 20], Y[start : start + 20])
        np.testing.assert_array_equal(other.vector.values, x_of(other))
    assert bits(one) == bits(other)


def test_early_stopping_and_checkpoints_keep_x(tmp_path):
    model, epochs = network(ScheduleFreeSGD(0.5)), []

    class Keep(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            epochs.append((logs["val_loss"], x_of(self.model).copy()))

    stop = callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    file = callbacks.ModelCheckpoint(tmp_path / "best.safetensors", save_best_only=True)
    hooks = [Keep(), stop, file]
    model.fit(
        X[:40], Y[:40], epochs=60, validation_data=(X[40:], Y[40:]), callbacks=hooks, verbose=0
    )
    loss, best = min(epochs, key=lambda pair: pair[0])
    np.testing.assert_array_equal(model.vector.values, best)
    saved = annlib.load_model(tmp_path / "best.safetensors", custom_objects=CUSTOM)
    np.testing.assert_array_equal(saved.vector.values, best)
    assert saved.evaluate(X[40:], Y[40:]) == loss


@BOTH
def test_from_a_file_it_goes_on_to_the_bit(make, tmp_path):
    whole, half = network(make()), network(make())
    whole.fit(X, Y, epochs=4, verbose=0)
    half.fit(X, Y, epochs=2, verbose=0)
    half.save(tmp_path / "half.safetensors")
    again = annlib.load_model(tmp_path / "half.safetensors", custom_objects=CUSTOM)
    for model in (again, copy.deepcopy(half)):
        model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0)
        assert bits(model) == bits(whole)


class Stop(callbacks.Callback):
    """An error, or Ctrl-C, after so many batches."""

    def __init__(self, after, how):
        self.after, self.how = after, how

    def on_train_batch_end(self, batch, logs=None):
        self.after -= 1
        if not self.after:
            self.how()


def crash():
    raise MemoryError


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


@BOTH
@pytest.mark.parametrize("after", [2, 5, 7])
@pytest.mark.parametrize("how", [crash, ctrl_c])
def test_a_run_that_is_cut_off_is_resumed_to_the_bit(make, after, how, tmp_path):
    def fit(model, *more):
        backup = callbacks.BackupAndRestore(tmp_path / model.name, save_freq=1)
        hooks = [backup, *more]
        model.fit(X, Y, epochs=3, batch_size=20, callbacks=hooks, verbose=0)

    whole, cut, again = (network(make()) for _ in range(3))
    whole.fit(X, Y, epochs=3, batch_size=20, verbose=0)
    try:
        fit(cut, Stop(after, how))
    except MemoryError:
        assert how is crash
    assert not cut.optimizer._training  # however it ended
    fit(again)
    assert bits(again) == bits(whole)


def test_a_constraint_holds_for_the_weights_to_evaluate_with():
    model = network(ScheduleFreeSGD(0.5), kernel_constraint=constraints.NonNeg())
    model.fit(X, Y, epochs=2, verbose=0)
    assert (model.layers[0].kernel >= 0).all()


def test_a_trace_is_a_step_from_y():
    model = network(ScheduleFreeSGD())
    model.fit(X, Y, epochs=2, verbose=0)
    before = bits(model)
    trace = model.trace(X, Y)
    assert bits(model) == before
    assert not np.array_equal(trace.before["dense/kernel"], model.layers[0].kernel)


def test_a_file_of_a_rule_with_one_set_of_weights_says_nothing_of_two():
    assert "training" not in network("adam").optimizer.get_state()
    with pytest.raises(ConfigurationError, match="state that it can have"):
        network("adam").optimizer.set_state({"calls": 1, "learning_rate": None, "training": True})
