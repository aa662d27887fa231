"""Activations whose every output depends on its whole row: the paper's case 2 (6.2, 7.2)."""

from __future__ import annotations

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.workspace import Workspace


@register("softmax")
class Softmax(Activation):
    """a_i = exp(z_i) / sum_j exp(z_j) over each row (paper 8.4).

    The Jacobian da_i/dz_j = a_i (delta_ij - a_j), eq. (7), is never formed. Put into eq. (6) it
    gives, for a whole batch, dZ = A * (dA - rowsum(dA * A)): O(N) a row and not O(N^2).

    Examples
    --------
    >>> Softmax()([[1000.0, 1000.0]])
    array([[0.5, 0.5]])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        k = Z.shape[-1]
        numerics.softmax(Z.reshape(-1, k), A.reshape(-1, k), work)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        k = A.shape[-1]
        products = np.multiply(dA, A, out=work.array("softmax.products", *A.shape)).reshape(-1, k)
        sums = np.dot(products, work.ones(k), out=work.array("softmax.sums", len(products)))
        np.subtract(dA, sums.reshape(*A.shape[:-1], 1), out=dA)
        np.multiply(dA, A, out=dA)
