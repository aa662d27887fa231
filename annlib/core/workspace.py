"""The memory of a pass: what forward must remember for backward, and every scratch array.

A layer holds configuration and parameters only; each pass brings one workspace a layer. So
inference is thread-safe, a layer pickles small, and nothing stale can leak between passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from annlib.core.alignment import aligned
from annlib.core.arrays import Array, Shape

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator


class Rows(Protocol):
    """Which rows of a batch are here, and what connects them with the others."""

    def add(self, n: int, sums: tuple[Array, ...]) -> int:
        """Add up over all processes; returns how many rows they have where n are here."""

    def of(self, rng: Any) -> Any:
        """A random stream that draws for all rows, and gives what is for those that are here."""

    def draw(self, fill: Callable[[Array, Any], None], M: Array, rng: Any) -> None:
        """Fill an array from such a stream as if it had all rows."""


class Workspace(dict[str, Any]):
    """Named buffers that are allocated once and reused, and a dictionary of what to remember.

    Parameters
    ----------
    dtype : dtype
        The type of a buffer for which no other is asked.
    rng : numpy.random.Generator, optional
        The layer's own random stream; None in a pass that does not train.

    Attributes
    ----------
    passes : sequence of Pass
        Of a layer that holds layers: the passes of those, with workspaces of their own.
    constants : dict
        What follows from the layer alone, and stays when the last batch is forgotten.

    Examples
    --------
    >>> work = Workspace("float32")
    >>> work.array("Z", 32, 10).shape
    (32, 10)
    >>> np.shares_memory(work.array("Z", 32, 10), work.array("Z", 7, 10))
    True
    """

    def __init__(self, dtype: npt.DTypeLike = "float32", rng: Generator | None = None) -> None:
        super().__init__()
        self.dtype = np.dtype(dtype)
        self._rng = rng
        self.passes: Sequence[Any] = ()
        self.constants: dict[str, Any] = {}
        self._views: dict[str, tuple[Shape, Array]] = {}
        self._buffers: dict[str, Array] = {}
        self._ones = np.ones(0, self.dtype)
        #: Who has the other rows of the batch, if these are not all.
        self._rows: Rows | None = None

    def array(self, name: str, *shape: int, dtype: npt.DTypeLike | None = None) -> Array:
        """The buffer ``name`` in this shape, with whatever is in it.

        It is contiguous, and the same memory at every call with the same name; a smaller shape
        gets the first part of it. A name has one type.
        """
        try:
            known, view = self._views[name]
            if known == shape:
                return view
        except KeyError:
            pass
        view = self._view(name, shape, dtype)
        self._views[name] = shape, view
        return view

    def _view(self, name: str, shape: Shape, dtype: npt.DTypeLike | None) -> Array:
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = aligned(size, dtype=self.dtype if dtype is None else dtype)
            self._buffers[name] = buffer
        return buffer[:size].reshape(shape)

    def ones(self, n: int) -> Array:
        """A vector of n ones, not to be written to: its product with a matrix sums columns or rows.

        BLAS does that in a third of the time of ``np.add.reduce``.
        """
        ones = self._ones
        if len(ones) < n:
            ones = self._ones = np.ones(n, self.dtype)
        return ones if len(ones) == n else ones[:n]

    def of_whole_batch(self, n: int, *sums: Array) -> int:
        """How many rows the batch has, of which n are here; these sums over the rows that are here
        become those over all. Both stay what they are where one process has the whole batch.
        """
        return n if self._rows is None else self._rows.add(n, sums)

    def draw(self, fill: Callable[[Array, Generator], None], M: Array) -> None:
        """Let this fill an array from the random stream; one with the rows of the batch as if it
        had all of them.
        """
        assert self._rng is not None, "a pass that trains brings a random stream"
        if self._rows is None:
            fill(M, self._rng)
        else:
            self._rows.draw(fill, M, self._rng)

    def divide(self, rows: Rows) -> None:
        """From now on the batches are some rows of larger ones, for layers inside, too."""
        self._rows = rows
        if self._rng is not None:
            self._rng = rows.of(self._rng)
        for inner in self.passes:
            for _, work in inner.steps:
                work.divide(rows)

    @property
    def rng(self) -> Generator | None:
        """The random stream; setting it sets that of every layer inside."""
        return self._rng

    @rng.setter
    def rng(self, rng: Generator | None) -> None:
        self._rng = rng
        for inner in self.passes:
            for _, work in inner.steps:
                work.rng = rng

    def clear(self) -> None:
        """Forget what was to be remembered; the buffers stay."""
        dict.clear(self)
        for inner in self.passes:
            inner.clear()

    def fill(self, value: float) -> None:
        """Overwrite every buffer of floats, to test that no pass depends on an earlier one."""
        for inner in self.passes:
            for _, work in inner.steps:
                work.fill(value)
        for buffer in self._buffers.values():
            if buffer.dtype.kind == "f":
                buffer.fill(value)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy of a pass' memory starts empty: buffers are scratch, and views would come apart.
        return Workspace, (self.dtype, self._rng)
