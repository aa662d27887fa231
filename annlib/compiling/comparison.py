"""Whether two steps did the same, and whether two ways to compute one give the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from annlib.compiling.layout import interval
from annlib.compiling.notes import Note
from annlib.core.arrays import Array

#: How far a number may be from what it should be: of the largest of its array, and of all.
CLOSE = {"f": (1e-3, 1e-5), "d": (1e-9, 1e-13)}


def key_of(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return array.shape, array.strides, array.dtype.char
    return None if array is None else (type(array), array.shape)


def described(note: Note, places: Any) -> Any:
    """A note without what may differ from step to step: where the inputs lie, and what is made."""
    return type(note), *(_kind(value, places) for value in note)


class _Place(NamedTuple):
    """Where an array lies; an array of one number may be another with that number, too."""

    kind: Any
    address: Any
    value: Any


def _kind(value: Any, places: Any) -> Any:
    if isinstance(value, np.ndarray):
        (start, _), kind = interval(value), (value.shape, value.strides, value.dtype.char)
        for (begin, end), name in reversed(places):
            if begin <= start < end:
                return _Place(kind, (name, start - begin), None)
        return _Place(kind, start, value.tobytes() if value.size == 1 else None)
    if isinstance(value, tuple | list):
        return tuple(_kind(v, places) for v in value)
    if isinstance(value, dict):
        return tuple((name, _kind(v, places)) for name, v in value.items())
    if isinstance(value, int | float | str | type(None)):
        return repr(value)
    return type(value)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, _Place):
        alike = one.value is not None and one.value == other.value
        return bool(one.kind == other.kind and (one.address == other.address or alike))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def first_difference(one: list[Any], other: list[Any]) -> int | None:
    """The first note that differs, if any does."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if not _same(a, b):
            return place
    return None if len(one) == len(other) else min(len(one), len(other))


def near(found: Any, right: Any, close: float, far: float) -> bool:
    largest = float(np.abs(right).max(initial=0.0))
    if not np.isfinite(largest):
        return True  # what follows from it is told by the checks of a step
    return bool((np.abs(found - right) <= close * largest + far).all())


def right(array: Array, right: Array, close: float, far: float) -> bool:
    return array.dtype.char not in "fd" or near(array, right, close, far)
