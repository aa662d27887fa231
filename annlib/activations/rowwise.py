"""Activations whose every output depends on its whole row: the paper's case 2 (6.2, 7.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, AnyShape, register
from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import is_whole
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.expression import Operator
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace


def checked_axis(axis: Any, where: str) -> int:
    """``axis`` as an int other than 0; raises ``ConfigurationError``."""
    if not is_whole(axis) or axis == 0:
        raise ConfigurationError(
            f"{where}: expected axis as an integer other than 0, the batch, got {show(axis)}."
        )
    return int(axis)


def check_axis(activation: Activation, shape: BatchShape) -> None:
    """Raise ``ShapeError`` unless arrays of this shape have the activation's axis."""
    if not -len(shape) < activation.axis < len(shape):
        raise ShapeError(
            f"{type(activation).__name__}: expected input of which axis {activation.axis} is not "
            f"the batch, got shape {shape}."
        )


class Rowwise(Activation):
    """A function of rows: along any axis of an (n, ...) array but the first, which counts them.

    A subclass writes ``rows_forward`` and ``rows_backward``, of rows along the last axis.

    Parameters
    ----------
    axis : int
        Not the first, 0.
    """

    elementwise = False

    def __init__(self, axis: int = -1) -> None:
        self.axis = checked_axis(axis, type(self).__name__)

    def rows_forward(self, Z: Array, A: Array, work: Workspace) -> None:
        """f(Z) into A, which may be the same memory; scratch comes from ``work``."""
        raise NotImplementedError

    def rows_backward(self, dA: Array, A: Array, work: Workspace) -> None:
        """Turn dE/dA into dE/dZ by means of A, in place; scratch comes from ``work``."""
        raise NotImplementedError

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        if self.axis in (-1, Z.ndim - 1):
            self.rows_forward(Z, A, work)
        else:
            self.output_shape(Z.shape)
            rows = self._turned("rows.A", Z, work)
            self.rows_forward(rows, rows, work)
            np.copyto(A, rows.swapaxes(self.axis, -1))

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        if self.axis in (-1, A.ndim - 1):
            self.rows_backward(dA, A, work)
        else:
            rows = self._turned("rows.dA", dA, work)
            self.rows_backward(rows, self._turned("rows.A", A, work), work)
            np.copyto(dA, rows.swapaxes(self.axis, -1))

    def output_shape(self, shape: AnyShape) -> AnyShape:
        check_axis(self, shape)
        return shape

    def _turned(self, name: str, array: Array, work: Workspace) -> Array:
        """A copy with the axis as the last one."""
        turned = array.swapaxes(self.axis, -1)
        rows = work.array(name, *turned.shape)
        np.copyto(rows, turned)
        return rows


@register("softmax")
class Softmax(Rowwise):
    """a_i = exp(z_i) / sum_j exp(z_j) over each row (paper 8.4).

    The Jacobian da_i/dz_j = a_i (delta_ij - a_j), eq. (7), is never formed. Put into eq. (6) it
    gives, for a whole batch, dZ = A * (dA - rowsum(dA * A)): O(N) a row and not O(N^2).

    Parameters
    ----------
    axis : int, -1 or at least 1
        Along which the outputs add up to 1; not the first, 0.

    Raises
    ------
    ConfigurationError
        For the axis 0.
    ShapeError
        For an array without such an axis.

    Examples
    --------
    >>> Softmax()([[1000.0, 1000.0], [0.0, 2.0]]).round(4)
    array([[0.5   , 0.5   ],
           [0.1192, 0.8808]])
    """

    backward_code = "dZ = A * (dA - (dA * A).sum(axis=1))"
    jacobian_section = "8.4, eq. (7)"
    task = "classes"

    def rows_forward(self, Z: Array, A: Array, work: Workspace) -> None:
        k = Z.shape[-1]
        numerics.softmax(Z.reshape(-1, k), A.reshape(-1, k), work)

    def expression(self, Z: Any) -> Any:
        powers = np.exp(Z - Z.max(axis=self.axis, keepdims=True))
        return powers / powers.sum(axis=self.axis, keepdims=True)

    def onnx_operator(self) -> Operator:
        return "Softmax", {"axis": self.axis}

    def rows_backward(self, dA: Array, A: Array, work: Workspace) -> None:
        k = A.shape[-1]
        products = np.multiply(dA, A, out=work.array("softmax.products", *A.shape)).reshape(-1, k)
        sums = np.dot(products, work.ones(k), out=work.array("softmax.sums", len(products)))
        np.subtract(dA, sums.reshape(*A.shape[:-1], 1), out=dA)
        np.multiply(dA, A, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}",
            slope=r"a_i (\delta_{ij} - a_j)",
            batch=(r"D_Z = A \odot (D_A - \operatorname{rowsum}(D_A \odot A))",),
            section="8.4",
        )


@register("log_softmax")
class LogSoftmax(Rowwise):
    """a_i = z_i - log sum_j exp(z_j) over each row, the logarithm of the softmax.

    dZ = dA - exp(A) * rowsum(dA), as da_i/dz_j = delta_ij - exp(a_j).

    Parameters
    ----------
    axis : int, -1 or at least 1
        Along which exp(a) adds up to 1; not the first, 0.

    Raises
    ------
    ConfigurationError
        For the axis 0.
    ShapeError
        For an array without such an axis.

    Examples
    --------
    >>> LogSoftmax()([[1000.0, 0.0]])
    array([[    0., -1000.]])
    """

    def rows_forward(self, Z: Array, A: Array, work: Workspace) -> None:
        k = Z.shape[-1]
        Z, A = Z.reshape(-1, k), A.reshape(-1, k)
        np.subtract(Z, numerics.row_max(Z, work), out=A)
        powers = np.exp(A, out=work.array("log_softmax.powers", *A.shape))
        sums = np.dot(powers, work.ones(k), out=work.array("log_softmax.sums", len(A)))
        np.subtract(A, np.log(sums, out=sums).reshape(-1, 1), out=A)

    def expression(self, Z: Any) -> Any:
        below = Z - Z.max(axis=self.axis, keepdims=True)
        return below - np.log(np.exp(below).sum(axis=self.axis, keepdims=True))

    def onnx_operator(self) -> Operator:
        return "LogSoftmax", {"axis": self.axis}

    def rows_backward(self, dA: Array, A: Array, work: Workspace) -> None:
        k = A.shape[-1]
        sums = work.array("log_softmax.sums", dA.size // k)
        np.dot(dA.reshape(-1, k), work.ones(k), out=sums)
        powers = np.exp(A, out=work.array("log_softmax.powers", *A.shape))
        np.multiply(powers, sums.reshape(*A.shape[:-1], 1), out=powers)
        np.subtract(dA, powers, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = z_i - \log(\sum_j e^{z_j})",
            slope=r"\delta_{ij} - e^{a_j}",
            batch=(r"D_Z = D_A - e^A \odot \operatorname{rowsum}(D_A)",),
        )


@register("sparsemax")
class Sparsemax(Rowwise):
    """a_i = max(z_i - t, 0) over each row, with the t of which the outputs add up to 1.

    The point of the simplex that is nearest to z: like a softmax, but with zeros. With S the units
    that are not 0, dZ = dA - mean over S of dA, on S; 0 elsewhere. Martins and Astudillo (2016),
    "From softmax to sparsemax".

    Parameters
    ----------
    axis : int, -1 or at least 1
        Along which the outputs add up to 1; not the first, 0.

    Raises
    ------
    ConfigurationError
        For the axis 0.
    ShapeError
        For an array without such an axis.

    Examples
    --------
    >>> Sparsemax()([[1.0, 0.5, -1.0]])
    array([[0.75, 0.25, 0.  ]])
    """

    task = "classes"

    def rows_forward(self, Z: Array, A: Array, work: Workspace) -> None:
        k = Z.shape[-1]
        Z, A = Z.reshape(-1, k), A.reshape(-1, k)
        with np.errstate(over="ignore"):  # a unit that far below the largest one is 0 anyway
            np.subtract(Z, numerics.row_max(Z, work), out=A)
        A.clip(-1.0, 0.0, A)
        ordered = work.array("sparsemax.ordered", *A.shape)
        np.negative(A, out=ordered)
        ordered.sort(axis=-1)
        # t is the largest of those that the j largest units have, j = 1, ..., k, on their own.
        shifts = np.cumsum(ordered, axis=-1, out=work.array("sparsemax.shifts", *A.shape))
        np.add(shifts, 1, out=shifts)
        np.divide(shifts, np.arange(1, k + 1, dtype=A.dtype), out=shifts)
        least = shifts.min(axis=-1, out=work.array("sparsemax.t", len(A)))
        np.add(A, least.reshape(-1, 1), out=A)
        A.clip(0.0, np.inf, A)

    def expression(self, Z: Any) -> Any:
        # Without sorting: those that are not 0 are known by comparing each pair of a row.
        axis = self.axis % Z.ndim
        below = Z - Z.max(axis=axis, keepdims=True)
        own, other = (below[(*[slice(None)] * place, None)] for place in (axis + 1, axis))
        larger = (other >= own).astype(Z.dtype)
        count = larger.sum(axis=axis + 1)
        together = (larger * other).sum(axis=axis + 1)
        kept = (1 + count * below > together).astype(Z.dtype)
        excess = (kept * below).sum(axis=axis, keepdims=True) - 1
        return np.maximum(below - excess / kept.sum(axis=axis, keepdims=True), 0)

    def rows_backward(self, dA: Array, A: Array, work: Workspace) -> None:
        k = A.shape[-1]
        S = np.greater(A, 0, out=work.array("sparsemax.ordered", *A.shape))
        np.multiply(dA, S, out=dA)
        means = np.dot(dA.reshape(-1, k), work.ones(k), out=work.array("sparsemax.t", A.size // k))
        sizes = work.array("sparsemax.sizes", A.size // k)
        np.dot(S.reshape(-1, k), work.ones(k), out=sizes)
        np.divide(means, np.maximum(sizes, 1, out=sizes), out=means)
        np.subtract(dA, means.reshape(*A.shape[:-1], 1), out=dA)
        np.multiply(dA, S, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \max(z_i - t, 0)",
            r"s_i = \operatorname{sign}(a_i)",
            slope=r"s_i (\delta_{ij} - \frac{s_j}{\sum_k s_k})",
            symbols=(("t", "the number of which the outputs of a row add up to 1"),),
            source="Martins and Astudillo (2016)",
        )
