"""Section 9: the loss of one row, E, from {A} and {Y}, and its gradient {D_E,A}."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.reference.notation import sum_3_2


def half_sum_of_squares_9_1(A: Array, Y: Array) -> float:
    """{d} <- {Y} - {A}, {e} <- 0.5 {d} * {d}, E <- sum({e}).

    Errata 2: the sum runs over the N outputs, and not to M.

    Parameters
    ----------
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    float

    Examples
    --------
    >>> round(half_sum_of_squares_9_1(np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])), 4)
    0.25
    """
    d = Y - A
    return sum_3_2(0.5 * d * d)


def half_sum_of_squares_gradient_9_1(A: Array, Y: Array) -> Array:
    """dE/da_i = a_i - y_i.

    Errata 1: the paper prints y - a, with which the update of 5.2 climbs instead of descending.

    Parameters
    ----------
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> half_sum_of_squares_gradient_9_1(np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])).T
    array([[-0.5,  0.5]])
    """
    return A - Y


def cross_entropy_9_2(A: Array, Y: Array) -> float:
    """E = -sum_i y_i log a_i, for one class of many (with softmax: errata 4 and 5).

    Parameters
    ----------
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    float

    Examples
    --------
    >>> round(cross_entropy_9_2(np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])), 4)
    0.6931
    """
    e = Y * np.log(A)
    return -sum_3_2(e)


def cross_entropy_gradient_9_2(A: Array, Y: Array) -> Array:
    """dE/da_i = -y_i / a_i.

    Errata 3: that is the gradient of E. The paper writes it of e_i = y_i log a_i, whose sign is
    the other.

    Parameters
    ----------
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> cross_entropy_gradient_9_2(np.array([[0.5], [0.5]]), np.array([[0.75], [0.25]])).T
    array([[-1.5, -0.5]])
    """
    return -Y / A


def binary_log_loss_9_2(A: Array, Y: Array) -> float:
    """E = -sum_i (y_i log a_i + (1 - y_i) log(1 - a_i)), for sigmoid outputs.

    Errata 4: the paper's formula has the first term alone, and so no gradient where y = 0.

    Parameters
    ----------
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    float

    Examples
    --------
    >>> round(binary_log_loss_9_2(np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])), 4)
    1.3863
    """
    return -sum_3_2(Y * np.log(A) + (1 - Y) * np.log(1 - A))


def binary_log_loss_gradient_9_2(A: Array, Y: Array) -> Array:
    """dE/da_i = -y_i / a_i + (1 - y_i) / (1 - a_i).

    Parameters
    ----------
    A : ndarray, (N, 1)
        What the network puts out.
    Y : ndarray, (N, 1)
        The targets.

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> binary_log_loss_gradient_9_2(np.array([[0.5], [0.5]]), np.array([[1.0], [0.0]])).T
    array([[-2.,  2.]])
    """
    D_EA: Array = -Y / A + (1 - Y) / (1 - A)
    return D_EA


class Function(NamedTuple):
    """A loss of one row and its gradient."""

    forward: Callable[[Array, Array], float]
    gradient: Callable[[Array, Array], Array]


#: The losses of section 9 by name.
LOSSES = {
    "half_sum_squared_error": Function(half_sum_of_squares_9_1, half_sum_of_squares_gradient_9_1),
    "categorical_crossentropy": Function(cross_entropy_9_2, cross_entropy_gradient_9_2),
    "binary_log_loss": Function(binary_log_loss_9_2, binary_log_loss_gradient_9_2),
}
