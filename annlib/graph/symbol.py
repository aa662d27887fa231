"""Symbols: arrays without numbers, which note what NumPy is asked to do with them.

Of ``np.maximum(x @ W + b, 0)`` a symbol x makes another one, that knows its operation and what goes
into it. The first axis of each is the rows, whose number is not known; nothing may mix them.

>>> x = Symbol("input", (), (None, 3), np.float32)
>>> y = np.maximum(x @ np.ones((3, 2)) - 1, 0)
>>> y.operation, y.shape, y.dtype
('max', (None, 2), dtype('float32'))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from annlib.core.arrays import Array, BatchShape
from annlib.core.expression import Operator

#: Element by element: NumPy's names, and those of the operations.
UNARY = {
    **{name: name for name in ("exp", "log", "log1p", "expm1", "tanh", "sqrt", "floor", "sign")},
    **{name: name for name in ("cos", "sin")},
    "negative": "neg",
    "absolute": "abs",
    "logical_not": "not",
    "invert": "not",
}
BINARY = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "maximum": "max",
    "minimum": "min",
    "power": "pow",
    "remainder": "mod",
}
COMPARISONS = {
    **{name: name for name in ("less", "less_equal", "greater", "greater_equal", "equal")},
    "not_equal": "not_equal",
}
LOGICAL = {"logical_and": "and", "logical_or": "or", "bitwise_and": "and", "bitwise_or": "or"}
REDUCTIONS = {"add": "sum", "maximum": "amax", "minimum": "amin"}


class NotNotedError(Exception):
    """Something is done with a symbol that no operation of a graph is."""


class Symbol(NDArrayOperatorsMixin):
    """The result of an operation.

    Parameters
    ----------
    operation : str
        What makes it: ``"add"``, ``"matmul"``, ``"sum"``, ...
    inputs : sequence of Symbol or array
        What it is made of; arrays are constants.
    shape : tuple
        None for the rows, then the shape of a row.
    dtype : dtype
    **attributes
        What else the operation needs: ``axis``, ``axes``, ...
    """

    def __init__(
        self,
        operation: str,
        inputs: Sequence[Symbol | Array],
        shape: BatchShape,
        dtype: Any,
        **attributes: Any,
    ) -> None:
        self.operation, self.inputs, self.shape = operation, tuple(inputs), shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.attributes = attributes
        #: The name of the layer that it is of.
        self.scope = ""
        #: An operator of ONNX that makes the same of another symbol, where a part knows one.
        self.operator: tuple[Operator, Symbol] | None = None

    def __repr__(self) -> str:
        return f"Symbol({self.operation!r}, shape={self.shape}, dtype={self.dtype})"

    def _note_operator(self, operator: Operator | None, x: Symbol) -> None:
        if operator is not None and self is not x:
            self.operator = operator, x

    def _note_rows(self, table: Any) -> Symbol:
        array = constant(table)
        shape = (*self.shape, *array.shape[1:])
        return Symbol("take", [array, self.astype(np.int64)], shape, array.dtype)

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of a row."""
        return tuple(size or 0 for size in self.shape[1:])

    @property
    def ndim(self) -> int:
        return len(self.shape)

    # -- what NumPy asks for -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        name = ufunc.__name__
        if method == "reduce" and name in REDUCTIONS:
            return reduced(REDUCTIONS[name], *inputs, **keywords)
        plain = method == "__call__" and not {k for k, v in keywords.items() if v is not None}
        if not plain:
            raise NotNotedError(f"np.{name} is called with {', '.join(keywords) or method}")
        if name in UNARY:
            return elementwise(UNARY[name], *inputs)
        if name in BINARY:
            return elementwise(BINARY[name], *inputs)
        if name in COMPARISONS:
            return elementwise(COMPARISONS[name], *inputs, result=bool)
        if name in LOGICAL:
            return elementwise(LOGICAL[name], *map(_as_bool, inputs), result=bool)
        if name == "matmul":
            return matmul(*inputs)
        if name == "square":
            return inputs[0] * inputs[0]
        if name == "reciprocal":
            return 1 / inputs[0]
        raise NotNotedError(f"np.{name} is no operation of a graph")

    def __array_function__(self, function: Any, types: Any, given: Any, keywords: Any) -> Any:
        known = FUNCTIONS.get(function.__name__)
        if known is None:
            raise NotNotedError(f"np.{function.__name__} is no operation of a graph")
        return known(*given, **keywords)

    def __array__(self, *arguments: Any, **keywords: Any) -> Any:
        raise NotNotedError("numbers are asked for, which a graph does not have")

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __array__
    __hash__ = object.__hash__

    def __len__(self) -> int:
        raise NotNotedError("the number of rows is asked for: write -1")

    # -- the methods of an array -------------------------------------------------------------------

    def astype(self, dtype: Any) -> Symbol:
        dtype = np.dtype(dtype)
        return self if dtype == self.dtype else Symbol("cast", [self], self.shape, dtype)

    def reshape(self, *shape: Any) -> Symbol:
        target: Any = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        first, row = target[0], [*target[1:]]
        size = math.prod(self.row)
        if -1 in row and first is None:
            place = row.index(-1)
            row[place] = size // max(1, -math.prod(row))
        if first not in (-1, None) or math.prod(row) != size:
            raise NotNotedError(
                f"rows of shape {self.row} are reshaped to {tuple(target)}, whose first is not the "
                "number of rows, -1"
            )
        made: BatchShape = (None, *row)
        return self if made == self.shape else Symbol("reshape", [self], made, self.dtype)

    def transpose(self, *axes: Any) -> Symbol:
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        order = [axis % self.ndim for axis in order or range(self.ndim)[::-1]]
        if order[0] != 0:
            raise NotNotedError("the axis of the rows is moved")
        if order == [*range(self.ndim)]:
            return self
        shape = tuple(self.shape[axis] for axis in order)
        return Symbol("transpose", [self], shape, self.dtype, order=order)

    def swapaxes(self, one: int, other: int) -> Symbol:
        order = [*range(self.ndim)]
        order[one], order[other] = order[other], order[one]
        return self.transpose(order)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return reduced("sum", self, axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return reduced("amax", self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        return reduced("amin", self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        sums = self.sum(axis, keepdims)
        mean: Symbol = sums / (math.prod(self.row) / max(1, math.prod(sums.row)))
        return mean

    def clip(self, low: Any = None, high: Any = None) -> Symbol:
        y: Any = self if low is None else np.maximum(self, low)
        clipped: Symbol = y if high is None else np.minimum(y, high)
        return clipped

    def argmax(self, axis: int = -1) -> Symbol:
        axis %= self.ndim
        shape = (*self.shape[:axis], *self.shape[axis + 1 :])
        return Symbol("argmax", [self], shape, np.int64, axis=axis)

    def take(self, indices: Any, axis: int | None = None) -> Symbol:
        return taken(self, indices, axis)

    def copy(self) -> Symbol:
        return self

    def __getitem__(self, key: Any) -> Symbol:
        return _part(self, key if isinstance(key, tuple) else (key,))


def _as_bool(value: Any) -> Any:
    if np.dtype(getattr(value, "dtype", type(value))).kind != "b":
        raise NotNotedError("numbers are combined bit by bit")
    return value


def constant(value: Any, dtype: Any = None) -> Array:
    """A number, list or array as an array of this type, the same one if it is that."""
    array = np.asarray(value)
    if array.dtype.kind == "O":  # of texts, mostly
        array = np.array(array.tolist())
    if array.dtype.kind not in "biufU":
        raise NotNotedError(f"an array of {array.dtype} goes into it")
    return array if dtype is None else np.asarray(array, dtype)


def elementwise(operation: str, *inputs: Any, result: Any = None) -> Symbol:
    """An operation element by element; constants get the type of the symbols."""
    dtype = _common(inputs)
    if dtype.kind == "b" and result is None and operation != "not":
        dtype = np.dtype(np.int64)
    made = [x.astype(dtype) if isinstance(x, Symbol) else constant(x, dtype) for x in inputs]
    return Symbol(operation, made, broadcast(*(x.shape for x in made)), result or dtype)


def _common(inputs: Sequence[Any]) -> np.dtype[Any]:
    """The type in which symbols and constants meet: that of the symbols, if they are real."""
    kinds = [x.dtype for x in inputs if isinstance(x, Symbol)]
    found = np.result_type(*kinds)
    if found.kind in "fU":
        return found
    return np.result_type(found, *(constant(x).dtype for x in inputs if not isinstance(x, Symbol)))


def broadcast(*shapes: BatchShape) -> BatchShape:
    """The shape of arrays together, of which the first axis of the longest is the rows."""
    rank = max(map(len, shapes))
    sizes: list[int | None] = [None]
    for axis in range(1, rank):
        own = [s[axis - rank] for s in shapes if len(s) >= rank - axis]
        if None in own:
            raise NotNotedError(f"rows of shapes {shapes} meet the axis of the rows of others")
        sizes.append(np.broadcast_shapes(*((size or 0,) for size in own))[0])
    if any(len(s) == rank and s[0] not in (None, 1) for s in shapes):
        raise NotNotedError(f"a constant of shapes {shapes} differs from row to row")
    return tuple(sizes)


def matmul(a: Any, b: Any) -> Symbol:
    """The product of matrices along the last two axes."""
    dtype = _common([a, b])
    a, b = (x.astype(dtype) if isinstance(x, Symbol) else constant(x, dtype) for x in (a, b))
    by_vector = b.ndim == 1
    if by_vector and not isinstance(b, Symbol):
        b = b.reshape(-1, 1)
    if not isinstance(a, Symbol) or b.ndim < 2 or (a.ndim == 2 and b.ndim > 2):
        raise NotNotedError("a product sums over the rows")
    if a.shape[-1] != b.shape[-2]:
        raise NotNotedError(f"a product of rows {a.row} and an array of shape {b.shape} is made")
    if a.ndim == 2:
        shape: BatchShape = (None, b.shape[-1])
    else:
        shape = (*broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    y = Symbol("matmul", [a, b], shape, dtype)
    return y.reshape(-1, *y.row[:-1]) if by_vector else y


def reduced(operation: str, x: Symbol, axis: Any = 0, **keywords: Any) -> Symbol:
    """A sum, or the largest or least, along some axes of a row."""
    keepdims = bool(keywords.pop("keepdims", False))
    if any(value is not None for value in keywords.values()):
        raise NotNotedError(f"a sum is made with {', '.join(keywords)}")
    every = range(1, x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(a % x.ndim for a in every)
    if axis is None or 0 in axes:
        raise NotNotedError("a sum runs over the rows: give the axes of a row")
    kept = [1 if a in axes else size for a, size in enumerate(x.shape)]
    shape = tuple(s for a, s in enumerate(kept) if keepdims or a not in axes)
    if x.dtype == bool:
        x = x.astype(np.int64)
    return Symbol(operation, [x], shape, x.dtype, axes=axes, keepdims=keepdims)


def where(condition: Any, a: Any, b: Any) -> Symbol:
    """Choose a where the condition holds, b elsewhere."""
    if not isinstance(condition, Symbol):
        condition = constant(condition, bool)
    symbols = [x for x in (a, b) if isinstance(x, Symbol)]
    dtype = _common([a, b]) if symbols else np.result_type(constant(a), constant(b))
    made = [x.astype(dtype) if isinstance(x, Symbol) else constant(x, dtype) for x in (a, b)]
    shape = broadcast(condition.shape, *(x.shape for x in made))
    return Symbol("where", [condition, *made], shape, dtype)


def taken(x: Symbol, indices: Any, axis: int | None = None) -> Symbol:
    """Places along an axis of a row."""
    if isinstance(indices, Symbol) or axis is None or axis % x.ndim == 0:
        raise NotNotedError("np.take takes rows, or by an array that is not constant")
    axis, places = axis % x.ndim, constant(indices, np.int64)
    shape = (*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])
    if places.ndim == 1 and [*places] == [*range(x.row[axis - 1])]:
        return x
    return Symbol("gather", [x, places], shape, x.dtype, axis=axis)


def joined(parts: Sequence[Any], axis: int = 0) -> Symbol:
    """Symbols side by side along an axis of a row."""
    if not all(isinstance(part, Symbol) for part in parts):
        raise NotNotedError("constants are put beside rows")
    first, axis = parts[0], axis % parts[0].ndim
    if axis == 0:
        raise NotNotedError("rows are put below each other")
    dtype = np.result_type(*(part.dtype for part in parts))
    shape = list(first.shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    same = [part.astype(dtype) for part in parts]
    return first if len(same) == 1 else Symbol("concat", same, tuple(shape), dtype, axis=axis)


def looked_up(x: Symbol, keys: Array, codes: Array, otherwise: int) -> Symbol:
    """The code of each key, and another one for what is no key."""
    return Symbol("lookup", [x], x.shape, np.int64, keys=keys, codes=codes, otherwise=otherwise)


def _part(x: Symbol, key: tuple[Any, ...]) -> Symbol:
    """What indexing gives: slices, whole numbers, new axes, or a list of places along one axis."""
    key = _spelled_out(key, x.ndim)
    lists = [k for k in key if not isinstance(k, slice | int | np.integer | None)]
    if lists:
        if len(lists) > 1 or isinstance(lists[0], Symbol) or None in [k for k in key if k is None]:
            raise NotNotedError("an array is indexed by another that is not constant")
        places = [k is lists[0] for k in key]
        rest = tuple(slice(None) if found else k for k, found in zip(key, places, strict=True))
        return _part(taken(x, lists[0], places.index(True)), rest)
    if key[0] != slice(None):
        raise NotNotedError("single rows are taken, or an axis is put in front of them")
    row: list[int] = []
    bounds: dict[int, tuple[int, int, int]] = {}
    axis = 0
    for k in key[1:]:
        if k is None:
            row.append(1)
            continue
        size = x.row[axis]
        axis += 1
        bounds[axis] = own = k.indices(size) if isinstance(k, slice) else _one(k, size)
        if isinstance(k, slice):
            row.append(len(range(*own)))
    cut = {a: own for a, own in bounds.items() if own != (0, x.row[a - 1], 1)}
    if cut:
        sizes = [len(range(*cut[a])) if a in cut else size for a, size in enumerate(x.shape)]
        starts, ends, steps = (list(each) for each in zip(*cut.values(), strict=True))
        of = {"starts": starts, "ends": ends, "steps": steps, "axes": [*cut]}
        x = Symbol("slice", [x], tuple(sizes), x.dtype, **of)
    return x.reshape(-1, *row)


def _spelled_out(key: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """The key with a slice for each axis that it leaves out."""
    places = [place for place, k in enumerate(key) if k is Ellipsis]
    given = sum(k is not None and k is not Ellipsis for k in key)
    at = places[0] if places else len(key)
    return (*key[:at], *[slice(None)] * (rank - given), *key[at + 1 :])


def _one(place: int, size: int) -> tuple[int, int, int]:
    start = range(size)[place]
    return start, start + 1, 1


def _like(value: float) -> Callable[..., Symbol]:
    def like(x: Symbol, *given: Any) -> Symbol:
        same = np.array(given[0] if given else value, x.dtype)
        return where(x == x, same, same)  # noqa: PLR0124  # of the shape of x

    return like


#: Functions of NumPy that are no ufuncs, by their names.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "argmax": lambda x, axis=-1: x.argmax(axis),
    "amax": lambda x, axis=None, keepdims=False: x.max(axis, keepdims),
    "amin": lambda x, axis=None, keepdims=False: x.min(axis, keepdims),
    "clip": lambda x, low=None, high=None: x.clip(low, high),
    "concatenate": joined,
    "dot": lambda a, b: matmul(a, b),
    "full_like": _like(0),
    "hstack": lambda parts: joined(parts, 1),
    "max": lambda x, axis=None, keepdims=False: x.max(axis, keepdims),
    "mean": lambda x, axis=None, keepdims=False: x.mean(axis, keepdims),
    "min": lambda x, axis=None, keepdims=False: x.min(axis, keepdims),
    "ndim": lambda x: x.ndim,
    "ones_like": _like(1),
    "reshape": lambda x, shape: x.reshape(shape),
    "shape": lambda x: x.shape,
    "sum": lambda x, axis=None, keepdims=False: x.sum(axis, keepdims),
    "swapaxes": lambda x, one, other: x.swapaxes(one, other),
    "take": taken,
    "transpose": lambda x, axes=(): x.transpose(axes),
    "where": where,
    "zeros_like": _like(0),
}
