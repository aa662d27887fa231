"""Rows of an array in a model's buffer, without a copy of the data set and without allocating.

NumPy's ``take`` with ``out`` does that for contiguous arrays; for others it copies the whole array
first, so they are read through a view of their memory that is contiguous. What is not aligned to
its type has no such view, and is indexed: that allocates a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


class Gatherer:
    """Reads batches of rows of one array as contiguous arrays of one type.

    Parameters
    ----------
    source : array, (n, ...)
        Of any layout and number type; never copied whole and never written to.
    dtype : dtype
        The type of the batches.
    """

    def __init__(self, source: Array, dtype: npt.DTypeLike) -> None:
        self.source = source
        self.dtype = np.dtype(dtype)
        self._work = Workspace(self.dtype)
        self._same_type = source.dtype == self.dtype
        self._flat: Array | None = None
        self._steps: tuple[int, ...] = ()
        # Functions, not bound methods: those make a cycle that keeps the data alive.
        self._take: Callable[[Gatherer, Array], Array]
        if not source.flags.aligned:  # of which ``take`` makes a copy, too
            self._take = Gatherer._index
        elif source.flags.c_contiguous:
            self._take = Gatherer._take_rows
        elif source.size and all(step % source.itemsize == 0 for step in source.strides):
            self._flat, self._origin, self._steps = _memory(source)
            self._take = Gatherer._take_elements
        else:
            self._take = Gatherer._index

    def __len__(self) -> int:
        return len(self.source)

    def rows(self, index: Array) -> Array:
        """The rows ``index`` (integers), in a buffer that the next call overwrites."""
        taken = self._take(self, index)
        return taken if self._same_type else self._cast(taken)

    def slice(self, start: int, stop: int) -> Array:
        """The rows start..stop-1: a view where type and layout allow it, else the buffer."""
        rows = self.source[start:stop]
        if self._same_type and rows.flags.c_contiguous:
            return rows
        return self._cast(rows)

    def _cast(self, rows: Array) -> Array:
        batch = self._work.array("batch", *rows.shape)
        with np.errstate(over="ignore"):  # a training step says more than NumPy's warning
            np.copyto(batch, rows, casting="unsafe")
        return batch

    def _take_rows(self, index: Array) -> Array:
        raw = self._raw(len(index), *self.source.shape[1:])
        # mode="clip" is what makes ``take`` write into ``out`` without a copy of its own.
        return np.take(self.source, index, axis=0, out=raw, mode="clip")

    def _take_elements(self, index: Array) -> Array:
        assert self._flat is not None, "set for this layout"
        shape = (len(index), *self.source.shape[1:])
        positions = self._work.array("positions", *shape, dtype=np.intp)
        first = self._work.array("first", len(index), dtype=np.intp)
        np.add(np.multiply(index, self._steps[0], out=first), self._origin, out=first)
        offsets = self._offsets(shape[1:])
        np.add(first.reshape(-1, *[1] * (len(shape) - 1)), offsets, out=positions)
        return np.take(self._flat, positions, out=self._raw(*shape), mode="clip")

    def _offsets(self, row: tuple[int, ...]) -> Array:
        """Where a row's elements lie, counted from its first."""
        offsets = self._work.array("offsets", *row, dtype=np.intp)
        if "offsets" not in self._work:
            self._work["offsets"] = True
            offsets[...] = 0
            for axis, step in enumerate(self._steps[1:]):
                size = row[axis]
                steps = np.arange(size) * step
                offsets += steps.reshape([-1 if i == axis else 1 for i in range(len(row))])
        return offsets

    def _index(self, index: Array) -> Array:
        return self.source[index]

    def _raw(self, *shape: int) -> Array:
        name = "batch" if self._same_type else "raw"
        return self._work.array(name, *shape, dtype=self.source.dtype)


def _memory(source: Array) -> tuple[Array, int, tuple[int, ...]]:
    """The memory that ``source`` spans as one vector, where its first element lies in it, and its
    strides counted in elements.
    """
    steps = tuple(stride // source.itemsize for stride in source.strides)
    reach = [(size - 1) * step for size, step in zip(source.shape, steps, strict=True)]
    origin = -sum(r for r in reach if r < 0)
    span = origin + sum(r for r in reach if r > 0) + 1
    # From the element of the lowest address on.
    corner = tuple(slice(-1, None) if r < 0 else slice(0, 1) for r in reach)
    lowest = source[corner]
    flat = np.lib.stride_tricks.as_strided(
        lowest, shape=(span,), strides=(source.itemsize,), writeable=False
    )
    return flat, origin, steps
