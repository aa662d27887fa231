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

    def blas(self, address: int) -> int:
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

    @property
    def same(self) -> tuple[Any, ...]:
        return self.array.__array_interface__["data"][0], self.steps, self.array.dtype.char


def view(array: Array, shape: tuple[int, ...]) -> View:
    size, own = array.itemsize, array.shape
    if any(n not in (1, m) for n, m in zip(reversed(own), reversed(shape), strict=False)):
        raise ValueError(f"an array of shape {own} in the place of one of {shape}")
    steps = [0 if n == 1 else s // size for s, n in zip(array.strides, own, strict=True)]
    return View(array, (0,) * (len(shape) - len(own)) + tuple(steps))


def interval(array: Array) -> tuple[int, int]:
    """The addresses between which an array lies."""
    start = array.__array_interface__["data"][0]
    if array.flags.c_contiguous and array.size:
        return start, start + array.nbytes
    steps = zip(array.strides, array.shape, strict=True)
    return start, start + sum(s * (n - 1) for s, n in steps) + array.itemsize


def overlap(one: Array, other: Array) -> bool:
    (a, b), (c, d) = interval(one), interval(other)
    return a < d and c < b


def grouped(notes: Sequence[Note]) -> Iterator[list[Note]]:
    """Runs of notes that one loop can do."""
    group: list[Map] = []
    for note in notes:
        if isinstance(note, Map) and _joins(note, group):
            group.append(note)
            continue
        if group:
            yield list(group)
        group = []
        if isinstance(note, Map):
            group = [note]
        else:
            yield [note]
    if group:
        yield list(group)


def _joins(note: Map, group: Sequence[Map]) -> bool:
    if not group or len(group) >= _LONGEST or group[0].out.shape != note.out.shape:
        return bool(not group)
    shape = note.out.shape
    new = [(view(note.out, shape), True)]
    new += [(view(x, shape), False) for x in note.ins if isinstance(x, np.ndarray)]
    for earlier in group:
        old = [(view(earlier.out, shape), True)]
        old += [(view(x, shape), False) for x in earlier.ins if isinstance(x, np.ndarray)]
        for one, writes in new:
            for other, wrote in old:
                apart = not (writes or wrote) or one.same == other.same
                if not apart and overlap(one.array, other.array):
                    return False
    return True


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
