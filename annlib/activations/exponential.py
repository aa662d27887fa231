"""Exponentials: the function itself, and linear units whose negative side is one."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.expression import Operator
from annlib.core.formula import Formula, cases
from annlib.core.workspace import Workspace


@register("exponential")
class Exponential(Activation):
    """a = exp(z), da/dz = a. From z = 710 on, 89 in float32, no number is as large."""

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        np.exp(Z, out=A)

    def expression(self, Z: Any) -> Any:
        return np.exp(Z)

    def onnx_operator(self) -> Operator:
        return "Exp", {}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        np.multiply(dA, A, out=dA)

    def formula(self) -> Formula:
        return self._formula("a_i = e^{z_i}", slope="a_i")


class ExponentialLinear(Activation):
    """a = p z for z > 0, q (exp(z/r) - 1) for z <= 0; da/dz = p, (a + q) / r.

    What ELU, SELU and CELU share: they are choices of slope p, depth q and width r.
    """

    slope = 1.0
    depth = 1.0
    width = 1.0

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        below, scratch = (work.array(f"elu.{name}", *Z.shape) for name in ("below", "scratch"))
        # At 1000 widths below 0 the exponential is 0 in every type.
        Z.clip(-1000.0 * self.width, 0.0, below)
        np.multiply(below, 1 / self.width, out=below)
        numerics.expm1(below, below, scratch)
        np.multiply(below, self.depth, out=below)
        Z.clip(0.0, np.inf, A)
        np.multiply(A, self.slope, out=A)
        np.add(A, below, out=A)

    def expression(self, Z: Any) -> Any:
        below = self.depth * np.expm1(np.minimum(Z, 0) / self.width)
        return self.slope * np.maximum(Z, 0) + below

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = A.clip(-np.inf, 0.0, work.array("elu.below", *A.shape))
        np.add(slope, self.depth, out=slope)
        np.multiply(slope, 1 / self.width, out=slope)
        jump = self.slope - self.depth / self.width
        if jump:
            step = work.array("elu.scratch", *A.shape)
            np.copyto(step, np.greater(A, 0, out=work.array("elu.mask", *A.shape, dtype=bool)))
            np.add(slope, np.multiply(step, jump, out=step), out=slope)
        np.multiply(dA, slope, out=dA)


@register("elu")
class ELU(ExponentialLinear):
    """a = z for z > 0, alpha (exp(z) - 1) for z <= 0; da/dz = 1, a + alpha.

    Clevert et al. (2016), "Fast and accurate deep network learning by exponential linear units".

    Parameters
    ----------
    alpha : float, in [0, inf)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = self.depth = check_number(alpha, "ELU", "alpha", "[0, inf)")

    def onnx_operator(self) -> Operator:
        return "Elu", {"alpha": float(self.alpha)}

    def formula(self) -> Formula:
        return self._formula(
            "a_i = " + cases(("z_i", "z_i > 0"), (r"\alpha (e^{z_i} - 1)", r"z_i \le 0")),
            slope=cases(("1", "z_i > 0"), (r"a_i + \alpha", r"z_i \le 0")),
            source="Clevert et al. (2016)",
            symbols=((r"\alpha", f"{self.alpha:g}"),),
        )


@register("celu")
class CELU(ExponentialLinear):
    """a = z for z > 0, alpha (exp(z/alpha) - 1) for z <= 0; da/dz = 1, a/alpha + 1.

    ELU with a derivative that has no jump (Barron, 2017).

    Parameters
    ----------
    alpha : float, in (0, inf)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = self.depth = self.width = check_number(alpha, "CELU", "alpha", "(0, inf)")

    def onnx_operator(self) -> Operator:
        return "Celu", {"alpha": float(self.alpha)}

    def formula(self) -> Formula:
        return self._formula(
            "a_i = " + cases(("z_i", "z_i > 0"), (r"\alpha (e^{z_i / \alpha} - 1)", r"z_i \le 0")),
            slope=cases(("1", "z_i > 0"), (r"e^{z_i / \alpha}", r"z_i \le 0")),
            source="Barron (2017)",
            symbols=((r"\alpha", f"{self.alpha:g}"),),
        )


@register("selu")
class SELU(ExponentialLinear):
    """a = 1.0507 z for z > 0, 1.0507 * 1.6733 (exp(z) - 1) for z <= 0.

    With LeCun's normal initial values mean 0 and variance 1 are a fixed point from layer to layer
    (Klambauer et al., 2017, "Self-normalizing neural networks").
    """

    slope = 1.0507009873554805
    depth = slope * 1.6732632423543772

    def onnx_operator(self) -> Operator:
        return "Selu", {"alpha": self.depth / self.slope, "gamma": self.slope}

    def formula(self) -> Formula:
        return self._formula(
            "a_i = "
            + cases((r"\lambda z_i", "z_i > 0"), (r"\lambda \alpha (e^{z_i} - 1)", r"z_i \le 0")),
            slope=cases((r"\lambda", "z_i > 0"), (r"a_i + \lambda \alpha", r"z_i \le 0")),
            source="Klambauer et al. (2017)",
            symbols=(
                (r"\lambda", f"{self.slope:.12g}"),
                (r"\alpha", f"{self.depth / self.slope:.12g}"),
            ),
        )
