"""RMSNormalization (Zhang & Sennrich, 2019): rows of mean square 1, then scaled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_number
from annlib.core.formula import DX, DY, Formula
from annlib.core.numerics import TINY
from annlib.core.workspace import Workspace
from annlib.layers.base import LayerArguments, register
from annlib.layers.layer_normalization import inverse_root
from annlib.layers.row_normalization import RowNormalization, gradients_of_scaling


@register("rms_normalization")
class RMSNormalization(RowNormalization):
    """y = scale h,  h = x / r,  r = sqrt(mean(x^2) + epsilon), by rows.

        dx = (g - h mean(g h)) / r,  g = scale dy

    x is (n, features), or has more axes. LayerNormalization without mean and beta; ``scale`` is a
    parameter, one number for each of a row, which starts as 1. Zhang and Sennrich, 2019, "Root Mean
    Square Layer Normalization".

    Parameters
    ----------
    axis : int or list of int, -1 or at least 1
        The axes that make a row, and that ``scale`` spans; not 0, which is the batch.
    epsilon : float, above 0
        Added to the mean of the squares.

    Raises
    ------
    ConfigurationError
        For an axis that is no integer, or an epsilon that is not positive.
    ShapeError
        When a model is built for whose input an axis is none, or 0, which is the batch.

    Examples
    --------
    >>> RMSNormalization()([[3.0, 3.0], [0.0, 2.0]]).round(3)
    array([[1.   , 1.   ],
           [0.   , 1.414]], dtype=float32)
    """

    scale: Array
    gain = "scale"
    _parameter_letters: ClassVar[Mapping[str, str]] = {"scale": r"\gamma"}

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-6, **keywords: Unpack[LayerArguments]
    ) -> None:
        super().__init__(axis, **keywords)
        self.epsilon = check_number(epsilon, "RMSNormalization", "epsilon", "(0, inf)")

    def build(self, input_shape: BatchShape) -> None:
        self.add_weight("scale", self.sizes(input_shape), "ones")

    def inverse_length(self, s: Array, k: int, unit: Array | float, work: Workspace) -> float:
        return inverse_root(s, k, self.epsilon, unit)

    def length(self, s: Any, k: int) -> Any:
        return np.sqrt(s / k + max(self.epsilon, TINY[s.dtype.char]))

    def formula(self) -> Formula:
        return self._formula(
            r"s = \sqrt{\frac{1}{N} \sum_i x_i^2 + \varepsilon}",
            r"h_i = \frac{x_i}{s}",
            r"y_i = \gamma_i h_i",
            back=(
                rf"g_i = \gamma_i {DY}",
                rf"{DX} = \frac{{1}}{{s}} (g_i - \frac{{1}}{{N}} h_i \sum_j g_j h_j)",
                *gradients_of_scaling(scale=True, center=False),
            ),
            source="Zhang & Sennrich (2019)",
            symbols=((r"\varepsilon", f"{self.epsilon:g}"),),
            values=((r"\varepsilon", self.epsilon),),
        )
