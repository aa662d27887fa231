"""GELU: z times the probability that a standard normal number is smaller."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.activations.gated import gate, gate_slope
from annlib.activations.sigmoids import Sigmoid
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_flag
from annlib.core.expression import Operator, express
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace


@register("gelu")
class GELU(Activation):
    """a = z P(z), P the standard normal distribution; da/dz = P(z) + z p(z), p its density.

    Hendrycks & Gimpel (2016), "Gaussian error linear units".

    Parameters
    ----------
    approximate : bool
        P(z) = (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2 instead; a differs by up to 5e-4.

    Raises
    ------
    ConfigurationError
        If ``approximate`` is no bool.

    Examples
    --------
    >>> GELU()([-1.0, 0.0, 1.0]).round(4)
    array([-0.1587,  0.    ,  0.8413])
    >>> GELU(approximate=True)([-1.0, 0.0, 1.0]).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """

    needs_input = True

    def __init__(self, approximate: bool = False) -> None:
        self.approximate = check_flag(approximate, "GELU", "approximate")

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        if self.approximate:
            gate(approximate_gate(Z, work)[0], A)
            np.multiply(A, Z, out=A)
            return
        # With the tail Q(u) = P(-u): a = max(z, 0) - |z| Q(|z|), precise however small it is.
        U, S = (work.array(f"gelu.{name}", *Z.shape) for name in ("u", "s"))
        mills_ratio(size(Z, U), A, S)
        np.multiply(A, U, out=A)
        np.multiply(A, density(U, S), out=A)
        np.subtract(Z.clip(0.0, np.inf, S), A, out=A)

    def expression(self, Z: Any) -> Any:
        if self.approximate:
            X = np.clip(Z, -22.0, 22.0)
            return Z * express(Sigmoid(), X * (X * X * _CUBIC + _LINEAR))
        U = np.minimum(np.abs(Z), 40.0)
        S = 8.8 / (U + 4) - 1.2
        first, *others = _POLYNOMIAL[Z.dtype.char]
        ratio: Any = first
        for coefficient in others:
            ratio = ratio * S + coefficient
        density = np.exp(-0.5 * U * U) * (1 / math.sqrt(2 * math.pi))
        return np.maximum(Z, 0) - ratio / (U + 4) * U * density

    def onnx_operator(self) -> Operator:
        return "Gelu", {"approximate": "tanh" if self.approximate else "none"}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        if self.approximate:
            np.multiply(dA, gate_slope(*approximate_gate(Z, work), work), out=dA)
            return
        U, S, Q = (work.array(f"gelu.{name}", *Z.shape) for name in ("u", "s", "q"))
        size(Z, U)
        # Q(|z|) = (max(z, 0) - a) / |z|; a least number above and below makes 0 / 0 the Q(0) = 1/2.
        least = 4 * np.finfo(A.dtype).tiny
        np.subtract(Z.clip(0.0, np.inf, Q), A, out=Q)
        np.add(Q, least / 2, out=Q)
        np.divide(Q, np.add(U, least, out=S), out=Q)
        # da/dz is g = Q(|z|) - |z| p(z) for z <= 0, and 1 - g for z > 0.
        np.subtract(Q, np.multiply(density(U, S), U, out=S), out=Q)
        np.multiply(Q, -2, out=S)
        np.add(S, 1, out=S)
        mask = np.greater(Z, 0, out=work.array("gelu.mask", *Z.shape, dtype=bool))
        np.multiply(S, mask, out=S)
        np.multiply(dA, np.add(Q, S, out=Q), out=dA)

    def formula(self) -> Formula:
        source = "Hendrycks & Gimpel (2016)"
        if self.approximate:
            return self._formula(
                r"t_i = \tanh(\sqrt{\frac{2}{\pi}} (z_i + 0.044715 z_i^3))",
                r"a_i = \frac{1}{2} z_i (1 + t_i)",
                slope=r"\frac{1}{2} (1 + t_i) + "
                r"\frac{1}{2} z_i (1 - t_i^2) \sqrt{\frac{2}{\pi}} (1 + 0.134145 z_i^2)",
                source=source,
            )
        return self._formula(
            r"a_i = z_i \Phi(z_i)",
            slope=r"\Phi(z_i) + z_i \phi(z_i)",
            source=source,
            symbols=(
                (r"\Phi", "the distribution function of the standard normal"),
                (r"\phi", "its density"),
            ),
        )


def size(Z: Array, U: Array) -> Array:
    """Write |z| into U, held at 40, where the density is 0 in every type."""
    return np.abs(Z, out=U).clip(0.0, 40.0, U)


def density(U: Array, out: Array) -> Array:
    """Write p(u) = exp(-u^2 / 2) / sqrt(2 pi) into out."""
    np.multiply(U, U, out=out)
    np.multiply(out, -0.5, out=out)
    np.exp(out, out=out)
    return np.multiply(out, 1 / math.sqrt(2 * math.pi), out=out)


def mills_ratio(U: Array, out: Array, scratch: Array) -> Array:
    """Write Q(u) / p(u), the tail over the density, into out, for u from 0 to 40.

    Times u + 4 it is a polynomial in 1 / (u + 4), to 4 times the type's precision: an idea of
    Shepherd & Laframboise (1981). SciPy's function of a float32 takes ten times as long.
    """
    S = np.divide(8.8, np.add(U, 4, out=scratch), out=scratch)
    np.subtract(S, 1.2, out=S)
    first, *others = _POLYNOMIAL[U.dtype.char]
    out.fill(first)
    for coefficient in others:
        np.multiply(out, S, out=out)
        np.add(out, coefficient, out=out)
    return np.divide(out, np.add(U, 4, out=scratch), out=out)


# The Chebyshev interpolants, in powers of s = 8.8 / (u + 4) - 1.2, which is from -1 to 1.
# fmt: off
_POLYNOMIAL = {
    "f": (
        1.70899678e-4, 3.03117025e-4, -1.8393944e-3, -6.27257054e-3, 8.33677145e-3, 0.108440838,
        0.393701343, 0.913688543, 1.5566018, 2.04012528,
    ),
    "d": (
        2.8891172670350154e-9, 3.1811619188969935e-10, -3.26708738632894e-8, 1.819009934864888e-8,
        2.1348987719310995e-7, -3.175743264445968e-7, -1.11355135112858e-6, 3.180955229619109e-6,
        5.532598853946872e-6, -2.706928180326567e-5, -3.425948125938336e-5, 2.2726378464534843e-4,
        3.7118497948179395e-4, -1.8857630072854714e-3, -6.327794109482449e-3, 8.352876108866267e-3,
        0.10845991048530952, 0.3936993548087553, 0.9136861943536898, 1.5566018378028517,
        2.040125328173491,
    ),
}
# fmt: on


def approximate_gate(Z: Array, work: Workspace) -> tuple[Array, Array]:
    """The v of which P(z) = 1 / (1 + exp(-v)), capped, and z dv/dz."""
    X, V, W = (work.array(f"gate.{name}", *Z.shape) for name in ("x", "v", "w"))
    Z.clip(-22.0, 22.0, X)  # beyond, P is 0 or 1 in every type
    np.multiply(X, X, out=V)
    np.multiply(V, 3 * _CUBIC, out=W)
    np.add(W, _LINEAR, out=W)
    np.multiply(W, X, out=W)
    np.multiply(V, _CUBIC, out=V)
    np.add(V, _LINEAR, out=V)
    np.multiply(V, X, out=V)
    return numerics.capped(V, V), W


_LINEAR = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715 * _LINEAR
