"""Limits on single weights and on the weights of a unit."""

from __future__ import annotations

import numpy as np

from annlib.constraints.base import Constraint, register
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.core.numerics import EPSILON


@register("non_neg")
class NonNeg(Constraint):
    """w <- max(w, 0)."""

    def __call__(self, W: Array) -> None:
        np.maximum(W, 0, out=W)


@register("max_norm")
class MaxNorm(Constraint):
    """Scale the weights of a unit down to a Euclidean norm of at most ``max_value``.

    Parameters
    ----------
    max_value : float, positive
    axis : int
        The axis along which norms are taken; 0 is per unit for a Dense kernel (in, units).
    """

    def __init__(self, max_value: float = 2, axis: int = 0) -> None:
        if not max_value > 0:
            raise ConfigurationError(f"MaxNorm: expected max_value > 0, got {max_value!r}.")
        self.max_value = max_value
        self.axis = axis

    def __call__(self, W: Array) -> None:
        units = np.moveaxis(W, self.axis, 0)  # a view
        norms = np.sqrt(np.einsum("i...,i...->...", units, units))
        units *= np.clip(norms, 0, self.max_value) / (norms + EPSILON)
