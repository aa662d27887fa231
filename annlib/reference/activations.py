"""Section 8: activation functions of one column {Z}, and their gradients {D_A,Z} or [D_A,Z]."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.reference.notation import hadamard_3_5, repeated_columns_3_8, sum_3_2


def relu_8_1(Z: Array) -> Array:
    """a_i = 0 for z_i < 0, z_i for z_i >= 0.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> relu_8_1(np.array([[-1.0], [0.0], [2.0]])).T.astype(int)
    array([[0, 0, 2]])
    """
    t = (Z > 0).astype(np.float64)  # {t} <- {Z} > {0.0}
    return hadamard_3_5(Z, t)


def relu_gradient_8_1(Z: Array, slope_at_zero: float = 0.0) -> Array:
    """da_i/dz_i = 0 for z_i < 0, 1 for z_i > 0.

    Errata 13: at z_i = 0 the case form of the paper gives 1 and its {t} gives 0. Any slope in
    between is a subgradient; annlib takes 0.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.
    slope_at_zero : float, in [0, 1]

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> relu_gradient_8_1(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[0., 0., 1.]])
    """
    slopes = np.zeros_like(Z)
    for i, z in enumerate(Z[:, 0]):
        slopes[i, 0] = slope_at_zero if z == 0 else float(z > 0)
    return slopes


def sigmoid_8_2(Z: Array) -> Array:
    """a_i = 1 / (1 + exp(-z_i)).

    Errata 11: exp(-z) overflows for large negative z; exp(z) / (1 + exp(z)) is the same function.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> sigmoid_8_2(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[0.2689, 0.5   , 0.8808]])
    """
    A = np.zeros_like(Z)
    for i, z in enumerate(Z[:, 0]):
        A[i, 0] = 1 / (1 + np.exp(-z)) if z >= 0 else np.exp(z) / (1 + np.exp(z))
    return A


def sigmoid_gradient_8_2(Z: Array) -> Array:
    """da_i/dz_i = a_i (1 - a_i).

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> sigmoid_gradient_8_2(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[0.1966, 0.25  , 0.105 ]])
    """
    A = sigmoid_8_2(Z)
    return hadamard_3_5(A, 1 - A)


def tanh_8_3(Z: Array) -> Array:
    """a_i = tanh(z_i).

    Errata 12: the paper's quotient of exponentials is NaN for large negative z, and its second
    form loses precision near 0; the library function does neither.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> tanh_8_3(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[-0.7616,  0.    ,  0.964 ]])
    """
    return np.tanh(Z)


def tanh_gradient_8_3(Z: Array) -> Array:
    """da_i/dz_i = 1 - a_i^2.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> tanh_gradient_8_3(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[0.42  , 1.    , 0.0707]])
    """
    A = tanh_8_3(Z)
    return 1 - hadamard_3_5(A, A)


def softmax_8_4(Z: Array) -> Array:
    """{Q} <- exp({Z}), s <- sum({Q}), {A} <- {Q} / s.

    Errata 11: exp overflows for large z. With the maximum subtracted first it is the same
    function, and never overflows.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> softmax_8_4(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[0.042 , 0.1142, 0.8438]])
    """
    Q = np.exp(Z - Z.max())
    s = sum_3_2(Q)
    A: Array = Q / s
    return A


def softmax_jacobian_8_4(Z: Array) -> Array:
    """[D_A,Z] = [O] * ([I] - [O^T]), eq. (7): da_i/dz_j = a_i (delta_ij - a_j), (N, N).

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, N)

    Examples
    --------
    >>> softmax_jacobian_8_4(np.array([[0.0], [0.0]]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    O = repeated_columns_3_8(softmax_8_4(Z))  # noqa: E741  # the paper's letter
    return hadamard_3_5(O, np.eye(len(Z)) - O.T)


def identity_8_5(Z: Array) -> Array:
    """{A} = {Z}.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> identity_8_5(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[-1.,  0.,  2.]])
    """
    return Z.copy()


def identity_gradient_8_5(Z: Array) -> Array:
    """da_i/dz_i = 1.

    Parameters
    ----------
    Z : ndarray, (N, 1)
        The column that comes in.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> identity_gradient_8_5(np.array([[-1.0], [0.0], [2.0]])).T.round(4)
    array([[1., 1., 1.]])
    """
    return np.ones_like(Z)


class Function(NamedTuple):
    """An activation: its value, its gradient, and whether that is a full Jacobian (7.2, case 2)."""

    forward: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    full_jacobian: bool = False


#: The activations of section 8 by annlib's names.
ACTIVATIONS = {
    "relu": Function(relu_8_1, relu_gradient_8_1),
    "sigmoid": Function(sigmoid_8_2, sigmoid_gradient_8_2),
    "tanh": Function(tanh_8_3, tanh_gradient_8_3),
    "softmax": Function(softmax_8_4, softmax_jacobian_8_4, full_jacobian=True),
    "linear": Function(identity_8_5, identity_gradient_8_5),
}
