"""The rules that an optimizer has as loops, as machine code: to the bit what NumPy computes.

A loop is run once on symbols, which note what is done with one element.
"""

from __future__ import annotations

import functools
import inspect
import operator
import struct
import warnings
from typing import Any

import numpy as np

from annlib.compiling.notes import Map
from annlib.compiling.program import Program
from annlib.core.arrays import Array
from annlib.optimizers.loops import Loop, arrays_of

#: Parts of vectors of which the programs are kept: those of some models.
_MOST = 256


class Symbol:
    """A number that stands for an element of an array, or is made of such ones."""

    def __init__(self, notes: list[Map], array: Array) -> None:
        self._notes, self.array = notes, array

    def _made(self, name: str, *ins: Any) -> Symbol:
        arrays = tuple(x.array if isinstance(x, Symbol) else x for x in ins)
        kind = self.array.dtype
        # All its elements are one in memory: it stays in a register, and is never written.
        longest = max(x.shape for x in arrays if isinstance(x, np.ndarray))
        out = np.broadcast_to(np.empty((), kind), longest)
        self._notes.append(Map(name, out, arrays, (kind.char,) * (len(ins) + 1)))
        return Symbol(self._notes, out)

    def __add__(self, other: Any) -> Symbol:
        return self._made("add", self, other)

    def __sub__(self, other: Any) -> Symbol:
        return self._made("subtract", self, other)

    def __mul__(self, other: Any) -> Symbol:
        return self._made("multiply", self, other)

    def __truediv__(self, other: Any) -> Symbol:
        return self._made("divide", self, other)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *ins: Any) -> Symbol:
        return self._made(ufunc.__name__, *ins)


class Elements:
    """An array of which the loop sees one element."""

    size = 1

    def __init__(self, notes: list[Map], array: Array) -> None:
        self._notes, self._array = notes, array

    def __getitem__(self, place: int) -> Symbol:
        return Symbol(self._notes, self._array)

    def __setitem__(self, place: int, value: Symbol) -> None:
        kind = self._array.dtype.char
        self._notes.append(Map("copy", self._array, (value.array,), (kind, kind)))


class MachineLoop:
    """``loop(theta, gradient, ..., beta, ...)`` as machine code.

    Parameters
    ----------
    loop : callable
        For each i in range(theta.size) it computes with elements i of its arrays, which are of one
        length and type, and with its numbers, and writes into elements i.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._made: dict[int, _Made] = {}  # by the identity of the first array

    def __call__(self, *arguments: Any) -> None:
        made = self._made.get(id(arguments[0]))
        if made is None or not made.is_for(arguments):
            made = self._make(arguments)
        made.put(made.numbers, 0, *arguments[made.count :])
        made.code(made.address)

    def _make(self, arguments: tuple[Any, ...]) -> _Made:
        arrays = tuple(a for a in arguments if isinstance(a, np.ndarray))
        numbers = np.empty(len(arguments) - len(arrays), arrays[0].dtype)
        notes: list[Map] = []
        given = (Elements(notes, array) for array in arrays)
        self._loop(*given, *(Symbol(notes, numbers[i, ...]) for i in range(numbers.size)))
        if len(self._made) >= _MOST:
            self._made.clear()
        made = self._made[id(arrays[0])] = _Made(arrays, numbers, Program(notes, ()))
        return made


class _Made:
    """The code of a loop for some arrays, which it keeps, and where it reads its numbers."""

    def __init__(self, arrays: tuple[Array, ...], numbers: Array, program: Program) -> None:
        self._arrays, self._program = arrays, program
        self.count, self.numbers = len(arrays), numbers.data
        self.put = struct.Struct(f"{numbers.size}{numbers.dtype.char}").pack_into
        ((self.code, _),) = program.steps
        self.address = program.address

    def is_for(self, arguments: tuple[Any, ...]) -> bool:
        return all(map(operator.is_, self._arrays, arguments))


def compiled_loop(loop: Loop) -> Loop | None:
    """The loop as machine code; None, with a warning, if that does not compute what it does."""
    if _agrees(loop):
        return MachineLoop(loop)
    warnings.warn(
        f"compiling: expected machine code to compute what the rule {loop.__name__} does, got "
        "other numbers. The rule runs as it stands; please report this.",
        stacklevel=4,
    )
    return None


@functools.cache
def _agrees(loop: Loop) -> bool:
    """Whether some numbers come out the same to the bit."""
    arrays, count = arrays_of(loop), len(inspect.signature(loop).parameters)
    for kind in "fd":
        x = np.random.default_rng(0).uniform(0.1, 0.9, (arrays, 37)).astype(kind)
        numbers = np.linspace(0.1, 0.9, count - arrays).astype(kind)
        right, found = list(x.copy()), list(x.copy())
        loop(*right, *numbers)
        MachineLoop(loop)(*found, *numbers)
        if not all(map(np.array_equal, right, found)):
            return False
    return True
