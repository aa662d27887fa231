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
    """a = exp(z), da/dz = a. From z = 710 on, 89 in float32, no number is as large.

    Examples
    --------
    >>> Exponential()([-1000.0, 0.0, 1.0]).round(4)
    array([0.    , 1.    , 2.7183])
    """

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
        below = self._below(Z, work.array("elu.below", *Z.shape), work)
        Z.clip(0.0, np.inf, A)
        if self.slope != 1:
            np.multiply(A, self.slope, out=A)
        np.add(A, below, out=A)

    def expression(self, Z: Any) -> Any:
        below = self.depth * np.expm1(np.minimum(Z, 0) / self.width)
        return self.slope * np.maximum(Z, 0) + below

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        below = A.clip(-np.inf, 0.0, work.array("elu.below", *A.shape))
        np.multiply(dA, self._slope(below, A, work), out=dA)

    def differentiate(self, Z: Array, A: Array, D: Array, work: Workspace) -> None:
        below = self._below(Z, D, work)
        Z.clip(0.0, np.inf, A)
        if self.slope != 1:
            np.multiply(A, self.slope, out=A)
        np.add(A, below, out=A)
        self._slope(below, A, work)

    def _below(self, Z: Array, out: Array, work: Workspace) -> Array:
        """Write the values of what lies below 0 into ``out``, and 0 for all else."""
        # At 1000 widths below 0 the exponential is 0 in every type.
        Z.clip(-1000.0 * self.width, 0.0, out)
        if self.width != 1:
            np.multiply(out, 1 / self.width, out=out)
        return numerics.expm1(out, out, work.array("elu.scratch", *Z.shape), self.depth)

    def _slope(self, below: Array, A: Array, work: Workspace) -> Array:
        """Turn the values of what lies below 0 into the derivatives of all, in place."""
        np.add(below, self.depth, out=below)
        if self.width != 1:
            np.multiply(below, 1 / self.width, out=below)
        jump = self.slope - self.depth / self.width
        if jump:
            step = work.array("elu.scratch", *A.shape)
            np.copyto(step, np.greater(A, 0, out=work.array("elu.mask", *A.shape, dtype=bool)))
            np.add(below, np.multiply(step, jump, out=step), out=below)
        return below


@register("elu")
class ELU(ExponentialLinear):
    """a = z for z > 0, alpha (exp(z) - 1) for z <= 0; da/dz = 1, a + alpha.

    Clevert et al. (2016), "Fast and accurate deep network learning by exponential linear units".

    Parameters
    ----------
    alpha : float, in [0, inf)
        The output falls to -alpha, not further.

    Raises
    ------
    ConfigurationError
        For an alpha that is no such number.

    Examples
    --------
    >>> ELU(2.0)([-100.0, 0.0, 3.0])
    array([-2.,  0.,  3.])
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
        The output falls to -alpha, not further.

    Raises
    ------
    ConfigurationError
        For an alpha that is no such number.

    Examples
    --------
    >>> CELU(2.0)([-100.0, 0.0, 3.0])
    array([-2.,  0.,  3.])
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

    Examples
    --------
    >>> SELU()([-100.0, 0.0, 1.0]).round(4)
    array([-1.7581,  0.    ,  1.0507])
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
