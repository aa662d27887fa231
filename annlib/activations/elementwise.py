"""Activations whose every output depends on its own input alone: the paper's case 1 (6.2, 7.2).

dE/dz_i = dE/da_i * da_i/dz_i, the Hadamard product of two matrices.
"""

from __future__ import annotations

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace


@register("linear", "identity")
class Linear(Activation):
    """a = z, da/dz = 1 (paper 8.5)."""

    stands_for_none = True

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        if A is not Z:
            np.copyto(A, Z)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        pass


@register("relu")
class ReLU(Activation):
    """a = max(z, 0); da/dz = 1 for z > 0, 0 for z < 0 (paper 8.1).

    Parameters
    ----------
    slope_at_zero : float, in [0, 1]
        da/dz at exactly 0, where the paper disagrees with itself (errata 13). 0 is Keras' and
        PyTorch's choice, and the more robust (Bertoin et al., 2021); 1 is the paper's case form.

    Examples
    --------
    >>> ReLU()([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """

    def __init__(self, slope_at_zero: float = 0.0) -> None:
        if not 0 <= slope_at_zero <= 1:
            raise ConfigurationError(
                f"ReLU: expected slope_at_zero between 0 and 1, got {slope_at_zero!r}."
            )
        self.slope_at_zero = slope_at_zero
        # The output is 0 for every z <= 0; only the input tells z = 0 from z < 0.
        self.needs_input = slope_at_zero != 0

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        np.maximum(Z, numerics.ZERO[A.dtype.char], out=A)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        mask = work.array("relu.mask", *A.shape, dtype=bool)
        if self.needs_input:
            slope = work.array("relu.slope", *Z.shape)
            np.multiply(np.equal(Z, 0, out=mask), self.slope_at_zero, out=slope)
            np.add(slope, np.greater(Z, 0, out=mask), out=slope)
            np.multiply(dA, slope, out=dA)
        else:
            np.greater(A, numerics.ZERO[A.dtype.char], out=mask)
            np.multiply(dA, mask, out=dA)


@register("sigmoid")
class Sigmoid(Activation):
    """a = 1 / (1 + exp(-z)), da/dz = a (1 - a) (paper 8.2), stable for every z (errata 11)."""

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        numerics.sigmoid(Z, A)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = np.subtract(1, A, out=work.array("sigmoid.slope", *A.shape))
        np.multiply(slope, A, out=slope)
        np.multiply(dA, slope, out=dA)


@register("tanh")
class Tanh(Activation):
    """a = tanh(z), da/dz = 1 - a^2 (paper 8.3), by the library function (errata 12)."""

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        np.tanh(Z, out=A)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = np.multiply(A, A, out=work.array("tanh.slope", *A.shape))
        np.subtract(1, slope, out=slope)
        np.multiply(dA, slope, out=dA)
