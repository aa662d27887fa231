"""Rules that want the whole vector, or a parameter in its own shape, and state of other shapes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from stepping import FakeLayer, assert_same, drawn, steps_of, vector_of

import annlib
from annlib import Sequential, layers
from annlib.core.errors import ConfigurationError, ModelFormatError, ShapeError
from annlib.optimizers import SGD, Optimizer
from annlib.testing import check_optimizer


class NormSGD(Optimizer):
    """theta <- theta - rate g / |g|, with the norm of all; counts the length of its way."""

    whole = True

    def state_shapes(self, shape, path=""):
        return {"length": ()}

    def update(self, theta, gradient, rate, state, scratch):
        norm = np.sqrt(np.dot(gradient, gradient))
        if norm:
            state.length += rate
            theta -= np.multiply(gradient, rate / norm, out=scratch)


class Factored(Optimizer):
    """Shazeer & Stern (2018): of a matrix the state holds means over rows and columns alone."""

    per_parameter = True

    def __init__(self, learning_rate=0.01, decay=0.8, epsilon=1e-12, **keywords):
        super().__init__(learning_rate, **keywords)
        self.decay = decay
        self.epsilon = epsilon

    def state_shapes(self, shape, path=""):
        return {"rows": shape[:1], "columns": shape[1:]} if len(shape) == 2 else {"v": shape}

    def update(self, theta, gradient, rate, state, scratch):
        d, t = self.decay, self.iterations + 1
        square = np.square(gradient, out=scratch)
        square += self.epsilon
        if theta.ndim == 2:
            state.rows = d * state.rows + (1 - d) * square.mean(axis=1)
            state.columns = d * state.columns + (1 - d) * square.mean(axis=0)
            np.multiply(state.rows[:, None], state.columns / (state.rows.mean() or 1), out=scratch)
        else:
            state.v *= d
            state.v += np.multiply(square, 1 - d, out=square)
            np.copyto(scratch, state.v)
        scratch /= 1 - d**t
        np.sqrt(scratch, out=scratch)
        np.divide(gradient, scratch, out=gradient)
        theta -= np.multiply(gradient, rate, out=gradient)


CUSTOM = {"Factored": Factored, "NormSGD": NormSGD}


def network(optimizer, units=3):
    model = Sequential([layers.Dense(5, "tanh"), layers.Dense(units)], seed=0)
    model.compile(optimizer, "mse")
    return model


X, Y = np.random.default_rng(0).normal(size=(2, 40, 3)).astype("float32")


def bits(model):
    arrays = model.optimizer.state_arrays()
    return model.vector.values.tobytes(), {name: a.tobytes() for name, a in arrays.items()}


# The whole vector


@pytest.mark.parametrize("units", [1000, 70_000])
def test_a_step_is_as_long_as_the_rate_for_any_number_of_parameters(units):
    model = Sequential([layers.Dense(units, input_dim=1, use_bias=False)], seed=0)
    model.compile(NormSGD(0.1), "mse")
    before = model.get_weights()[0].astype(float)
    model.train_on_batch(np.ones((2, 1)), np.ones((2, units)))
    np.testing.assert_allclose(np.linalg.norm(model.get_weights()[0] - before), 0.1, rtol=1e-4)
    assert list(model.optimizer.state_arrays()) == ["length"]
    np.testing.assert_allclose(model.optimizer.state_arrays()["length"], 0.1, rtol=1e-6)


def test_a_vector_without_parameters_is_no_part():
    fake = FakeLayer(w=np.ones(3), trainable=False)
    assert_same(steps_of(NormSGD(), fake, [{"w": np.ones(3)}]), [fake.start], rtol=0)


# A parameter in its own shape


def test_a_parameter_comes_in_its_own_shape_with_state_of_declared_shapes():
    seen = []

    class Watched(Factored):
        def update(self, theta, gradient, rate, state, scratch):
            assert theta.shape == gradient.shape == scratch.shape
            seen.append((theta.shape, {name: a.shape for name, a in vars(state).items()}))
            super().update(theta, gradient, rate, state, scratch)

    model = network(Watched())
    model.train_on_batch(X, Y)
    assert seen == [
        ((3, 5), {"rows": (3,), "columns": (5,)}),
        ((5,), {"v": (5,)}),
        ((5, 3), {"rows": (5,), "columns": (3,)}),
        ((3,), {"v": (3,)}),
    ]
    assert list(model.optimizer.state_arrays()) == [
        *("dense/kernel/rows", "dense/kernel/columns", "dense/bias/v"),
        *("dense_1/kernel/rows", "dense_1/kernel/columns", "dense_1/bias/v"),
    ]
    lines = []
    model.summary(print_fn=lines.append)
    assert "Optimizer params: 24 (96 B)" in "\n".join(lines)


def test_its_steps_are_the_plain_recurrence():
    fake, gradients = drawn(4)
    found = steps_of(Factored(0.1), fake, gradients)
    w, r, c = fake.start["w"].copy(), np.zeros(3), np.zeros(2)
    for t, g in enumerate(gradients, 1):
        square = g["w"] ** 2 + 1e-12
        r, c = 0.8 * r + 0.2 * square.mean(1), 0.8 * c + 0.2 * square.mean(0)
        w = w - 0.1 * g["w"] / np.sqrt(np.outer(r, c) / r.mean() / (1 - 0.8**t))
        np.testing.assert_allclose(found[t - 1]["w"], w, rtol=1e-12)


@pytest.mark.parametrize("make", [NormSGD, Factored])
def test_they_keep_the_rules(make):
    check_optimizer(make(0.05), may_allocate=True)
    check_optimizer(make(0.05, use_ema=True, gradient_accumulation_steps=2), may_allocate=True)


@pytest.mark.parametrize("make", [NormSGD, lambda: Factored(gradient_accumulation_steps=2)])
def test_a_file_holds_state_of_all_shapes(make, tmp_path):
    whole, half = network(make()), network(make())
    whole.fit(X, Y, epochs=4, verbose=0)
    half.fit(X, Y, epochs=2, verbose=0)
    half.save(tmp_path / "half.safetensors")
    for again in (
        annlib.load_model(tmp_path / "half.safetensors", custom_objects=CUSTOM),
        copy.deepcopy(half),
    ):
        assert bits(again) == bits(half)
        again.fit(X, Y, epochs=4, initial_epoch=2, verbose=0)
        assert bits(again) == bits(whole)


def test_a_file_of_other_shapes_is_refused(tmp_path):
    model = network(Factored())
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")

    class Other(Factored):
        def state_shapes(self, shape, path=""):
            return {"rows": shape[1:], "columns": shape[:1]} if len(shape) == 2 else {"v": shape}

    with pytest.raises(ModelFormatError, match="optimizer state"):
        annlib.load_model(tmp_path / "m.safetensors", custom_objects={"Factored": Other})


# What cannot be meant


def test_shapes_of_a_rule_by_elements_and_names_twice_are_refused():
    class ByElements(NormSGD):
        whole = False

    class Twice(NormSGD):
        state_names = ("length",)

    for optimizer in (ByElements(), Twice()):
        with pytest.raises(ConfigurationError, match="state_shapes: expected none"):
            optimizer.build(vector_of(FakeLayer(w=np.ones(2))))


def test_state_is_written_into_and_unknown_names_are_refused():
    class Misspelt(Optimizer):
        state_names = ("velocity",)

        def update(self, theta, gradient, rate, state, scratch):
            state.velocity = 0.5 * state.velocity + gradient
            theta -= rate * state.veloccity

    fake, gradients = drawn(1)
    optimizer = Misspelt()
    with pytest.raises(AttributeError, match=r'got "veloccity"\. Known: velocity'):
        steps_of(optimizer, fake, gradients)
    np.testing.assert_array_equal(optimizer.state[0], gradients[0]["w"].ravel())


def test_a_gradient_of_another_layout_is_refused_and_one_of_the_same_is_taken():
    fake, gradients = drawn(2)
    expected = steps_of(SGD(0.1, momentum=0.9), fake, gradients)
    other = FakeLayer(**fake.start)
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.build(vector_of(other))
    for step, gradient in enumerate(gradients):
        flat = gradient["w"].ravel()
        before = flat.copy()
        for wrong in (flat[:-1], flat.astype("float32"), gradient["w"], list(flat[1:])):
            with pytest.raises(ShapeError, match=r"SGD\.step: expected the gradient of all"):
                optimizer.step(wrong)
        optimizer.step(flat)
        np.testing.assert_array_equal(flat, before)
        np.testing.assert_array_equal(other.now["w"], expected[step]["w"])
