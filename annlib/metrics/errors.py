"""Metrics of regression: means of errors over outputs and rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.metrics.base import Direction, MeanOverRows, register, same_shape


class _Error(MeanOverRows):
    direction: ClassVar[Direction | None] = "down"

    @staticmethod
    def differences(Y: Array, A: Array, work: Workspace) -> Array:
        """A - Y in double precision, as (n, k)."""
        Y = same_shape(Y, A, "metric")
        D = np.subtract(A, Y, out=work.array("D", *A.shape), dtype=np.float64)
        return D.reshape(len(A), -1)

    @staticmethod
    def row_means(D: Array, work: Workspace) -> Array:
        return np.mean(D, axis=1, out=work.array("rows", len(D)))


@register("mean_squared_error", "mse")
class MeanSquaredError(_Error):
    """Mean of (a - y)^2.

    Examples
    --------
    >>> MeanSquaredError()([1.0, 2.0], [1.0, 4.0])
    2.0
    """

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        D = self.differences(Y, A, work)
        return self.row_means(np.multiply(D, D, out=D), work)


@register("mean_absolute_error", "mae")
class MeanAbsoluteError(_Error):
    """Mean of abs(a - y).

    Examples
    --------
    >>> MeanAbsoluteError()([1.0, 2.0], [1.0, 4.0])
    1.0
    """

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        D = self.differences(Y, A, work)
        return self.row_means(np.abs(D, out=D), work)
