"""A running mean and a running sum of numbers, for loops of one's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_numeric, to_array
from annlib.metrics.base import Metric, RunningMean, register


@register("mean")
class Mean(RunningMean):
    """The (weighted) mean of the values it is given; of a row of values their mean counts.

    Values are (n,) or (n, ...); weights are one a row, (n,), or one a value.

    Examples
    --------
    >>> mean = Mean()
    >>> mean.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    >>> mean.result()
    2.0
    """

    def update_state(  # type: ignore[override]  # values, not targets and predictions
        self, values: Any, sample_weight: Any = None
    ) -> None:
        """Take in numbers ``values``, (n,) or (n, ...)."""
        rows, weights = _rows(values, sample_weight, "Mean")
        self.add(rows.mean(axis=1), self.weights_of(len(rows), weights))


@register("sum")
class Sum(Metric):
    """The (weighted) sum of the values it is given.

    Values are (n,) or (n, ...); weights are one a row, (n,), or one a value.

    Examples
    --------
    >>> Sum()([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    4.0
    """

    def reset_state(self) -> None:
        self.total = 0.0

    def update_state(  # type: ignore[override]  # values, not targets and predictions
        self, values: Any, sample_weight: Any = None
    ) -> None:
        """Take in numbers ``values``, (n,) or (n, ...)."""
        rows, given = _rows(values, sample_weight, "Sum")
        sums, weights = rows.sum(axis=1), self.weights_of(len(rows), given)
        self.total += float(np.sum(sums if weights is None else sums * weights))

    def result(self) -> float:
        return self.total


def _rows(values: Any, weights: Any, where: str) -> tuple[Array, Any]:
    """Numbers in double precision as (n, k), and their weights; one number is one row, and so is
    each that has a weight of its own.
    """
    rows = np.atleast_1d(to_array(values, where, "values"))
    check_numeric(rows, where, "values")
    if rows.ndim > 1 and weights is not None:
        weights = to_array(weights, where, "sample_weight")
        if weights.shape == rows.shape:
            rows, weights = rows.reshape(-1), weights.reshape(-1)
    return rows.reshape(len(rows), math.prod(rows.shape[1:])).astype(np.float64), weights
