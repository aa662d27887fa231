"""The cosine between prediction and target: only directions count."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON, row_max
from annlib.core.workspace import Workspace
from annlib.losses.base import LossArguments, LossOfVectors, check_last_axis, register


@register("cosine_similarity")
class CosineSimilarity(LossOfVectors):
    """E_r = -sum_i u_i v_i,  u = y / |y|,  v = a / |a|: -1 if they point in one direction.

    dE_r/da = -(u + E_r v) / |a|. Norms count as at least 1e-7, as in Keras: the gradient at a row
    of zeros is -1e7 u.

    Parameters
    ----------
    axis : -1
        Along the outputs of a row; there is no other.

    Examples
    --------
    >>> CosineSimilarity()([[0.0, 2.0]], [[0.0, 5.0]])
    -1.0
    """

    task = "regression"
    drawn = None  # of a direction

    def __init__(self, axis: int = -1, *shared: Any, **keywords: Unpack[LossArguments]) -> None:
        super().__init__(*shared, **keywords)
        self.axis = check_last_axis(axis, type(self).__name__)

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        U, V = _unit_rows(Y, "U", work), _unit_rows(A, "V", work)
        products = np.multiply(U, V, out=work.array("products", *A.shape))
        np.dot(products, work.ones(A.shape[1]), out=E)
        np.negative(E, out=E)
        np.copyto(work.array("negative_cosine", len(A)), E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        inverse = work.array("V.inverse_norm", len(A))
        # Where the norm counts as 1e-7, v is as long as it likes.
        along = np.less(inverse, 1 / EPSILON, out=work.array("along", len(A)))
        np.multiply(along, work.array("negative_cosine", len(A)), out=along)
        np.multiply(work.array("V", *A.shape), along.reshape(-1, 1), out=dA)
        np.add(dA, work.array("U", *A.shape), out=dA)
        np.multiply(dA, np.negative(inverse, out=along).reshape(-1, 1), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"u_i = \frac{y_i}{\sqrt{\sum_j y_j^2}}",
            r"v_i = \frac{a_i}{\sqrt{\sum_j a_j^2}}",
            r"E = -\sum_i u_i v_i",
            slope=r"-\frac{u_i + E v_i}{\sqrt{\sum_j a_j^2}}",
        )


def _unit_rows(X: Array, name: str, work: Workspace) -> Array:
    """Each row x / max(|x|, 1e-7) in the buffer ``name``; 1 / max(|x|, 1e-7) stays in ``work``."""
    n, k = X.shape
    U = np.abs(X, out=work.array(name, n, k))
    largest = row_max(U, work)
    np.maximum(largest, np.finfo(X.dtype).tiny, out=largest)
    np.divide(X, largest, out=U)  # so that no square overflows
    squares = np.square(U, out=work.array("products", n, k))
    inverse = np.dot(squares, work.ones(k), out=work.array(f"{name}.inverse_norm", n))
    np.maximum(inverse, 1, out=inverse)  # it is at least 1, but in a row of zeros
    np.reciprocal(np.sqrt(inverse, out=inverse), out=inverse)
    largest = largest.reshape(-1)
    scale = np.minimum(largest, 1, out=work.array("scale", n))
    np.minimum(np.divide(scale, EPSILON, out=scale), inverse, out=scale)
    np.multiply(U, scale.reshape(-1, 1), out=U)
    np.minimum(np.divide(inverse, largest, out=inverse), 1 / EPSILON, out=inverse)
    return U
