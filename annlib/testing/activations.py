"""The rules of an activation: one function, in place or not, in any layer, and its derivative."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.activations import Activation
from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_flag, check_instance, check_numbers, items_of
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.core.expression import express
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace
from annlib.layers import Activation as ActivationLayer
from annlib.layers import Dense
from annlib.testing.configuration import check_config
from annlib.testing.gradients import check_gradient
from annlib.testing.passes import LayerTrial
from annlib.testing.rules import (
    ALLOCATION,
    ALLOWANCE,
    Rules,
    all_of_type,
    all_same,
    allocated,
    same,
)

SHAPES: tuple[Shape, ...] = ((6, 5), (3, 1), (4, 40))


class ActivationTrial:
    """An activation with numbers away from its kinks, and the ways to run it."""

    def __init__(self, activation: Activation, kinks: Sequence[float]) -> None:
        self.activation, self.kinks = copy.deepcopy(activation), kinks
        self.work = Workspace("float64")

    def data(self, shape: Shape = (6, 5), dtype: Any = "float64") -> tuple[Array, Array]:
        """Z of both signs, of twice the units where it takes no odd number of them, and dE/dA."""
        try:
            outputs = self.activation.output_shape(shape)
        except ShapeError:
            shape, outputs = (*shape[:-1], 2 * shape[-1]), shape
        numbers = np.random.default_rng(len(shape)).normal(size=(2, *shape)) * 2
        Z, dA = np.array(numbers[0]), np.array(numbers[1].reshape(-1)[: math.prod(outputs)])
        for kink in self.kinks:
            Z[np.abs(Z - kink) < 1e-2] += 0.1
        return Z.astype(dtype), dA.reshape(outputs).astype(dtype)

    def output(self, Z: Array) -> Array:
        """Memory for A that is not Z's."""
        return np.empty(self.activation.output_shape(Z.shape), Z.dtype)

    def forward(self, Z: Array, work: Workspace | None = None) -> tuple[Array, Array]:
        """Z as it is left, and A: in place where the activation says that it may be."""
        Z = Z.copy()
        A = self.output(Z) if self.activation.needs_input else Z
        self.activation.forward(Z, A, self.work if work is None else work)
        return Z, A

    def run(self, Z: Array, dA: Array, work: Workspace | None = None) -> list[Array]:
        """A and dE/dZ."""
        Z, A = self.forward(Z, work)
        result, work = A.copy(), self.work if work is None else work
        return [result, self.activation.gradient(dA.copy(), Z, A, work).copy()]


rules: Rules[ActivationTrial] = Rules()
NAMES = ["A", "dE/dZ"]


@with_short_tracebacks
def check_activation(
    activation: Activation, *, kinks: Sequence[float] = (), may_allocate: bool = False
) -> None:
    """Check that an activation keeps every rule of an activation.

    It is the same function in place and not, on rows of any dimension and within a Dense layer;
    its backward is the derivative by central differences in float64; types stay, and buffers
    carry nothing over.

    Parameters
    ----------
    activation : Activation
    kinks : sequence of float
        The inputs where there is no derivative; the numbers that it is tried on avoid them.
    may_allocate : bool
        Leave out the one rule about cost: that no batch after the first allocates arrays.

    Raises
    ------
    AssertionError
        With the first rule that is broken, and how.

    Examples
    --------
    >>> from annlib import activations
    >>> check_activation(activations.ReLU(), kinks=[0.0])
    >>> class Steep(activations.Tanh):
    ...     def backward(self, dA, Z, A, work):
    ...         np.multiply(dA, 1 - A, out=dA)
    >>> check_activation(Steep())
    Traceback (most recent call last):
        ...
    AssertionError: Steep breaks the rule "backward makes dE/dZ, the derivative, of dE/dA": ...
    """
    where = "check_activation"
    check_instance(activation, Activation, where, "activation")
    check_flag(may_allocate, where, "may_allocate")
    if items_of(kinks) != []:
        kinks = check_numbers(kinks, where, "kinks").tolist()
    rules.check(type(activation).__name__, lambda: ActivationTrial(activation, kinks), may_allocate)
    check_config(activation)


@rules.add("forward writes to A alone")
def input_untouched(trial: ActivationTrial) -> None:
    Z, _ = trial.data()
    before, A = Z.copy(), trial.output(Z)
    Z.flags.writeable = False
    trial.activation.forward(Z, A, trial.work)
    same(Z, before, "Z")


@rules.add("an expression, if there is one, is what forward computes")
def expression(trial: ActivationTrial) -> None:
    Z, _ = trial.data()
    expected = trial.forward(Z)[1].copy()
    try:
        found = express(trial.activation, trial.data()[0])
    except ConfigurationError:  # of one that says nothing
        return
    same(found, expected, "the expression", 1e-12)


@rules.add("elementwise says whether an output depends on its own input alone")
def elementwise(trial: ActivationTrial) -> None:
    Z, _ = trial.data()
    A, moved = trial.forward(Z)[1].copy(), Z.copy()
    moved[:, 1:] += 1.0
    depends = not np.allclose(trial.forward(moved)[1][:, 0], A[:, 0], rtol=1e-9)
    declared = not trial.activation.elementwise
    assert depends == declared, (
        f"the first output {'depends' if depends else 'does not depend'} on the other inputs, and "
        f"elementwise is {trial.activation.elementwise}"
    )


@rules.add("backward reads Z only if needs_input says so, and writes to dA alone")
def needs_input(trial: ActivationTrial) -> None:
    Z, dA = trial.data()
    Z, A = trial.forward(Z)
    _, expected = trial.run(*trial.data())
    gone = Z if trial.activation.needs_input else np.full_like(Z, np.nan)
    before = A.copy()
    A.flags.writeable = gone.flags.writeable = False
    dZ = trial.activation.gradient(dA, gone, A, trial.work)
    same(A, before, "A, after backward,")
    same(dZ, expected, "dE/dZ without Z", 1e-12)


@rules.add("in place and apart the numbers are the same")
def in_place(trial: ActivationTrial) -> None:
    Z, dA = trial.data()
    A = trial.output(Z)
    trial.activation.forward(Z, A, trial.work)
    dZ = trial.activation.gradient(dA.copy(), Z, A, trial.work).copy()
    all_same(trial.run(Z, dA), [A, dZ], NAMES, "in place")


@rules.add("nothing depends on what was left in the buffers")
def buffers(trial: ActivationTrial) -> None:
    Z, dA = trial.data()
    expected = trial.run(Z, dA)
    trial.work.fill(np.nan)
    all_same(trial.run(Z, dA), expected, NAMES, "after buffers that were NaN")
    Z, A = trial.forward(Z)
    trial.work.fill(np.nan)
    dZ = trial.activation.gradient(dA, Z, A, trial.work)
    same(dZ, expected[1], "dE/dZ, of buffers that were NaN after forward,", 1e-12)


@rules.add("backward makes dE/dZ, the derivative, of dE/dA")
def derivative(trial: ActivationTrial) -> None:
    for shape in SHAPES:
        Z, dA = trial.data(shape)
        work = Workspace("float64")
        _, dZ = trial.run(Z, dA, work)

        def error(Z: Array, dA: Array = dA, work: Workspace = work) -> Any:
            return np.sum(dA * trial.forward(Z, work)[1])

        check_gradient(error, dZ, Z)


@rules.add("differentiate gives the values and the derivatives")
def differentiated(trial: ActivationTrial) -> None:
    if not trial.activation.elementwise:
        return
    for shape in SHAPES:
        Z, dA = trial.data(shape)
        work, before = Workspace("float64"), Z.copy()
        expected = [array.copy() for array in trial.run(Z, dA, Workspace("float64"))]
        A, D = np.full_like(expected[0], np.nan), np.full_like(Z, np.nan)
        trial.activation.differentiate(Z, A, D, work)
        same(Z, before, "Z, after differentiate,")
        all_same([A, dA * D], expected, NAMES, "by differentiate")


@rules.add("rows of more dimensions are rows along the last axis")
def more_dimensions(trial: ActivationTrial) -> None:
    Z, dA = trial.data((2, 3, 4))
    flat = trial.run(Z.reshape(6, -1), dA.reshape(6, -1), Workspace("float64"))
    expected = [array.reshape(2, 3, -1) for array in flat]
    all_same(trial.run(Z, dA), expected, NAMES, "of (2, 3, 4) against (6, 4)")


@rules.add("in a Dense layer it is what it is alone: its buffers have names of their own")
def in_a_layer(trial: ActivationTrial) -> None:
    dense = LayerTrial(Dense(4, activation=trial.activation), (5,))
    plain, alone = LayerTrial(Dense(4), (5,)), LayerTrial(ActivationLayer(trial.activation), (4,))
    x, dy = dense.data()
    A, dZ = alone.run(plain.forward(x), dy)
    expected = [A, *plain.run(x, dZ)[1:]]
    all_same(dense.run(x, dy), expected, dense.names, "of Dense with the activation in it")


@rules.add("batches of any length share one memory")
def lengths(trial: ActivationTrial) -> None:
    for n in (7, 3, 1, 9, 9, 2):
        Z, dA = trial.data((n, 5))
        alone = trial.run(Z, dA, Workspace("float64"))
        all_same(trial.run(Z, dA), alone, NAMES, f"of {n} rows after another number of rows")


@rules.add("float32 stays float32, and float64 float64")
def types(trial: ActivationTrial) -> None:
    for dtype in ("float32", "float64"):
        work = Workspace(dtype)
        Z, dA = trial.data(dtype=dtype)
        arrays = dict(zip(NAMES, trial.run(Z, dA, work), strict=True))
        arrays["the result of a call"] = trial.activation(Z)
        all_of_type(arrays, work)


@rules.add(ALLOCATION)
def memory(trial: ActivationTrial) -> None:
    Z, dA = trial.data((20_000, 4))
    trial.run(Z, dA)
    A = trial.output(Z)

    def once_more() -> None:
        trial.activation.forward(Z, A, trial.work)
        trial.activation.backward(dA, Z, A, trial.work)

    size = allocated(once_more)
    assert size < ALLOWANCE, f"20000 rows that are not the first allocated {size} bytes"


@rules.add("called with an array it returns a new one of the same shape")
def called(trial: ActivationTrial) -> None:
    for dimensions, sizes in ((1, (1, 1)), (1, (1, 3)), (2, (2, 3)), (3, (2, 3, 4))):
        Z, dA = trial.data(sizes)
        x, shape = Z.reshape(Z.shape[-dimensions:]), dA.shape[-dimensions:]
        before = x.copy()
        y = np.asarray(trial.activation(x))
        assert y.shape == shape, f"expected shape {shape}, got {y.shape}"
        assert not np.shares_memory(x, y), "the result shares memory with the argument"
        same(x, before, "the argument")
        rows = before.reshape(math.prod(before.shape[:-1]), -1)
        A = trial.forward(rows)[1]
        same(y.reshape(A.shape), A, "the result", 1e-12)
    if Z.shape == dA.shape:
        y = np.asarray(trial.activation(0.5))
        assert y.shape == (), f"expected one number of one number, got shape {y.shape}"
