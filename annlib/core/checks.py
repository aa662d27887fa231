"""Checks of arguments in public methods: of data and numbers, before anything is changed."""

from __future__ import annotations

import inspect
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.errors import (
    ConfigurationError,
    DataError,
    ShapeError,
    UnknownNameError,
    quote,
    show,
)
from annlib.core.suggestion import suggest

T = TypeVar("T")


def is_whole(value: Any, bits: int = 63) -> bool:
    """Whether ``value`` is one integer that can count something: no boolean, array or duration."""
    # To NumPy a duration is an integer, too.
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)
    return whole and -(1 << bits) <= value < 1 << bits


def check_count(value: Any, where: str, name: str, least: int = 1, bits: int = 63) -> int:
    """``value`` as an int of at least ``least``; raises ``ConfigurationError``."""
    if not is_whole(value, bits) or value < least:
        limit = f" and < 2**{bits}" if isinstance(value, int) and value >> bits > 0 else ""
        raise ConfigurationError(
            f"{where}: expected {name} as an integer >= {least}{limit}, got {show(value)}."
        )
    return int(value)


def check_optional_count(value: Any, where: str, name: str) -> int | None:
    """``value`` as an int of at least 1, or None; raises ``ConfigurationError``."""
    return None if value is None else check_count(value, where, name)


def check_label(value: Any, where: str, name: str) -> int | None:
    """``value`` as an integer, or None; raises ``ConfigurationError``."""
    if value is not None and not is_whole(value):
        raise ConfigurationError(
            f"{where}: expected {name} as the integer of a label, or None, got {show(value)}."
        )
    return None if value is None else int(value)


def check_count_or(value: Any, where: str, name: str, *words: str) -> Any:
    """``value``, one of these words or an int of at least 1; raises ``ConfigurationError``."""
    if isinstance(value, str) and value in words:
        return value
    return check_count(value, where, name)


def check_frequency(value: Any, where: str, name: str) -> int | set[int]:
    """Every how many epochs, or after which; raises ``ConfigurationError``."""
    epochs = list(value) if isinstance(value, set | frozenset) else items_of(value)
    if epochs is None:
        return check_count(value, where, name)
    return {check_count(epoch, where, f"each of {name}") for epoch in epochs}


def check_verbosity(verbose: Any, where: str) -> int:
    """0, 1 or 2, for which "auto" stands as well; raises ``ConfigurationError``."""
    plain = is_number(verbose) or isinstance(verbose, str | bool | np.bool_)
    if not plain or verbose not in ("auto", 0, 1, 2):
        raise ConfigurationError(
            f'{where}: expected verbose 0, 1, 2 or "auto", got {show(verbose)}.'
        )
    return 1 if verbose == "auto" else int(verbose)


def is_number(value: Any) -> bool:
    """Whether ``value`` is one real number of a float's range: no text, no boolean, no array."""
    return isinstance(value, float | np.floating) or is_whole(value, sys.float_info.max_exp - 1)


def is_missing(value: Any) -> bool:
    """Whether ``value`` stands for one that is not there: None, NaN, pandas' NA and NaT.

    >>> is_missing(None), is_missing(float("nan")), is_missing(""), is_missing(0)
    (True, True, False, False)
    """
    if isinstance(value, str):
        return False
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def items_of(value: Any) -> list[Any] | None:
    """The items of a list, a tuple, a range or an array; None of anything else, also of text."""
    several = value.ndim > 0 if isinstance(value, np.ndarray) else isinstance(value, Sequence)
    if not several or isinstance(value, str | bytes | bytearray | memoryview):
        return None
    return list(value)


def positional_arguments(function: Callable[..., Any]) -> tuple[int, float]:
    """How many arguments it must get by position, and how many it can get at most.

    (0, inf) where that cannot be told.

    >>> positional_arguments(lambda step, rate=0.1: rate)
    (1, 2)
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some functions of C
        return 0, math.inf
    own = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in own)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        return required, -1  # by position alone it cannot be called
    return required, math.inf if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(own)


def check_number(value: Any, where: str, name: str, interval: str = "(-inf, inf)") -> Any:
    """``value``, a number in an interval written as in mathematics; raises ``ConfigurationError``.

    >>> check_number(0.9, "Adam", "beta_1", "[0, 1)")
    0.9
    >>> check_number(1, "Adam", "beta_1", "[0, 1)")
    Traceback (most recent call last):
        ...
    annlib.core.errors.ConfigurationError: Adam: expected beta_1 as a number in [0, 1), got 1.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    inside = is_number(value) and (
        (low <= value if interval[0] == "[" else low < value)
        and (value <= high if interval[-1] == "]" else value < high)
    )
    if not inside:
        raise ConfigurationError(
            f"{where}: expected {name} as a number in {interval}, got {show(value)}."
            f"{per_cent(value) if (low, high) == (0, 1) else ''}"
        )
    return value


def per_cent(value: Any) -> str:
    """The end of an error about a share of 1 that looks like one of 100.

    >>> per_cent(20)
    ' Did you mean 0.2?'
    """
    return f" Did you mean {value / 100:g}?" if is_number(value) and 5 <= value <= 100 else ""


def check_numbers(value: Any, where: str, name: str, interval: str = "(-inf, inf)") -> Array:
    """One number or several, each in the interval, as a vector; raises ``ConfigurationError``."""
    items = items_of(value)
    given = [value] if items is None else items
    if not given:
        raise ConfigurationError(f"{where}: expected at least one number in {name}, got none.")
    return np.array([check_number(one, where, f"each of {name}", interval) for one in given], float)


def check_instance(value: Any, kind: type[T], where: str, name: str) -> T:
    """``value``, an object of this class; raises ``ConfigurationError``."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise ConfigurationError(
            f"{where}: expected {article} {kind.__name__} as {name}, got {show(value)}."
        )
    return value


def check_flag(value: Any, where: str, name: str) -> bool:
    """``value`` as a bool; raises ``ConfigurationError``."""
    if not isinstance(value, bool | np.bool_):
        raise ConfigurationError(f"{where}: expected {name} as True or False, got {show(value)}.")
    return bool(value)


def check_choice(value: Any, where: str, name: str, choices: Sequence[str | None]) -> Any:
    """``value``, one of these; raises ``ConfigurationError``."""
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise ConfigurationError(
            f"{where}: expected {name} one of {', '.join(map(str, choices))}, got {show(value)}."
        )
    return value


def check_known(value: Any, where: str, what: str, known: Iterable[str]) -> str:
    """``value``, one of these names; raises ``UnknownNameError`` with the names most like it."""
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise UnknownNameError(
            f"{where}: expected {what}, got {quote(value)}. {suggest(value, names)}"
        )
    return value


def check_name(name: Any, where: str) -> str | None:
    """``name``, printable text or None; raises ``ConfigurationError``."""
    if name is not None and not (isinstance(name, str) and name and name.isprintable()):
        raise ConfigurationError(f"{where}: expected name as printable text, got {show(name)}.")
    return name


def check_shape(value: Any, where: str, name: str, least: int = 1) -> Shape:
    """The shape of one row as a tuple of ints; raises ``ConfigurationError``."""
    sizes: Sequence[Any] = value if isinstance(value, tuple | list) else [None]
    if not all(is_whole(size) and size >= least for size in sizes):
        raise ConfigurationError(
            f"{where}: expected {name} as a tuple of integers >= {least}, got {show(value)}. "
            "For rows of n features: (n,)."
        )
    return tuple(map(int, value))


def check_axis(axis: Any, where: str) -> Any:
    """``axis`` as an int or a list of int; raises ``ConfigurationError``."""
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    if not axes or not all(map(is_whole, axes)):
        raise ConfigurationError(
            f"{where}: expected axis as an integer or a list of integers, got {show(axis)}."
        )
    return [int(a) for a in axes] if isinstance(axis, tuple | list) else int(axis)


def check_batch_shape(value: Any, where: str, name: str, least: int = 2) -> BatchShape:
    """A shape of whole batches, whose first size may be None; raises ``ShapeError``."""
    sizes = value if isinstance(value, tuple | list) else ()
    if len(sizes) < least or not (sizes[0] is None or is_whole(sizes[0])):
        raise ShapeError(f"{where}: expected {name} as (None, n_features), got {show(value)}.")
    return (sizes[0], *check_shape(sizes[1:], where, f"{name} after the batch"))


#: Those of a seed: as many as NumPy draws from the system for one.
SEED_BITS = 128


def check_seed(seed: Any, where: str) -> int | None:
    """``seed`` as an int of at least 0, or None; raises ``ConfigurationError``."""
    return None if seed is None else check_count(seed, where, "seed", 0, SEED_BITS)


def check_path(value: Any, where: str, name: str) -> str:
    """The path of a file or folder as text; raises ``ConfigurationError``."""
    try:
        path = os.fsdecode(value)
        os.fsencode(path)
    except (TypeError, UnicodeError):
        path = ""
    if not path or "\0" in path:
        raise ConfigurationError(f"{where}: expected {name} as a path, got {show(value)}.")
    return path


def check_dtype(value: Any, where: str, name: str) -> str:
    """The name of a type of numbers; raises ``ConfigurationError``."""
    try:  # not of what has a type, as an array or a model has
        found = np.dtype(value) if isinstance(value, str | type | np.dtype) else np.dtype(object)
    except (TypeError, ValueError):
        found = np.dtype(object)
    if found.kind not in "fiub":
        raise ConfigurationError(
            f'{where}: expected {name} as a type of numbers such as "float32" or "int32", got '
            f"{show(value)}."
        )
    return str(found.name)


def to_array(value: Any, where: str, name: str, dtype: Any = None) -> Array:
    """``value`` as NumPy understands it; raises ``ConfigurationError`` where it does not."""
    try:
        return np.asarray(value, dtype)
    except Exception as error:  # also what an object's own methods raise
        raise ConfigurationError(
            f"{where}: expected {name} as a number or an array of one shape, got {show(value)}."
        ) from error


_ENCODE = "Encode text and categories as numbers first (sklearn's OneHotEncoder, LabelEncoder)."
_IMPUTE = (
    "Impute what is missing (sklearn's SimpleImputer), and if all are numbers then: .astype(float)."
)
_AS_NUMBERS = f"{_ENCODE} Here all look like numbers, written as texts: .astype(float)."
#: By the kind of a type: what it holds, and what to do about it.
_NO_NUMBERS = {
    "O": ("Python objects", f"{_ENCODE} If all are numbers: .astype(float)."),
    "U": ("no numbers but text", _ENCODE),
    "S": ("no numbers but bytes", _ENCODE),
    "c": ("complex numbers", "Pass real and imaginary parts as columns of their own."),
    "M": (
        "no numbers but dates",
        "Pass what matters of them as numbers: days since the first, month, hour.",
    ),
    "m": ("no numbers but durations", "Divide them by a unit: x / np.timedelta64(1, 's')."),
}


def check_numeric(
    array: Array, where: str, name: str, columns: Sequence[Any] | None = None
) -> None:
    """Raise ``DataError`` unless the array holds real numbers or booleans."""
    if array.dtype.kind in "fiub":
        return
    what, hint = _NO_NUMBERS.get(array.dtype.kind, ("no numbers", "Convert it to numbers first."))
    example, place = [show(value) for value in array.reshape(-1)[:1].tolist()], ""
    if array.dtype.kind == "O":  # the first that is no number tells most
        for index, first in islice(((i, v) for i, v in np.ndenumerate(array) if _odd(v)), 1):
            example = [show(first)]
            place = f", first at {_place(index, columns)}" if index else ""
            hint = _IMPUTE if is_missing(first) else hint
    elif array.ndim == 2 and array.dtype.kind in "US":
        texts = [i for i, column in enumerate(array.T) if not _are_numbers(column)]
        hint = _AS_NUMBERS if not texts else f"{_columns(texts, columns)} texts. {hint}"
    raise DataError(
        f"{where}: expected {name} to hold numbers, got {what} ({array.dtype}"
        f"{', such as ' + example[0] if example else ''}{place}). " + hint
    )


def _odd(value: Any) -> bool:
    return not is_number(value) or is_missing(value)


def _are_numbers(texts: Array) -> bool:
    """Whether texts, the first hundred, are numbers."""
    try:
        texts[:100].astype(float)
    except ValueError:
        return False
    return True


def _columns(found: list[int], names: Sequence[Any] | None) -> str:
    shown = ", ".join(str(i) if names is None else quote(str(names[i])) for i in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"Column{'s' * (len(found) > 1)} {shown}{more} hold{'s' * (len(found) == 1)}"


def to_rows(value: Any, where: str, name: str) -> Array:
    """``value`` as an array of numbers with rows; raises ``ConfigurationError``, ``DataError``."""
    array = to_array(value, where, name)
    check_numeric(array, where, name)
    if not array.ndim:
        raise DataError(f"{where}: expected {name} with rows, got {show(value)}.")
    return array


def check_finite(
    array: Array,
    where: str,
    name: str,
    columns: Sequence[Any] | None = None,
    *,
    missing: bool = False,
    hint: str = "",
) -> None:
    """Raise ``DataError`` naming the first NaN or infinity of the array, if there is one.

    With ``missing`` NaN is fine; ``hint`` is what else can be done about it.
    """
    if array.dtype.kind != "f" or all_finite(array):
        return
    first, count = _first(array, np.isinf if missing else lambda part: ~np.isfinite(part))
    if not count:
        return
    found = "infinite" if missing else "NaN or infinite"
    more = hint if not missing and np.isnan(array[first]) else ""
    raise DataError(
        f"{where}: expected finite numbers in {name}, got {count} {found}, first at "
        f"{_place(first, columns)}. Drop or impute them (sklearn's SimpleImputer){more}."
    )


def check_range(
    array: Array, dtype: Any, where: str, name: str, columns: Sequence[Any] | None = None
) -> None:
    """Raise ``DataError`` naming the first number of a finite array that ``dtype`` cannot hold."""
    if array.dtype.kind != "f" or np.dtype(dtype).itemsize >= array.itemsize:
        return
    with np.errstate(over="ignore"):
        if _bound(array) <= np.finfo(dtype).max:
            return
        first, count = _first(array, lambda part: np.isinf(part.astype(dtype)))
    if count:
        raise DataError(
            f"{where}: expected numbers in {name} that are finite as {np.dtype(dtype)}, up to "
            f"{np.finfo(dtype).max:.2g}, got {count} beyond, first {array[first].item():g} at "
            f"{_place(first, columns)}. Scale them to about [-1, 1], or take a model of "
            'dtype="float64".'
        )


def _bound(array: Array) -> float:
    """A number that none of the array exceeds in size, found without a copy."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        flat = array.ravel(order="K")
        return math.sqrt(np.dot(flat, flat))
    return max(float(array.max()), -float(array.min()))


def check_codes(
    array: Array, codes: int, where: str, name: str, columns: Sequence[Any] | None = None
) -> None:
    """Raise ``DataError`` naming the first number that is not one of 0, 1, ..., ``codes`` - 1."""
    if array.dtype.kind in "iub" and array.min() >= 0 and array.max() < codes:
        return
    first, count = _first(array, lambda part: ~((part >= 0) & (part < codes) & (part % 1 == 0)))
    if count:
        raise DataError(
            f"{where}: expected whole numbers from 0 to {codes - 1} in {name}, which are the codes "
            f"of an Embedding, got {count} others, first {array[first].item()} at "
            f"{_place(first, columns)}. Encode categories as 0, 1, ... (sklearn's "
            "OrdinalEncoder), or give the Embedding a larger input_dim."
        )


def _first(array: Array, wrong: Callable[[Array], Array]) -> tuple[Shape, int]:
    """The index of the first wrong element, and their number; the array is read in parts."""
    first: Shape = ()
    count = 0
    rows = max(1, (1 << 20) // max(1, array[:1].size))
    for start in range(0, len(array), rows):
        bad = wrong(array[start : start + rows])
        if not count and bad.any():
            position = np.unravel_index(int(np.argmax(bad)), bad.shape)
            first = (start + int(position[0]), *(int(p) for p in position[1:]))
        count += int(bad.sum())
    return first, count


def _place(position: Shape, columns: Sequence[Any] | None) -> str:
    place = f"row {position[0]}"
    if len(position) == 2:
        place += f", column {position[1]}"
        if columns is not None:
            place += f' ("{columns[position[1]]}")'
    elif len(position) > 2:
        place += f", position {position[1:]}"
    return place


def all_finite(array: Array) -> bool:
    """Whether all values are finite; their sum shows it in one pass, without a copy."""
    if array.dtype.kind != "f":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.add.reduce(array, axis=None)):
            return True
        # The sum of finite numbers can overflow: check them in parts.
        rows = max(1, (1 << 20) // max(1, array[:1].size))
        return all(
            bool(np.isfinite(array[start : start + rows]).all())
            for start in range(0, len(array), rows)
        )
