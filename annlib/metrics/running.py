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

    Parameters
    ----------
    name : str, optional

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
        rows = _rows(values, "Mean").mean(axis=1)
        self.add(rows, self.weights_of(len(rows), sample_weight))


@register("sum")
class Sum(Metric):
    """The (weighted) sum of the values it is given.

    Parameters
    ----------
    name : str, optional

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
        rows = _rows(values, "Sum").sum(axis=1)
        weights = self.weights_of(len(rows), sample_weight)
        self.total += float(np.sum(rows if weights is None else rows * weights))

    def result(self) -> float:
        return self.total


def _rows(values: Any, where: str) -> Array:
    """Numbers in double precision as (n, k); one number is one row."""
    rows = np.atleast_1d(to_array(values, where, "values"))
    check_numeric(rows, where, "values")
    return rows.reshape(len(rows), math.prod(rows.shape[1:])).astype(np.float64)
