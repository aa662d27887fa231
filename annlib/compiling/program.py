"""Notes made runnable: pieces of machine code, and between them the calls that are made as ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.compiling import machine
from annlib.compiling.layout import interval, view
from annlib.compiling.notes import Call, Dot, Map, Note, Reduce
from annlib.compiling.templates import template_of


class Program:
    """What some notes say, run again and again.

    Parameters
    ----------
    notes : sequence of Note
    inputs : sequence of array or None
        Those that lie elsewhere in each run, in the order in which ``run`` gets them.
    breaks : collection of int, optional
        Before which notes a new piece is to begin.
    """

    def __init__(
        self, notes: Sequence[Note], inputs: Sequence[Any], breaks: Sequence[int] = ()
    ) -> None:
        possible = [_as_possible(note, machine.blas() is not None) for note in notes]
        template, arrays = template_of(possible, breaks)
        #: Of each step, the number of the note that it begins with.
        self.begins = template.begins
        #: Of what kinds of parts two steps in a row had these notes.
        self.confirmed = template.confirmed
        #: The pieces and calls in their order.
        self.steps: list[tuple[Any, Any]] = [
            (piece, _following(note, inputs) if isinstance(note, Call) else None)
            for piece, note in zip(
                template.pieces, map(possible.__getitem__, template.begins), strict=True
            )
        ]
        self.table = template.values.copy()
        self.address = self.table.__array_interface__["data"][0]
        starts = [array.__array_interface__["data"][0] for array in arrays]
        self._inputs: list[Any] = list(inputs)
        #: Of each input the places in the table, and how far from its beginning they point.
        self._moving: list[list[tuple[int, int]]] = [[] for _ in inputs]
        spans = [interval(x) if isinstance(x, np.ndarray) else (0, 0) for x in inputs]
        for place, number in template.places:
            self.table[place] = address = starts[number]
            for index, (start, stop) in enumerate(spans):
                if start <= address < stop:
                    self._moving[index].append((place, address - start))
        # Those that are no input have to stay where they are.
        self._kept = [
            array
            for array, address in zip(arrays, starts, strict=True)
            if not any(start <= address < stop for start, stop in spans)
        ]

    def place(self, inputs: Sequence[Any]) -> None:
        """Let the next run read these inputs."""
        for index, given in enumerate(inputs):
            if given is not self._inputs[index]:
                if moving := self._moving[index]:
                    start = given.__array_interface__["data"][0]
                    for place, offset in moving:
                        self.table[place] = start + offset
                self._inputs[index] = given

    def run(self, *inputs: Any) -> bool:
        """Run it on these inputs; whether all was as the notes have it."""
        self.place(inputs)
        address = self.address
        for piece, call in self.steps:
            if piece is None:
                if not make(call, inputs):
                    return False
            elif piece(address):
                return False
        return True

    def forget(self) -> None:
        """Drop references to the inputs."""
        self._inputs = [None] * len(self._inputs)


class Moving(NamedTuple):
    """An input of a program in a call, or a view of it."""

    which: int
    shape: tuple[int, ...] | None = None
    steps: tuple[int, ...] = ()
    offset: int = 0

    def of(self, inputs: Sequence[Any]) -> Any:
        given = inputs[self.which]
        if self.shape is None:
            return given
        start = given.reshape(-1)[self.offset :]
        return np.lib.stride_tricks.as_strided(start, self.shape, self.steps)


def _moving(value: Any, inputs: Sequence[Any]) -> Any:
    """What stands for a value in the next runs: itself, unless it is an input or a view of one."""
    for index, given in enumerate(inputs):
        if value is given and given is not None:
            return Moving(index)
        if isinstance(given, np.ndarray) and isinstance(value, np.ndarray):
            (start, stop), (at, _) = interval(given), interval(value)
            if start <= at < stop:
                place = value.shape, value.strides
                if at == start and place == (given.shape, given.strides):
                    return Moving(index)
                return Moving(index, *place, (at - start) // given.itemsize)
    return value


def _following(call: Call, inputs: Sequence[Any]) -> Call:
    arguments = tuple(_moving(x, inputs) for x in call.arguments)
    keywords = {name: _moving(x, inputs) for name, x in call.keywords.items()}
    return call._replace(arguments=arguments, keywords=keywords, out=_moving(call.out, inputs))


def make(call: Any, inputs: Sequence[Any] = ()) -> bool:
    """Make a call, and put its result where the notes have it; whether it fits there."""
    function, arguments, keywords, out = call
    if inputs:
        arguments = [x.of(inputs) if type(x) is Moving else x for x in arguments]
        keywords = {k: x.of(inputs) if type(x) is Moving else x for k, x in keywords.items()}
        own = type(out) is not Moving
        out = out if own else out.of(inputs)
    else:
        own = True
    if out is None:
        function(*arguments, **keywords)
        return True
    if isinstance(function, np.ufunc) and out.ndim:
        function(*arguments, **keywords, out=out)
        return True
    result = function(*arguments, **keywords)
    if np.shape(result) != out.shape:
        return False
    if isinstance(result, np.ndarray):
        if result.__array_interface__ == out.__array_interface__:
            return True
        if result.dtype != out.dtype:
            return False
    if own:
        out[...] = result
    return own


def _as_possible(note: Note, multiplies: bool) -> Note:
    """The note, or the call that it was where it cannot be machine code."""
    if isinstance(note, Dot) and not multiplies:
        return Call(np.dot, (note.a, note.b), {}, note.out)
    if isinstance(note, Map):
        own = view(note.out, note.out.shape)
        for x in note.ins:
            if isinstance(x, np.ndarray):
                read = view(x, note.out.shape)
                if read.same != own.same and np.may_share_memory(x, note.out):
                    return _called(note)
    if isinstance(note, Reduce) and np.may_share_memory(note.array, note.out):
        reduced = getattr(np, note.name).reduce(note.array, axis=note.axes)
        return Call(_reduced, (note,), {}, note.out.reshape(reduced.shape))
    return note


def _called(note: Map) -> Call:
    name = {"copy": "positive"}.get(note.name, note.name)
    if name == "positive":
        return Call(np.copyto, (note.out, note.ins[0]), {"casting": "unsafe"}, None)
    function: Callable[..., Any] = getattr(np, name)
    return Call(function, note.ins, {}, note.out)


def _reduced(note: Reduce) -> Any:
    return getattr(np, note.name).reduce(note.array, axis=note.axes)
