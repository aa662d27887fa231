"""Where the arrays of notes lie, as loops see it, and which notes one loop can do together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.compiling.notes import Map, Note
from annlib.core.arrays import Array

#: Notes in one loop, at most: more do not fit into the registers.
_LONGEST = 24


class Blas(NamedTuple):
    """Where BLAS' functions are, by name (``sgemm``), and how many bits its whole numbers have."""

    addresses: dict[str, int]
    bits: int


class Table:
    """What a program reads at run time: addresses, whole numbers and numbers, each in its place."""

    def __init__(self) -> None:
        self.addresses: list[tuple[int, Any]] = []
        self.values: list[int] = []
        self._places: dict[int, int] = {}

    def address(self, array: Array) -> int:
        """The place of where an array begins."""
        address = array.__array_interface__["data"][0]
        if address not in self._places:
            self._places[address] = self._add(address)
            self.addresses.append((self._places[address], array))
        return self._places[address]

    def function(self, address: int) -> int:
        if address not in self._places:
            self._places[address] = self._add(address)
        return self._places[address]

    def whole(self, number: int) -> int:
        return self._add(number)

    def number(self, number: float) -> int:
        return self._add(int(np.float64(number).view(np.int64)))

    def _add(self, value: int) -> int:
        self.values.append(value & (1 << 64) - 1)
        return len(self.values) - 1


class View(NamedTuple):
    """An array as a loop over some shape reads it: 0 steps along axes that it does not have."""

    array: Array
    steps: tuple[int, ...]
    #: Equal for arrays that are the same elements in the same order.
    same: tuple[Any, ...]


def view(array: Array, shape: tuple[int, ...]) -> View:
    size, own = array.itemsize, array.shape
    if any(n not in (1, m) for n, m in zip(reversed(own), reversed(shape), strict=False)):
        raise ValueError(f"an array of shape {own} in the place of one of {shape}")
    steps = [0 if n == 1 else s // size for s, n in zip(array.strides, own, strict=True)]
    ways = (0,) * (len(shape) - len(own)) + tuple(steps)
    return View(array, ways, (array.__array_interface__["data"][0], ways, array.dtype.char))


def interval(array: Array) -> tuple[int, int]:
    """The addresses between which an array lies."""
    start = array.__array_interface__["data"][0]
    if array.flags.c_contiguous and array.size:
        return start, start + array.nbytes
    steps = zip(array.strides, array.shape, strict=True)
    return start, start + sum(s * (n - 1) for s, n in steps) + array.itemsize


def stretches(arrays: Sequence[Array]) -> list[tuple[int, int]]:
    """In which stretch of memory each array lies, counted in the order of the arrays, and how far
    from its beginning; those that share memory are in one.
    """
    spans = [interval(array) for array in arrays]
    found: list[tuple[int, int]] = [(0, 0)] * len(spans)
    begin, end, stretch = 0, 0, -1
    for place in sorted(range(len(spans)), key=spans.__getitem__):
        start, stop = spans[place]
        if start >= end:
            begin, stretch = start, stretch + 1
        end = max(stop, end)
        found[place] = stretch, start - begin
    numbers: dict[int, int] = {}
    return [(numbers.setdefault(stretch, len(numbers)), far) for stretch, far in found]


def grouped(notes: Sequence[Note]) -> Iterator[list[Note]]:
    """Runs of notes that one loop can do."""
    group: list[Map] = []
    touched: list[_Touched] = []  # by the notes of the group
    for note in notes:
        if not isinstance(note, Map):
            if group:
                yield list(group)
            yield [note]
            group = []
            continue
        new = list(_touched(note))
        joins = len(group) < _LONGEST and all(_apart(a, b) for a in new for b in touched)
        if group and not (joins and group[0].out.shape == note.out.shape):
            yield list(group)
            group = []
        if not group:
            touched = []
        group.append(note)
        touched += new
    if group:
        yield list(group)


class _Touched(NamedTuple):
    """An array that a note reads or writes, and between which addresses it lies."""

    written: bool
    same: tuple[Any, ...]
    start: int
    stop: int


def _touched(note: Map) -> Iterator[_Touched]:
    for place, x in enumerate((note.out, *note.ins)):
        if isinstance(x, np.ndarray):
            yield _Touched(place == 0, view(x, note.out.shape).same, *interval(x))


def _apart(one: _Touched, other: _Touched) -> bool:
    """Whether element by element it does not matter which note comes first."""
    reads = not (one.written or other.written)
    return reads or one.stop <= other.start or other.stop <= one.start or one.same == other.same


def laid(x: Array) -> tuple[int, int]:
    """Whether BLAS is to take a matrix as it lies or turned, and the step from row to row."""
    unit = x.itemsize
    rows, columns = (s // unit for s in x.strides)
    if (columns == 1 or x.shape[1] == 1) and rows >= x.shape[1]:
        return 111, max(rows, x.shape[1], 1)
    return 112, max(columns, x.shape[0], 1)


def collapsed(
    shape: Sequence[int], steps: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """The same loop with as few axes as can be: those that lie one after the other are one."""
    axes = [a for a in range(len(shape)) if shape[a] > 1] or list(range(len(shape)))[-1:]
    sizes = [shape[a] for a in axes] or [1]
    kept = [[s[a] for a in axes] or [0] for s in steps]
    axis = len(sizes) - 1
    while axis > 0:
        if all(s[axis - 1] == s[axis] * sizes[axis] for s in kept):
            sizes[axis - 1 : axis + 1] = [sizes[axis - 1] * sizes[axis]]
            for s in kept:
                s[axis - 1 : axis + 1] = [s[axis]]
        axis -= 1
    return sizes, kept
