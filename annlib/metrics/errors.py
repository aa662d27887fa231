"""Metrics of regression: means of errors over outputs and rows."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.metrics.base import Direction, register
from annlib.metrics.mean_loss import MeanLoss


@register("mean_squared_error", "mse")
class MeanSquaredError(MeanLoss):
    """Mean of (a - y)^2.

    Examples
    --------
    >>> MeanSquaredError()([1.0, 2.0], [1.0, 4.0])
    2.0
    """

    loss = "mean_squared_error"


@register("root_mean_squared_error")
class RootMeanSquaredError(MeanSquaredError):
    """Root of the mean of (a - y)^2 over all outputs and rows.

    Examples
    --------
    >>> RootMeanSquaredError()([[1.0, 2.0]], [[2.0, 9.0]])
    5.0
    """

    def result(self) -> float:
        return math.sqrt(super().result())


@register("mean_absolute_error", "mae")
class MeanAbsoluteError(MeanLoss):
    """Mean of abs(a - y).

    Examples
    --------
    >>> MeanAbsoluteError()([1.0, 2.0], [1.0, 4.0])
    1.0
    """

    loss = "mean_absolute_error"


@register("mean_absolute_percentage_error", "mape")
class MeanAbsolutePercentageError(MeanLoss):
    """Mean of 100 abs(a - y) / abs(y), where abs(y) counts as at least 1e-7.

    Examples
    --------
    >>> MeanAbsolutePercentageError()([2.0, -4.0], [1.0, -4.0])
    25.0
    """

    loss = "mean_absolute_percentage_error"


@register("mean_squared_logarithmic_error", "msle")
class MeanSquaredLogarithmicError(MeanLoss):
    """Mean of (log(1 + a) - log(1 + y))^2, where a and y count as at least 1e-7.

    Examples
    --------
    >>> round(MeanSquaredLogarithmicError()([0.0, 1.0], [1.0, 1.0]), 4)
    0.2402
    """

    loss = "mean_squared_logarithmic_error"


@register("logcosh")
class LogCoshError(MeanLoss):
    """Mean of log(cosh(a - y)): about (a - y)^2 / 2 for small errors, abs(a - y) for large ones.

    Examples
    --------
    >>> round(LogCoshError()([0.0, 1.0], [0.0, 11.0]), 4)
    4.6534
    """

    loss = "log_cosh"


@register("cosine_similarity")
class CosineSimilarity(MeanLoss):
    """Mean over rows of sum_i y_i a_i / (abs(y) abs(a)): 1 for one direction, -1 for opposite ones.

    The loss of this name is its negative.

    Parameters
    ----------
    name : str, optional
        How logs and History call it; the registered name without one.
    axis : -1
        Along the outputs of a row; there is no other.

    Raises
    ------
    ConfigurationError
        For another axis.

    Examples
    --------
    >>> CosineSimilarity()([[0.0, 2.0], [0.0, 2.0]], [[0.0, 5.0], [1.0, 0.0]])
    0.5
    """

    direction: ClassVar[Direction | None] = "up"
    loss = "cosine_similarity"

    def __init__(self, name: str | None = None, *, axis: int = -1) -> None:
        self.axis = axis
        super().__init__(name)

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        E = super().rows(Y, A, work)
        np.negative(E, out=E)
        return E
