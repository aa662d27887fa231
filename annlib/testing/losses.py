"""The rules of a loss: a number for each row, weighted and reduced in one way, and its gradient."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_instance, to_rows
from annlib.core.errors import ShapeError
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace
from annlib.losses import Loss, LossFunctionWrapper
from annlib.testing.configuration import check_config
from annlib.testing.gradients import check_gradient
from annlib.testing.rules import (
    ALLOCATION,
    ALLOWANCE,
    Rules,
    all_of_type,
    all_same,
    allocated,
    expected_error,
    same,
)

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight")


class LossTrial:
    """A loss with targets and predictions, and one way to run it."""

    def __init__(self, loss: Loss, y_true: Array, y_pred: Array) -> None:
        self.loss, self.y_true, self.y_pred = copy.deepcopy(loss), y_true, y_pred
        self.work = Workspace("float64")

    def data(self, n: int = 6, dtype: Any = "float64") -> tuple[Array, Array]:
        """Targets and predictions, n rows; for each n they begin with another."""
        rows = np.arange(n, 2 * n) % len(self.y_pred)
        kind = np.intp if self.loss.target_kind == "labels" else dtype
        return self.y_true[rows].astype(kind), self.y_pred[rows].astype(dtype)

    def reduced(self, reduction: str) -> Loss:
        """The loss with another reduction."""
        loss = copy.copy(self.loss)
        vars(loss)["reduction"] = reduction  # which can else not be set
        return loss

    def run(self, Y: Array, A: Array, w: Array | None, work: Workspace | None = None) -> list[Any]:
        """The value and a copy of the gradient."""
        work = self.work if work is None else work
        value = self.loss.value(Y, A, w, work)
        return [np.asarray(value), self.loss.gradient(Y, A, w, work).copy()]

    def weights(self, A: Array) -> Iterator[tuple[Array | None, str]]:
        """Weights of the rows of these predictions, and if it can be of the outputs."""
        yield from weights(len(A), A.dtype)
        if self.loss.weighs_outputs:
            w = np.random.default_rng(7).integers(0, 4, A.shape).astype(A.dtype)
            yield w, "with weights of outputs"


def weights(n: int, dtype: Any = "float64") -> Iterator[tuple[Array | None, str]]:
    """No weights, some, and some that are zero."""
    yield None, "without weights"
    yield np.random.default_rng(5).uniform(0.1, 3, n).astype(dtype), "with weights"
    yield (np.arange(n) % 3).astype(dtype), "with weights of which some are zero"


rules: Rules[LossTrial] = Rules()
NAMES = ["the value", "the gradient"]


@with_short_tracebacks
def check_loss(
    loss: Loss, y_true: Any = None, y_pred: Any = None, *, may_allocate: bool = False
) -> None:
    """Check that a loss keeps every rule of a loss.

    The gradient is the derivative of the value by central differences in float64, for every
    reduction, with and without weights; rows do not mix and nothing broadcasts; arrays are only
    read, and nothing is carried over from batch to batch.

    Parameters
    ----------
    loss : Loss
        One of functions, ``losses.get((fn, gradient))``, may allocate and needs no configuration.
    y_true, y_pred : array_like, optional
        Rows of targets and predictions that suit the loss, away from its kinks. Without them both
        are drawn between 0.05 and 0.95, (6, 4); targets of a loss of labels are labels.
    may_allocate : bool
        Leave out the one rule about cost: that no batch after the first allocates arrays.

    Raises
    ------
    AssertionError
        With the first rule that is broken, and how.

    Examples
    --------
    >>> from annlib import losses
    >>> check_loss(losses.MeanSquaredError())
    >>> class Misled(losses.MeanSquaredError):
    ...     def backward(self, Y, A, dA, work):
    ...         np.subtract(Y, A, out=dA)
    >>> check_loss(Misled())
    Traceback (most recent call last):
        ...
    AssertionError: Misled breaks the rule "the gradient is the derivative of the value": ...
    """
    where = "check_loss"
    check_instance(loss, Loss, where, "loss")
    check_flag(may_allocate, where, "may_allocate")
    rng = np.random.default_rng(0)
    A = rng.uniform(0.05, 0.95, (6, 4)) if y_pred is None else to_rows(y_pred, where, "y_pred")
    if y_true is not None:
        Y = loss.checked_targets(to_rows(y_true, where, "y_true"), A.shape, where)
    elif loss.target_kind == "labels":
        Y = rng.integers(0, A.shape[-1], len(A))
    else:
        Y = rng.uniform(0.05, 0.95, A.shape)
    of_functions = isinstance(loss, LossFunctionWrapper)
    may_allocate = may_allocate or of_functions  # they return arrays of their own
    rules.check(type(loss).__name__, lambda: LossTrial(loss, Y, A), may_allocate)
    if not of_functions:  # a function has no configuration
        check_config(loss)


@rules.add("targets, predictions and weights are only read")
def inputs_untouched(trial: LossTrial) -> None:
    Y, A = trial.data()
    w = np.ones(len(A))
    before = [np.nan_to_num(Y), A.copy(), w.copy()]
    for array in (Y, A, w):
        array.flags.writeable = False
    trial.run(Y, A, w)
    trial.loss(Y, A, w)
    all_same([np.nan_to_num(Y), A, w], before, ["y_true", "y_pred", "the weights"], "after a pass")


@rules.add("the loss of a row depends on that row alone")
def rows_apart(trial: LossTrial) -> None:
    Y, A = trial.data()
    loss = trial.reduced("none")
    together = loss(Y, A)
    assert together.shape == (len(A),), f"expected one number a row, got shape {together.shape}"
    for r in range(len(A)):
        alone = loss(Y[r : r + 1], A[r : r + 1])
        same(together[r : r + 1], alone, "the loss of the row among others", 1e-13)


@rules.add("every reduction is of the rows' losses, times their weights")
def reductions(trial: LossTrial) -> None:
    Y, A = trial.data()
    if trial.loss.masks:  # where targets are missing, the mean is no mean of rows' numbers
        Y, _ = trial.loss.present(Y, trial.work)
    n, E = len(A), trial.reduced("none")(Y, A)
    for w, how in weights(n):
        used = np.ones(n) if w is None else w
        total = (used * E).sum()
        expected = (total / n, total / n, total, total / used.sum())
        for reduction, value in zip(REDUCTIONS, expected, strict=True):
            found = trial.reduced(reduction)(Y, A, w)
            same(float(found), float(value), f"{reduction} {how}", 1e-13)
        same(trial.reduced("none")(Y, A, w), used * E, f"none {how}", 1e-13)


@rules.add("the gradient is the derivative of the value")
def derivative(trial: LossTrial) -> None:
    Y, A = trial.data()
    for reduction in REDUCTIONS:
        trial.loss = trial.reduced(reduction)
        for w, how in trial.weights(A):
            _, gradient = trial.run(Y, A, w)

            def value(A: Array, w: Array | None = w) -> float:
                return trial.loss.value(Y, A, w, trial.work)

            try:
                check_gradient(value, gradient, A)
            except AssertionError as wrong:
                raise AssertionError(f"{reduction}, {how}: {wrong}") from None


@rules.add("rows of weight zero might be missing")
def weightless(trial: LossTrial) -> None:
    Y, A = trial.data()
    w = np.array([1.0, 0, 2, 0, 0, 1])
    trial.loss = trial.reduced("sum")
    value, gradient = trial.run(Y, A, w)
    fewer, _ = trial.run(Y[w > 0], A[w > 0], w[w > 0], Workspace("float64"))
    same(value, fewer, "the sum over rows of which some have no weight", 1e-13)
    same(gradient[w == 0], np.zeros_like(A[w == 0]), "the gradient of a row without weight")
    trial.loss = trial.reduced("mean_with_sample_weight")
    same(trial.run(Y, A, 0 * w)[0], 0.0, "the value when all weights are zero")


@rules.add("weights of outputs that are one a row are that row's, and all of them add up")
def of_outputs(trial: LossTrial) -> None:
    if not trial.loss.weighs_outputs:
        return
    Y, A = trial.data()
    one, two = np.random.default_rng(6).uniform(0.1, 3, (2, *A.shape))
    rows = one.reshape(len(A), -1)[:, 0].copy()
    spread = np.empty_like(one)
    spread.T[:] = rows
    for reduction in REDUCTIONS:
        trial.loss = trial.reduced(reduction)
        expected, found = trial.run(Y, A, rows), trial.run(Y, A, spread)
        for what, own, other in zip(NAMES, expected, found, strict=True):
            same(other, own, f"{what} of {reduction}, with one weight an output", 1e-12)
    trial.loss = trial.reduced("sum")
    whole = trial.run(Y, A, one + two)
    for what, sums, *parts in zip(
        NAMES, whole, trial.run(Y, A, one), trial.run(Y, A, two), strict=True
    ):
        same(sum(parts), sums, f"{what} of two weights of outputs, added up", 1e-12)


@rules.add("nothing broadcasts between targets and predictions")
def no_broadcasting(trial: LossTrial) -> None:
    Y, A = trial.data()
    bad = {"fewer rows": Y[:-1], "one row": Y[:1], "two sets a row": np.stack([Y, Y], axis=1)}
    if Y.ndim > 1:
        bad["another width"] = np.concatenate([Y, Y], axis=-1)
        if Y.shape[-1] > 1:
            bad["one column"] = Y[..., :1]
            bad["one number a row"] = Y.reshape(len(Y), -1)[:, 0]
    for what, targets in bad.items():
        message = f"targets with {what}: {targets.shape} for predictions {A.shape}"
        expected_error(partial(trial.loss, targets, A), ShapeError, message)
    few = np.ones(len(A) - 1)
    expected_error(lambda: trial.loss(Y, A, few), ShapeError, "fewer weights than rows")


@rules.add("a batch depends on nothing that was left in the buffers")
def buffers(trial: LossTrial) -> None:
    Y, A = trial.data()
    for w, how in trial.weights(A):
        expected = trial.run(Y, A, w)
        trial.work.fill(np.nan)
        all_same(trial.run(Y, A, w), expected, NAMES, f"after buffers that were NaN, {how}")
        again = trial.loss.gradient(Y, A, w, trial.work)
        same(again, expected[1], f"the gradient, asked for twice, {how}", 1e-13)


@rules.add("batches of any length share one memory")
def lengths(trial: LossTrial) -> None:
    for n in (9, 2, 1, 7, 9):
        Y, A = trial.data(n)
        for w, how in trial.weights(A):
            alone = trial.run(Y, A, w, Workspace("float64"))
            all_same(trial.run(Y, A, w), alone, NAMES, f"of {n} rows after others, {how}")


@rules.add("float32 stays float32, and float64 float64")
def types(trial: LossTrial) -> None:
    for dtype in ("float32", "float64"):
        Y, A = trial.data(dtype=dtype)
        for w, _ in trial.weights(A):
            work = Workspace(dtype)
            value = trial.loss.value(Y, A, w, work)
            assert isinstance(value, float), f"expected a float as value, got {type(value)}"
            arrays = {"the gradient": trial.loss.gradient(Y, A, w, work)}
            arrays['the rows of reduction="none"'] = trial.reduced("none")(Y, A, w)
            all_of_type(arrays, work)


@rules.add(ALLOCATION)
def memory(trial: LossTrial) -> None:
    n = max(1000, min(20_000, 2_000_000 // math.prod(trial.y_pred.shape[1:])))
    Y, A = trial.data(n)
    for w, how in trial.weights(A):
        trial.run(Y, A, w)

        def once_more(w: Array | None = w) -> None:
            trial.loss.value(Y, A, w, trial.work)
            trial.loss.gradient(Y, A, w, trial.work)

        size = allocated(once_more)
        assert size < ALLOWANCE, f"{n} rows that are not the first allocated {size} bytes {how}"
