"""The files that ``Shards`` reads rows of, a class for each format."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import is_whole, items_of
from annlib.core.errors import ConfigurationError, DataError, quote, show
from annlib.core.packages import needed
from annlib.core.suggestion import suggest

#: Bytes of groups of rows that are kept decoded.
_KEPT = 128 << 20


class ShardFile:
    """Rows in one file.

    Attributes
    ----------
    suffix : str
        What the names of such files end on.
    path : str
    shape : tuple
    dtype : dtype
    names : list of str or None
        Those of the columns, if the format has some.
    """

    suffix: ClassVar[str]
    shape: Shape
    dtype: np.dtype[Any]
    names: list[str] | None = None

    def __init__(self, path: str) -> None:
        self.path = path

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def title(self) -> str:
        """The path as messages show it."""
        return quote(self.path)

    @property
    def mapped(self) -> Array | None:
        """The rows as a memory map, if the format allows it."""
        return None

    def select(self, first: ShardFile, columns: Any, drop: Any) -> None:
        """Take only some of the columns, which ``first``, a file of the same kind, may know."""
        raise NotImplementedError

    def blocks(self, rows: range, most: int) -> Iterator[tuple[int, int]]:
        """Where pieces of these rows begin and end, which are best read in one go."""
        raise NotImplementedError

    def read_slice(self, start: int, stop: int, out: Array) -> None:
        """Put the rows start..stop-1 into ``out``."""
        raise NotImplementedError

    def read_rows(self, index: Array, out: Array, places: Array) -> None:
        """Put the rows ``index`` into ``out[places]``."""
        raise NotImplementedError


class NpyFile(ShardFile):
    """An array that NumPy has saved, as a memory map."""

    suffix = ".npy"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._columns: Any = None
        self._array: Array | None = None
        array = self._map()
        if not array.ndim:
            raise DataError(f"Shards: expected rows in {quote(path)}, got a single number.")
        self.shape, self.dtype = array.shape, array.dtype

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None}  # a map is pickled as the numbers in it

    def _map(self) -> Array:
        """The whole file; it is open only as long as that takes."""
        if self._array is None:
            try:
                found = np.lib.format.open_memmap(self.path, mode="r")
            except (OSError, ValueError, EOFError) as error:
                raise DataError(
                    f"Shards: expected an array that np.save has written in {self.title}, got "
                    f"{error or type(error).__name__}. Write it again."
                ) from None
            self._array = found.view(np.ndarray)  # which is faster to index
        return self._array

    @property
    def _selected(self) -> Array:
        """The rows, cut to the columns where that takes no copy."""
        array = self._map()
        return array[:, self._columns] if isinstance(self._columns, slice | int) else array

    @property
    def mapped(self) -> Array | None:
        if isinstance(self._columns, list):
            return None
        whole = np.lib.format.open_memmap(self.path, mode="r")
        return whole if self._columns is None else whole[:, self._columns]

    def select(self, first: ShardFile, columns: Any, drop: Any) -> None:
        if columns is None and drop is None:
            return
        if len(self.shape) != 2:
            raise ConfigurationError(
                f"Shards: expected columns only where rows have some, got {self.title} with an "
                f"array of shape {self.shape}."
            )
        width = self.shape[1]
        if isinstance(columns, slice):
            self._columns = columns
        elif drop is None:
            numbers = _numbers(columns, width, "columns")
            self._columns = numbers[0] if items_of(columns) is None else _as_slice(numbers)
        else:
            dropped = _numbers(drop, width, "drop")
            self._columns = _as_slice([k for k in range(width) if k not in dropped])
        taken = np.arange(width)[self._columns]
        if not taken.size:
            raise ConfigurationError(
                f"Shards: expected columns that leave some of {width}, got none of {self.title}."
            )
        self.shape = (self.shape[0], *taken.shape)

    def blocks(self, rows: range, most: int) -> Iterator[tuple[int, int]]:
        for start in range(rows.start, rows.stop, most):
            yield start, min(start + most, rows.stop)

    def read_slice(self, start: int, stop: int, out: Array) -> None:
        rows = self._selected[start:stop]
        np.copyto(
            out, rows[:, self._columns] if isinstance(self._columns, list) else rows, "unsafe"
        )

    def read_rows(self, index: Array, out: Array, places: Array) -> None:
        rows = self._selected[index]
        out[places] = rows[:, self._columns] if isinstance(self._columns, list) else rows


class ParquetFile(ShardFile):
    """A table of numbers in Parquet's format, read by its groups of rows through pyarrow."""

    suffix = ".parquet"

    names: list[str]

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with needed(f"Shards of {self.title}", "pyarrow", "annlib[parquet]"):
            from pyarrow import parquet
        try:
            with parquet.ParquetFile(path) as file:
                groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
                self._starts = np.cumsum([0, *(group.num_rows for group in groups)])
                self._schema = file.schema_arrow
        except (OSError, ValueError) as error:  # pyarrow's own inherit these
            raise DataError(
                f"Shards: expected a Parquet file in {self.title}, got {error}. Write it again."
            ) from None
        self.names = list(self._schema.names)
        self._vector, self._kept = False, _Kept()

    def _take(self, names: list[str]) -> None:
        from pyarrow import types

        self.names = names
        for name in names:
            kind = self._schema.field(name).type
            if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
                raise DataError(
                    f'Shards: expected columns of numbers in {self.title}, got "{name}" of '
                    f"type {kind}. Encode it before, or leave it out: Shards(paths, drop={[name]})."
                )
        kinds = [self._schema.field(name).type.to_pandas_dtype() for name in names]
        self.dtype = np.result_type(*kinds) if kinds else np.dtype(float)
        rows = int(self._starts[-1])
        self.shape = (rows,) if self._vector else (rows, len(names))

    def select(self, first: ShardFile, columns: Any, drop: Any) -> None:
        assert isinstance(first, ParquetFile), "checked in Shards"
        self._kept, known = first._kept, list(self._schema.names)
        given = columns if drop is None else drop
        several = items_of(given)
        named = [given] if several is None and given is not None else several or []
        for name in named if self is first else ():
            if name not in known:
                raise ConfigurationError(
                    f"Shards: expected names of columns of {self.title}, got {quote(name)}. "
                    f"{suggest(name, known)}"
                )
        self._vector = columns is not None and several is None
        if self is not first:
            wanted = first.names
        elif columns is None:
            wanted = [name for name in known if name not in named]
        else:
            wanted = named
        if missing := [name for name in wanted if name not in known]:
            raise DataError(
                f"Shards: expected the columns of {first.title} in all files, got {self.title} "
                f"without {show(missing)}. Name the columns that all have: columns=[...]."
            )
        self._take(wanted)

    def blocks(self, rows: range, most: int) -> Iterator[tuple[int, int]]:
        for start, stop in zip(self._starts, self._starts[1:], strict=False):
            begin, end = max(int(start), rows.start), min(int(stop), rows.stop)
            if begin < end:
                yield begin, end

    def read_slice(self, start: int, stop: int, out: Array) -> None:
        filled = 0
        for group in self._groups(start, stop):
            first = int(self._starts[group])
            part = self._group(group)[max(start - first, 0) : stop - first]
            out[filled : filled + len(part)] = part
            filled += len(part)

    def _groups(self, start: int, stop: int) -> range:
        first, last = np.searchsorted(self._starts, [start, stop - 1], side="right")
        return range(int(first) - 1, int(last))

    def read_rows(self, index: Array, out: Array, places: Array) -> None:
        which = np.searchsorted(self._starts, index, side="right") - 1
        for group in np.unique(which):
            mine = which == group
            out[places[mine]] = self._group(group)[index[mine] - self._starts[group]]

    def _group(self, group: int) -> Array:
        """The numbers of a group of rows: decoded, or kept from the last time."""
        return self._kept.get(self.path, int(group), self._decode)

    def _decode(self, group: int) -> Array:
        from pyarrow import parquet

        with parquet.ParquetFile(self.path) as file:
            table = file.read_row_group(group, columns=self.names)
        rows = np.empty((table.num_rows, len(self.names)), self.dtype)
        for place, name in enumerate(self.names):
            column = table.column(name)
            if column.null_count and self.dtype.kind != "f":
                raise DataError(
                    f'Shards: expected all numbers of column "{name}" in {self.title}, got '
                    f"{column.null_count} that are missing. Fill them in before, or leave out the "
                    f"column: drop={[name]}."
                )
            rows[:, place] = column.to_numpy()  # what is missing is NaN, which training refuses
        return rows[:, 0] if self._vector else rows


class _Kept:
    """The groups of rows that were decoded last, as many as fit into some memory."""

    def __init__(self) -> None:
        self._groups: OrderedDict[tuple[str, int], Array] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> Any:
        return _Kept, ()

    def get(self, path: str, group: int, decode: Callable[[int], Array]) -> Array:
        """The group of a file, decoded if it is not there."""
        key = path, group
        with self._lock:
            if key in self._groups:
                self._groups.move_to_end(key)
                return self._groups[key]
        found = decode(group)
        with self._lock:
            if key not in self._groups:
                self._groups[key] = found
                self._bytes += found.nbytes
            while self._bytes > _KEPT and len(self._groups) > 1:
                self._bytes -= self._groups.popitem(last=False)[1].nbytes
        return found


def _numbers(columns: Any, width: int, name: str) -> list[int]:
    """The numbers of one column or of several, counted from 0; raises ``ConfigurationError``."""
    several = items_of(columns)
    given = [columns] if several is None else several
    for number in given:
        if not is_whole(number) or not -width <= number < width:
            raise ConfigurationError(
                f"Shards: expected {name} as numbers of columns from {-width} to {width - 1}, or "
                f"as a slice, got {show(number)}."
            )
    return [int(number) % width for number in given]


def _as_slice(numbers: list[int]) -> slice | list[int]:
    """The same columns as a slice, which takes no copy, if they stand side by side."""
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return slice(numbers[0], numbers[0] + len(numbers))
    return numbers
