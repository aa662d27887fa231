"""Mini-batches of rows that can be reached in any order: arrays, memory maps, frames, sparse."""

from __future__ import annotations

from collections.abc import Generator as Gen
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_finite, check_range
from annlib.data.gather import Gatherer
from annlib.data.loader import Batch, DataLoader
from annlib.data.source import Source, gatherer

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator


class ArrayLoader(DataLoader):
    """Mini-batches of a data set (paper 5.2): the rows in turn or in a given order.

    Parameters
    ----------
    x : array, Table or Sparse, (n, ...)
    y : array, (n, ...), optional
    weights : array, (n,), optional
    batch_size : int
        1 is stochastic, n is batch gradient descent (paper 5.3); the last batch may be shorter.
    dtype, target_dtype : dtype
        The types of the batches' x and y.
    weight_dtype : dtype, optional
        That of the weights, if it is not that of x.
    sparse : bool
        Whether batches of a sparse x are sparse, too.
    drop_last : bool
        Whether to leave out the last rows of a pass, if they are no whole batch.
    """

    rows: int
    count: int
    batch_size: int

    def __init__(
        self,
        x: Source,
        y: Array | None = None,
        weights: Array | None = None,
        *,
        batch_size: int,
        dtype: npt.DTypeLike,
        target_dtype: npt.DTypeLike,
        weight_dtype: npt.DTypeLike | None = None,
        sparse: bool = False,
        drop_last: bool = False,
    ) -> None:
        self.rows = len(x)
        self.count = self.rows // batch_size if drop_last else -(-self.rows // batch_size)
        self.batch_size = batch_size
        self._drop_last = drop_last
        self._x = gatherer(x, dtype, sparse)
        self._y = None if y is None else Gatherer(y, target_dtype)
        self._weights = None if weights is None else Gatherer(weights, weight_dtype or dtype)
        sources = (
            ("x", x, dtype),
            ("y", y, target_dtype),
            ("sample_weight", weights, weight_dtype or dtype),
        )
        #: What nobody has scanned yet: names, arrays, and the types of their batches.
        self._unscanned = [
            (name, source, kind) for name, source, kind in sources if isinstance(source, np.memmap)
        ]

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> dict[str, Any]:
        """Shapes, types, and a digest of some rows."""
        sources = {"x": self._x, "y": self._y, "weights": self._weights}
        parts = {name: source.fingerprint() for name, source in sources.items() if source}
        dropped = {"drop_last": True} if self._drop_last else {}
        return {"batch_size": self.batch_size, **dropped, **parts}

    def start_pass(self, rng: Generator | None, done: int = 0) -> Iterator[Batch]:
        """Begin a pass: all rows in a new order, or without ``rng`` as they stand."""
        if rng is None:
            return islice(self.sequential(), done, None)
        if self.shuffles_within:
            order = np.arange(self.rows)
            for start in range(0, self.rows, self.batch_size):
                rng.shuffle(order[start : start + self.batch_size])
        else:
            order = rng.permutation(self.rows)
        return self.take(order[done * self.batch_size : self.count * self.batch_size])

    def part(
        self, items: Iterator[Batch], count: int | None, where: str, done: int = 0
    ) -> Gen[Batch, None, None]:
        """Yield the next ``count`` batches of a pass."""
        yield from islice(items, count)

    def sequential(self, where: str = "", steps: int | None = None) -> Gen[Batch, None, None]:
        """Yield the rows as they stand; with ``where``, memory maps are checked batch by batch.

        Raises
        ------
        DataError
            If a memory map holds what is NaN or infinite, in the batches' type at least.
        """
        x, y, w = self._x, self._y, self._weights
        starts = range(0, self.rows, self.batch_size)[: self.count]
        for start in islice(starts, steps):
            stop = start + self.batch_size
            if where:
                for name, source, kind in self._unscanned:
                    place = f"{name}, counted from row {start}"
                    check_finite(source[start:stop], where, place)
                    check_range(source[start:stop], kind, where, place)
            yield Batch(
                x.slice(start, stop),
                None if y is None else y.slice(start, stop),
                None if w is None else w.slice(start, stop),
            )

    def take(self, order: Array) -> Iterator[Batch]:
        """Yield batches of the rows in the order of these indices."""
        x, y, w = self._x, self._y, self._weights
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            yield Batch(
                x.rows(index),
                None if y is None else y.rows(index),
                None if w is None else w.rows(index),
            )
