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
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.compiling.notes import (
    MAPS,
    OF_ALL,
    REDUCTIONS,
    TYPES,
    Call,
    Dot,
    Guard,
    Map,
    Note,
    Put,
    Reduce,
    Take,
    multiplies,
    suits,
)
from annlib.core.arrays import Array


class CannotRecordError(Exception):
    """A part does what a recording cannot hold; it is called as it stands, then."""


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
        view._owner = weakref.ref(self)
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
        ins = tuple(map(plain, inputs))
        given = keywords.pop("out", (None,))
        outs = tuple(map(plain, given))
        called = ufunc if method == "__call__" else getattr(ufunc, method)
        others = {name: plain(value) for name, value in keywords.items()}
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
        types: tuple[str, ...] = ()
        if name in MAPS:
            types = tuple(
                d.char
                for d in ufunc.resolve_dtypes(
                    (*map(_type, ins), out.dtype),
                    casting=keywords.get("casting", "same_kind"),
                )
            )
        known = bool(types) and (types[0] in "fd" or name in OF_ALL)
        if known and suits(out, *ins) and TYPES.issuperset(types):
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
        known = REDUCTIONS if array.dtype.char in "fd" else REDUCTIONS & OF_ALL
        if simple and ufunc.__name__ in known and rank and suits(out, array):
            self.note(Reduce(ufunc.__name__, out, array, axes))
        else:
            self._note_call(ufunc.reduce, out, ins, keywords)

    def _note_call(self, function: Any, out: Array, ins: Any, keywords: Any) -> None:
        self.note(Call(function, tuple(ins), dict(keywords), out))

    def function(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """A call of another function of NumPy."""
        if threading.get_ident() != self._thread:
            raise CannotRecordError("another thread works on the arrays")
        ins, others = plain(tuple(arguments)), {k: plain(v) for k, v in keywords.items()}
        if function is np.copyto:
            return self._copy(*ins, **others)
        if function in (np.take, np.put):
            return getattr(arguments[0], function.__name__)(*arguments[1:], **keywords)
        if function is np.clip:
            return self._clip(*arguments, **keywords)
        if function in _VIEWS:
            return self._viewed(function(*ins, **others), ins[0])
        if function is np.dot and len(arguments) > 2:
            *arguments, keywords["out"] = arguments
        return self._new_or_out(function, tuple(arguments), keywords)

    def _clip(self, a: Any, a_min: Any = None, a_max: Any = None, out: Any = None) -> Any:
        if a_min is None or a_max is None:
            raise CannotRecordError("clip with one limit")
        # The ufunc beneath it.
        return a.clip(a_min, a_max, out=out) if out is not None else a.clip(a_min, a_max)

    def _new_or_out(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """A call whose result is a new array or in ``out``."""
        out = keywords.pop("out", None)
        ins, others = plain(arguments), {k: plain(v) for k, v in keywords.items()}
        result = function(*ins, **others, **({} if out is None else {"out": plain(out)}))
        if out is None:
            if not isinstance(result, np.ndarray | np.generic):
                raise CannotRecordError(f"{function.__name__} gives no array")
            out = self.new(result)
        target = _target(out)
        if function is np.vdot and all(x.flags.c_contiguous for x in ins):
            ins = tuple(x.reshape(-1) for x in ins)
        if function in (np.dot, np.vdot, np.matmul) and not others and multiplies(target, *ins):
            self.note(Dot(target, *ins))
        elif any(isinstance(x, tuple | list) for x in ins):
            raise CannotRecordError(f"{function.__name__} of several arrays")
        else:
            self._note_call(function, target, ins, others)
        return out

    def _copy(self, to: Array, source: Any, casting: Any = "same_kind", where: Any = True) -> None:
        ins: tuple[Any, ...]
        types: tuple[str, ...]
        if where is True:
            np.copyto(to, source, casting=casting)
            name, ins, types = "copy", (_number(source),), (_char(source, to), to.dtype.char)
        else:
            np.copyto(to, source, casting=casting, where=where)
            where, name = np.asarray(where), "where"
            ins = (where, _number(source), to)
            types = (where.dtype.char, to.dtype.char, to.dtype.char, to.dtype.char)
            if isinstance(source, np.ndarray) and source.dtype != to.dtype:
                types = ("!",)
        if suits(to, *ins) and TYPES.issuperset(types):
            self.note(Map(name, to, ins, types))
        else:
            self.note(Call(np.copyto, (to, source), {"casting": casting, "where": where}, None))

    def _viewed(self, result: Array, source: Array) -> Array:
        if not np.may_share_memory(result, source):
            raise CannotRecordError("an array is copied to have another shape")
        return self.traced(result)


class Traced(np.ndarray):
    """A view of an array that has its recorder note what is done with it."""

    # The notes have arrays of which this is the base: the collector does not see such a circle.
    _owner: weakref.ref[Recorder]

    @property
    def _recorder(self) -> Recorder:
        recorder = self._owner()
        if recorder is None:
            raise CannotRecordError("an array is used after its recording")
        return recorder

    def __array_finalize__(self, source: Any) -> None:
        if source is not None and isinstance(source, Traced):
            self._owner = source._owner

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return self._recorder.ufunc(ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return self._recorder.function(function, arguments, keywords)

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
        vector, index = plain(self), plain(indices)
        flat = axis is None or (axis == 0 and self.ndim == 1)
        known = flat and mode == "clip" and out is not None and isinstance(index, np.ndarray)
        if not known or not vector.flags.c_contiguous:
            raise CannotRecordError("take")
        target = plain(out)
        vector.take(index, out=target, mode="clip")
        if index.dtype != np.intp or target.dtype != vector.dtype or not suits(target, index):
            raise CannotRecordError("take of other types")
        self._recorder.note(Take(target, vector.reshape(-1), index))
        return out

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        vector, index, values = plain(self), plain(indices), plain(values)
        fits = isinstance(values, np.ndarray) and isinstance(index, np.ndarray)
        if not fits or mode != "clip" or not vector.flags.c_contiguous:
            raise CannotRecordError("put")
        same = values.dtype == vector.dtype and index.dtype == np.intp
        if not same or values.shape != index.shape:
            raise CannotRecordError("put of other types")
        vector.put(index, values, mode="clip")
        self._recorder.note(Put(vector.reshape(-1), index, values))

    def fill(self, value: Any) -> None:
        self._recorder._copy(plain(self), value, casting="unsafe")

    def copy(self, order: Any = "C") -> Any:
        made = self._recorder.new(np.empty(self.shape, self.dtype))
        self._recorder._copy(plain(made), plain(self))
        return made

    def astype(self, dtype: Any, *more: Any, **keywords: Any) -> Any:
        made = self._recorder.new(np.empty(self.shape, dtype))
        self._recorder._copy(plain(made), plain(self), casting="unsafe")
        return made

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other) if out is None else np.dot(self, other, out=out)

    def reshape(self, *shape: Any, **keywords: Any) -> Any:
        return self._recorder._viewed(plain(self).reshape(*shape, **keywords), plain(self))

    def ravel(self, order: Any = "C") -> Any:
        return self._recorder._viewed(plain(self).ravel(order), plain(self))

    def view(self, *types: Any) -> Any:  # type: ignore[override]  # without its overloads
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
        whole, value = plain(self), plain(value)
        if isinstance(key, np.ndarray) and key.dtype == bool:
            mask = plain(key)
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
    def refuse(*arguments: Any, **keywords: Any) -> Any:
        del arguments, keywords
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


def plain(value: Any) -> Any:
    """Without the noting; of a tuple or list each."""
    if isinstance(value, Traced):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, Number):
        return value.array
    if isinstance(value, tuple | list):
        items = [plain(item) for item in value]
        if all(item is own for item, own in zip(items, value, strict=True)):
            return value  # a layer may tell by its identity whether it still holds
        make = getattr(value, "_make", type(value))  # a named tuple is made of its fields
        return make(items)
    return value


def untraced(value: Any) -> Any:
    return plain(value) if isinstance(value, Traced | tuple | list) else value


def _target(traced: Any) -> Array:
    array: Array = traced.array if isinstance(traced, Number) else plain(traced)
    return array


def _number(value: Any) -> Any:
    """A number as one of Python's types: that which it counts as is noted apart."""
    return value.item() if isinstance(value, np.generic) else value


def _type(value: Any) -> Any:
    """What NumPy takes a value for: one of Python's numbers has no type of its own."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype
    return np.dtype(bool) if isinstance(value, bool) else type(value)


def _char(source: Any, to: Array) -> str:
    return source.dtype.char if isinstance(source, np.ndarray | np.generic) else to.dtype.char


def _keys(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)
