"""Data larger than memory: an array whose rows lie in many files, read as they are needed."""

from __future__ import annotations

import glob
import math
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_numeric, check_path, items_of
from annlib.core.errors import ConfigurationError, DataError, ShapeError, quote, show
from annlib.core.workspace import Workspace
from annlib.data.gather import digest_of, quiet, samples
from annlib.data.shard_files import NpyFile, ParquetFile, ShardFile

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator

FORMATS: dict[str, type[ShardFile]] = {kind.suffix: kind for kind in (NpyFile, ParquetFile)}

#: Bytes of a block, which is read in one go and stays together until its window is shuffled.
_BLOCK = 1 << 20
#: Bytes of a window, whose rows are shuffled among each other: what training keeps at hand.
_WINDOW = 64 << 20


class Shards:
    """An array whose rows lie in many files, and of which only what is needed is in memory.

    It stands where an array stands: as x and y of ``fit`` and ``evaluate``, as x of ``predict`` and
    in ``Normalization.adapt``. Rows of x are read batch by batch, by a thread that is up to two
    batches ahead. Targets and weights are read whole, unless they lie in one ``.npy`` file.

    ``fit`` shuffles by blocks: those of all files (about 1 MiB each) are put into a new order, and
    the rows of every 64 MiB of them are shuffled among each other. So each row comes once an
    epoch, the files are read in long pieces, and rows that stand together in a file are apart in
    the batches. Where files are sorted (a class a file), this mixes them well only if a window has
    blocks of all.

    Parameters
    ----------
    paths : str, path-like or list of these
        A pattern (``"train/x-*.npy"``), whose files come in the order of their names; or files in
        the order given. ``.npy`` files are memory maps; ``.parquet`` files are read by groups of
        rows through pyarrow.
    columns : int, str, slice or list, optional
        Of each row only these: numbers in ``.npy`` files, from -width to width - 1, names in
        ``.parquet`` files. One alone makes a vector, as targets are.
    drop : int, str or list, optional
        Of each row all but these, in [-width, width) or by name.

    Attributes
    ----------
    shape : tuple
    dtype : dtype
        One that holds the numbers of all files.
    files : list of str
        The files that have rows.
    columns : list of str or None
        The names of the columns, in a format that has some.

    Raises
    ------
    DataError
        If there is no such file, or one is damaged, holds no numbers or has other columns.
    ShapeError
        If the rows of two files have different shapes.
    ConfigurationError
        For columns that are not there, and for both columns and drop.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for k in range(3):
    ...     np.save(f"{folder}/part-{k}.npy", np.full((4, 3), k))
    >>> x, y = Shards(f"{folder}/*.npy", drop=-1), Shards(f"{folder}/*.npy", columns=-1)
    >>> x
    Shards of 3 files: 12 rows of shape (2,), int64
    >>> np.asarray(y[3:9])
    array([0, 1, 1, 1, 1, 2])
    """

    def __init__(self, paths: Any, columns: Any = None, drop: Any = None) -> None:
        if columns is not None and drop is not None:
            raise ConfigurationError(
                f"Shards: expected columns or drop, got both ({show(columns)} and {show(drop)}). "
                "Columns that are not named are left out already."
            )
        files = [_open(path) for path in _paths_of(paths)]
        for file in files:
            if file.suffix != files[0].suffix:
                raise DataError(
                    f"Shards: expected files of one format, got {files[0].title} and {file.title}. "
                    "Read them apart."
                )
            file.select(files[0], columns, drop)
            if file.shape[1:] != files[0].shape[1:]:
                raise ShapeError(
                    f"Shards: expected files whose rows have one shape, got {files[0].shape[1:]} "
                    f"in {files[0].title} and {file.shape[1:]} in {file.title}. Leave out files "
                    "of other data."
                )
            check_numeric(np.empty(0, file.dtype), f"Shards: {file.title}", "the file")
        self._set([(file, range(len(file))) for file in files if len(file)], files[0])

    def _set(self, parts: list[tuple[ShardFile, range]], like: ShardFile) -> None:
        self._parts, self._like = parts, like
        self._ends = np.cumsum([len(rows) for _, rows in parts], dtype=np.intp)
        self.shape: Shape = (int(self._ends[-1]) if parts else 0, *like.shape[1:])
        self.dtype: np.dtype[Any] = np.result_type(*({file.dtype for file, _ in parts} or [float]))

    @property
    def files(self) -> list[str]:
        """The paths of the files that have rows."""
        return [file.path for file, _ in self._parts]

    @property
    def columns(self) -> list[str] | None:
        """The names of the columns, in a format that has some."""
        return self._like.names if self.ndim > 1 else None

    @property
    def ndim(self) -> int:
        """Dimensions, that of the rows included."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Shards:
        """Some of the rows, which are not read yet: ``shards[:1000]``."""
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise ConfigurationError(
                f"Shards: expected rows as a slice with steps of one, got {show(rows)}. For "
                "numbers in memory: np.asarray(shards[start:stop])."
            )
        start, stop, _ = rows.indices(len(self))
        parts, before = [], 0
        for file, own in self._parts:
            part = own[max(start - before, 0) : max(stop - before, 0)]
            before += len(own)
            if part:
                parts.append((file, part))
        found = object.__new__(Shards)
        found._set(parts, self._like)
        found.dtype = self.dtype
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All rows in memory."""
        if copy is False:
            raise ValueError("Shards: an array of rows in files is a copy.")
        whole = np.empty(self.shape, self.dtype if dtype is None else dtype)
        self.read_slice(0, len(self), whole)
        return whole

    def __repr__(self) -> str:
        return (
            f"Shards of {len(self._parts)} files: {len(self)} rows of shape {self.shape[1:]}, "
            f"{self.dtype}"
        )

    def by_file(self) -> list[Shards]:
        """The rows of each file apart.

        Returns
        -------
        list of Shards

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for k in range(2):
        ...     np.save(f"{folder}/part-{k}.npy", np.full((k + 1, 3), k))
        >>> [len(part) for part in Shards(f"{folder}/*.npy").by_file()]
        [1, 2]
        """
        found, start = [], 0
        for stop in self._ends.tolist():
            found.append(self[start:stop])
            start = stop
        return found

    def in_memory(self) -> Array:
        """All rows as an array; of one file that can be mapped, as its map.

        Returns
        -------
        array, of the shape of the shards

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for k in range(2):
        ...     np.save(f"{folder}/part-{k}.npy", np.full((1, 3), k))
        >>> Shards(f"{folder}/*.npy").in_memory()
        array([[0, 0, 0],
               [1, 1, 1]])
        """
        if len(self._parts) == 1:
            file, rows = self._parts[0]
            if (mapped := file.mapped) is not None:
                return mapped[rows.start : rows.stop]
        return np.asarray(self)

    def read_slice(self, start: int, stop: int, out: Array) -> None:
        """Put the rows start..stop-1 into an array.

        Parameters
        ----------
        start, stop : int, in [0, n]
        out : array, (stop - start, ...)
            Numbers are cast to its type.

        Raises
        ------
        OSError
            If a file is gone, or cannot be read any more.

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for k in range(2):
        ...     np.save(f"{folder}/part-{k}.npy", np.full((2, 3), k))
        >>> out = np.empty((2, 3))
        >>> Shards(f"{folder}/*.npy").read_slice(1, 3, out)
        >>> out
        array([[0., 0., 0.],
               [1., 1., 1.]])
        """
        first = bisect_right(self._ends, start)
        filled = 0
        with quiet():
            for file, rows in self._parts[first:]:
                if filled == stop - start:
                    break
                begin = start + filled - (int(self._ends[first]) - len(rows))
                part = rows[begin : begin + stop - start - filled]
                file.read_slice(part.start, part.stop, out[filled : filled + len(part)])
                filled += len(part)
                first += 1

    def read_rows(self, index: Array, out: Array) -> None:
        """Put the rows of these numbers into an array.

        Parameters
        ----------
        index : array of int, (m,)
        out : array, (m, ...)
            Numbers are cast to its type.

        Raises
        ------
        OSError
            If a file is gone, or cannot be read any more.

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for k in range(2):
        ...     np.save(f"{folder}/part-{k}.npy", np.full((2, 3), k))
        >>> out = np.empty((2, 3))
        >>> Shards(f"{folder}/*.npy").read_rows(np.array([3, 0]), out)
        >>> out
        array([[1., 1., 1.],
               [0., 0., 0.]])
        """
        which = np.searchsorted(self._ends, index, side="right")
        order = np.argsort(which, kind="stable")
        bounds = np.flatnonzero(np.diff(which[order])) + 1
        with quiet():
            for places in np.split(order, bounds):
                part = which[places[0]]
                file, rows = self._parts[part]
                begin = rows.start - (self._ends[part] - len(rows))
                file.read_rows(index[places] + begin, out, places)

    def shuffled(self, rng: Generator, size: int) -> Iterator[Array]:
        """The numbers of all rows in a new order, by batches of this size.

        What is drawn from ``rng`` is drawn at once; the rest when it is needed, so that the order
        takes no memory.

        Parameters
        ----------
        rng : Generator
        size : int, at least 1

        Yields
        ------
        array of int, (size,)
            The last may be shorter.

        Examples
        --------
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for k in range(2):
        ...     np.save(f"{folder}/part-{k}.npy", np.full((3, 2), k))
        >>> order = Shards(f"{folder}/*.npy").shuffled(np.random.default_rng(0), 4)
        >>> [batch.tolist() for batch in order]
        [[5, 0, 3, 4], [1, 2]]
        """
        blocks = self._blocks()
        order = rng.permutation(len(blocks))
        within = np.random.Generator(np.random.PCG64(int(rng.integers(2**63))))
        return _in_batches(_windows(blocks, order, self._rows_in(_WINDOW), within), size)

    def _rows_in(self, size: int) -> int:
        """How many rows take so many bytes."""
        return max(1, size // (self.dtype.itemsize * math.prod(self.shape[1:])))

    def _blocks(self) -> list[tuple[int, int]]:
        """Where blocks begin and end, counted in rows of all files."""
        most, blocks, before = self._rows_in(_BLOCK), [], 0
        for file, rows in self._parts:
            for start, stop in file.blocks(rows, most):
                blocks.append((before + start - rows.start, before + stop - rows.start))
            before += len(rows)
        return blocks


class ShardsGatherer:
    """Reads batches of rows of ``Shards`` as contiguous arrays of one type."""

    def __init__(self, source: Shards, dtype: npt.DTypeLike) -> None:
        self.source = source
        self._work = Workspace(dtype)

    def __len__(self) -> int:
        return len(self.source)

    def fingerprint(self) -> list[Any]:
        """Shape, type, and a digest of some rows."""
        source = self.source
        some = np.empty((min(64, len(source)), *source.shape[1:]), source.dtype)
        source.read_rows(samples(len(source)), some)
        return [[*source.shape], source.dtype.str, digest_of([some])]

    def rows(self, index: Array) -> Array:
        """The rows ``index`` (integers), in a buffer that the next call overwrites."""
        batch = self._work.array("batch", len(index), *self.source.shape[1:])
        self.source.read_rows(index, batch)
        return batch

    def slice(self, start: int, stop: int) -> Array:
        """The rows start..stop-1, in a buffer that the next call overwrites."""
        stop = min(stop, len(self.source))
        batch = self._work.array("batch", stop - start, *self.source.shape[1:])
        self.source.read_slice(start, stop, batch)
        return batch


def _windows(
    blocks: list[tuple[int, int]], order: Array, rows: int, rng: Generator
) -> Iterator[Array]:
    """The numbers of the rows of all blocks, by windows of at least so many, each shuffled."""
    window: list[Array] = []
    for place in order:
        window.append(np.arange(*blocks[place]))
        if sum(map(len, window)) >= rows:
            yield rng.permutation(np.concatenate(window))
            window = []
    if window:
        yield rng.permutation(np.concatenate(window))


def _in_batches(pieces: Iterator[Array], size: int) -> Iterator[Array]:
    """The numbers in all pieces, so many at a time."""
    rest = np.empty(0, np.intp)
    for piece in pieces:
        rest = np.concatenate([rest, piece])
        whole = len(rest) // size * size
        yield from rest[:whole].reshape(-1, size)
        rest = rest[whole:]
    if len(rest):
        yield rest


def _paths_of(paths: Any) -> Sequence[str]:
    """The files, in the order in which their rows are counted."""
    if (several := items_of(paths)) is not None:
        found = [check_path(path, "Shards", "each of paths") for path in several]
        if not found:
            raise DataError("Shards: expected at least one file in paths, got none.")
        return found
    pattern = check_path(paths, "Shards", "paths")
    if os.path.isfile(pattern):  # whose name may have signs of a pattern
        return [pattern]
    if os.path.isdir(pattern):
        raise DataError(
            f"Shards: expected paths of files or a pattern, got the folder {quote(pattern)}. Pass "
            f"{quote(os.path.join(pattern, '*.npy'))}, or whatever its files are."
        )
    if not (found := sorted(glob.glob(pattern, recursive=True))):
        raise DataError(
            f"Shards: expected paths of files, got none of the pattern {quote(pattern)}. Look "
            f"whether it is right, seen from {quote(os.getcwd())}."
        )
    return found


def _open(path: str) -> ShardFile:
    kind = FORMATS.get(os.path.splitext(path)[1].lower())
    if kind is None:
        raise DataError(
            f"Shards: expected paths that end on {' or '.join(FORMATS)}, got {quote(path)}. Save "
            "the rows with np.save, or as Parquet."
        )
    return kind(path)
