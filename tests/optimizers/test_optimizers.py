"""An optimizer's state, its layout and copies; and one of the user's own."""

from __future__ import annotations

import functools
import math
import pickle

import numpy as np
import pytest
from cases import OPTIMIZERS
from stepping import FakeLayer, assert_same, drawn, more_steps, steps_of, vector_of

from annlib import Sequential, layers
from annlib.optimizers import Adam, Optimizer, memory
from annlib.testing import check_optimizer

every_optimizer = pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)
stepping = [row for row in OPTIMIZERS if not row.cls.full_batch]


@every_optimizer
def test_it_keeps_the_rules_of_an_optimizer(row):
    check_optimizer(row.make())


@pytest.mark.parametrize("row", [r for r in stepping if not r.cls.per_parameter], ids=repr)
def test_a_long_vector_is_updated_to_its_end(row):
    n = 2 * memory._PART + 3
    fake, gradients = drawn(3, (n,))
    # Steps of halved lengths: whatever their signs, something is left over.
    lengths = [0.1 / math.sqrt(n) / 2**i for i in range(3)]
    gradients = [{"w": d * np.sign(g["w"])} for d, g in zip(lengths, gradients, strict=True)]
    long = steps_of(row.make(), fake, gradients)[-1]["w"]
    some = np.r_[:5, memory._PART - 2 : memory._PART + 2, n - 5 : n]
    few = [{"w": g["w"][some]} for g in gradients]
    # No limit bites on either: the short vector is an excerpt of the long one.
    short = steps_of(row.make(), FakeLayer(w=fake.start["w"][some]), few)[-1]["w"]
    np.testing.assert_allclose(long[some], short, rtol=1e-12)
    assert (long != fake.start["w"]).all()


@pytest.mark.parametrize("row", stepping, ids=repr)
@pytest.mark.parametrize("done", [3, 4])
def test_state_and_calls_are_all_that_another_needs_to_go_on(row, done):
    fake, gradients = drawn(9)
    optimizer, other = row.make(), row.make()
    expected = steps_of(optimizer, fake, gradients)
    half = FakeLayer(**fake.start)
    begun = steps_of(optimizer := row.make(), half, gradients[:done])
    assert_same(begun, expected[:done], rtol=0)
    vector = vector_of(FakeLayer(**half.now))
    other.build(vector)
    for name, array in optimizer.state_arrays().items():
        other.state_arrays()[name][...] = array
    other.set_state(optimizer.get_state())
    assert_same(more_steps(other, vector.layers[0], gradients[done:]), expected[done:], rtol=0)
    assert (other.steps, other.iterations) == (9, 9 // (other.gradient_accumulation_steps or 1))
    np.testing.assert_array_equal(other.averages is None, not other.use_ema)


def test_options_add_rows_to_the_state_and_other_options_begin_anew():
    optimizer = Adam(use_ema=True, gradient_accumulation_steps=2)
    steps_of(optimizer, *drawn(3))
    assert optimizer.state.shape == (4, 6)
    np.testing.assert_array_equal(optimizer.state[3], optimizer.averages)
    plain = Adam()
    steps_of(plain, *drawn(3))
    assert plain.state.shape == (2, 6)
    plain.use_ema = True
    steps_of(plain, *drawn(3))
    assert plain.state.shape == (3, 6)
    assert plain.steps == 3


def test_a_pickle_holds_the_state_and_no_views():
    optimizer = Adam()
    steps_of(optimizer, *drawn(1, (1000,)))
    assert len(pickle.dumps(optimizer)) < optimizer.state.nbytes + 2000


def test_a_clone_has_the_configuration_and_no_state():
    make = functools.partial(Adam, 0.1, amsgrad=True, weight_decay=0.01)
    optimizer = make()
    steps_of(optimizer, *drawn(3))
    clone = optimizer.clone()
    assert clone.get_config() == optimizer.get_config()
    fake, gradients = drawn(3)
    assert_same(
        steps_of(clone, fake, gradients),
        steps_of(make(), FakeLayer(**fake.start), gradients),
        rtol=0,
    )


# A further one, with the public interface alone


class Yogi(Optimizer):
    """theta <- theta - rate g / (sqrt(v) + epsilon),  v <- v - (1 - beta) sign(v - g^2) g^2.

    Zaheer et al. (2018), without momentum.
    """

    state_names = ("v",)

    def __init__(self, learning_rate=0.01, beta=0.9, initial_v=1e-6, epsilon=1e-3, **keywords):
        super().__init__(learning_rate, **keywords)
        self.beta = beta
        self.initial_v = initial_v
        self.epsilon = epsilon

    def initialize(self, theta, state):
        state.v = self.initial_v

    def update(self, theta, gradient, rate, state, scratch):
        square, v = np.multiply(gradient, gradient, out=scratch), state.v
        v -= (1 - self.beta) * np.sign(v - square) * square
        theta -= rate * gradient / (np.sqrt(v) + self.epsilon)


def test_a_further_optimizer_takes_its_own_steps():
    fake, gradients = drawn(5)
    after = steps_of(Yogi(0.5, clipvalue=1.0), fake, gradients)[-1]["w"]
    for position in np.ndindex(3, 2):
        w, v = fake.start["w"][position], 1e-6
        for gradient in gradients:
            g = min(max(gradient["w"][position], -1.0), 1.0)
            v += math.copysign(0.1 * g * g, g * g - v)
            w -= 0.5 * g / (math.sqrt(v) + 1e-3)
        assert math.isclose(after[position], w, rel_tol=1e-12)


def test_a_further_optimizer_keeps_the_rules():
    check_optimizer(
        Yogi(0.05, weight_decay=0.01, use_ema=True, gradient_accumulation_steps=2),
        may_allocate=True,
    )


def test_a_further_optimizer_trains_a_model():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3))
    y = x @ [[1.0], [-2.0], [0.5]]
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile(Yogi(0.1), "mse")
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.05 * losses[0]
    twin = pickle.loads(pickle.dumps(model))
    assert twin.optimizer.initial_v == 1e-6
    assert repr(Yogi(epsilon=0.1)) == "Yogi(epsilon=0.1)"
