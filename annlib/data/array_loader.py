"""Mini-batches of rows that can be reached in any order: arrays, memory maps, frames, sparse."""

from __future__ import annotations

import math
import sys
from collections.abc import Generator as Gen
from collections.abc import Iterator
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_finite, check_range
from annlib.data.gather import Gatherer, RowNumbers
from annlib.data.loader import Batch, DataLoader, share
from annlib.data.prefetch import AHEAD, Prefetch
from annlib.data.shards import Shards
from annlib.data.source import READ_LATE, Source, gatherer

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator

#: Rows of files that are read in one go, since of few at a time most would be searching and handing
#: over; and the bytes that they take at most.
_AT_ONCE, _MOST = 2048, 1 << 20


class ArrayLoader(DataLoader):
    """Mini-batches of a data set (paper 5.2): the rows in turn or in a given order.

    Parameters
    ----------
    x : array, Table, Sparse or Shards, (n, ...)
    y : array, (n, ...), optional
    weights : array, (n,), optional
    batch_size : int, at least 1
        1 is stochastic, n is batch gradient descent (paper 5.3); the last batch may be shorter.
    dtype, target_dtype : dtype
        The types of the batches' x and y.
    weight_dtype : dtype, optional
        That of the weights, if it is not that of x.
    sparse : bool
        Whether batches of a sparse x are sparse, too.
    drop_last : bool
        Whether to leave out the last rows of a pass, if they are no whole batch.

    Raises
    ------
    ConfigurationError
        If ``batch_size`` is no count.

    Examples
    --------
    >>> x, y = np.arange(10.0).reshape(5, 2), np.arange(5.0)
    >>> loader = ArrayLoader(x, y, batch_size=2, dtype="float32", target_dtype="float32")
    >>> [batch.y.tolist() for batch in loader.sequential()]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    >>> [batch.x.tolist() for batch in loader.take(np.array([4, 0]))]
    [[[8.0, 9.0], [0.0, 1.0]]]
    """

    rows: int
    count: int
    batch_size: int
    divisible = True

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
        batch_size = check_count(batch_size, "ArrayLoader", "batch_size")
        self.rows = len(x)
        self.count = self.rows // batch_size if drop_last else -(-self.rows // batch_size)
        self.batch_size = batch_size
        self._drop_last = drop_last
        self._share = 0, 1
        self._ahead = isinstance(x, Shards)
        #: How many batches are read in one go.
        self._at_once = 1
        if isinstance(x, Shards):
            rows = min(_AT_ONCE, _MOST // (x.dtype.itemsize * math.prod(x.shape[1:])))
            self._at_once = max(1, rows // batch_size)
        # Each batch that is read before the last is done with needs memory of its own.
        self._readers = [
            (
                gatherer(x, dtype, sparse),
                None if y is None else Gatherer(y, target_dtype),
                None if weights is None else Gatherer(weights, weight_dtype or dtype),
            )
            for _ in range(1 + AHEAD * self._ahead)
        ]
        sources = (
            ("x", x, dtype),
            ("y", y, target_dtype),
            ("sample_weight", weights, weight_dtype or dtype),
        )
        #: What nobody has scanned yet: names, arrays, and the types of their batches.
        self._unscanned = [
            (name, source, kind) for name, source, kind in sources if isinstance(source, READ_LATE)
        ]

    def __len__(self) -> int:
        return self.count

    def divide(self, rank: int, size: int) -> None:
        self._share = rank, size
        self._at_once = 1  # each of which has rows here

    def number_rows(self) -> None:
        """From now on give as the x of a batch the numbers of its rows, which lie elsewhere."""
        self._readers = [(RowNumbers(len(x)), y, w) for x, y, w in self._readers]

    def fingerprint(self) -> dict[str, Any]:
        """Shapes, types, and a digest of some rows."""
        sources = zip(("x", "y", "weights"), self._readers[0], strict=True)
        parts = {name: source.fingerprint() for name, source in sources if source}
        dropped = {"drop_last": True} if self._drop_last else {}
        return {"batch_size": self.batch_size, **dropped, **parts}

    def start_pass(self, rng: Generator | None, done: int = 0) -> Iterator[Batch]:
        """Begin a pass: all rows in a new order, or without ``rng`` as they stand.

        Parameters
        ----------
        rng : Generator, optional
        done : int, at least 0
            The batches to leave out at its beginning.

        Returns
        -------
        iterator of Batch
        """
        if rng is None:
            return self._in_turn(done=done)
        if self.shuffles_within:
            order = np.arange(self.rows)
            for start in range(0, self.rows, self.batch_size):
                rng.shuffle(order[start : start + self.batch_size])
        elif isinstance(source := self._readers[0][0].source, Shards):
            return self._take(islice(source.shuffled(rng, self.batch_size), done, self.count))
        else:
            order = rng.permutation(self.rows)
        return self.take(order[done * self.batch_size : self.count * self.batch_size])

    def part(
        self, items: Iterator[Batch], count: int | None, where: str, done: int = 0
    ) -> Gen[Batch, None, None]:
        """Yield the next ``count`` batches of a pass; those from files are read ahead."""
        if not isinstance(items, _Pieces):
            yield from islice(items, count)
            return
        with Prefetch(items.pieces(count)) as read:
            for piece in read:
                yield from piece

    def sequential(self, where: str = "", steps: int | None = None) -> Gen[Batch, None, None]:
        """Yield the rows as they stand; with ``where``, what is read late is checked then.

        Raises
        ------
        DataError
            If a file holds what is NaN or infinite, in the batches' type at least.
        """
        return self.part(self._in_turn(where), steps, where)

    def take(self, order: Array) -> Iterator[Batch]:
        """Yield batches of the rows in the order of these indices.

        Parameters
        ----------
        order : array of int, (m,)

        Yields
        ------
        Batch
        """
        starts = range(0, len(order), self.batch_size)
        return self._take(order[start : start + self.batch_size] for start in starts)

    def _in_turn(self, where: str = "", done: int = 0) -> Iterator[Batch]:
        """Yield the batches as they stand, after the first ``done``."""
        read = self._slices(where, done * self.batch_size, self.batch_size * self._at_once)
        return _Pieces(map(self._cut, read)) if self._ahead else read

    def _take(self, batches: Iterator[Array]) -> Iterator[Batch]:
        """Yield the batches of which these are the numbers of the rows."""
        if not self._ahead:
            return self._gathered(batches)
        return _Pieces(map(self._cut, self._gathered(_together(batches, self._at_once))))

    def _slices(self, where: str, first: int, size: int) -> Iterator[Batch]:
        """So many rows at a time, from the first on."""
        end = min(self.rows, self.count * self.batch_size)
        for start, (x, y, w) in zip(range(first, end, size), cycle(self._readers), strict=False):
            stop = min(start + size, end)
            if where:
                for name, source, kind in self._unscanned:
                    place = f"{name}, counted from row {start}"
                    rows = np.asarray(source[start:stop])
                    check_finite(rows, where, place)
                    check_range(rows, kind, where, place)
            own = share(stop - start, *self._share)
            yield Batch(
                x.slice(start + own.start, start + own.stop),
                None if y is None else y.slice(start, stop),
                None if w is None else w.slice(start, stop),
            )

    def _gathered(self, batches: Iterator[Array]) -> Iterator[Batch]:
        """The rows of these numbers, so many at a time."""
        for index, (x, y, w) in zip(batches, cycle(self._readers), strict=False):
            own = index if self._share == (0, 1) else index[share(len(index), *self._share)]
            yield Batch(
                x.rows(own),
                None if y is None else y.rows(index),
                None if w is None else w.rows(index),
            )

    def _cut(self, rows: Batch) -> list[Batch]:
        """The batches that were read in one go."""
        if self._at_once == 1:
            return [rows]
        parts = [slice(k, k + self.batch_size) for k in range(0, len(rows.x), self.batch_size)]
        return [Batch(*(None if each is None else each[p] for each in rows)) for p in parts]


class _Pieces:
    """Batches of which several are read in one go, and are in one memory."""

    def __init__(self, read: Iterator[list[Batch]]) -> None:
        self._read, self._rest = read, list[Batch]()

    def pieces(self, count: int | None) -> Iterator[list[Batch]]:
        """The next ``count`` batches, as they are read."""
        left = sys.maxsize if count is None else count
        while left and (piece := self._rest or next(self._read, [])):
            piece, self._rest = piece[:left], piece[left:]
            left -= len(piece)
            yield piece

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        for piece in self.pieces(1):
            return piece[0]
        raise StopIteration


def _together(batches: Iterator[Array], number: int) -> Iterator[Array]:
    """So many of these at a time as one."""
    while some := list(islice(batches, number)):
        yield np.concatenate(some)
