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

    Parameters
    ----------
    Wt : ndarray, (N, M)
        [W^T], to N outputs from M inputs.
    X : ndarray, (M, 1)
        The row of the table, as a column.
    B : ndarray, (N, 1)
        The biases.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> Wt, X, B = np.array([[0.5, -1.0]]), column_2_1([2, 3]), column_2_1([0.25])
    >>> fully_connected_by_index_5_1(Wt, X, B)
    array([[-1.75]])
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

    Parameters
    ----------
    Wt : ndarray, (N, M)
        [W^T], to N outputs from M inputs.
    X : ndarray, (M, 1)
        The row of the table, as a column.
    B : ndarray, (N, 1)
        The biases.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> Wt, X, B = np.array([[0.5, -1.0]]), column_2_1([2, 3]), column_2_1([0.25])
    >>> fully_connected_6_1(Wt, X, B)
    array([[-1.75]])
    """
    return Wt @ X + B


def activation_6_2(name: str, Z: Array) -> Array:
    """{A} <- A({Z}).

    Parameters
    ----------
    name : {"relu", "sigmoid", "tanh", "softmax", "linear"}
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Raises
    ------
    KeyError
        For another name.

    Examples
    --------
    >>> activation_6_2("relu", column_2_1([3, 2])).T
    array([[3., 2.]])
    >>> activation_6_2("sigmoid", column_2_1([0])).T
    array([[0.5]])
    """
    return ACTIVATIONS[name].forward(Z)


def loss_6_3(name: str, A: Array, Y: Array) -> float:
    """E <- L({A}, {Y}), a number.

    Parameters
    ----------
    name : {"half_sum_squared_error", "categorical_crossentropy", "binary_log_loss"}
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    float

    Raises
    ------
    KeyError
        For another name.

    Examples
    --------
    >>> loss_6_3("half_sum_squared_error", column_2_1([1, 3]), column_2_1([0, 0]))
    5.0
    """
    return LOSSES[name].forward(A, Y)


def loss_7_1(name: str, A: Array, Y: Array) -> Array:
    """{D_E,A} <- {dE/da_i}.

    Parameters
    ----------
    name : {"half_sum_squared_error", "categorical_crossentropy", "binary_log_loss"}
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    ndarray, (N, 1)

    Raises
    ------
    KeyError
        For another name.

    Examples
    --------
    >>> loss_7_1("half_sum_squared_error", column_2_1([1, 3]), column_2_1([0, 0])).T
    array([[1., 3.]])
    """
    return LOSSES[name].gradient(A, Y)


def activation_case_1_7_2(D_EA: Array, D_AZ: Array) -> Array:
    """{D_E,Z} <- {D_E,A} * {D_A,Z}: each a_i is a function of its own z_i.

    Parameters
    ----------
    D_EA : ndarray, (N, 1)
        {D_E,A}.
    D_AZ : ndarray, (N, 1)
        The slopes.

    Returns
    -------
    ndarray, (N, 1)

    Raises
    ------
    ValueError
        If the shapes do not conform.

    Examples
    --------
    >>> activation_case_1_7_2(column_2_1([5, 7]), column_2_1([0, 1])).T
    array([[0., 7.]])
    """
    return hadamard_3_5(D_EA, D_AZ)


def activation_case_2_7_2(D_EA: Array, D_AZ: Array) -> Array:
    """{D_E,Z} <- [D_A,Z]^T {D_E,A}, eq. (6): each a_i is a function of all z_j.

    Parameters
    ----------
    D_EA : ndarray, (N, 1)
        {D_E,A}.
    D_AZ : ndarray, (N, N)
        [D_A,Z], the Jacobian.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> activation_case_2_7_2(column_2_1([5, 7]), np.array([[1.0, 2.0], [0.0, 1.0]])).T
    array([[ 5., 17.]])
    """
    return D_AZ.T @ D_EA


def activation_7_2(name: str, D_EA: Array, Z: Array) -> Array:
    """{D_E,Z} by whichever case the activation is.

    Parameters
    ----------
    name : {"relu", "sigmoid", "tanh", "softmax", "linear"}
    D_EA : ndarray, (N, 1)
        {D_E,A}.
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Raises
    ------
    KeyError
        For another name.

    Examples
    --------
    >>> activation_7_2("relu", column_2_1([5, 7]), column_2_1([-1, 2])).T
    array([[0., 7.]])
    """
    function = ACTIVATIONS[name]
    D_AZ = function.gradient(Z)
    case = activation_case_2_7_2 if function.full_jacobian else activation_case_1_7_2
    return case(D_EA, D_AZ)


def weight_gradient_7_3(D_EZ: Array, X: Array) -> Array:
    """[D_E,W^T] <- {D_E,Z} * [D_Z,W^T], where [D_Z,W^T] is N copies of [X^T] in a column.

    Parameters
    ----------
    D_EZ : ndarray, (N, 1)
        {D_E,Z}.
    X : ndarray, (M, 1)
        The row of the table, as a column.

    Returns
    -------
    ndarray, (N, M)

    Examples
    --------
    >>> weight_gradient_7_3(column_2_1([5, 7]), column_2_1([1, 2, 3]))
    array([[ 5., 10., 15.],
           [ 7., 14., 21.]])
    """
    N = len(D_EZ)
    D_ZWt = np.vstack([X.T] * N)
    return scaled_rows_3_7(D_EZ, D_ZWt)


def bias_gradient_7_3(D_EZ: Array) -> Array:
    """{D_E,B} <- {D_E,Z} * {1.0}.

    Parameters
    ----------
    D_EZ : ndarray, (N, 1)
        {D_E,Z}.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> bias_gradient_7_3(column_2_1([5, 7])).T
    array([[5., 7.]])
    """
    return hadamard_3_5(D_EZ, column_2_1([1.0] * len(D_EZ)))


def input_gradient_7_3(Wt: Array, D_EZ: Array) -> Array:
    """dE/dx_j = sum_i wt_ij dE/dz_i: {D_E,X} <- [W]{D_E,Z}.

    Errata 7: the paper leaves out the sum over i, and later prints z_j.

    Parameters
    ----------
    Wt : ndarray, (N, M)
        [W^T], to N outputs from M inputs.
    D_EZ : ndarray, (N, 1)
        {D_E,Z}.

    Returns
    -------
    ndarray, (M, 1)

    Examples
    --------
    >>> input_gradient_7_3(np.array([[0.5, -1.0]]), column_2_1([2])).T
    array([[ 1., -2.]])
    """
    N, M = Wt.shape
    D_EX = np.zeros((M, 1))
    for j in range(M):
        for i in range(N):
            D_EX[j, 0] += Wt[i, j] * D_EZ[i, 0]
    return D_EX
