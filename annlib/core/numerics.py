"""Plain functions that several families need: stable softmax, log-sum-exp and sigmoid.

Each works on whole matrices, writes into a given array and takes its scratch from a workspace, so
that a training step allocates nothing.
"""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace

#: Keras' epsilon: probabilities are clipped to [1e-7, 1 - 1e-7] before a logarithm.
EPSILON = 1e-7

#: 0 as an array of each type: a comparison with it takes two thirds of the time of one with 0.
ZERO: dict[str, Array] = {"f": np.zeros((), np.float32), "d": np.zeros((), np.float64)}

# Up to this width a transposed copy and a reduction over its first axis beat NumPy's reduction
# over short rows (measured, 10 columns: 1.8 us against 6.4 for 128 rows, 8 against 87 for 2,000).
_NARROW = 32


def row_max(Z: Array, work: Workspace) -> Array:
    """The maximum of each row of an (n, k) matrix, as (n, 1)."""
    n, k = Z.shape
    m = work.array("row_max", n)
    if k <= _NARROW:
        T = work.array("row_max.T", k, n)
        np.copyto(T, Z.T)
        np.maximum.reduce(T, axis=0, out=m)
    else:
        np.maximum.reduce(Z, axis=1, out=m)
    return m.reshape(n, 1)


def softmax(Z: Array, A: Array, work: Workspace) -> tuple[Array, Array]:
    """Write the softmax of each row of Z into A (which may be Z); return max and sum, each (n, 1).

    a_i = exp(z_i - m) / s,  m = max_j z_j,  s = sum_j exp(z_j - m)

    Subtracting the row's maximum leaves the function as it is and never overflows (errata 11).
    log-sum-exp of the row is m + log s.
    """
    n, k = Z.shape
    m = row_max(Z, work)
    np.subtract(Z, m, out=A)
    np.exp(A, out=A)
    s = np.dot(A, work.ones(k), out=work.array("softmax.sum", n)).reshape(n, 1)
    np.divide(A, s, out=A)
    return m, s


def sigmoid(Z: Array, A: Array) -> Array:
    """Write 1 / (1 + exp(-z)) into A (which may be Z), without overflow.

    exp(-z) is held below the largest number of the type: where that bites, sigmoid is 0 to the
    type's precision (errata 11).
    """
    np.negative(Z, out=A)
    np.minimum(A, _LARGEST_EXPONENT[A.dtype.char], out=A)
    np.exp(A, out=A)
    np.add(A, 1.0, out=A)
    return np.reciprocal(A, out=A)


_LARGEST_EXPONENT = {"f": 88.0, "d": 709.0}


def log1p_exp_neg_abs(Z: Array, out: Array) -> Array:
    """Write log(1 + exp(-|z|)) into out: the part of the binary log-loss that cannot overflow."""
    np.abs(Z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    return np.log1p(out, out=out)
