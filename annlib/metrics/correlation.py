"""How well predictions go along with targets: of the outputs of a row, or of each over all rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import is_whole
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.metrics.base import (
    Direction,
    MeanOverRows,
    arrays_of,
    columns_of,
    register,
    same_shape,
)


class _Correlation(MeanOverRows):
    """A correlation.

    Parameters
    ----------
    name : str, optional
        How logs and History call it; the registered name without one.
    axis : -1 or 0
        Along the outputs of a row; or along the rows, as statistics has it: the mean over the
        columns of the correlation of all rows, whatever the batches. (Keras' is the mean of the
        batches' own.)

    Raises
    ------
    ConfigurationError
        For another axis.
    ShapeError
        With ``axis=-1`` for rows of one output.
    """

    direction: ClassVar[Direction | None] = "up"
    undefined_for = "a row or column of equal numbers"

    def __init__(self, name: str | None = None, *, axis: int = -1) -> None:
        if not is_whole(axis) or axis not in (-1, 0):
            raise ConfigurationError(
                f"{type(self).__name__}: expected axis=-1, along the outputs of a row, or 0, along "
                f"the rows, got {show(axis)}."
            )
        self.axis = int(axis)
        super().__init__(name)

    def _coefficient(self, gap: Array, yy: Array, aa: Array, ya: Array) -> Array:
        """From the means' difference, variances and covariance, which it may write over."""
        raise NotImplementedError

    def reset_state(self) -> None:
        super().reset_state()
        #: Of each column with ``axis=0``: the first target and prediction; from these, the means;
        #: the sums of both squares and of the products about the means.
        self.sums = np.zeros((7, 0))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.axis == -1:
            super().update_state(y_true, y_pred, sample_weight)
            return
        where = type(self).__name__
        Y, A = arrays_of(y_true, y_pred, where)
        Y, columns = same_shape(Y, A, where), columns_of(A, self.sums.shape[1], where)
        weights = self.weights_of(len(A), sample_weight)
        if weights is None:
            weights = self.work.ones(len(A))
        weight = float(np.add.reduce(weights))
        if not weight:
            return
        if not self.sums.size:
            self.sums = np.zeros((7, columns))
            self.sums[:2] = Y[0], A[0]
        self._add(Y, A, weights, weight)

    def _add(self, Y: Array, A: Array, weights: Array, weight: float) -> None:
        """Chan, Golub and LeVeque, 1983: sums about the means, so that no digits cancel; about the
        first row, so that equal numbers have a sum of exactly 0.
        """
        first, means, sums = self.sums[:2], self.sums[2:4], self.sums[4:]
        parts = [self.work.array(name, *A.shape) for name in ("D.y", "D.a")]
        for part, values, origin in zip(parts, (Y, A), first, strict=True):
            np.subtract(values, origin, out=part, dtype=np.float64)
        steps = np.array([np.dot(weights, part) / weight for part in parts]) - means
        for part, mean, step in zip(parts, means, steps, strict=True):
            np.subtract(part, mean + step, out=part)
        share = self.count * weight / (self.count + weight)
        product = self.work.array("products", *A.shape)
        for index, (one, other) in enumerate(((0, 0), (1, 1), (0, 1))):
            np.multiply(parts[one], parts[other], out=product)
            sums[index] += np.dot(weights, product) + steps[one] * steps[other] * share
        means += steps * weight / (self.count + weight)
        self.count += weight

    def result(self) -> float:
        if self.axis == -1:
            return super().result()
        if not self.count:
            return 0.0
        first_y, first_a, mean_y, mean_a, yy, aa, ya = self.sums
        gap = (first_y - first_a) + (mean_y - mean_a)
        values = self._coefficient(gap, yy / self.count, aa / self.count, ya / self.count)
        return float(np.mean(values))

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        where = type(self).__name__
        Y = same_shape(Y, A, where)
        if self.axis == -1 and columns_of(A, 0, where) == 1:
            raise ShapeError(
                f"{where}: expected rows of several outputs for axis=-1, got predictions of shape "
                f"{A.shape}. Take axis=0, which goes along all rows."
            )
        if self.axis == -1:
            n, k, shares = len(A), A.shape[1], work.array("shares", A.shape[1])
        else:
            n, k, shares = A.shape[1], len(A), work.array("shares", len(A))
        shares.fill(1 / k)
        gap = work.array("gap", n)
        firsts = [values[:, :1] if self.axis == -1 else values[:1] for values in (Y, A)]
        np.subtract(firsts[0], firsts[1], out=gap.reshape(firsts[0].shape), dtype=np.float64)
        centred = []
        for name, values, first, move in zip(
            ("y", "a"), (Y, A), firsts, (np.add, np.subtract), strict=True
        ):
            # About the first one, so that the variance of equal numbers is exactly 0.
            part = work.array(f"D.{name}", *A.shape)
            np.subtract(values, first, out=part, dtype=np.float64)
            mean = self._mean(part, shares, work.array(f"mean.{name}", n))
            np.subtract(part, mean.reshape(first.shape), out=part)
            move(gap, mean, out=gap)
            centred.append(part)
        product = work.array("products", *A.shape)
        moments = [
            self._mean(
                np.multiply(centred[one], centred[other], out=product),
                shares,
                work.array(f"moment.{one}{other}", n),
            )
            for one, other in ((0, 0), (1, 1), (0, 1))
        ]
        return self._coefficient(gap, *moments)

    def _mean(self, values: Array, shares: Array, out: Array) -> Array:
        """The mean along the axis, into ``out``."""
        return np.dot(values if self.axis == -1 else values.T, shares, out=out)


@register("pearson_correlation")
class PearsonCorrelation(_Correlation):
    """Mean over rows of cov(y, a) / (std(y) std(a)) of a row's outputs: from -1 to 1.

    It is NaN for a row of equal targets or predictions, as in Keras.

    Parameters
    ----------
    name : str, optional
        How logs and History call it; the registered name without one.
    axis : -1 or 0
        Along the outputs of a row; or along the rows, as statistics has it: the mean over the
        columns of the correlation of all rows, whatever the batches. (Keras' is the mean of the
        batches' own.)

    Raises
    ------
    ConfigurationError
        For another axis.
    ShapeError
        With ``axis=-1`` for rows of one output.

    Examples
    --------
    >>> metric = PearsonCorrelation()
    >>> round(metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]), 6)
    0.9967
    >>> round(PearsonCorrelation(axis=0)([1, 2, 3, 4], [1, 3, 2, 4]), 6)
    0.8
    """

    def _coefficient(self, gap: Array, yy: Array, aa: Array, ya: Array) -> Array:
        spread = np.multiply(np.sqrt(yy, out=yy), np.sqrt(aa, out=aa), out=yy)
        with np.errstate(invalid="ignore"):  # 0 / 0, which is NaN
            return np.divide(ya, spread, out=ya)


@register("concordance_correlation")
class ConcordanceCorrelation(_Correlation):
    """Mean over rows of 2 cov(y, a) / (var(y) + var(a) + (mean(y) - mean(a))^2) of a row's outputs.

    It is 1 only where predictions are equal to targets, while Pearson's is where they lie on any
    rising line. 1e-7 is added to the denominator, as in Keras. Lin, A Concordance Correlation
    Coefficient to Evaluate Reproducibility, 1989.

    Examples
    --------
    >>> metric = ConcordanceCorrelation()
    >>> round(metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]), 4)
    0.9816
    """

    undefined_for = ""

    def _coefficient(self, gap: Array, yy: Array, aa: Array, ya: Array) -> Array:
        np.add(yy, aa, out=yy)
        np.add(yy, np.square(gap, out=gap), out=yy)
        np.add(yy, EPSILON, out=yy)
        return np.divide(np.multiply(ya, 2, out=ya), yy, out=ya)
