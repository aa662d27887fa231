"""Sections 2 to 4: columns, sums, products. {V} is a column, [V^T] a row, [A] a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annlib.core.arrays import Array


def column_2_1(values: Sequence[float] | Array) -> Array:
    """{V}: a vector is always a column, (N, 1).

    >>> column_2_1([1, 2]).shape
    (2, 1)

    Parameters
    ----------
    values : sequence of float, (N,)

    Returns
    -------
    ndarray, (N, 1)

    Examples
    --------
    >>> column_2_1([1, 2])
    array([[1.],
           [2.]])
    """
    return np.array(values, np.float64).reshape(-1, 1)


def sum_3_2(V: Array) -> float:
    """S = sum_r v_r over the elements of a column (or a row).

    Parameters
    ----------
    V : ndarray, (N, 1) or (1, N)

    Returns
    -------
    float

    Examples
    --------
    >>> sum_3_2(column_2_1([1, 2, 3]))
    6.0
    """
    total = 0.0
    for element in V.reshape(-1):
        total += float(element)
    return total


def hadamard_3_5(X: Array, Y: Array) -> Array:
    """{h_r} = {x_r y_r}: element by element (errata C: the paper prints a_r b_r).

    Parameters
    ----------
    X, Y : ndarray, (M, N)

    Returns
    -------
    ndarray, (M, N)

    Raises
    ------
    ValueError
        If the shapes do not conform.

    Examples
    --------
    >>> hadamard_3_5(column_2_1([1, 2]), column_2_1([3, 4])).T
    array([[3., 8.]])
    """
    _require(X.shape == Y.shape, "hadamard_3_5", X, Y)
    return X * Y


def inner_product_3_6(A: Array, B: Array) -> float:
    """[A^T]{B} = s, a number.

    Parameters
    ----------
    A, B : ndarray, (N, 1)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes do not conform.

    Examples
    --------
    >>> inner_product_3_6(column_2_1([1, 2]), column_2_1([3, 4]))
    11.0
    """
    _require(A.shape == B.shape, "inner_product_3_6", A, B)
    return float((A.T @ B).item())


def outer_product_3_6(A: Array, B: Array) -> Array:
    """{A}[B^T] = [t_rc], t_rc = a_r b_c: (M, 1) by (N, 1) gives (M, N).

    Parameters
    ----------
    A : ndarray, (M, 1)
    B : ndarray, (N, 1)

    Returns
    -------
    ndarray, (M, N)

    Examples
    --------
    >>> outer_product_3_6(column_2_1([1, 2]), column_2_1([3, 4]))
    array([[3., 4.],
           [6., 8.]])
    """
    return A @ B.T


def scaled_rows_3_7(V: Array, D: Array) -> Array:
    """{V} * [D]: row r of the matrix is multiplied by v_r; {V} is (M, 1), [D] (M, N).

    Parameters
    ----------
    V : ndarray, (M, 1)
    D : ndarray, (M, N)

    Returns
    -------
    ndarray, (M, N)

    Raises
    ------
    ValueError
        If the shapes do not conform.

    Examples
    --------
    >>> scaled_rows_3_7(column_2_1([1, 2]), np.ones((2, 3)))
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    _require(V.shape == (len(D), 1), "scaled_rows_3_7", V, D)
    return V * D


def scaled_columns_3_7(V: Array, D: Array) -> Array:
    """[V] * [D]: column c of the matrix is multiplied by v_c; [V] is (1, N), [D] (M, N).

    Errata C: the paper prints scaled rows and N of them here.

    Parameters
    ----------
    V : ndarray, (1, N)
    D : ndarray, (M, N)

    Returns
    -------
    ndarray, (M, N)

    Raises
    ------
    ValueError
        If the shapes do not conform.

    Examples
    --------
    >>> scaled_columns_3_7(column_2_1([1, 2, 3]).T, np.ones((2, 3)))
    array([[1., 2., 3.],
           [1., 2., 3.]])
    """
    _require(V.shape == (1, D.shape[1]), "scaled_columns_3_7", V, D)
    return V * D


def repeated_columns_3_8(A: Array) -> Array:
    """[O] = {A} outer [1], eq. (1): N copies of the column {A} side by side, (N, N).

    Parameters
    ----------
    A : ndarray, (N, 1)

    Returns
    -------
    ndarray, (N, N)

    Examples
    --------
    >>> repeated_columns_3_8(column_2_1([1, 2]))
    array([[1., 1.],
           [2., 2.]])
    """
    return outer_product_3_6(A, np.ones_like(A))


def diagonal_3_8(A: Array) -> Array:
    """[diag{A}] = [O] * [I]: the elements of {A} on a diagonal, (N, N).

    Parameters
    ----------
    A : ndarray, (N, 1)

    Returns
    -------
    ndarray, (N, N)

    Examples
    --------
    >>> diagonal_3_8(column_2_1([1, 2]))
    array([[1., 0.],
           [0., 2.]])
    """
    return hadamard_3_5(repeated_columns_3_8(A), np.eye(len(A)))


def _require(fits: bool, where: str, first: Array, second: Array) -> None:
    if not fits:
        raise ValueError(
            f"reference.{where}: expected shapes that conform, got {first.shape} and "
            f"{second.shape}. Vectors are columns, (N, 1)."
        )
