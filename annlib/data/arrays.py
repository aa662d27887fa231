"""Batches of rows from data that lie in memory: arrays, lists, memory maps, frames."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from reprlib import repr as show
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array, as_array
from annlib.core.checks import check_finite, check_numeric
from annlib.core.errors import DataError
from annlib.data.gather import Gatherer
from annlib.data.table import Table, TableGatherer

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator


class Batch(NamedTuple):
    """Rows of x with their targets and weights, borrowed until the next batch."""

    x: Array
    y: Array | None
    weights: Array | None


def as_source(x: Any, where: str, name: str) -> Array | Table:
    """``x`` as something that batches can be read from, checked and not copied.

    Raises
    ------
    DataError
        If it is empty, holds no numbers, or a NaN or infinity.
    """
    frame = hasattr(x, "columns") and hasattr(x, "iloc")
    source = _frame(x) if frame else _array(x, where, name)
    names = list(x.columns) if frame else None
    if not len(source) or 0 in source.shape:
        raise DataError(
            f"{where}: expected {name} with at least one row and one column, got shape "
            f"{source.shape}."
        )
    if isinstance(source, Table):
        for column, title in zip(source.columns, source.names, strict=True):
            check_numeric(column, where, f'{name}["{title}"]')
            check_finite(column, where, f'{name}["{title}"]')
    else:
        check_numeric(source, where, name)
        # A memory map is checked batch by batch: a scan would read the whole file.
        if not isinstance(x, np.memmap):
            check_finite(source, where, name, names)
    return source


def _array(x: Any, where: str, name: str) -> Array:
    if hasattr(x, "toarray"):
        raise DataError(
            f"{where}: expected {name} as an array, got a sparse {type(x).__name__}. "
            f"Pass {name}.toarray(), or as many of its rows as fit into memory."
        )
    if hasattr(x, "filled") and np.any(x.mask):
        raise DataError(
            f"{where}: expected {name} as an array, got one with a mask, which would be lost. "
            f"Pass {name}.filled(...), or leave the masked rows out."
        )
    try:
        array = as_array(x)
    except ValueError as error:  # rows of different lengths
        raise DataError(
            f"{where}: expected {name} as an array of numbers, got a {type(x).__name__} that is "
            f"none ({error}). Make all rows of one length."
        ) from None
    if array.ndim == 0:
        raise DataError(
            f"{where}: expected {name} with rows, got {show(x)}. Pass an array, a list of rows or "
            "a frame."
        )
    return array


def _frame(frame: Any) -> Array | Table:
    """A frame of one type as the array that it is a view of, any other as its columns."""
    kinds = {str(kind) for kind in frame.dtypes}
    if len(kinds) == 1 and isinstance(frame.dtypes.iloc[0], np.dtype):
        return np.asarray(frame.to_numpy())
    names = list(frame.columns)
    return Table([np.asarray(frame.iloc[:, j]) for j in range(len(names))], names)


def gatherer(source: Array | Table, dtype: npt.DTypeLike) -> Gatherer | TableGatherer:
    """What reads batches from ``source`` as arrays of this type."""
    return TableGatherer(source, dtype) if isinstance(source, Table) else Gatherer(source, dtype)


class Batches:
    """Mini-batches of a data set (paper 5.2): the rows in turn or in a given order.

    Parameters
    ----------
    x : array or Table, (n, ...)
    y : array, (n, ...), optional
    weights : array, (n,), optional
    batch_size : int
        1 is stochastic, n is batch gradient descent (paper 5.3); the last batch may be shorter.
    dtype, target_dtype : dtype
        The types of the batches' x and y.
    weight_dtype : dtype, optional
        That of the weights, if it is not that of x.
    """

    def __init__(
        self,
        x: Array | Table,
        y: Array | None = None,
        weights: Array | None = None,
        *,
        batch_size: int,
        dtype: npt.DTypeLike,
        target_dtype: npt.DTypeLike,
        weight_dtype: npt.DTypeLike | None = None,
    ) -> None:
        self.rows = len(x)
        self._scanned = not isinstance(x, np.memmap)
        self.batch_size = batch_size
        self._x = gatherer(x, dtype)
        self._y = None if y is None else Gatherer(y, target_dtype)
        self._weights = None if weights is None else Gatherer(weights, weight_dtype or dtype)

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def fingerprint(self) -> dict[str, Any]:
        """What tells these data from others: shapes, types, and a digest of some rows."""
        sources = {"x": self._x, "y": self._y, "weights": self._weights}
        parts = {name: source.fingerprint() for name, source in sources.items() if source}
        return {"batch_size": self.batch_size, **parts}

    def in_turn(self, where: str = "") -> Iterator[Batch]:
        """The rows as they stand; what nobody has scanned is checked as it comes, ``where`` given.

        Raises
        ------
        DataError
            If a memory map holds a NaN or an infinity.
        """
        x, y, w = self._x, self._y, self._weights
        for start in range(0, self.rows, self.batch_size):
            stop = start + self.batch_size
            rows = x.slice(start, stop)
            if where and not self._scanned:
                check_finite(rows, where, f"x, counted from row {start}")
            yield Batch(
                rows,
                None if y is None else y.slice(start, stop),
                None if w is None else w.slice(start, stop),
            )

    def round(self, rng: Generator | None, done: int = 0) -> Iterator[Batch]:
        """All rows in a new order, or without a generator as they stand, after so many batches."""
        if rng is None:
            yield from islice(self.in_turn(), done, None)
            return
        yield from self.in_order(rng.permutation(self.rows)[done * self.batch_size :])

    def in_order(self, order: Array) -> Iterator[Batch]:
        """The rows in the order of these indices."""
        x, y, w = self._x, self._y, self._weights
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            yield Batch(
                x.rows(index),
                None if y is None else y.rows(index),
                None if w is None else w.rows(index),
            )
