"""Kernels that neither stretch nor shrink (Saxe, McClelland & Ganguli, 2014)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_number, check_seed
from annlib.core.errors import ShapeError
from annlib.initializers.base import Initializer, register

if TYPE_CHECKING:
    from numpy.random import Generator


@register("orthogonal", "orthogonal_initializer")
class Orthogonal(Initializer):
    """W^T W = gain^2 I, or W W^T = gain^2 I if there are more columns than rows.

    Drawn uniformly from all such matrices. A parameter of higher rank is one matrix (..., last).
    Saxe et al., 2014, "Exact solutions to the nonlinear dynamics of learning in deep linear
    networks".

    Parameters
    ----------
    gain : float, any number
        The length of each column, or row.
    seed : int, at least 0, optional
        With one, the same values at every call.

    Raises
    ------
    ConfigurationError
        For a gain that is no number.
    ShapeError
        If the parameter has less than two axes.

    Examples
    --------
    >>> W = Orthogonal(seed=0)((3, 2), "float64")
    >>> np.allclose(W.T @ W, np.eye(2))
    True
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain = check_number(gain, "Orthogonal", "gain")
        self.seed = check_seed(seed, "Orthogonal")

    def draw(self, shape: Shape, rng: Generator) -> Array:
        if len(shape) < 2:
            raise ShapeError(
                "Orthogonal: expected a parameter of two axes or more, got one of shape "
                f"{shape}. A vector of random numbers: RandomNormal()."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        wide = rows < columns
        normal = rng.standard_normal((columns, rows) if wide else (rows, columns))
        Q, R = np.linalg.qr(normal)
        # With the signs that make R's diagonal positive, no direction is preferred.
        Q *= self.gain * np.copysign(1.0, np.diagonal(R))
        return (Q.T if wide else Q).reshape(shape)
