"""What programs have in common whose notes differ by nothing but where the arrays lie.

A network is built again and again: for each fold, each setting, each member. The notes of its steps
are the same then, on other memory, and so is the machine code; of the table that it reads only the
addresses are others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from annlib.compiling import machine
from annlib.compiling.codegen import Module, Writer
from annlib.compiling.layout import Table, stretches
from annlib.compiling.notes import Call, Note
from annlib.core.arrays import Array
from annlib.core.threads import ProcessLock

#: Of which so many are kept.
_MOST = 256


class Template:
    """Notes as machine code, but for the addresses.

    Attributes
    ----------
    pieces : list
        The steps in their order: a function, or None for a note that is a call.
    begins : list of int
        The number of the note that each step begins with.
    values : array of uint64
        The table, with the addresses of the notes that it was made of.
    places : list of (int, int)
        Where in the table which of the notes' arrays begins.
    confirmed : set
        Of what kinds of parts two steps in a row had these notes.
    """

    def __init__(
        self, notes: Sequence[Note], arrays: Sequence[Array], breaks: Collection[int]
    ) -> None:
        module, table, known = Module(), Table(), machine.blas()
        parts: list[list[Note]] = []
        steps: list[int | None] = []
        self.begins: list[int] = []
        for index, note in enumerate(notes):
            is_call = isinstance(note, Call)
            if is_call or not steps or steps[-1] is None or index in breaks:
                steps.append(None if is_call else len(parts))
                self.begins.append(index)
                if not is_call:
                    parts.append([])
            if not is_call:
                parts[-1].append(note)
        for number, part in enumerate(parts):
            Writer(f"piece{number}", module, table, known).write(part)
        made = machine.functions(module.text(), len(parts)) if parts else []
        self.pieces = [None if step is None else made[step] for step in steps]
        self.values = np.array(table.values, np.uint64)
        number_of = {_address(array): n for n, array in reversed(list(enumerate(arrays)))}
        self.places = [(place, number_of[_address(array)]) for place, array in table.addresses]
        self.confirmed: set[Any] = set()


_made: dict[Any, Template] = {}
_lock = ProcessLock()


def template_of(
    notes: Sequence[Note], breaks: Collection[int] = ()
) -> tuple[Template, list[Array]]:
    """What the notes have in common with others, made if these are the first of their kind, and
    all their arrays, to which its places refer.
    """
    arrays: list[Array] = []
    kinds = tuple((type(note), *(_kind(value, arrays) for value in note)) for note in notes)
    key = kinds, tuple(stretches(arrays)), tuple(breaks)
    found = _made.get(key)
    if found is None:
        with _lock.held:  # another thread may have made it meanwhile
            found = _made.get(key)
            if found is None:
                while len(_made) >= _MOST:
                    del _made[next(iter(_made))]
                found = _made[key] = Template(notes, arrays, breaks)
    return found, arrays


def _kind(value: Any, arrays: list[Array]) -> Any:
    """A value of a note without where it lies; arrays are added to the others."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return value.shape, value.strides, value.dtype.char
    if isinstance(value, tuple | list):
        return tuple(_kind(v, arrays) for v in value)
    if isinstance(value, dict):
        return tuple((name, _kind(v, arrays)) for name, v in value.items())
    if isinstance(value, int | float | str | np.generic | type(None)):
        return type(value), repr(value)
    return type(value)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
