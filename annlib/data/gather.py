"""Rows of an array in a model's buffer, without a copy of the data set.

NumPy's ``take`` with ``out`` does that for contiguous arrays; for others it copies the whole array
first. They are indexed, which makes a new array, but of few rows at a time: so nothing grows with
the batch, and what is read is still in the processor's cache when it is put into the buffer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt

#: Bytes that are indexed at a time. (Less takes more calls, and more leaves the nearest cache.)
_AT_ONCE = 32 * 1024

# Numbers, of which a digest takes some hundredths of a second.
_HASHED = 1 << 22


class Gatherer:
    """Reads batches of rows of one array as contiguous arrays of one type.

    Parameters
    ----------
    source : array, (n, ...)
        Of any layout and number type; never copied whole and never written to.
    dtype : dtype
        The type of the batches.

    Examples
    --------
    >>> gatherer = Gatherer(np.arange(10.0).reshape(5, 2), "float32")
    >>> gatherer.rows(np.array([4, 0]))
    array([[8., 9.],
           [0., 1.]], dtype=float32)
    >>> gatherer.slice(1, 2)
    array([[2., 3.]], dtype=float32)
    """

    def __init__(self, source: Array, dtype: npt.DTypeLike) -> None:
        self.source = source
        self._plain = source.view(np.ndarray)  # a memory map is slow to index
        self._work = Workspace(dtype)
        self._same_type = source.dtype == self._work.dtype
        self._raw = np.empty((0, *source.shape[1:]), source.dtype)  # the buffer of the last rows
        # ``take`` makes a copy of what is not aligned, too.
        self._contiguous = source.flags.c_contiguous and source.flags.aligned
        row = source.itemsize * math.prod(source.shape[1:])
        self._at_once = max(1, _AT_ONCE // max(1, row))

    def __len__(self) -> int:
        return len(self.source)

    def rows(self, index: Array) -> Array:
        """The rows of these numbers, in a buffer that the next call overwrites.

        Parameters
        ----------
        index : array of int, (m,)

        Returns
        -------
        array, (m, ...)
        """
        if not self._contiguous:
            return self._index(index)
        raw = self._raw
        if len(raw) != len(index):
            name = "batch" if self._same_type else "raw"
            shape = (len(index), *self.source.shape[1:])
            raw = self._raw = self._work.array(name, *shape, dtype=self.source.dtype)
        # mode="clip" is what makes ``take`` write into ``out`` without a copy of its own.
        self._plain.take(index, axis=0, out=raw, mode="clip")
        return raw if self._same_type else cast(raw, self._work)

    def slice(self, start: int, stop: int) -> Array:
        """The rows start..stop-1: a view where type and layout allow it, else the buffer.

        Parameters
        ----------
        start, stop : int, in [0, n]

        Returns
        -------
        array, (stop - start, ...)
        """
        rows = self.source[start:stop]
        if self._same_type and rows.flags.c_contiguous:
            return rows
        return cast(rows, self._work)

    def fingerprint(self) -> list[Any]:
        """Shape, type, and a digest of the rows, or of some.

        Returns
        -------
        list
        """
        return [[*self.source.shape], self.source.dtype.str, digest(self.source)]

    def _index(self, index: Array) -> Array:
        source, step = self._plain, self._at_once
        batch = self._work.array("batch", len(index), *source.shape[1:])
        with quiet():
            for start in range(0, len(index), step):
                part = slice(start, start + step)
                np.copyto(batch[part], source[index[part]], casting="unsafe")
        return batch


class RowNumbers(Gatherer):
    """Reads the numbers of so many rows in place of them."""

    def __init__(self, rows: int) -> None:
        super().__init__(np.broadcast_to(np.intp(0), rows), np.intp)

    def rows(self, index: Array) -> Array:
        return index

    def slice(self, start: int, stop: int) -> Array:
        return np.arange(start, min(stop, len(self)))


def cast(rows: Array, work: Workspace) -> Array:
    """``rows`` in the buffer "batch", in the type of the workspace."""
    batch = work.array("batch", *rows.shape)
    with quiet():
        np.copyto(batch, rows, casting="unsafe")
    return batch


def quiet() -> np.errstate:
    """Of what overflows in another type a training step says more than NumPy's warning."""
    return np.errstate(over="ignore")


def digest(source: Array) -> str:
    """SHA-256 of all rows, or where that would take long, of some from the first to the last."""
    most = max(64, _HASHED // max(1, source[:1].size))
    return digest_of([source if len(source) <= most else source[samples(len(source), most)]])


def digest_of(parts: Iterable[Array]) -> str:
    """SHA-256 of arrays in a row, the same as of the one that they are parts of."""
    import hashlib

    found = hashlib.sha256()
    for part in parts:
        found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()


def samples(rows: int, most: int = 64) -> Array:
    """At most so many of the rows, from the first to the last."""
    return np.linspace(0, rows - 1, min(most, rows)).astype(np.intp)
