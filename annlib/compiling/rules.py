"""The rules of optimizers, element by element, as machine code: to the bit what NumPy computes.

A rule runs twice on arrays that note what is done with them, each time by other numbers. What is
the same in both stands in the code, and what is one of those numbers is read at each update. A rule
in which anything else differs runs as it stands.
"""

from __future__ import annotations

import copy
import struct
import warnings
from typing import Any, NamedTuple

import numpy as np

from annlib.compiling.layout import grouped
from annlib.compiling.notes import Map
from annlib.compiling.parts import attempt
from annlib.compiling.program import Program
from annlib.compiling.recording import CannotRecordError, Recorder
from annlib.core.arrays import Array
from annlib.core.config import is_own
from annlib.optimizers.rule import Rule
from annlib.optimizers.state import State

#: Elements by which a rule is recorded and tried.
_SOME = 37
#: Of the notes that were tried in this process, whether their code computes the same bits.
_agree: dict[Any, bool] = {}


class CompiledRule:
    """``update`` of a rule, as one loop.

    Parameters
    ----------
    rule : Rule
        Element by element.
    dtype : dtype
        Of the vectors.

    Raises
    ------
    CannotRecordError
        If it is none that can be compiled.
    """

    def __init__(self, rule: Any, dtype: Any) -> None:
        self._rule = rule
        #: What follows a schedule, and is another number in each update, too.
        self._scheduled = tuple(rule._schedules)
        first, second = (_Trial(rule, self._scheduled, np.dtype(dtype), seed) for seed in (1, 2))
        self._notes, self._count = first.notes, len(first.numbers)
        if first.notes != second.notes:
            raise CannotRecordError("its notes are others in each step")
        self._made: dict[int, _Made] = {}  # by the identity of theta
        key = np.dtype(dtype).char, *first.notes
        if key not in _agree:
            _agree[key] = all(trial.agrees(self._code(*trial.start)) for trial in (first, second))
        #: Whether it computes the same bits.
        self.agrees = _agree[key]

    def __call__(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        rule, made = self._rule, self._made.get(id(theta))
        if not rate:  # a rule may leave a step out, then
            rule.update(theta, gradient, rate, state, scratch)
            return
        if made is None or made.gradient is not gradient or made.state is not state:
            arrays = theta, gradient, *(getattr(state, name) for name in rule.state_names)
            made = self._made[id(theta)] = _Made(theta, gradient, state, self._code(*arrays))
        numbers = rule.numbers(rate)
        if scheduled := self._scheduled:
            numbers = (*numbers, *(getattr(rule, name) for name in scheduled))
        made.code(rate, *numbers)

    def _code(self, *arrays: Array) -> _Code:
        return _Code(self._notes, arrays, self._count)


class _Made(NamedTuple):
    theta: Array
    gradient: Array
    state: State
    code: _Code


class _Code:
    """The notes of a rule as machine code, for some arrays: theta, gradient and state."""

    def __init__(self, notes: list[Any], arrays: tuple[Array, ...], count: int) -> None:
        dtype = arrays[0].dtype
        self._numbers = np.empty(count, dtype)
        # What nobody reads later stays in a register: all its elements are one in memory.
        own: dict[Any, Array] = dict(enumerate(arrays))

        def array(place: int) -> Array:
            if place not in own:
                own[place] = np.broadcast_to(np.empty((), dtype), arrays[0].shape)
            return own[place]

        def value(x: Any) -> Any:
            if type(x) is _Read:
                return self._numbers[x.which, ...]
            return array(x.place) if type(x) is _Whole else x

        maps = []
        for name, place, ins, types in notes:
            read = tuple(map(value, ins))
            if place == _GRADIENT:
                own.pop(place, None)
            maps.append(Map(name, array(place), read, types))
        if len(list(grouped(maps))) != 1:
            raise CannotRecordError("it is more than one loop")
        self._program = Program(maps, ())
        ((self._piece, _),) = self._program.steps
        self._put = struct.Struct(f"{count}{dtype.char}").pack_into
        self._buffer, self._address = self._numbers.data, self._program.address

    def __call__(self, *numbers: float) -> None:
        try:
            self._put(self._buffer, 0, *numbers)
        except OverflowError:
            self._numbers[:] = numbers
        self._piece(self._address)


_GRADIENT = 1


class _Whole(NamedTuple):
    """In a note: theta (0), the gradient (1), the state (from 2 on), or what nobody reads later."""

    place: int


class _Read(NamedTuple):
    """In a note: one of the numbers of an update."""

    which: int


class _Trial:
    """A run of a rule on some numbers, with its notes."""

    def __init__(self, rule: Any, scheduled: tuple[str, ...], dtype: Any, seed: int) -> None:
        rng = np.random.default_rng(seed)
        names = rule.state_names
        self.start = [*rng.uniform(0.1, 0.9, (2 + len(names), _SOME)).astype(dtype)]
        self.after = [array.copy() for array in self.start]
        shadow, count = copy.copy(rule), 1 + len(rule.numbers(0.5))
        numbers = rng.uniform(0.2, 0.4, count + len(scheduled)).astype(dtype)
        self.numbers = numbers.tolist()
        rate, *own = self.numbers[:count]
        shadow.__dict__.update(zip(scheduled, self.numbers[count:], strict=True))
        shadow.__dict__.update(numbers=lambda rate: own, steps=seed, loop=None)
        recorder = Recorder()
        scratch = np.empty_like(self.start[0])
        theta, gradient, *state, trial = map(recorder.traced, (*self.after, scratch))
        held = State(dict(zip(names, state, strict=True)))
        with np.errstate(all="ignore"):
            attempt(lambda: shadow.update(theta, gradient, rate, held, trial))
        self._places = {a.__array_interface__["data"][0]: i for i, a in enumerate(self.after)}
        self.notes = [self._described(note) for note in recorder.notes]

    def _described(self, note: Any) -> Any:
        if not isinstance(note, Map) or note.out.shape != (_SOME,):
            raise CannotRecordError("it is not element by element")
        out: Any = self._value(note.out)
        return note._replace(out=out.place, ins=tuple(map(self._value, note.ins)))

    def _value(self, x: Any) -> Any:
        if isinstance(x, np.ndarray) and x.size > 1:
            if x.shape != (_SOME,) or not x.flags.c_contiguous:
                raise CannotRecordError("it is not element by element")
            address = x.__array_interface__["data"][0]
            return _Whole(self._places.setdefault(address, len(self._places)))
        number = x.item() if isinstance(x, np.ndarray) else x
        return _Read(self.numbers.index(number)) if number in self.numbers else number

    def agrees(self, code: _Code) -> bool:
        """Whether the code that is made for ``start`` gives what the rule gave."""
        code(*self.numbers)
        pairs = list(zip(self.start, self.after, strict=True))
        del pairs[_GRADIENT]  # which a rule may overwrite
        return all(np.array_equal(found, right, equal_nan=True) for found, right in pairs)


def _is_own(cls: type) -> bool:
    """Whether what an update calls is annlib's own, in a class of the user's, too."""
    bases = (base for base in cls.__mro__ if issubclass(base, Rule) and not is_own(base))
    return not any(
        callable(value) or isinstance(value, property)
        for base in bases
        for name, value in vars(base).items()
        if not name.startswith("__")
    )


def compiled_rule(rule: Rule, dtype: Any) -> CompiledRule | None:
    """The ``update`` of a rule as machine code; None where it has to run as it stands."""
    if rule.whole or rule.per_parameter or not _is_own(type(rule)):
        return None
    try:
        made = CompiledRule(rule, dtype)
    except CannotRecordError:
        return None
    if made.agrees:
        return made
    warnings.warn(
        f"compiling: expected machine code to compute what the rule of {type(rule).__name__} does, "
        "got other numbers. The rule runs as it stands; please report this.",
        stacklevel=4,
    )
    return None
