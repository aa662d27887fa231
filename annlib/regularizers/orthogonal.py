"""OrthogonalRegularizer: a penalty on vectors that point in similar directions."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_choice, check_number
from annlib.core.errors import ShapeError
from annlib.core.formula import Formula, number
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.regularizers.base import Regularizer, register


@register("orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """R = factor * mean over all pairs i < j of |p_ij|, where p_ij is the cosine of rows i and j.

    With v_i = w_i / |w_i| and S the signs of the p_ij, 0 for i = j: dR/dV = 2 c S V with
    c = factor / (k (k - 1)), and dR/dw_i = (dR/dv_i - v_i (v_i . dR/dv_i)) / |w_i|. One vector
    alone has no penalty.

    Parameters
    ----------
    factor : float, at least 0
    mode : {"rows", "columns"}
        Which vectors of the matrix. The columns of a ``Dense`` layer's kernel are its units.

    Raises
    ------
    ConfigurationError
        For a negative factor, or an unknown mode.
    ShapeError
        For a parameter that is no matrix.

    Examples
    --------
    >>> round(OrthogonalRegularizer(0.5)(np.array([[1.0, 0.0], [3.0, 3.0], [0.0, 2.0]])), 4)
    0.2357
    """

    elementwise = False

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        where = "OrthogonalRegularizer"
        self.factor = float(check_number(factor, where, "factor", "[0, inf)"))
        self.mode = check_choice(mode, where, "mode", ("rows", "columns"))

    @property
    def is_zero(self) -> bool:
        return not self.factor

    def check_shape(self, shape: Shape, name: str) -> None:
        if len(shape) != 2:
            raise ShapeError(
                f"OrthogonalRegularizer: expected a matrix, got {name} of shape {shape}. Give "
                "that another regularizer."
            )

    def __call__(self, W: Array) -> float:
        _, _, P, share = self._cosines(W, Workspace(W.dtype))
        return share * float(np.abs(P, out=P).sum())

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        V, norms, P, share = self._cosines(W, work)
        G = np.dot(np.sign(P, out=P), V, out=work.array("penalty", *V.shape))
        np.multiply(G, 2 * share * scale, out=G)
        along = np.einsum("ij,ij->i", G, V, out=work.array("orthogonal.along", len(V)))
        along[norms[:, 0] == EPSILON] = 0.0  # of a vector that short the norm is constant
        np.multiply(V, along.reshape(-1, 1), out=V)
        np.divide(np.subtract(G, V, out=G), norms, out=G)
        np.add(dW, G if self.mode == "rows" else G.T, out=dW)

    def _cosines(self, W: Array, work: Workspace) -> tuple[Array, Array, Array, float]:
        """The vectors of length 1, the norms that they had, their cosines, and the share of one."""
        self.check_shape(W.shape, "an array")
        rows = W if self.mode == "rows" else W.T
        k = len(rows)
        norms, V = work.array("orthogonal.norms", k), work.array("orthogonal.V", *rows.shape)
        np.sqrt(np.einsum("ij,ij->i", rows, rows, out=norms), out=norms)
        norms = np.maximum(norms, EPSILON, out=norms).reshape(k, 1)
        np.divide(rows, norms, out=V)
        P = np.dot(V, V.T, out=work.array("orthogonal.P", k, k))
        np.fill_diagonal(P, 0.0)
        return V, norms, P, self.factor / (k * (k - 1)) if k > 1 else 0.0

    def formula(self) -> Formula:
        share = rf"\frac{{{number(self.factor)}}}{{k (k - 1)}}"
        slope = r"\frac{g_i - (v_i \cdot g_i) v_i}{\lVert w_i \rVert}"
        return Formula(
            self._names[0],
            "regularizer",
            (
                r"v_i = \frac{w_i}{\lVert w_i \rVert}",
                r"p_{ij} = v_i \cdot v_j",
                rf"R = {share} \sum_{{i \ne j}} \lvert p_{{ij}} \rvert",
            ),
            (
                rf"g_i = 2 {share} \sum_{{j \ne i}} \operatorname{{sign}}(p_{{ij}}) v_j",
                rf"\frac{{\partial R}}{{\partial w_i}} = {slope}",
            ),
            f"[W], [D_R,W]: of one shape; w_i: its {self.mode}, k of them; R: a number",
        )
