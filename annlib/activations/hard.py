"""Piecewise linear stand-ins for smooth functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core.arrays import Array
from annlib.core.expression import Operator
from annlib.core.formula import Formula, cases
from annlib.core.workspace import Workspace


@register("hard_tanh")
class HardTanh(Activation):
    """a = z between -1 and 1 and held there, da/dz = 1 within and 0 outside (Collobert, 2004).

    Examples
    --------
    >>> HardTanh()([-4.0, 0.5, 4.0])
    array([-1. ,  0.5,  1. ])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        Z.clip(-1.0, 1.0, A)

    def expression(self, Z: Any) -> Any:
        return np.clip(Z, -1, 1)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        size = np.abs(A, out=work.array("hard_tanh.size", *A.shape))
        mask = work.array("hard_tanh.mask", *A.shape, dtype=bool)
        np.multiply(dA, np.less(size, 1, out=mask), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \max(-1, \min(z_i, 1))",
            slope=cases(("1", "-1 < z_i < 1"), ("0", "")),
            source="Collobert (2004)",
        )


@register("hard_sigmoid")
class HardSigmoid(Activation):
    """a = (z + 3) / 6 held between 0 and 1, da/dz = 1/6 within and 0 outside.

    Keras 3's and PyTorch's; the slope of Keras 2 was 0.2 (Courbariaux et al., 2015).

    Examples
    --------
    >>> HardSigmoid()([-4.0, 0.0, 1.5, 4.0])
    array([0.  , 0.5 , 0.75, 1.  ])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        hard_sigmoid(Z, A)

    def expression(self, Z: Any) -> Any:
        return np.clip(Z / 6 + 0.5, 0, 1)

    def onnx_operator(self) -> Operator:
        return "HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        mask = work.array("hard_sigmoid.mask", *A.shape, dtype=bool)
        np.multiply(dA, np.greater(A, 0, out=mask), out=dA)
        np.multiply(dA, np.less(A, 1, out=mask), out=dA)
        np.divide(dA, 6, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \max(0, \min(\frac{z_i + 3}{6}, 1))",
            slope=cases((r"\frac{1}{6}", "-3 < z_i < 3"), ("0", "")),
            source="Courbariaux et al. (2015), with the slope of Keras 3",
        )


@register("hard_silu", "hard_swish")
class HardSiLU(Activation):
    """a = z h(z) with h the hard sigmoid; da/dz = h(z) + z/6 for |z| < 3, else h(z).

    Howard et al. (2019), "Searching for MobileNetV3".

    Examples
    --------
    >>> HardSiLU()([-1.5, 0.0, 1.5, 4.0])
    array([-0.375,  0.   ,  1.125,  4.   ])
    """

    needs_input = True

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        hard_sigmoid(Z, A)
        np.multiply(A, Z, out=A)

    def expression(self, Z: Any) -> Any:
        return Z * np.clip(Z / 6 + 0.5, 0, 1)

    def onnx_operator(self) -> Operator:
        return "HardSwish", {}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        size = np.abs(Z, out=work.array("hard_silu.size", *Z.shape))
        mask = np.less(size, 3, out=work.array("hard_silu.mask", *Z.shape, dtype=bool))
        slope = np.multiply(Z, mask, out=work.array("hard_silu.slope", *Z.shape))
        np.divide(slope, 6, out=slope)
        np.add(slope, hard_sigmoid(Z, size), out=slope)
        np.multiply(dA, slope, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"h_i = \max(0, \min(\frac{z_i + 3}{6}, 1))",
            "a_i = z_i h_i",
            slope=cases((r"h_i + \frac{z_i}{6}", "-3 < z_i < 3"), ("h_i", "")),
            source="Howard et al. (2019)",
        )


@register("sparse_sigmoid")
class SparseSigmoid(Activation):
    """a = (z + 1) / 2 held between 0 and 1, da/dz = 1/2 within and 0 outside.

    The slope of the sparse plus; sparsemax of two units, (z, 0), at twice the input: Martins and
    Astudillo (2016), "From softmax to sparsemax".

    Examples
    --------
    >>> SparseSigmoid()([-2.0, 0.0, 0.5])
    array([0.  , 0.5 , 0.75])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        sparse_sigmoid(Z, A)

    def expression(self, Z: Any) -> Any:
        return (np.clip(Z, -1, 1) + 1) * 0.5

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        mask = work.array("sparse_sigmoid.mask", *A.shape, dtype=bool)
        np.multiply(dA, np.greater(A, 0, out=mask), out=dA)
        np.multiply(dA, np.less(A, 1, out=mask), out=dA)
        np.multiply(dA, 0.5, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \max(0, \min(\frac{z_i + 1}{2}, 1))",
            slope=cases((r"\frac{1}{2}", "-1 < z_i < 1"), ("0", "")),
            source="Martins and Astudillo (2016)",
        )


@register("sparse_plus")
class SparsePlus(Activation):
    """a = 0 up to -1, (z + 1)^2 / 4 between -1 and 1, z from there; da/dz = 0, (z + 1) / 2, 1.

    As one equation: s = the sparse sigmoid of z, a = max(s^2, z), da/dz = s.

    Examples
    --------
    >>> SparsePlus()([-2.0, 0.0, 3.0])
    array([0.  , 0.25, 3.  ])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        S = sparse_sigmoid(Z, work.array("sparse_plus.s", *Z.shape))
        np.maximum(Z, np.square(S, out=S), out=A)

    def expression(self, Z: Any) -> Any:
        s = (np.clip(Z, -1, 1) + 1) * 0.5
        return np.maximum(Z, s * s)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        S = np.minimum(A, 1, out=work.array("sparse_plus.s", *A.shape))
        np.multiply(dA, np.sqrt(S, out=S), out=dA)

    def formula(self) -> Formula:
        within = "-1 < z_i < 1"
        return self._formula(
            "a_i = "
            + cases(("z_i", r"z_i \ge 1"), (r"\frac{1}{4} (z_i + 1)^2", within), ("0", "")),
            slope=cases(("1", r"z_i \ge 1"), (r"\frac{1}{2} (z_i + 1)", within), ("0", "")),
        )


def sparse_sigmoid(Z: Array, A: Array) -> Array:
    """Write (z + 1) / 2, held between 0 and 1, into A (which may be Z)."""
    Z.clip(-1.0, 1.0, A)
    np.add(A, 1, out=A)
    return np.multiply(A, 0.5, out=A)


def hard_sigmoid(Z: Array, A: Array) -> Array:
    """Write (z + 3) / 6, held between 0 and 1, into A (which may be Z)."""
    np.add(Z, 3, out=A)
    A.clip(0.0, 6.0, A)
    return np.divide(A, 6, out=A)
