"""Softplus and the logarithm of the sigmoid: one function, turned by 180 degrees."""

from __future__ import annotations

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace


@register("softplus")
class Softplus(Activation):
    """a = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), da/dz = 1 - exp(-a).

    Dugas et al. (2001), "Incorporating second-order functional knowledge".
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        bend = numerics.log1p_exp_neg_abs(Z, work.array("softplus.bend", *Z.shape))
        Z.clip(0.0, np.inf, A)
        np.add(A, bend, out=A)

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
    """a = log(1 / (1 + exp(-z))) = min(z, 0) - log(1 + exp(-|z|)), da/dz = 1 - exp(a)."""

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        bend = numerics.log1p_exp_neg_abs(Z, work.array("log_sigmoid.bend", *Z.shape))
        Z.clip(-np.inf, 0.0, A)
        np.subtract(A, bend, out=A)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope, scratch = (work.array(f"log_sigmoid.{n}", *A.shape) for n in ("bend", "scratch"))
        numerics.expm1(A, slope, scratch)
        np.multiply(dA, np.negative(slope, out=slope), out=dA)

    def formula(self) -> Formula:
        return self._formula(r"a_i = -\log(1 + e^{-z_i})", slope="1 - e^{a_i}")
