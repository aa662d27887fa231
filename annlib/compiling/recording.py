"""What NumPy is asked to do while a step runs, noted call by call with the arrays it works on.

The parts of a model run as they stand, on arrays that note what is done with them. The buffers of
a pass are the same memory in every step, so the notes of one step are those of the next.

What a note cannot hold is refused with ``CannotRecordError``: a number that Python reads out of an
array, a method that is not known here. What a comparison says of such a number is held: it is a
guard, and a step in which it says otherwise runs as it stands.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace


class CannotRecordError(Exception):
    """A part does what a recording cannot hold; it is called as it stands, then."""


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
    """``out[i] = vector[index[i]]``, an index outside counting as the nearest one inside."""

    out: Array
    vector: Array
    index: Array


class Put(NamedTuple):
    """``vector[index[i]] = values[i]``, likewise."""

    vector: Array
    index: Array
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
REDUCTIONS = frozenset(("add", "maximum", "minimum", "logical_and", "logical_or"))
TYPES = frozenset("fd?lq")
_TESTS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
}


class Number:
    """A number that an array gave. To compare it notes a guard; to read it is not recorded, but for
    the last one of a part, which may be its result.
    """

    def __init__(self, recorder: Recorder, array: Array) -> None:
        self._recorder, self.array = recorder, array

    def _test(self, test: str, limit: Any) -> bool:
        if not isinstance(limit, int | float):
            raise CannotRecordError("a number is compared with another of an array")
        found = bool(_TESTS[test](self.array[()], limit))
        self._recorder.note(Guard(self.array, test, float(limit), found))
        return found

    def __lt__(self, limit: Any) -> bool:
        return self._test("<", limit)

    def __le__(self, limit: Any) -> bool:
        return self._test("<=", limit)

    def __gt__(self, limit: Any) -> bool:
        return self._test(">", limit)

    def __ge__(self, limit: Any) -> bool:
        return self._test(">=", limit)

    def __bool__(self) -> bool:
        return self._test("!=", 0)

    def __float__(self) -> float:
        return self._recorder.read(self.array)

    def __getattr__(self, name: str) -> Any:
        raise CannotRecordError(f"a number of an array is asked for {name}")


class Recorder:
    """The notes of one run of some parts.

    Attributes
    ----------
    notes : list
        In their order; those of a part are a stretch of it.
    read_last : array or None
        The number that Python read last; a second one is refused.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.kept: list[Any] = []
        self.read_last: Array | None = None
        self.may_read = False
        self._thread = threading.get_ident()

    def note(self, note: Note) -> None:
        self.notes.append(note)

    def read(self, array: Array) -> float:
        """Let Python read a number, if the part may: once, as what it returns."""
        if not self.may_read:
            raise CannotRecordError("Python reads a number of an array")
        self.may_read, self.read_last = False, array
        return float(array)

    def traced(self, array: Array) -> Traced:
        """The array, noting what is done with it."""
        view = array.view(Traced)
        view._recorder = self
        return view

    def new(self, result: Any) -> Any:
        """What a call made, which the recording keeps: the next step writes to the same memory."""
        if isinstance(result, np.generic):
            array = np.array(result)
            self.kept.append(array)
            return Number(self, array)
        self.kept.append(result)
        return self.traced(result)

    # -- calls -----------------------------------------------------------------------------------

    def ufunc(self, ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: Any) -> Any:
        """A call of a ufunc or one of its methods."""
        ins = tuple(map(_plain, inputs))
        given = keywords.pop("out", (None,))
        outs = tuple(map(_plain, given))
        called = ufunc if method == "__call__" else getattr(ufunc, method)
        others = {name: _plain(value) for name, value in keywords.items()}
        if threading.get_ident() != self._thread:
            raise CannotRecordError("another thread works on the arrays")
        if len(outs) != 1 or ufunc.nout != 1:
            raise CannotRecordError(f"{ufunc.__name__} has several results")
        (out,) = outs
        if out is not None:
            others["out"] = out
        result = called(*ins, **others)
        traced = given[0] if out is not None else self.new(result)
        target = out if out is not None else _target(traced)
        others.pop("out", None)
        if method == "__call__" and not others.keys() - {"casting"}:
            self._note_map(ufunc, target, ins, others)
        elif method == "reduce":
            self._note_reduction(ufunc, target, ins, others)
        else:
            self._note_call(called, target, ins, others)
        return traced

    def _note_map(self, ufunc: np.ufunc, out: Array, ins: Any, keywords: Any) -> None:
        name = ufunc.__name__
        types = None
        if name in MAPS:
            types = tuple(
                d.char
                for d in ufunc.resolve_dtypes(
                    (*map(_type, ins), out.dtype),
                    casting=keywords.get("casting", "same_kind"),
                )
            )
        if types is not None and _suits(out, *ins) and TYPES.issuperset(types):
            self.note(Map(name, out, tuple(map(_number, ins)), types))
        else:
            self._note_call(ufunc, out, ins, keywords)

    def _note_reduction(self, ufunc: np.ufunc, out: Array, ins: Any, keywords: Any) -> None:
        (array, *more), given = ins, dict(keywords)
        axis = given.pop("axis", more.pop(0) if more else 0)
        given.pop("keepdims", None)
        # As NumPy's own methods pass them: no type, and no first value.
        rest = [x for x in more if x is not None and x is not False and x is not True]
        rest += [v for k, v in given.items() if v is not None and (k, v) != ("where", True)]
        rest = [x for x in rest if not isinstance(x, np.dtype) or x != array.dtype]
        rank = array.ndim
        if axis is None:
            axes = tuple(range(rank))
        else:
            axes = tuple(a % rank for a in (axis if isinstance(axis, tuple) else (axis,)))
        simple = not rest and out.dtype == array.dtype
        if simple and ufunc.__name__ in REDUCTIONS and rank and _suits(out, array):
            self.note(Reduce(ufunc.__name__, out, array, axes))
        else:
            self._note_call(ufunc.reduce, out, ins, keywords)

    def _note_call(self, function: Any, out: Array, ins: Any, keywords: Any) -> None:
        self.note(Call(function, tuple(ins), dict(keywords), out))

    def function(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """A call of another function of NumPy."""
        plain = {name: _plain(value) for name, value in keywords.items()}
        ins = tuple(map(_plain, arguments))
        if threading.get_ident() != self._thread:
            raise CannotRecordError("another thread works on the arrays")
        if function is np.copyto:
            return self._copy(*ins, **plain)
        if function in (np.take, np.put):
            method = getattr(arguments[0], function.__name__)
            return method(*arguments[1:], **keywords)
        if function is np.clip:
            names = ("a", "a_min", "a_max", "out")
            named = dict(zip(names, arguments, strict=False)) | keywords
            out = named.get("out")
            bounds = (named.get("a_min"), named.get("a_max"))
            if named.keys() <= {*names} and None not in map(_none, bounds):
                inputs = (named["a"], *bounds)
                return self.ufunc(np._core.umath.clip, "__call__", inputs, {"out": (out,)})
        if function in _VIEWS:
            return self._viewed(function(*ins, **plain), ins[0])
        out = keywords.get("out")
        if out is None and function is np.dot and len(arguments) > 2:
            out, ins = arguments[2], ins[:2]
        if out is not None:
            plain["out"] = _plain(out)
        result = function(*ins, **plain)
        if out is None:
            if not isinstance(result, np.ndarray | np.generic):
                raise CannotRecordError(f"{function.__name__} gives no array")
            out = self.new(result)
        target = _target(out)
        plain.pop("out", None)
        if function is np.vdot and all(x.flags.c_contiguous for x in ins):
            ins = tuple(x.reshape(-1) for x in ins)
        if function in (np.dot, np.vdot, np.matmul) and not plain and _multiplies(target, *ins):
            self.note(Dot(target, *ins))
        else:
            if any(isinstance(x, Traced | Number) for x in _flat(ins)):
                raise CannotRecordError(f"{function.__name__} of several arrays")
            self._note_call(function, target, ins, plain)
        return out

    def _copy(self, to: Array, source: Any, casting: str = "same_kind", where: Any = True) -> None:
        if where is True:
            np.copyto(to, source, casting=casting)
            types = (_char(source, to), to.dtype.char)
            ins: tuple[Any, ...] = (_number(source),)
            name = "copy"
        else:
            np.copyto(to, source, casting=casting, where=where)
            where, name = np.asarray(where), "where"
            ins = (where, _number(source), to)
            types = (where.dtype.char, to.dtype.char, to.dtype.char, to.dtype.char)
            if isinstance(source, np.ndarray) and source.dtype != to.dtype:
                types = ("!",)
        if _suits(to, *ins) and TYPES.issuperset(types):
            self.note(Map(name, to, ins, types))
        else:
            self.note(Call(np.copyto, (to, source), {"casting": casting, "where": where}, None))

    def _viewed(self, result: Array, source: Array) -> Array:
        if not np.may_share_memory(result, source):
            raise CannotRecordError("an array is copied to have another shape")
        return self.traced(result)


class Traced(np.ndarray):  # type: ignore[type-arg]  # of any type
    """A view of an array that has its recorder note what is done with it."""

    _recorder: Recorder

    def __array_finalize__(self, source: Any) -> None:
        if source is not None and isinstance(source, Traced):
            self._recorder = source._recorder

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return self._recorder.ufunc(ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return self._recorder.function(function, arguments, keywords)

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
        vector, index = _plain(self), _plain(indices)
        flat = axis is None or (axis == 0 and self.ndim == 1)
        known = flat and mode == "clip" and out is not None and isinstance(index, np.ndarray)
        if not known or not vector.flags.c_contiguous:
            raise CannotRecordError("take")
        target = _plain(out)
        vector.take(index, out=target, mode="clip")
        if index.dtype != np.intp or target.dtype != vector.dtype or not _suits(target, index):
            raise CannotRecordError("take of other types")
        self._recorder.note(Take(target, vector.reshape(-1), index))
        return out

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        vector, index, values = _plain(self), _plain(indices), _plain(values)
        fits = isinstance(values, np.ndarray) and isinstance(index, np.ndarray)
        if not fits or mode != "clip" or not vector.flags.c_contiguous:
            raise CannotRecordError("put")
        same = values.dtype == vector.dtype and index.dtype == np.intp
        if not same or values.shape != index.shape:
            raise CannotRecordError("put of other types")
        vector.put(index, values, mode="clip")
        self._recorder.note(Put(vector.reshape(-1), index, values))

    def fill(self, value: Any) -> None:
        self._recorder._copy(_plain(self), value, casting="unsafe")

    def copy(self, order: Any = "C") -> Any:
        made = self._recorder.new(np.empty(self.shape, self.dtype))
        self._recorder._copy(_plain(made), _plain(self))
        return made

    def astype(self, dtype: Any, *more: Any, **keywords: Any) -> Any:
        made = self._recorder.new(np.empty(self.shape, dtype))
        self._recorder._copy(_plain(made), _plain(self), casting="unsafe")
        return made

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other) if out is None else np.dot(self, other, out=out)

    def reshape(self, *shape: Any, **keywords: Any) -> Any:
        return self._recorder._viewed(_plain(self).reshape(*shape, **keywords), _plain(self))

    def ravel(self, order: Any = "C") -> Any:
        return self._recorder._viewed(_plain(self).ravel(order), _plain(self))

    def view(self, *types: Any) -> Any:
        if types and types[0] not in (np.ndarray, Traced):
            raise CannotRecordError("a view of another type")
        return super().view(*types)

    def __getitem__(self, key: Any) -> Any:
        if any(isinstance(k, np.ndarray | list | Number) for k in _keys(key)):
            raise CannotRecordError("an array is indexed by another")
        found = super().__getitem__(key)
        if not isinstance(found, np.ndarray):
            raise CannotRecordError("a number is read out of an array")
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        whole, value = _plain(self), _plain(value)
        if isinstance(key, np.ndarray) and key.dtype == bool:
            mask = _plain(key)
            if mask.shape != whole.shape[: mask.ndim] or not np.isscalar(value):
                raise CannotRecordError("an array is set where another is true")
            mask = mask.reshape(*mask.shape, *[1] * (whole.ndim - mask.ndim))
            self._recorder._copy(whole, value, where=mask, casting="unsafe")
            return
        if any(isinstance(k, np.ndarray | list | Number) for k in _keys(key)):
            raise CannotRecordError("an array is set by the index of another")
        part = whole[key] if whole[key].ndim else whole[(*_keys(key), ...)]
        self._recorder._copy(part, value, casting="unsafe")


def _refusing(name: str) -> Any:
    def refuse(self: Traced, *arguments: Any, **keywords: Any) -> Any:
        raise CannotRecordError(f"an array is asked for {name}")

    return refuse


# Methods that give views, and those that are made of calls that are noted.
_KNOWN = ("clip", "sum", "any", "all", "max", "min", "transpose", "swapaxes", "squeeze")
for _name in dir(np.ndarray):
    _is_method = callable(getattr(np.ndarray, _name)) and not _name.startswith("__")
    if _is_method and _name not in _KNOWN and _name not in vars(Traced):
        setattr(Traced, _name, _refusing(_name))
for _name in ("__float__", "__int__", "__index__", "__bool__", "__complex__", "__iter__"):
    setattr(Traced, _name, _refusing(_name))

_VIEWS: tuple[Any, ...] = (
    *(np.reshape, np.transpose, np.moveaxis, np.swapaxes, np.squeeze, np.expand_dims),
    *(np.broadcast_to, np.ravel, np.atleast_2d),
)


class RecordingWorkspace(Workspace):
    """A workspace with the buffers and the memory of another, whose arrays note what is done."""

    def __init__(self, work: Workspace, recorder: Recorder) -> None:
        super().__init__(work.dtype, None)
        self.update(work)
        self._work, self._recorder = work, recorder
        self._rng = None if work.rng is None else RecordingRandom(work, recorder)  # type: ignore[assignment]  # what a layer draws with

    def array(self, name: str, *shape: int, dtype: Any = None) -> Array:
        return self._recorder.traced(self._work.array(name, *shape, dtype=dtype))

    def ones(self, n: int) -> Array:
        return self._recorder.traced(self._work.ones(n))

    def give_back(self) -> None:
        """Let the other remember what the part has, as plain arrays."""
        self._work.update({name: _untraced(value) for name, value in self.items()})


class RecordingRandom:
    """The random stream of a layer: a draw into an array is a call that is made at each step."""

    def __init__(self, work: Workspace, recorder: Recorder) -> None:
        self._source, self._recorder = work, recorder

    def __getattr__(self, name: str) -> Any:
        def draw(*arguments: Any, **keywords: Any) -> Any:
            out = keywords.get("out")
            if out is None or any(isinstance(x, Traced | Number) for x in arguments):
                raise CannotRecordError("numbers are drawn into an array of their own")
            plain = {key: _plain(value) for key, value in keywords.items()}
            call = Draw(self._source, name)
            call(*arguments, **plain)
            call.drawn = plain["out"].copy()
            self._recorder.note(Call(call, arguments, plain, None))
            return out

        return draw


class Draw:
    """A method of a pass' random stream, whichever that is at the time."""

    drawn: Array | None = None

    def __init__(self, work: Workspace, name: str) -> None:
        self._work, self._name = work, name

    def __call__(self, *arguments: Any, **keywords: Any) -> None:
        getattr(self._work.rng, self._name)(*arguments, **keywords)


def _plain(value: Any) -> Any:
    """Without the noting; of a tuple or list each."""
    if isinstance(value, Traced):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, Number):
        return value.array
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    return value


def _untraced(value: Any) -> Any:
    return _plain(value) if isinstance(value, Traced | tuple | list) else value


def _target(traced: Any) -> Array:
    array: Array = traced.array if isinstance(traced, Number) else _plain(traced)
    return array


def _number(value: Any) -> Any:
    """A number as one of Python's types: that which it counts as is noted apart."""
    return value.item() if isinstance(value, np.generic) else value


def _type(value: Any) -> Any:
    """What NumPy takes a value for: one of Python's numbers has no type of its own."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype
    return np.dtype(bool) if isinstance(value, bool) else type(value)


def _none(value: Any) -> Any:
    return None if value is None else 0


def _char(source: Any, to: Array) -> str:
    return source.dtype.char if isinstance(source, np.ndarray | np.generic) else to.dtype.char


def _keys(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


def _suits(*values: Any) -> bool:
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


def _multiplies(out: Array, a: Any, b: Any) -> bool:
    """Whether BLAS has this product: of vectors and matrices of one type, dense along an axis."""
    if not all(isinstance(x, np.ndarray) and x.ndim in (1, 2) for x in (a, b)):
        return False
    if len({a.dtype.char, b.dtype.char, out.dtype.char}) > 1 or a.dtype.char not in "fd":
        return False
    if out.shape != (*a.shape[:-1], *b.shape[1:]) or a.shape[-1] != len(b):
        return False
    return out.flags.c_contiguous and all(x.size and _leading(x) for x in (a, b))


def _leading(x: Array) -> bool:
    """Whether one step along one of the axes is one element."""
    unit = x.itemsize
    if x.ndim == 1:
        return x.strides[0] > 0 or len(x) == 1
    rows, columns = x.strides
    along = (columns == unit or x.shape[1] == 1) and rows >= unit * x.shape[1]
    turned = (rows == unit or x.shape[0] == 1) and columns >= unit * x.shape[0]
    return along or turned
