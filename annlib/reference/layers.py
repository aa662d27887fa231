"""Sections 6 and 7: the forward and the backward pass through each layer, for one row."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.reference.activations import ACTIVATIONS
from annlib.reference.losses import LOSSES
from annlib.reference.notation import column_2_1, hadamard_3_5, scaled_rows_3_7


def fully_connected_by_index_5_1(Wt: Array, X: Array, B: Array) -> Array:
    """z_i = sum_j wt_ij x_j + b_i, eq. (4), index by index.

    Errata 8: the paper prints w_ij for wt_ij = w_ji, and b_j for b_i.
    """
    N, M = Wt.shape
    Z = np.zeros((N, 1))
    for i in range(N):
        for j in range(M):
            Z[i, 0] += Wt[i, j] * X[j, 0]
        Z[i, 0] += B[i, 0]
    return Z


def fully_connected_6_1(Wt: Array, X: Array, B: Array) -> Array:
    """{Z} <- [W^T]{X} + {B}, eq. (5): (N, M) by (M, 1), plus (N, 1).

    Errata 9: of the two forms that the paper prints only the one with w_ji is consistent.
    """
    return Wt @ X + B


def activation_6_2(name: str, Z: Array) -> Array:
    """{A} <- A({Z})."""
    return ACTIVATIONS[name].forward(Z)


def loss_6_3(name: str, A: Array, Y: Array) -> float:
    """E <- L({A}, {Y}), a number."""
    return LOSSES[name].forward(A, Y)


def loss_7_1(name: str, A: Array, Y: Array) -> Array:
    """{D_E,A} <- {dE/da_i}."""
    return LOSSES[name].gradient(A, Y)


def activation_case_1_7_2(D_EA: Array, D_AZ: Array) -> Array:
    """{D_E,Z} <- {D_E,A} * {D_A,Z}: each a_i is a function of its own z_i."""
    return hadamard_3_5(D_EA, D_AZ)


def activation_case_2_7_2(D_EA: Array, D_AZ: Array) -> Array:
    """{D_E,Z} <- [D_A,Z]^T {D_E,A}, eq. (6): each a_i is a function of all z_j."""
    return D_AZ.T @ D_EA


def activation_7_2(name: str, D_EA: Array, Z: Array) -> Array:
    """{D_E,Z} by whichever case the activation is."""
    function = ACTIVATIONS[name]
    D_AZ = function.gradient(Z)
    case = activation_case_2_7_2 if function.full_jacobian else activation_case_1_7_2
    return case(D_EA, D_AZ)


def weight_gradient_7_3(D_EZ: Array, X: Array) -> Array:
    """[D_E,W^T] <- {D_E,Z} * [D_Z,W^T], where [D_Z,W^T] is N copies of [X^T] in a column."""
    N = len(D_EZ)
    D_ZWt = np.vstack([X.T] * N)
    return scaled_rows_3_7(D_EZ, D_ZWt)


def bias_gradient_7_3(D_EZ: Array) -> Array:
    """{D_E,B} <- {D_E,Z} * {1.0}."""
    return hadamard_3_5(D_EZ, column_2_1([1.0] * len(D_EZ)))


def input_gradient_7_3(Wt: Array, D_EZ: Array) -> Array:
    """dE/dx_j = sum_i wt_ij dE/dz_i: {D_E,X} <- [W]{D_E,Z}.

    Errata 7: the paper leaves out the sum over i, and later prints z_j.
    """
    N, M = Wt.shape
    D_EX = np.zeros((M, 1))
    for j in range(M):
        for i in range(N):
            D_EX[j, 0] += Wt[i, j] * D_EZ[i, 0]
    return D_EX
