"""Smooth ramps: softplus, the same turned by 180 degrees (log_sigmoid), and squareplus."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.expression import Operator
from annlib.core.formula import Formula, number
from annlib.core.workspace import Workspace


@register("softplus")
class Softplus(Activation):
    """a = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), da/dz = 1 - exp(-a).

    Dugas et al. (2001), "Incorporating second-order functional knowledge".

    Examples
    --------
    >>> Softplus()([-1000.0, 0.0, 1000.0]).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        bend = numerics.log1p_exp_neg_abs(Z, work.array("softplus.bend", *Z.shape))
        Z.clip(0.0, np.inf, A)
        np.add(A, bend, out=A)

    def expression(self, Z: Any) -> Any:
        return np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))

    def onnx_operator(self) -> Operator:
        return "Softplus", {}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope, scratch = (work.array(f"softplus.{name}", *A.shape) for name in ("bend", "scratch"))
        np.negative(A, out=slope)
        numerics.expm1(slope, slope, scratch)
        np.multiply(dA, np.negative(slope, out=slope), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \log(1 + e^{z_i})", slope="1 - e^{-a_i}", source="Dugas et al. (2001)"
        )


@register("log_sigmoid")
class LogSigmoid(Activation):
    """a = log(1 / (1 + exp(-z))) = min(z, 0) - log(1 + exp(-|z|)), da/dz = 1 - exp(a).

    Examples
    --------
    >>> LogSigmoid()([-1000.0, 0.0, 1000.0]).round(4)
    array([-1.000e+03, -6.931e-01,  0.000e+00])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        bend = numerics.log1p_exp_neg_abs(Z, work.array("log_sigmoid.bend", *Z.shape))
        Z.clip(-np.inf, 0.0, A)
        np.subtract(A, bend, out=A)

    def expression(self, Z: Any) -> Any:
        return np.minimum(Z, 0) - np.log1p(np.exp(-np.abs(Z)))

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope, scratch = (work.array(f"log_sigmoid.{n}", *A.shape) for n in ("bend", "scratch"))
        numerics.expm1(A, slope, scratch)
        np.multiply(dA, np.negative(slope, out=slope), out=dA)

    def formula(self) -> Formula:
        return self._formula(r"a_i = -\log(1 + e^{-z_i})", slope="1 - e^{a_i}")


@register("squareplus")
class Squareplus(Activation):
    """a = (z + sqrt(z^2 + b)) / 2, da/dz = a^2 / (a^2 + b/4): algebraic, without exponentials.

    Barron (2021), "Squareplus: a softplus-like algebraic rectifier".

    Parameters
    ----------
    b : float, in (0, inf)
        How wide the bend is; near 0 it is the relu.

    Raises
    ------
    ConfigurationError
        If b is not positive.

    Examples
    --------
    >>> Squareplus()([-1e9, 0.0, 1e9])
    array([1.e-09, 1.e+00, 1.e+09])
    """

    def __init__(self, b: float = 4) -> None:
        self.b = check_number(b, "Squareplus", "b", "(0, inf)")

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        # For z < 0 the sum would cancel: the product of the two roots of a^2 - z a - b/4 is -b/4.
        c = math.sqrt(self.b) / 2
        mask = np.less(Z, 0, out=work.array("squareplus.mask", *Z.shape, dtype=bool))
        half = np.multiply(Z, 0.5, out=work.array("squareplus.half", *Z.shape))
        np.abs(half, out=half)
        np.add(np.hypot(half, c, out=A), half, out=A)
        np.multiply(np.divide(c, A, out=half), c, out=half)
        np.copyto(A, half, where=mask)

    def expression(self, Z: Any) -> Any:
        c = math.sqrt(self.b) / 2
        half = np.abs(Z) * 0.5
        ratio = np.minimum(half, c) / np.maximum(half, c)  # whose square cannot overflow
        root = np.maximum(half, c) * np.sqrt(1 + ratio * ratio) + half
        return np.where(Z < 0, c / root * c, root)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = np.hypot(A, math.sqrt(self.b) / 2, out=work.array("squareplus.half", *A.shape))
        np.divide(A, slope, out=slope)
        np.multiply(dA, np.square(slope, out=slope), out=dA)

    def formula(self) -> Formula:
        b = number(self.b)
        return self._formula(
            rf"a_i = \frac{{1}}{{2}} (z_i + \sqrt{{z_i^2 + {b}}})",
            slope=rf"\frac{{1}}{{2}} (1 + \frac{{z_i}}{{\sqrt{{z_i^2 + {b}}}}})",
            source="Barron (2021)",
        )
