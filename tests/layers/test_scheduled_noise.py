"""Layers whose noise follows a schedule of the training's steps."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from annlib import Sequential, callbacks, explain, layers, load_model, schedules
from annlib.core.errors import ConfigurationError, ReadOnlyError

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X[:, :1]
HALF = schedules.CosineDecay(0.4, 6, warmup_target=0.4, warmup_steps=6)
NOISE = {
    layers.Dropout: "rate",
    layers.AlphaDropout: "rate",
    layers.GaussianDropout: "rate",
    layers.GaussianNoise: "stddev",
}
each = pytest.mark.parametrize(("cls", "name"), NOISE.items())


class Seen(callbacks.Callback):
    """The strength of a layer's noise in each step."""

    def __init__(self, layer, name):
        self.layer, self.name = layer, name

    def on_train_begin(self, logs=None):
        self.numbers = []

    def on_train_batch_end(self, batch, logs=None):
        self.numbers.append(getattr(self.layer, self.name))


def model_with(*noise):
    model = Sequential([layers.Dense(4, "tanh"), *noise, layers.Dense(1)], seed=5, dtype="float64")
    model.compile("sgd", "mse")
    return model


def fit(model, *more, epochs=4, **keywords):
    return model.fit(X, Y, 16, epochs, verbose=0, callbacks=[*more], **keywords)


@each
def test_each_step_has_the_strength_of_its_number(cls, name):
    layer = cls(HALF)
    model, seen = model_with(layer), Seen(layer, name)
    fit(model, seen, epochs=2)
    fit(model, seen, epochs=4, initial_epoch=2)  # goes on where the first ended
    assert seen.numbers == [HALF(step) for step in range(6, 12)]
    assert getattr(layer, name) == HALF(11)


@each
def test_a_constant_schedule_is_the_number(cls, name):
    constant, scheduled = model_with(cls(0.3)), model_with(cls(lambda step: 0.3))
    fit(constant)
    fit(scheduled)
    np.testing.assert_array_equal(scheduled.vector.values, constant.vector.values)


@each
def test_it_is_the_training_with_numbers_that_a_callback_sets(cls, name):
    class Sets(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            setattr(layer, name, HALF(self.model.optimizer.steps))

    layer = cls(0.4)
    by_hand, scheduled = model_with(layer), model_with(cls(HALF))
    fit(by_hand, Sets())
    fit(scheduled)
    np.testing.assert_array_equal(scheduled.vector.values, by_hand.vector.values)


def test_layers_inside_of_others_follow_theirs():
    inner = layers.Dropout(HALF)
    chains = [([layers.Dense(2), inner], [0, 1])]
    model = Sequential([layers.Columns(chains, "drop"), layers.Dense(1)], seed=1)
    model.compile("adam", "mse")
    seen = Seen(inner, "rate")
    fit(model, seen)
    assert seen.numbers == [HALF(step) for step in range(12)]


def test_steps_by_hand_follow_it_too():
    model = model_with(layer := layers.Dropout(HALF))
    for step in range(9):
        model.train_on_batch(X, Y)
        assert layer.rate == HALF(step)
    expected = model.predict(X)
    layer_rate = layer.rate
    model.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(model.predict(X), expected)
    assert layer.rate == layer_rate


def test_with_a_strength_of_zero_nothing_is_drawn():
    off_then_on = schedules.PiecewiseConstantDecay([5], [0.0, 0.5])
    without, with_it = model_with(), model_with(layers.Dropout(off_then_on))
    for _ in range(6):
        without.train_on_batch(X, Y)
        with_it.train_on_batch(X, Y)
        np.testing.assert_array_equal(with_it.vector.values, without.vector.values)
    with_it.train_on_batch(X, Y)
    without.train_on_batch(X, Y)
    assert not np.array_equal(with_it.vector.values, without.vector.values)


def test_files_and_copies_have_the_schedule_and_the_present_number(tmp_path):
    model = model_with(layers.Dropout(HALF))
    fit(model, epochs=3)
    model.save(tmp_path / "m.annlib")
    text = Sequential.from_config(model.get_config())
    assert text.layers[1].rate == 0.4
    for other in (load_model(tmp_path / "m.annlib"), copy.deepcopy(model)):
        assert other.layers[1].rate == HALF(8) != 0.4
        assert other.layers[1].get_config() == model.layers[1].get_config()
        assert other.layers[1]._arguments()["rate"] == HALF


def test_a_function_is_no_part_of_a_file(tmp_path):
    model = model_with(layers.Dropout(lambda step: 0.5))
    with pytest.raises(ConfigurationError, match=r"Dropout\.rate: expected a value that"):
        model.save(tmp_path / "m.annlib")


def test_formula_and_trace_show_the_present_number():
    assert "The rate is the present one; CosineDecay sets it." in repr(
        explain(layers.Dropout(HALF))
    )
    model = model_with(layers.Dropout(HALF))
    fit(model, epochs=3)
    trace = model.trace(X[:3], Y[:3])
    assert trace.verify().passed
    assert f"{HALF(9):g}"[:6] in repr(trace)


@each
def test_what_is_neither_a_number_nor_a_schedule_is_refused(cls, name):
    for wrong in ("0.5", lambda: 0.5, schedules.CosineDecay, [0.5], -1):
        with pytest.raises(ConfigurationError, match=f"{cls.__name__}: expected {name} as a num"):
            cls(wrong)
    with pytest.raises(ConfigurationError, match=rf"{cls.__name__}.{name}: .* got -1 at step 0"):
        cls(lambda step: -1)
    layer = cls(HALF)
    with pytest.raises(ReadOnlyError, match=r"a schedule .* sets it"):
        setattr(layer, name, 0.2)
    layer = cls(0.2)
    with pytest.raises(ReadOnlyError, match="got a schedule"):
        setattr(layer, name, HALF)
    setattr(layer, name, 0.3)
    assert getattr(layer, name) == 0.3


def test_a_bad_number_stops_the_run_before_the_step():
    model = model_with(layers.Dropout(lambda step: 0.5 if step < 4 else 2.0))
    with pytest.raises(ConfigurationError, match=r"number in \[0, 1\], got 2.0 at step 4"):
        fit(model)
    assert model.optimizer.steps == 4
