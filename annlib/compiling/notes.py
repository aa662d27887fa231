"""What a recording holds: each thing that NumPy was asked to do, with the arrays it worked on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array


class Map(NamedTuple):
    """``out[i] = name(ins[i])``, each converted to its type of ``types`` first; the last of these
    is the result's.
    """

    name: str
    out: Array
    ins: tuple[Any, ...]
    types: tuple[str, ...]


class Reduce(NamedTuple):
    """``out`` is the sum, maximum or the like of an array along some axes."""

    name: str
    out: Array
    array: Array
    axes: tuple[int, ...]


class Dot(NamedTuple):
    """``out = a b``: a matrix or a vector times another."""

    out: Array
    a: Array
    b: Array


class Take(NamedTuple):
    """``out[i] = vector[places[i]]``, a place outside counting as the nearest one inside."""

    out: Array
    vector: Array
    places: Array


class Put(NamedTuple):
    """``vector[places[i]] = values[i]``, likewise."""

    vector: Array
    places: Array
    values: Array


class Guard(NamedTuple):
    """What Python has read out of a number: that ``number test limit`` is so, or is not."""

    array: Array
    test: str
    limit: float
    expected: bool


class Call(NamedTuple):
    """A call that is made as it stands, of which the result is put into ``out``, if that is one."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    out: Array | None


Note = Map | Reduce | Dot | Take | Put | Guard | Call

#: What can be said elementwise in machine code, by NumPy's names.
MAPS = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "maximum", "minimum", "clip", "copy", "where"),
        *("negative", "square", "sqrt", "absolute", "reciprocal", "sign", "exp", "log", "log1p"),
        *("tanh", "isfinite", "isnan", "less", "less_equal", "greater", "greater_equal", "equal"),
        *("not_equal", "logical_not", "logical_and", "logical_or", "floor", "rint"),
    )
)
#: Those of whole numbers and of truths, too.
OF_ALL = frozenset(
    (
        *("add", "subtract", "multiply", "copy", "where", "less", "less_equal", "greater"),
        *("greater_equal", "equal", "not_equal", "logical_not", "logical_and", "logical_or"),
    )
)
REDUCTIONS = frozenset(("add", "maximum", "minimum", "logical_and", "logical_or"))
TYPES = frozenset("fd?lq")


def suits(*values: Any) -> bool:
    """Whether machine code can read and write these: numbers, and arrays of a few types, whose
    elements are whole steps apart.
    """
    for value in values:
        if isinstance(value, np.ndarray):
            if value.dtype.char not in TYPES or not value.size or not value.dtype.isnative:
                return False
            if any(step % value.itemsize for step in value.strides):
                return False
        elif not isinstance(value, int | float | np.floating | np.integer | np.bool):
            return False
    return True


def multiplies(out: Array, a: Any, b: Any) -> bool:
    """Whether BLAS has this product: of vectors and matrices of one type, dense along an axis."""
    if not all(isinstance(x, np.ndarray) and x.ndim in (1, 2) for x in (a, b)):
        return False
    if len({a.dtype.char, b.dtype.char, out.dtype.char}) > 1 or a.dtype.char not in "fd":
        return False
    if out.shape != (*a.shape[:-1], *b.shape[1:]) or a.shape[-1] != len(b):
        return False
    return bool(out.flags.c_contiguous and all(x.size and _leading(x) for x in (a, b)))


def _leading(x: Array) -> bool:
    """Whether one step along one of the axes is one element."""
    unit = x.itemsize
    if x.ndim == 1:
        return x.strides[0] > 0 or len(x) == 1
    rows, columns = x.strides
    along = (columns == unit or x.shape[1] == 1) and rows >= unit * x.shape[1]
    turned = (rows == unit or x.shape[0] == 1) and columns >= unit * x.shape[0]
    return bool(along or turned)
