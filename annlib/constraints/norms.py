"""Limits on single weights and on the weights of a unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annlib.constraints.base import Constraint, register
from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_axis, check_number
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.numerics import EPSILON


@register("non_neg")
class NonNeg(Constraint):
    """w <- max(w, 0).

    Examples
    --------
    >>> NonNeg()(np.array([-3.0, 0.5]))
    array([0. , 0.5])
    """

    def __call__(self, W: Array) -> Array:
        return np.maximum(W, 0, out=W)


class NormConstraint(Constraint):
    """w <- w * goal(|w|) / (|w| + 1e-7), w the weights of one unit and |w| their Euclidean norm.

    A subclass writes ``goal``, from the norms of all units to those that they should have.
    """

    def __init__(self, axis: int | Sequence[int]) -> None:
        self.axis = check_axis(axis, type(self).__name__)

    def goal(self, norms: Array) -> Array | float:
        """The norms that units should have, for those that they have, of ``norms``'s shape."""
        raise NotImplementedError

    def __call__(self, W: Array) -> Array:
        norms = self._norms(W)
        return np.multiply(W, self.goal(norms) / (norms + EPSILON), out=W)

    def check_shape(self, shape: Shape, name: str) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        if max(axes) >= len(shape) or min(axes) < -len(shape):
            raise ShapeError(
                f"{type(self).__name__}: expected a parameter that has axis {self.axis}, got "
                f"{name} of shape {shape}."
            )

    def _norms(self, W: Array) -> Array:
        """The norms along ``axis``, in a shape that broadcasts with the parameter's."""
        self.check_shape(W.shape, "a parameter")
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        axes = sorted({axis % W.ndim for axis in axes})
        letters = list(range(W.ndim))
        kept = [letter for letter in letters if letter not in axes]
        norms = np.sqrt(np.einsum(W, letters, W, letters, kept))
        if not np.isfinite(norms).all():  # the squares overflow: a way that does not, but is slow
            norms = np.hypot.reduce(W, axis=tuple(axes))
        return np.expand_dims(norms, tuple(axes))


@register("max_norm")
class MaxNorm(NormConstraint):
    """Scale the weights of a unit down to a Euclidean norm of at most ``max_value``.

    Parameters
    ----------
    max_value : float, positive
        The largest norm.
    axis : int or list of int, an index of the parameter's axes
        The axes along which norms are taken; 0 is per unit for a Dense kernel (in, units).

    Raises
    ------
    ConfigurationError
        For a limit that is not positive, or an axis that is none.
    ShapeError
        When a layer is built whose parameter has no such axis.

    Examples
    --------
    >>> MaxNorm(2)(np.array([[3.0, 0.3], [4.0, 0.4]])).round(4)
    array([[1.2, 0.3],
           [1.6, 0.4]])
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(axis)
        self.max_value: float = check_number(max_value, "MaxNorm", "max_value", "(0, inf)")

    def goal(self, norms: Array) -> Array:
        return np.minimum(norms, self.max_value)


@register("min_max_norm")
class MinMaxNorm(NormConstraint):
    """Bring the norm of a unit's weights to [min_value, max_value], or nearer to it.

    The new norm is (1 - rate) |w| + rate clip(|w|, min_value, max_value).

    Parameters
    ----------
    min_value : float, at least 0
        The smallest norm.
    max_value : float, at least ``min_value`` and positive
        The largest norm.
    rate : float, in [0, 1]
        1 enforces the limits at once; with less, the norm moves towards them at each update.
    axis : int or list of int, an index of the parameter's axes
        The axes along which norms are taken; 0 is per unit for a Dense kernel (in, units).

    Raises
    ------
    ConfigurationError
        For limits or a rate out of their ranges, or an axis that is none.
    ShapeError
        When a layer is built whose parameter has no such axis.

    Examples
    --------
    >>> MinMaxNorm(1, 2)(np.array([[3.0, 0.3], [4.0, 0.4]])).round(4)
    array([[1.2, 0.6],
           [1.6, 0.8]])
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        super().__init__(axis)
        self.min_value: float = check_number(min_value, "MinMaxNorm", "min_value", "[0, inf)")
        self.max_value: float = check_number(max_value, "MinMaxNorm", "max_value", "(0, inf)")
        if min_value > max_value:
            raise ConfigurationError(
                f"MinMaxNorm: expected min_value <= max_value, got {show(min_value)} and "
                f"{show(max_value)}."
            )
        self.rate: float = check_number(rate, "MinMaxNorm", "rate", "[0, 1]")

    def goal(self, norms: Array) -> Array:
        within = np.clip(norms, self.min_value, self.max_value)
        return self.rate * within + (1 - self.rate) * norms


@register("unit_norm")
class UnitNorm(NormConstraint):
    """Scale the weights of a unit to a Euclidean norm of 1.

    Parameters
    ----------
    axis : int or list of int, an index of the parameter's axes
        The axes along which norms are taken; 0 is per unit for a Dense kernel (in, units).

    Raises
    ------
    ConfigurationError
        For an axis that is none.
    ShapeError
        When a layer is built whose parameter has no such axis.

    Examples
    --------
    >>> UnitNorm()(np.array([[3.0, 0.3], [4.0, 0.4]])).round(4)
    array([[0.6, 0.6],
           [0.8, 0.8]])
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        super().__init__(axis)

    def goal(self, norms: Array) -> float:
        return 1.0
