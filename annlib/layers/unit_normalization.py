"""UnitNormalization: rows of length 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import DX, DY, Formula
from annlib.core.workspace import Workspace
from annlib.layers.base import register
from annlib.layers.row_normalization import RowNormalization

#: Keras': shorter rows are divided by this instead of by their length.
_LEAST = 1e-12


@register("unit_normalization")
class UnitNormalization(RowNormalization):
    """y = x / r,  r = max(|x|, 1e-12) with the Euclidean length |x|, by rows.

        dx = (dy - y sum(dy y)) / r, and dy / r where r is 1e-12

    Parameters
    ----------
    axis : int or list of int, -1 or at least 1
        The axes that make a row; not 0, which is the batch.

    Raises
    ------
    ConfigurationError
        For an axis that is no integer.
    ShapeError
        When a model is built for whose input an axis is none, or 0, which is the batch.

    Examples
    --------
    >>> UnitNormalization()([[3.0, 4.0], [0.0, 2.0]])
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """

    def inverse_length(self, s: Array, k: int, unit: Array | float, work: Workspace) -> Array:
        np.sqrt(s, out=s)
        by_length = work.array("by_length", len(s), dtype=bool)
        np.greater(s.reshape(-1), _LEAST, out=by_length)
        np.reciprocal(np.maximum(s, _LEAST, out=s), out=s)
        return by_length

    def length(self, s: Any, k: int) -> Any:
        return np.maximum(np.sqrt(s), _LEAST)

    def formula(self) -> Formula:
        sums = r"\sum_j y_j \frac{\partial E}{\partial y_j}"
        return self._formula(
            r"s = \max(\sqrt{\sum_i x_i^2}, 10^{-12})",
            r"y_i = \frac{x_i}{s}",
            back=(rf"{DX} = \frac{{1}}{{s}} ({DY} - y_i {sums})",),
        )
