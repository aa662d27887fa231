"""The rules of an optimizer: it descends, part by part, and its state is all that it remembers."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_flag, check_instance
from annlib.core.parameters import ParameterVector
from annlib.core.tracebacks import with_short_tracebacks
from annlib.layers import Layer
from annlib.optimizers import Optimizer, memory
from annlib.testing.configuration import check_config, copies
from annlib.testing.rules import ALLOWANCE, STEP_ALLOCATION, Rules, allocated, same

STEPS = 6


class Parameters(Layer):
    """A layer that has parameters of these shapes and computes nothing."""

    def __init__(self, shapes: tuple[Shape, ...], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.shapes = shapes
        for i, shape in enumerate(shapes):
            self.add_weight(f"w{i}", shape, "zeros")


class OptimizerTrial:
    """A copy of an optimizer and a vector of parameters that it updates."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.given, self.optimizer = optimizer, copy.deepcopy(optimizer)
        self.optimizer.reset()

    def again(self) -> OptimizerTrial:
        """A new trial of this optimizer, before any step."""
        return OptimizerTrial(self.given)

    def start(self, shapes: tuple[Shape, ...] = ((4, 3), (5,)), dtype: Any = "float64") -> Array:
        """Values that are nowhere special, for the optimizer to update."""
        size = sum(map(math.prod, shapes))
        self.build(shapes, np.random.default_rng(1).normal(size=size), dtype)
        return self.vector.values

    def build(self, shapes: tuple[Shape, ...], values: Any = 0.0, dtype: Any = "float64") -> None:
        """A vector with these values, and the optimizer built on it."""
        self.lay_out([Parameters(shapes, name="layer")], values, dtype)

    def lay_out(self, layers: list[Parameters], values: Any, dtype: Any = "float64") -> None:
        """A vector of the parameters of these layers, and the optimizer built on it."""
        self.vector = ParameterVector(layers, dtype)
        self.vector.allocate_gradients()
        self.vector.values[...] = values
        self.optimizer.build(self.vector)
        self.optimizer.to_training(self.vector)

    def step(self) -> None:
        """A step by what is in the vector's gradients."""
        self.optimizer.step(self.vector.gradients[: self.vector.n_trainable])

    def steps(self, first: int = 0, last: int = STEPS) -> Array:
        """The values after these steps, of gradients that do not depend on the values."""
        for step in range(first, last):
            rng = np.random.default_rng([2, step])
            self.vector.gradients[...] = rng.normal(size=self.vector.size)
            self.step()
        return self.vector.values.copy()


rules: Rules[OptimizerTrial] = Rules()


@with_short_tracebacks
def check_optimizer(optimizer: Optimizer, *, may_allocate: bool = False) -> None:
    """Check that an optimizer keeps every rule of an optimizer.

    It descends; long vectors, which are updated in parts, get the numbers of short ones (of a rule
    that is ``per_parameter``, several parameters those of one alone); its state is all that it
    remembers, so that copies and models built again continue from there; frozen parameters stay as
    they are; types stay, and the learning rate can be set; weights to evaluate with turn back into
    those that are trained. That its steps are those of its paper it takes numbers of the paper to
    tell. Of one that drives the training itself (``full_batch``) only the configuration is checked.

    Parameters
    ----------
    optimizer : Optimizer
        Of a learning rate above zero.
    may_allocate : bool
        Leave out the one rule about cost: that no step after the first allocates arrays.

    Raises
    ------
    AssertionError
        With the first rule that is broken, and how.

    Examples
    --------
    >>> from annlib import optimizers
    >>> check_optimizer(optimizers.Adam(0.01, amsgrad=True))
    >>> class Uphill(optimizers.Optimizer):
    ...     def update(self, theta, gradient, rate, state, scratch):
    ...         theta += rate * gradient
    >>> check_optimizer(Uphill(0.1))
    Traceback (most recent call last):
        ...
    AssertionError: Uphill breaks the rule "it descends on a convex error": ...
    """
    check_instance(optimizer, Optimizer, "check_optimizer", "optimizer")
    check_flag(may_allocate, "check_optimizer", "may_allocate")
    if not optimizer.full_batch:
        rules.check(type(optimizer).__name__, lambda: OptimizerTrial(optimizer), may_allocate)
    check_config(optimizer)


@rules.add("it descends on a convex error")
def descends(trial: OptimizerTrial) -> None:
    theta = trial.start()
    best = theta + np.random.default_rng(3).choice([-1.0, 1.0], theta.size)
    steepness = np.linspace(0.5, 1.5, theta.size)
    errors = []
    for _ in range(50):
        errors.append(float(np.sum(steepness * (theta - best) ** 2) / 2))
        trial.vector.gradients[...] = steepness * (theta - best)
        trial.step()
    assert errors[-1] < errors[0], f"the error was {errors[0]:.6g}, after 49 steps {errors[-1]:.6g}"


@rules.add("the same steps give the same bits")
def deterministic(trial: OptimizerTrial) -> None:
    other = trial.again()
    trial.start()
    other.start()
    same(other.steps(), trial.steps(), "the parameters")


@rules.add("nothing depends on what scratch holds")
def scratch(trial: OptimizerTrial) -> None:
    other = trial.again()
    trial.start()
    other.start()
    for step in range(STEPS):
        assert other.optimizer._buffers is not None, "start has built it"
        for part in other.optimizer._buffers.parts:
            part.scratch.fill(np.nan)
        same(other.steps(step, step + 1), trial.steps(step, step + 1), "the parameters")


@rules.add("a step counts as one")
def counts(trial: OptimizerTrial) -> None:
    trial.start()
    trial.steps()
    found = trial.optimizer.steps
    assert found == STEPS, f"expected steps = {STEPS} after {STEPS} steps, got {found}"


@rules.add("it writes neither to frozen parameters nor beyond its own")
def frozen(trial: OptimizerTrial) -> None:
    fixed = Parameters(((3,), (0,)), name="fixed", trainable=False)
    empty = Parameters(((0,), (2, 0)), name="empty")
    for layers in ([fixed, Parameters(((2,),), name="free"), empty], [fixed, empty]):
        trial.lay_out(layers, 2.0)
        trial.steps()
        frozen = trial.vector.values[trial.vector.n_trainable :]
        same(frozen, np.full_like(frozen, 2.0), "a frozen parameter")


@rules.add("a vector in several parts is updated as in one")
def parts(trial: OptimizerTrial) -> None:
    # A rule that says whole, or per_parameter, gets the same parts again.
    whole = trial.again()
    whole.start()
    with part_length(7):
        trial.start()
        same(trial.steps(), whole.steps(), "the parameters", 1e-12)


@contextmanager
def part_length(length: int) -> Iterator[None]:
    """Vectors that are longer than this are updated in parts, here."""
    before = memory._PART
    memory._PART = length
    try:
        yield
    finally:
        memory._PART = before


@rules.add("a parameter is updated by itself as among others")
def by_itself(trial: OptimizerTrial) -> None:
    if trial.optimizer.whole or trial.optimizer.global_clipnorm:
        return
    alone = trial.again()
    together = trial.start()[:12]
    with part_length(12):
        trial.steps()
        alone.start(((4, 3),))
        for step in range(STEPS):
            rng = np.random.default_rng([2, step])
            alone.vector.gradients[...] = rng.normal(size=17)[:12]
            alone.step()
    same(together, alone.vector.values, "the first parameter", 1e-12)


@rules.add("weights to evaluate with turn back into those that are trained")
def turned(trial: OptimizerTrial) -> None:
    other, optimizer = trial.again(), trial.optimizer
    other.start()
    theta = trial.start()
    trained = trial.steps(0, 3)
    before = {name: array.copy() for name, array in optimizer.state_arrays().items()}
    optimizer.to_evaluation(trial.vector)
    for name, array in optimizer.state_arrays().items():
        same(array, before[name], f"the state {name}, after evaluation_weights,")
    optimizer.to_training(trial.vector)
    same(theta, trained, "the parameters, turned there and back,", 1e-12)
    same(trial.steps(3), other.steps(), "the parameters, continued,", 1e-9)


@rules.add("a gradient of zeros gives finite numbers")
def no_gradient(trial: OptimizerTrial) -> None:
    theta = trial.start()
    for _ in range(3):
        trial.vector.gradients.fill(0.0)
        trial.step()
    assert np.isfinite(theta).all(), "got NaN or infinity: something was divided by zero"


@rules.add("the learning rate that is set is the one that is used")
def rate(trial: OptimizerTrial) -> None:
    before, optimizer = trial.start().copy(), trial.optimizer
    if callable(optimizer._rate):  # a schedule sets it
        return
    optimizer.learning_rate = 0.0
    assert optimizer.learning_rate == 0, f"it was set to 0, got {optimizer.learning_rate}"
    same(trial.steps(0, 1), before, "the parameters, after a step of rate 0,")


@rules.add("built again on the same layout it continues, on another it starts again")
def built_again(trial: OptimizerTrial) -> None:
    other = trial.again()
    other.start()
    expected = other.steps()
    trial.start()
    trial.build(((4, 3), (5,)), trial.steps(0, 3))
    same(trial.steps(3), expected, "the parameters, continued,")
    assert trial.optimizer.steps == STEPS, "steps were counted from 0 again, on the same layout"
    new = trial.again()
    new.start(((2, 7),))
    trial.start(((2, 7),))
    same(trial.steps(), new.steps(), "the parameters of another layout")
    assert trial.optimizer.steps == STEPS, "steps went on, on another layout"


@rules.add("copies take the state along and go their own way")
def copied(trial: OptimizerTrial) -> None:
    other = trial.again()
    other.start()
    expected = other.steps()
    trial.start()
    halfway = trial.steps(0, 3)
    for way, optimizer in copies(trial.optimizer).items():
        other.optimizer = optimizer
        other.build(((4, 3), (5,)), halfway)
        same(other.steps(3), expected, f"the parameters of {way}, gone on,")
        same(trial.vector.values, halfway, f"the parameters, while {way} went on,")
    same(trial.steps(3), expected, "the parameters, gone on after copies,")


@rules.add("reset forgets state and steps")
def reset(trial: OptimizerTrial) -> None:
    trial.start()
    expected = trial.steps()
    trial.optimizer.reset()
    trial.start()
    same(trial.steps(), expected, "the parameters, after reset,")


@rules.add("float32 stays float32, and float64 float64")
def types(trial: OptimizerTrial) -> None:
    for dtype in ("float32", "float64"):
        theta = trial.start(dtype=dtype)
        trial.steps()
        state = trial.optimizer.state_arrays()
        named = {f"the state {name}": array for name, array in state.items()}
        for what, array in {"the parameters": theta, **named}.items():
            assert array.dtype == dtype, f"expected {what} of {dtype}, got {array.dtype}"


@rules.add(STEP_ALLOCATION)
def memory_of_steps(trial: OptimizerTrial) -> None:
    trial.start(((512, 300), (300,)))
    trial.steps(0, 2)
    size = allocated(trial.step)
    assert size < ALLOWANCE, f"153900 parameters in a step that is not the first took {size} bytes"
