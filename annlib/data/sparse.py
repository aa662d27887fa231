"""SciPy's sparse matrices and arrays: batches of their rows as they are, or written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import all_finite, check_finite, check_numeric, check_range
from annlib.core.errors import DataError
from annlib.core.workspace import Workspace
from annlib.data.gather import cast, digest_of, quiet, samples

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


def is_sparse(x: Any) -> bool:
    """Whether it is one of SciPy's, of any format."""
    return hasattr(x, "toarray") and hasattr(x, "tocsr")


def dense(rows: Any) -> Array:
    """The rows of a batch as an array, those of a sparse one written out.

    Parameters
    ----------
    rows : array or CSR matrix, (n, features)

    Returns
    -------
    array, (n, features)

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse
    >>> from annlib import data
    >>> data.dense(scipy.sparse.csr_matrix([[0.0, 2.0]]))
    array([[0., 2.]])
    """
    array: Array = rows.toarray() if is_sparse(rows) else rows
    return array


class Sparse:
    """Rows of a sparse matrix in SciPy's CSR format, which finds them without a search.

    Parameters
    ----------
    matrix : CSR matrix or array, (n, features)
    rows : range, optional
        Which of its rows these are.

    Examples
    --------
    >>> import scipy.sparse
    >>> source = Sparse.read(scipy.sparse.coo_array([[0.0, 2.0], [3.0, 0.0]]), "fit", "x")
    >>> source.shape, [numbers.tolist() for numbers, title in source.parts("x")]
    ((2, 2), [[2.0, 3.0]])
    """

    def __init__(self, matrix: Any, rows: range | None = None) -> None:
        self.matrix = matrix
        self.range = range(matrix.shape[0]) if rows is None else rows

    @classmethod
    def read(cls, x: Any, where: str, name: str) -> Sparse:
        """From any format; one that is not CSR is converted, which takes its size once more.

        Parameters
        ----------
        x : sparse matrix or array, (n, features)
        where, name : str
            What error messages begin with, and call it.

        Returns
        -------
        Sparse

        Raises
        ------
        DataError
            If it is not of two dimensions.
        """
        if len(x.shape) != 2:
            raise DataError(
                f"{where}: expected {name} with rows and columns, got a sparse "
                f"{type(x).__name__} of shape {x.shape}. Reshape it to (n, features)."
            )
        return cls(x if x.format == "csr" else x.tocsr())

    def __len__(self) -> int:
        return len(self.range)

    @property
    def shape(self) -> Shape:
        return (len(self.range), *self.matrix.shape[1:])

    def __getitem__(self, rows: slice) -> Sparse:
        return Sparse(self.matrix, self.range[rows])

    def parts(self, name: str) -> Iterator[tuple[Array, str]]:
        """The numbers that are stored; all others are 0.

        Parameters
        ----------
        name : str
            What messages call the matrix.

        Yields
        ------
        array, (stored,), and its title
        """
        yield self.matrix.data, f"what {name} stores"

    def check(self, where: str, name: str) -> None:
        """Refuse numbers that are not finite, and what is no number.

        Parameters
        ----------
        where, name : str
            What error messages begin with, and call it.

        Raises
        ------
        DataError
        """
        data = self.matrix.data
        check_numeric(data, where, name)
        if not all_finite(data):
            row, numbers = self._first(~np.isfinite(data))
            check_finite(numbers, where, f"{name}, counted from row {row}")

    def check_range(self, dtype: npt.DTypeLike, where: str, name: str) -> None:
        """Refuse a number that is infinite as this type.

        Parameters
        ----------
        dtype : dtype
        where, name : str
            What error messages begin with, and call it.

        Raises
        ------
        DataError
        """
        data = self.matrix.data
        if data.dtype.kind == "f" and np.dtype(dtype).itemsize >= data.itemsize:
            return  # as it is, it was checked
        with np.errstate(over="ignore"):
            beyond = ~np.isfinite(data.astype(dtype, copy=False))
        if beyond.any():
            row, numbers = self._first(beyond)
            check_range(numbers, dtype, where, f"{name}, counted from row {row}")

    def _first(self, wrong: Array) -> tuple[int, Array]:
        """The first row with one of what is stored and wrong, by number and dense."""
        row = int(np.searchsorted(self.matrix.indptr, int(np.argmax(wrong)), side="right")) - 1
        return row, self.matrix[row : row + 1].toarray()


class SparseGatherer:
    """Reads batches of rows of a sparse matrix in one type: in CSR format, or dense.

    Parameters
    ----------
    source : Sparse
    dtype : dtype
        The type of the batches.
    keep : bool
        Whether they stay sparse; else they are contiguous arrays.
    """

    def __init__(self, source: Sparse, dtype: npt.DTypeLike, keep: bool = False) -> None:
        self.source = source
        self._read = self._typed if keep else self._dense
        self._work = Workspace(dtype)

    def __len__(self) -> int:
        return len(self.source)

    def fingerprint(self) -> list[Any]:
        """Shape, type, how many numbers are stored, and a digest of at most 64 dense rows."""
        matrix, start = self.source.matrix, self.source.range.start
        # One at a time: written out they may be large.
        some = (self._dense(matrix[row : row + 1]) for row in samples(len(self)) + start)
        return [[*self.source.shape], matrix.dtype.str, int(matrix.nnz), digest_of(some)]

    def rows(self, index: Array) -> Any:
        """The rows ``index`` (integers); if dense, in a buffer that the next call overwrites."""
        return self._read(self.source.matrix[index + self.source.range.start])

    def slice(self, start: int, stop: int) -> Any:
        """The rows start..stop-1: a view if they stay sparse and the type allows it; if dense, in a
        buffer that the next call overwrites.
        """
        matrix, rows = self.source.matrix, self.source.range[start:stop]
        ends = matrix.indptr[rows.start : rows.stop + 1]
        stored = np.s_[ends[0] : ends[-1]]
        parts = matrix.data[stored], matrix.indices[stored], ends - ends[0]
        return self._read(type(matrix)(parts, shape=(len(rows), matrix.shape[1])))

    def _typed(self, rows: Any) -> Any:
        if rows.dtype == self._work.dtype:
            return rows
        if not rows.has_canonical_format:
            # What comes twice is added in its own type, as it is when it is written out.
            rows = rows.copy()
            rows.sum_duplicates()
        with quiet():
            return rows.astype(self._work.dtype)

    def _dense(self, rows: Any) -> Array:
        same_type = rows.dtype == self._work.dtype
        raw = self._work.array("batch" if same_type else "raw", *rows.shape, dtype=rows.dtype)
        rows.toarray(out=raw)
        return raw if same_type else cast(raw, self._work)
