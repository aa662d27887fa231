"""The rules of a layer: those of ``annlib.layers.base``, and that its gradients are derivatives."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from annlib.core.arrays import Shape
from annlib.core.checks import (
    SEED_BITS,
    check_count,
    check_flag,
    check_instance,
    check_shape,
    to_rows,
)
from annlib.core.errors import ConfigurationError
from annlib.core.expression import express
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace
from annlib.layers import Lambda, Layer
from annlib.testing.configuration import check_config, copies
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

rules: Rules[LayerTrial] = Rules()


@with_short_tracebacks
def check_layer(
    layer: Layer,
    input_shape: Shape | None = None,
    *,
    x: Any = None,
    seed: int = 0,
    may_allocate: bool = False,
) -> None:
    """Check that a layer keeps every rule of a layer, while training and not.

    The rules are in ``annlib.layers.base``: forward and backward write only where they may,
    remember only in ``work`` and carry nothing over; every gradient is the derivative, told by
    central differences in float64; types stay; parameters are views of the model's vector. The
    layer itself is left as it is: copies of it are tried.

    Parameters
    ----------
    layer : Layer
        The one to try; copies of it are.
    input_shape : tuple of int, optional
        The shape of one row; not needed if the layer or ``x`` says it.
    x : array_like, (n, *input_shape), optional
        Input to try it on, where normally distributed numbers, or any of the layer's codes, will
        not do. Integers have no derivative: the gradient by the input is not asked for.
    seed : int, at least 0
        Another seed draws other numbers, should a kink be in the way of a difference.
    may_allocate : bool
        Leave out the one rule about cost: that no batch after the first allocates arrays.

    Raises
    ------
    AssertionError
        With the first rule that is broken, and how.
    ConfigurationError
        For what is no layer, or without a shape to try it on.

    Examples
    --------
    >>> from annlib import layers
    >>> check_layer(layers.Dense(3, activation="tanh"), input_shape=(5,))
    >>> class Half(layers.Layer):
    ...     def forward(self, x, work, *, training=False):
    ...         return np.multiply(x, 0.5, out=x)
    ...     def backward(self, dy, work, *, input_gradient=True):
    ...         return np.multiply(dy, 0.5, out=dy)
    >>> check_layer(Half(), input_shape=(5,))
    Traceback (most recent call last):
        ...
    AssertionError: Half (training) breaks the rule "forward never writes to its input": ...
    """
    where = "check_layer"
    check_instance(layer, Layer, where, "layer")
    check_flag(may_allocate, where, "may_allocate")
    seed = check_count(seed, where, "seed", 0, SEED_BITS)
    if input_shape is not None:
        input_shape = check_shape(input_shape, where, "input_shape")
    given = None if x is None else to_rows(x, where, "x")
    candidates = (input_shape, None if given is None else given.shape[1:], layer._row_shape)
    shape = next((shape for shape in candidates if shape is not None), None)
    if shape is None:
        raise ConfigurationError(
            "check_layer: expected input_shape, the shape of one row, got None. For rows of n "
            "features: input_shape=(n,)."
        )
    of_functions = any(isinstance(part, Lambda) for part in layer._parts())
    may_allocate = may_allocate or of_functions  # they return arrays of their own
    for training in (True, False):
        mode = "training" if training else "inference"
        trial = partial(LayerTrial, layer, shape, given, seed, training)
        rules.check(f"{type(layer).__name__} ({mode})", trial, may_allocate)
    if not of_functions:  # which need no names before they are in a file
        check_config(layer)


@rules.add("the output has the shape that compute_output_shape says")
def output_shape(trial: LayerTrial) -> None:
    for n in (4, 1):
        x, _ = trial.data(n)
        found, expected = trial.forward(x).shape, (n, *trial.output_shape[1:])
        assert found == expected, f"expected {expected}, got {found}"


@rules.add("forward never writes to its input")
def input_untouched(trial: LayerTrial) -> None:
    x, dy = trial.data()
    before = x.copy()
    x.flags.writeable = False
    trial.run(x, dy)
    same(x, before, "x")


@rules.add("forward and backward write no parameter")
def parameters_untouched(trial: LayerTrial) -> None:
    x, dy = trial.data()
    before = trial.vector.values.copy()
    trial.run(x, dy)
    for entry in trial.vector.entries:
        found = trial.vector.values[entry.where]
        same(found, before[entry.where], f"{entry.parameter.name}, until commit,")


@rules.add("a layer that says keeps_values = True gives the numbers of its input, at rest")
def kept_values(trial: LayerTrial) -> None:
    if trial.layer.keeps_values and not trial.training:
        x, _ = trial.data()
        y = trial.forward(x)
        same(y.ravel(), x.ravel().astype(y.dtype), "the output")


@rules.add("an expression, if there is one, is what forward computes at rest")
def expression(trial: LayerTrial) -> None:
    if trial.training:
        return
    x, _ = trial.data()
    expected = trial.forward(x).copy()
    try:
        found = express(trial.layer, x)
    except ConfigurationError:  # of a layer that says nothing, or one within
        return
    same(found, expected, "the expression", 1e-12)


@rules.add("only a layer that says random = True draws, only while training, from work.rng alone")
def chance(trial: LayerTrial) -> None:
    x, _ = trial.data()
    work, rng = Workspace(trial.dtype), np.random.default_rng(trial.seed)
    work.rng, before = rng, rng.bit_generator.state
    trial.layer.forward(x, work, training=trial.training)
    may = trial.training and trial.layer.random
    assert may or rng.bit_generator.state == before, "forward has drawn numbers from work.rng"
    expected = trial.forward(x).copy()
    all_same([trial.forward(x)], [expected], ["the output"], "of the same random numbers again")


@rules.add("parameters and gradients stay views of the model's vectors")
def views(trial: LayerTrial) -> None:
    trial.run(*trial.data())
    if trial.training:
        trial.layer.commit(trial.work)
    for entry in trial.vector.entries:
        name = entry.parameter.name
        for view, vector, what in (
            (entry.layer._values()[name], trial.vector.values, f"self.{name}"),
            (entry.layer.gradients[name], trial.vector.gradients, f'self.gradients["{name}"]'),
        ):
            own = view.size and not np.shares_memory(view, vector[entry.where])
            assert not own, f"{what} is an array of its own now. Write into it: {what}[...] = "


@rules.add("backward overwrites the gradients, never adds to them")
def overwritten(trial: LayerTrial) -> None:
    x, dy = trial.data()
    expected = trial.run(x, dy)
    trial.vector.gradients.fill(np.nan)
    found = trial.run(x, dy)
    for gradient, name in zip(trial.gradients(), trial.gradient_names, strict=True):
        assert not np.isnan(gradient).any(), f"{name} is not written, or added to what was there"
    trial.same(found, expected, "after gradients that were NaN")


@rules.add("a pass depends on nothing that was left in its buffers")
def buffers(trial: LayerTrial) -> None:
    x, dy = trial.data()
    expected = trial.run(x, dy)
    trial.work.fill(np.nan)
    trial.same(trial.run(x, dy), expected, "after buffers that were NaN")


@rules.add("any memory layout of the input is the same input")
def layout(trial: LayerTrial) -> None:
    x, dy = trial.data()
    expected = trial.run(x, dy)
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2]):
        trial.same(trial.run(other, dy), expected, "of an x with other strides")


@rules.add("a layer that says takes_sparse = True makes the same of sparse rows")
def sparse_rows(trial: LayerTrial) -> None:
    if not trial.layer.takes_sparse or len(trial.shape) > 1:
        return
    from scipy.sparse import csr_array

    x, dy = trial.data()
    x[x < 0], x[2] = 0, 0
    trial.same(trial.run(csr_array(x), dy), trial.run(x, dy), "of sparse rows")


@rules.add("backward returns the derivative by the input")
def input_derivative(trial: LayerTrial) -> None:
    x, dy = trial.data()
    if trial.smooth:
        dx = trial.run(x, dy)[1]
        check_gradient(lambda x: np.sum(dy * trial.forward(x)), dx, x)


@rules.add("backward writes the derivative by every parameter")
def parameter_derivatives(trial: LayerTrial) -> None:
    x, dy = trial.data()
    trial.run(x, dy)
    for entry, gradient in zip(trial.learned, trial.gradients(), strict=True):
        value = trial.vector.values[entry.where]
        here = value.copy()

        def error(there: Any, value: Any = value) -> Any:
            value[...] = there
            return np.sum(dy * trial.forward(x))

        try:
            check_gradient(error, gradient, here)
        except AssertionError as wrong:
            raise AssertionError(f"{entry.parameter.name}: {wrong}") from None
        value[...] = here


@rules.add("the parameters' gradients do not need the input gradient")
def without_input_gradient(trial: LayerTrial) -> None:
    x, dy = trial.data()
    trial.run(x, dy)
    expected = trial.gradients()
    trial.vector.gradients.fill(np.nan)
    trial.forward(x)
    trial.layer.backward(dy.copy(), trial.work, input_gradient=False)
    trial.same(trial.gradients(), expected, "with input_gradient=False")


@rules.add("what backward returns is the next layer's to overwrite")
def given_away(trial: LayerTrial) -> None:
    x, dy = trial.data()
    values, before = trial.vector.values.copy(), x.copy()
    expected = trial.run(x, dy)
    trial.forward(x)
    dx = trial.layer.backward(dy.copy(), trial.work, input_gradient=trial.smooth)
    if dx is not None:
        dx.fill(np.nan)
    same(x, before, "x, after dE/dx was overwritten,")
    same(trial.vector.values, values, "the parameters, after dE/dx was overwritten,")
    trial.same(trial.run(x, dy), expected, "after dE/dx was overwritten")


@rules.add("batches of any length share one memory")
def lengths(trial: LayerTrial) -> None:
    for n in (7, 3, 1, 9, 9, 2):
        x, dy = trial.data(n)
        alone = trial.run(x, dy, Workspace(trial.dtype))
        trial.same(trial.run(x, dy), alone, f"of {n} rows after another number of rows")


@rules.add("what a pass remembers is in its work")
def two_passes(trial: LayerTrial) -> None:
    x, dy = trial.data()
    expected = trial.run(x, dy)
    trial.forward(x)
    trial.run(*trial.data(5), Workspace(trial.dtype))
    trial.same(trial.backward(dy), expected[1:], "after another pass in between")


@rules.add("float32 stays float32, and float64 float64")
def types(trial: LayerTrial) -> None:
    for dtype in ("float32", "float64"):
        typed = trial.again(dtype)
        arrays = dict(zip(typed.names, typed.run(*typed.data()), strict=True))
        if trial.training:
            typed.layer.commit(typed.work)
        arrays |= {f"self.{name}": value for name, value in typed.layer._values().items()}
        all_of_type(arrays, typed.work)


@rules.add(ALLOCATION)
def memory(trial: LayerTrial) -> None:
    n = trial.many()
    x, dy = trial.data(n)
    trial.run(x, dy)
    fewer = n - n // 8
    x, dy = x[:fewer], dy[:fewer]
    trial.run(x, dy)

    def once_more() -> None:
        trial.forward(x)
        trial.layer.backward(dy, trial.work, input_gradient=trial.smooth)

    size = allocated(once_more)
    assert size < ALLOWANCE, f"{fewer} rows that are not the first allocated {size} bytes"


@rules.add("a copy takes the parameters along and goes its own way")
def copied(trial: LayerTrial) -> None:
    x, dy = trial.data()
    before = trial.run(x, dy)
    moved = trial.again()
    moved.vector.values += 0.25
    expected = moved.run(x, dy)
    for way, layer in copies(trial.layer).items():
        moved._attach(layer)
        same(moved.vector.values, trial.vector.values, f"the parameters of {way}")
        moved.vector.values += 0.25
        moved.same(moved.run(x, dy), expected, f"of {way}, after its parameters changed")
    trial.same(trial.run(x, dy), before, "after copies have changed")
