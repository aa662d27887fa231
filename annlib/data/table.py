"""Frames: columns of their own types, read as rows of one type without joining them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_finite, check_numeric, check_range
from annlib.core.workspace import Workspace
from annlib.data.gather import Gatherer

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


class Table:
    """The columns of a frame as arrays.

    Parameters
    ----------
    columns : sequence of arrays, each (n,)
    names : sequence
        What error messages call the columns.

    Examples
    --------
    >>> import numpy as np
    >>> table = Table([np.array([1.5, 2.5]), np.array([3, 4])], ["size", "rooms"])
    >>> table.shape, [title for column, title in table.parts("x")]
    ((2, 2), ['x["size"]', 'x["rooms"]'])
    """

    def __init__(self, columns: Sequence[Array], names: Sequence[Any]) -> None:
        self.columns = list(columns)
        self.names = list(names)

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    @property
    def shape(self) -> Shape:
        return (len(self), len(self.columns))

    def __getitem__(self, rows: slice) -> Table:
        return Table([column[rows] for column in self.columns], self.names)

    def parts(self, name: str) -> Iterator[tuple[Array, str]]:
        """The columns with their titles, in a table of this name.

        Parameters
        ----------
        name : str

        Yields
        ------
        array, (n,), and its title
        """
        for column, title in zip(self.columns, self.names, strict=True):
            yield column, f'{name}["{title}"]'

    def check(self, where: str, name: str, *, missing: bool = False, hint: str = "") -> None:
        """Refuse columns that do not hold finite numbers.

        Parameters
        ----------
        where, name : str
            What error messages begin with, and call the table.
        missing : bool
            Whether NaN is fine.
        hint : str
            What can be done about NaN otherwise.

        Raises
        ------
        DataError
        """
        for column, title in self.parts(name):
            check_numeric(column, where, title)
            check_finite(column, where, title, missing=missing, hint=hint)

    def check_range(self, dtype: npt.DTypeLike, where: str, name: str) -> None:
        """Refuse a column with a number that is infinite as this type.

        Parameters
        ----------
        dtype : dtype
        where, name : str
            What error messages begin with, and call the table.

        Raises
        ------
        DataError
        """
        for column, title in self.parts(name):
            check_range(column, dtype, where, title)


class TableGatherer:
    """Reads batches of rows of a table as contiguous arrays of one type."""

    def __init__(self, source: Table, dtype: npt.DTypeLike) -> None:
        self.source = source
        self._columns = [Gatherer(column, dtype) for column in source.columns]
        self._work = Workspace(dtype)

    def __len__(self) -> int:
        return len(self.source)

    def fingerprint(self) -> list[Any]:
        """That of each column, by name."""
        pairs = zip(self.source.names, self._columns, strict=True)
        return [[str(name), *column.fingerprint()] for name, column in pairs]

    def rows(self, index: Array) -> Array:
        """The rows ``index`` (integers), in a buffer that the next call overwrites."""
        batch = self._work.array("batch", len(index), len(self._columns))
        for j, column in enumerate(self._columns):
            batch[:, j] = column.rows(index)
        return batch

    def slice(self, start: int, stop: int) -> Array:
        """The rows start..stop-1, in a buffer that the next call overwrites."""
        stop = min(stop, len(self.source))
        batch = self._work.array("batch", stop - start, len(self._columns))
        for j, column in enumerate(self._columns):
            batch[:, j] = column.slice(start, stop)
        return batch
