"""Gated: z times a smooth gate between 0 and 1, a dip below 0 before the rise."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.activations.sigmoids import Sigmoid
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.expression import Operator, express
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace


def gate(V: Array, A: Array) -> None:
    """Write s = 1 / (1 + exp(-v)) into A; V, which is capped, becomes exp(v).

    s = e / (1 + e) is right to the last digits also where it is tiny and z times it is not.
    """
    E = np.exp(V, out=V)
    np.add(E, 1, out=A)
    np.divide(E, A, out=A)


def gate_slope(V: Array, W: Array, work: Workspace) -> Array:
    """Write s (1 + w (1 - s)) into W (which may be V): the derivative of z s(v), w = z dv/dz."""
    E = np.exp(V, out=work.array("gate.e", *V.shape))
    D = np.add(E, 1, out=work.array("gate.d", *V.shape))
    np.divide(W, D, out=W)
    np.add(W, 1, out=W)
    np.multiply(W, E, out=W)
    return np.divide(W, D, out=W)


@register("silu", "swish")
class SiLU(Activation):
    """a = z s with s = 1 / (1 + exp(-z)); da/dz = s (1 + z (1 - s)).

    Elfwing et al. (2018), "Sigmoid-weighted linear units"; as Swish, Ramachandran et al. (2017).

    Examples
    --------
    >>> SiLU()([-1.0, 0.0, 1.0]).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """

    needs_input = True

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        gate(numerics.capped(Z, work.array("gate.v", *Z.shape)), A)
        np.multiply(A, Z, out=A)

    def expression(self, Z: Any) -> Any:
        return Z * express(Sigmoid(), Z)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        V = numerics.capped(Z, work.array("gate.v", *Z.shape))
        np.multiply(dA, gate_slope(V, V, work), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"s_i = \frac{1}{1 + e^{-z_i}}",
            "a_i = z_i s_i",
            slope="s_i (1 + z_i (1 - s_i))",
            source="Elfwing et al. (2018); as Swish, Ramachandran et al. (2017)",
        )


@register("mish")
class Mish(Activation):
    """a = z tanh(log(1 + e)) = z n / (n + 2) with e = exp(z), n = e (e + 2).

    da/dz = (n + 4 z e (e + 1) / (n + 2)) / (n + 2). Misra (2020), "Mish".

    Examples
    --------
    >>> Mish()([-1.0, 0.0, 1.0]).round(4)
    array([-0.3034,  0.    ,  0.8651])
    """

    needs_input = True

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        E = numerics.capped(Z, work.array("mish.e", *Z.shape))
        np.exp(E, out=E)
        np.add(E, 2, out=A)
        np.multiply(A, E, out=A)
        np.divide(A, np.add(A, 2, out=E), out=A)
        np.multiply(A, Z, out=A)

    def expression(self, Z: Any) -> Any:
        e = np.exp(np.minimum(Z, numerics.CAP[Z.dtype.char]))
        n = e * (e + 2)
        return Z * (n / (n + 2))

    def onnx_operator(self) -> Operator:
        return "Mish", {}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        V, E, N = (work.array(f"mish.{name}", *Z.shape) for name in ("v", "e", "n"))
        self._powers(Z, V, E, N)
        D = np.add(N, 2, out=work.array("mish.d", *Z.shape))
        np.multiply(dA, self._slope(V, E, N, D), out=dA)

    def differentiate(self, Z: Array, A: Array, D: Array, work: Workspace) -> None:
        V, E, N = (work.array(f"mish.{name}", *Z.shape) for name in ("v", "e", "n"))
        self._powers(Z, V, E, N)
        np.add(N, 2, out=D)
        np.multiply(np.divide(N, D, out=A), Z, out=A)
        self._slope(V, E, N, D)

    @staticmethod
    def _powers(Z: Array, V: Array, E: Array, N: Array) -> None:
        """Write z, capped, e and n."""
        np.exp(numerics.capped(Z, V), out=E)
        np.multiply(np.add(E, 2, out=N), E, out=N)

    @staticmethod
    def _slope(V: Array, E: Array, N: Array, D: Array) -> Array:
        """Turn d = n + 2 into the derivative, of what ``_powers`` gave."""
        np.subtract(N, E, out=E)  # e (e + 1)
        np.multiply(E, V, out=E)
        np.divide(E, D, out=E)
        np.multiply(E, 4, out=E)
        np.add(E, N, out=E)
        return np.divide(E, D, out=D)

    def formula(self) -> Formula:
        return self._formula(
            r"t_i = \tanh(\log(1 + e^{z_i}))",
            "a_i = z_i t_i",
            slope=r"t_i + \frac{z_i (1 - t_i^2)}{1 + e^{-z_i}}",
            source="Misra (2020)",
        )
