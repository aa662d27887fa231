"""SmoothClipping: values far away come near, and those near stay."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import DX, DY, Formula, number
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register

#: Multiples of the limit beyond which a number is as good as infinite, and its square is not yet.
_FAR = 1e18


@register("smooth_clipping")
class SmoothClipping(Layer):
    """y = x / q, q = sqrt(1 + (x / limit)^2), which is in (-limit, limit); dx = dy / q^3.

    Behind ``RobustScaling`` or ``Normalization`` it keeps outliers from saturating a network, while
    numbers that are small beside the limit stay almost as they are (Holzmüller et al., 2024,
    "Better by default"). An infinite number becomes the limit; NaN stays NaN.

    Parameters
    ----------
    limit : float, positive
        The size that no output reaches, in the unit of x.

    Raises
    ------
    ConfigurationError
        For a limit that is not positive.

    Examples
    --------
    >>> from annlib import Sequential
    >>> Sequential([SmoothClipping()]).predict([[0.1, 3.0, -4.0, 1e30]]).round(4)
    array([[ 0.0999,  2.1213, -2.4   ,  3.    ]], dtype=float32)
    """

    group = "preprocessing"

    def __init__(self, limit: float = 3.0, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.limit: float = check_number(limit, type(self).__name__, "limit", "(0, inf)")

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        y, r = work.array("y", *x.shape), work.array("r", *x.shape)
        info = np.finfo(y.dtype)
        limit = max(self.limit, float(info.tiny))
        far = min(limit * _FAR, float(info.max))
        np.clip(x, -far, far, out=y)
        np.square(np.divide(y, limit, out=r), out=r)
        np.reciprocal(np.sqrt(np.add(r, 1, out=r), out=r), out=r)
        return np.multiply(y, r, out=y)

    def expression(self, x: Any) -> Any:
        info = np.finfo(x.dtype)
        limit = max(self.limit, float(info.tiny))
        far = min(limit * _FAR, float(info.max))
        y = np.clip(x, -far, far)
        return y / np.sqrt(1 + (y / limit) * (y / limit))

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if not input_gradient:
            return None
        r = work.array("r", *dy.shape)
        for _ in range(3):
            np.multiply(dy, r, out=dy)
        return dy

    def formula(self) -> Formula:
        square = rf"(1 + (\frac{{x_i}}{{{number(self.limit)}}})^2)"
        return self._formula(
            rf"y_i = \frac{{x_i}}{{\sqrt{{1 + (\frac{{x_i}}{{{number(self.limit)}}})^2}}}}",
            back=(rf"{DX} = {square}^{{-1.5}} {DY}",),
            source="Holzmüller et al. (2024)",
        )
