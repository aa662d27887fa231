"""The S-shaped: from one level to another. Each has its derivative from its output alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.expression import Operator
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace


@register("sigmoid")
class Sigmoid(Activation):
    """a = 1 / (1 + exp(-z)), da/dz = a (1 - a) (paper 8.2), stable for every z (errata 11).

    Examples
    --------
    >>> Sigmoid()([-1000.0, 0.0, 2.0]).round(4)
    array([0.    , 0.5   , 0.8808])
    """

    task = "binary"

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        numerics.sigmoid(Z, A)

    def expression(self, Z: Any) -> Any:
        least = float(numerics.LEAST_EXPONENT[Z.dtype.char])
        return 1 / (1 + np.exp(-np.maximum(Z, least)))

    def onnx_operator(self) -> Operator:
        return "Sigmoid", {}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = np.subtract(1, A, out=work.array("sigmoid.slope", *A.shape))
        np.multiply(slope, A, out=slope)
        np.multiply(dA, slope, out=dA)

    def formula(self) -> Formula:
        return self._formula(r"a_i = \frac{1}{1 + e^{-z_i}}", slope="a_i (1 - a_i)", section="8.2")


@register("tanh")
class Tanh(Activation):
    """a = tanh(z), da/dz = 1 - a^2 (paper 8.3), by the library function (errata 12).

    Examples
    --------
    >>> Tanh()([-1000.0, 0.0, 1.0]).round(4)
    array([-1.    ,  0.    ,  0.7616])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        np.tanh(Z, out=A)

    def expression(self, Z: Any) -> Any:
        return np.tanh(Z)

    def onnx_operator(self) -> Operator:
        return "Tanh", {}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = np.multiply(A, A, out=work.array("tanh.slope", *A.shape))
        np.subtract(1, slope, out=slope)
        np.multiply(dA, slope, out=dA)

    def formula(self) -> Formula:
        return self._formula(r"a_i = \tanh(z_i)", slope="1 - a_i^2", section="8.3")


@register("softsign")
class Softsign(Activation):
    """a = z / (1 + |z|), da/dz = 1 / (1 + |z|)^2 = (1 - |a|)^2 (Bergstra et al., 2009).

    Examples
    --------
    >>> Softsign()([-3.0, 0.0, 1.0])
    array([-0.75,  0.  ,  0.5 ])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        size = np.abs(Z, out=work.array("softsign.size", *Z.shape))
        np.add(size, 1, out=size)
        np.divide(Z, size, out=A)

    def expression(self, Z: Any) -> Any:
        return Z / (1 + np.abs(Z))

    def onnx_operator(self) -> Operator:
        return "Softsign", {}

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = np.abs(A, out=work.array("softsign.size", *A.shape))
        np.subtract(1, slope, out=slope)
        np.multiply(slope, slope, out=slope)
        np.multiply(dA, slope, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \frac{z_i}{1 + \lvert z_i \rvert}",
            slope=r"(1 - \lvert a_i \rvert)^2",
            source="Bergstra et al. (2009)",
        )
