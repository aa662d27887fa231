"""Running sums and averages of gradients: the few passes over a vector that the rules share."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.numerics import constant


def discount(total: Array, value: Array, rho: float) -> None:
    """Total <- rho total + value; that is the average below over (1 - rho), in fewer passes."""
    np.multiply(total, constant(rho, total.dtype.char), out=total)
    np.add(total, value, out=total)


def move_toward(average: Array, value: Array, rho: float, scratch: Array) -> None:
    """Average <- rho average + (1 - rho) value; ``scratch`` may be ``value``."""
    np.multiply(average, rho, out=average)
    np.add(average, np.multiply(value, 1 - rho, out=scratch), out=average)


def root(square: Array, epsilon: float, out: Array) -> Array:
    """sqrt(square + epsilon); ``out`` may be ``square``."""
    return np.sqrt(np.add(square, epsilon, out=out), out=out)
