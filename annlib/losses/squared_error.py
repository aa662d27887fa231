"""Losses of regression: the paper's half sum of squares and Keras' mean of squares."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.losses.base import Loss, register


def _differences(Y: Array, A: Array, work: Workspace) -> Array:
    """D = A - Y, as (n, k)."""
    D = np.subtract(A, Y, out=work.array("D", *A.shape))
    return D.reshape(len(A), -1)


@register("half_sum_squared_error")
class HalfSumSquaredError(Loss):
    """E_r = 1/2 sum_i (a_i - y_i)^2,  dE_r/da_i = a_i - y_i (paper 9.1).

    The paper prints y - a for the gradient, which climbs (errata 1). With ``reduction="sum"`` the
    batch's loss is the paper's, too.

    Examples
    --------
    >>> HalfSumSquaredError(reduction="sum")([[0.0, 0.0]], [[1.0, 3.0]])
    5.0
    """

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        D = _differences(Y, A, work)
        np.einsum("ij,ij->i", D, D, out=E)
        np.multiply(E, 0.5, out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.copyto(dA, work.array("D", *A.shape))


@register("mean_squared_error", "mse")
class MeanSquaredError(Loss):
    """E_r = 1/N sum_i (a_i - y_i)^2 over the N outputs,  dE_r/da_i = 2/N (a_i - y_i).

    Examples
    --------
    >>> MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
    5.0
    """

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        D = _differences(Y, A, work)
        np.einsum("ij,ij->i", D, D, out=E)
        if D.shape[1] > 1:
            np.divide(E, D.shape[1], out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.multiply(work.array("D", *A.shape), 2 * len(A) / A.size, out=dA)
