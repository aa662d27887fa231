"""Compiled rules: the same numbers as NumPy's passes, to the bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from cases import OPTIMIZERS

from annlib import Sequential, layers, optimizers
from annlib.compiling.recording import CannotRecordError
from annlib.compiling.rules import CompiledRule, compiled_rule
from annlib.core import threads
from annlib.core.errors import ConfigurationError
from annlib.models import trainer
from annlib.optimizers import loops, memory, step_buffers
from annlib.optimizers.state import State

pytest.importorskip("numba")

RULES = {
    "adam": lambda: optimizers.Adam(),
    "other numbers": lambda: optimizers.Adam(0.01, 0.8, 0.95, 1e-3),
    "weight decay": lambda: optimizers.AdamW(weight_decay=0.1),
    "clipped, averaged": lambda: optimizers.Adam(global_clipnorm=0.1, use_ema=True),
    "accumulated": lambda: optimizers.Adam(gradient_accumulation_steps=3),
    "amsgrad": lambda: optimizers.Adam(amsgrad=True),
}


def trained(optimizer, dtype, compiled, epochs=3, units=16):
    """Weights and state after some steps."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(90, 5)), rng.integers(0, 3, 90)
    stack = [layers.Dense(units, "relu"), layers.Dropout(0.2), layers.Dense(3, "softmax")]
    model = Sequential(stack, seed=1, dtype=dtype)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=compiled)
    model.fit(x, y, epochs=epochs, batch_size=16, verbose=0)
    return model


def bits(model):
    return [w.tobytes() for w in model.weights], model.optimizer.state.tobytes()


@pytest.fixture
def at_once(monkeypatch):
    """By itself it compiles rules of any size, and does not wait."""
    monkeypatch.setattr(optimizers.base, "_WORTH_COMPILING", 0)
    monkeypatch.setattr(loops, "WORTH_COMPILING", 0)


# What takes norms of a parameter, or powers, or all rows, runs as it stands.
AS_IS = optimizers.Lamb, optimizers.Adafactor, optimizers.Muon, optimizers.LBFGS
CODED = [
    row
    for row in OPTIMIZERS
    if not isinstance(row.make(), AS_IS) and "learning_rate_power" not in row.keywords
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", CODED, ids=repr)
def test_machine_code_has_the_same_bits(row, dtype, monkeypatch):
    build = optimizers.Optimizer.build, optimizers.MultiOptimizer.build
    for function in build:
        monkeypatch.setattr(function, "__defaults__", (False, compiled_rule))
    one = trained(row.make(), dtype, "auto")
    monkeypatch.undo()
    rules = [rule for rule in one.optimizer._parts() if not rule.whole]
    assert all(isinstance(rule._compiled_update, CompiledRule) for rule in rules)
    assert bits(one) == bits(trained(row.make(), dtype, compiled=False))


@pytest.mark.parametrize("name", ["adam", "ftrl"])
def test_machine_code_of_long_vectors_in_two_threads(name, monkeypatch):
    right = bits(trained(name, "float32", compiled=False))
    monkeypatch.setattr(memory, "_PART", 64)
    monkeypatch.setattr(step_buffers, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(threads, "multithreaded", lambda: True)
    monkeypatch.setattr(optimizers.Optimizer.build, "__defaults__", (False, compiled_rule))
    one = trained(name, "float32", "auto")
    assert one.optimizer._buffers._halved and one.optimizer._compiled_update
    assert bits(one) == right


def test_a_rule_that_makes_numbers_by_itself_runs_as_it_stands():
    class Falling(optimizers.SGD):
        def update(self, theta, gradient, rate, state, scratch):
            theta -= gradient * (rate / (1 + self.iterations))

    Falling.__module__ = "annlib.rule"  # as if it were one of annlib's own
    with pytest.raises(CannotRecordError, match="others in each step"):
        CompiledRule(Falling(), "float32")
    assert compiled_rule(Falling(), "float32") is None


def test_a_rate_of_zero_and_one_that_float32_cannot_hold():
    for rate in (0.0, 1e-60, 1e39):
        found = []
        for compiled in (False, True):
            theta, gradient, scratch = (np.full(5, x, "float32") for x in (1, 2, 0))
            rule = optimizers.Ftrl(1.0)
            state = State({name: np.full(5, 0.5, "float32") for name in rule.state_names})
            update = compiled_rule(rule, "float32") if compiled else rule.update
            with np.errstate(all="ignore"):
                update(theta, gradient, rate, state, scratch)
            found.append([theta, *(getattr(state, name) for name in rule.state_names)])
        np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
def test_compiled_or_not_the_bits_are_the_same(rule, dtype, at_once):
    one, other = (trained(RULES[rule](), dtype, compiled) for compiled in ("auto", False))
    assert (one.optimizer.loop is not None, other.optimizer.loop) == (True, None)
    assert bits(one) == bits(other)


def test_a_subclass_with_a_rule_of_its_own_is_obeyed():
    class Still(optimizers.Adam):
        def update(self, theta, gradient, rate, state, scratch):
            pass

    model = trained(Still(), "float32", True)
    before = [w.copy() for w in model.weights]
    model.train_on_batch(np.ones((4, 5)), np.zeros(4))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.weights, strict=True))


@pytest.fixture
def waiting(monkeypatch):
    fresh = loops.Waiting()
    monkeypatch.setattr(optimizers.base, "waiting", fresh)
    return fresh


def test_by_itself_it_compiles_from_some_size_on(waiting):
    waiting.is_over(loops.WORTH_COMPILING)
    assert trained(optimizers.Adam(), "float32", "auto").optimizer.loop is None
    large = trained(optimizers.Adam(), "float32", "auto", epochs=1, units=4000)
    assert large.optimizer.loop is not None
    assert copy.deepcopy(large).optimizer.loop is None  # until it trains


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 3}])
def test_it_waits_until_a_compilation_is_worth_it(options, waiting, monkeypatch):
    large = {"dtype": "float32", "compiled": "auto", "units": 4000}
    made = []
    monkeypatch.setattr(optimizers.base, "compiled", lambda f: made.append(f) or loops.compiled(f))
    alone = trained(optimizers.Adam(**options), **large, epochs=5)
    assert alone.optimizer.loop is None and not made
    one = waiting.updates
    assert one == alone.optimizer.iterations * alone.count_params()
    assert trained(optimizers.RMSprop(), **large).optimizer.loop is None
    assert waiting.updates == one  # it has no loop to wait for
    # In the middle of the third of them, and for all that come after it.
    monkeypatch.setattr(loops, "WORTH_COMPILING", int(2.5 * one))
    for compilations in (0, 1, 2):
        model = trained(optimizers.Adam(**options), **large, epochs=5)
        assert len(made) == compilations
        assert (model.optimizer.loop is not None) == (compilations > 0)
        assert bits(model) == bits(alone)


def test_without_numba_true_is_refused_and_auto_does_without(monkeypatch):
    monkeypatch.setattr(trainer, "can_compile", lambda: False)
    monkeypatch.setattr(optimizers.base, "can_compile", lambda: False)
    with pytest.raises(ConfigurationError, match=r"expected Numba.*annlib\[jit\]"):
        trained(optimizers.Adam(), "float32", True)
    assert trained(optimizers.Adam(), "float32", "auto").optimizer.loop is None
    with pytest.raises(ConfigurationError, match="jit_compile True, False or"):
        trained(optimizers.Adam(), "float32", "yes")


def test_the_loop_as_python_is_the_rule():
    rng = np.random.default_rng(0)
    theta, gradient, m, v = rng.normal(size=(4, 7))
    v = abs(v)
    expected_m, expected_v = 0.9 * m + gradient, 0.99 * v + gradient**2
    expected = theta - 0.1 * expected_m / (np.sqrt(expected_v) + 1e-3)
    loops.adam(theta, gradient, m, v, 0.9, 0.99, 1e-3, 0.1)
    for found, wanted in ((theta, expected), (m, expected_m), (v, expected_v)):
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd", "lion", "ftrl"])
def test_two_threads_change_no_bit(optimizer, compiled, monkeypatch):
    monkeypatch.setattr(memory, "_PART", 64)
    one = trained(optimizers.get(optimizer), "float32", compiled)
    monkeypatch.setattr(step_buffers, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(threads, "multithreaded", lambda: True)
    other = trained(optimizers.get(optimizer), "float32", compiled)
    assert other.optimizer._buffers._halved
    assert bits(one) == bits(other)
