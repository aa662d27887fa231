"""Hinges: losses of a support vector machine, which are 0 beyond a margin of 1."""

from __future__ import annotations

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape
from annlib.core.formula import Formula, cases
from annlib.core.workspace import Workspace
from annlib.losses.base import LossOfVectors, register
from annlib.losses.outputs import MeanOverOutputs
from annlib.losses.targets import targets_between, two_labels


class _Hinge(MeanOverOutputs):
    """What the two binary hinges share: their labels, and the distance to the margin."""

    task = "binary"
    margin = True
    drawn = (-3.0, 3.0, 1.0)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        return two_labels(super().check_targets(y, output_shape, where), where)

    def effective_targets(self, Y: Array, work: Workspace) -> Array:
        """The labels as -1 and 1."""
        S = np.abs(Y, out=work.array("signs", *Y.shape))
        return np.subtract(np.add(S, Y, out=S), 1, out=S)  # |y| + y - 1 is -1 for 0 and for -1

    def _shortfall(self, Y: Array, A: Array, work: Workspace) -> Array:
        """M = 1 - y a, and the labels y as -1 and 1 in ``work``."""
        work["labels"] = S = self.effective_targets(Y, work)
        M = np.multiply(S, A, out=work.array("M", *A.shape))
        return np.subtract(1, M, out=M)


@register("hinge")
class Hinge(_Hinge):
    """E_r = 1/N sum_i max(1 - y_i a_i, 0),  dE_r/da_i = -y_i / N within the margin.

    Labels y are -1 and 1, or 0 and 1, where 0 counts as -1; a is any number, its sign the class.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for other labels than -1 and 1, or 0 and 1.

    Examples
    --------
    >>> Hinge()([[0, 1]], [[-2.0, 0.5]])
    0.25
    """

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        self._shortfall(Y, A, work).clip(0, np.inf, out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        _step(work.array("M", *A.shape), dA)
        np.multiply(dA, work["labels"], out=dA)
        np.negative(dA, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1}{N} \sum_i \max(1 - y_i a_i, 0)",
            slope=cases((r"-\frac{y_i}{N}", "y_i a_i < 1"), ("0", "")),
            note="Targets are -1 and 1; 0 counts as -1.",
        )


@register("squared_hinge")
class SquaredHinge(_Hinge):
    """E_r = 1/N sum_i max(1 - y_i a_i, 0)^2,  dE_r/da_i = -2/N y_i max(1 - y_i a_i, 0).

    Labels y are -1 and 1, or 0 and 1, where 0 counts as -1; a is any number, its sign the class.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for other labels than -1 and 1, or 0 and 1.

    Examples
    --------
    >>> SquaredHinge()([[0, 1]], [[-2.0, 0.5]])
    0.125
    """

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        M = self._shortfall(Y, A, work)
        np.square(M.clip(0, np.inf, out=M), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.multiply(work.array("M", *A.shape), work["labels"], out=dA)
        np.multiply(dA, -2, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1}{N} \sum_i \max(1 - y_i a_i, 0)^2",
            slope=r"-\frac{2}{N} y_i \max(1 - y_i a_i, 0)",
            note="Targets are -1 and 1; 0 counts as -1.",
        )


@register("categorical_hinge")
class CategoricalHinge(LossOfVectors):
    """E_r = max(1 + max_i((1 - y_i) a_i) - sum_i y_i a_i, 0) for one-hot rows y.

    The right class is to be ahead of the best other one, and of 0, by a margin of 1. Within it
    dE_r/da_i = (1 - y_i) [i is that other one] - y_i, shared where several are as good.

    Raises
    ------
    ConfigurationError
        For an unknown reduction.
    DataError
        When it is called, or in ``fit``, for targets that are not between 0 and 1.

    Examples
    --------
    >>> CategoricalHinge()([[0, 1, 0]], [[0.25, 0.5, -1.0]])
    0.75
    """

    task = "classes"
    margin = True

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        return targets_between(y, 0, 1, where, "Pass one-hot rows.")

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        ones, products = work.ones(A.shape[1]), work.array("products", *A.shape)
        np.dot(np.multiply(Y, A, out=products), ones, out=E)
        others = np.subtract(1, Y, out=work.array("others", *A.shape))
        np.multiply(others, A, out=products)
        best = numerics.row_max(products, work)
        M = np.subtract(best.reshape(-1), E, out=work.array("M", len(A)))
        np.add(M, 1, out=M).clip(0, np.inf, out=E)
        # The share of each output in the best other one.
        is_best = np.equal(products, best, out=work.array("is_best", *A.shape, dtype=bool))
        np.multiply(others, is_best, out=others)
        np.copyto(products, is_best)
        count = np.dot(products, ones, out=work.array("count", len(A)))
        np.maximum(count, 1, out=count)  # where a prediction is NaN, none is best
        np.divide(others, count.reshape(-1, 1), out=others)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.subtract(work.array("others", *A.shape), Y, out=dA)
        within = _step(work.array("M", len(A)), work.array("within", len(A)))
        np.multiply(dA, within.reshape(-1, 1), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"m = \max_i((1 - y_i) a_i)",
            r"E = \max(1 + m - \sum_i y_i a_i, 0)",
            slope=cases(
                ("-y_i", r"E > 0, y_i = 1"),
                ("1", "E > 0, a_i = m"),
                ("0", ""),
            ),
        )


def _step(M: Array, out: Array) -> Array:
    """1 where M is positive, 0 where it is negative and 1/2 at 0: the derivative of max(M, 0)."""
    np.add(np.sign(M, out=out), 1, out=out)
    return np.multiply(out, 0.5, out=out)
