"""Checks of a state that a file holds: whether an object could have written it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import is_number
from annlib.core.errors import ModelFormatError, show

#: Whole numbers up to here are floating-point numbers, too; nothing is counted further.
MOST = 2**53

_KINDS: tuple[Any, ...] = (int | float | np.generic, str, np.ndarray, list | tuple, dict)


def refuse(place: str, expected: str, got: Any) -> ModelFormatError:
    """The error for what stands at a place of a state."""
    return ModelFormatError(f"{place}: expected {expected}, got {show(got)}.")


def check_alike(stored: Any, own: Any, place: str) -> None:
    """Raise ``ModelFormatError`` if ``own`` can never become ``stored``: no number becomes a text.

    >>> check_alike({"best": [0.5], "wait": 2}, {"best": None, "wait": 0}, "state")
    >>> check_alike({"best": None, "wait": "2"}, {"best": None, "wait": 0}, "state")
    Traceback (most recent call last):
        ...
    annlib.core.errors.ModelFormatError: state.wait: expected int, got str.
    """
    if stored is None or own is None:
        return
    if any(isinstance(own, kind) and not isinstance(stored, kind) for kind in _KINDS):
        names = type(own).__name__, type(stored).__name__
        raise ModelFormatError(f"{place}: expected {names[0]}, got {names[1]}.")
    if isinstance(own, dict):
        for key in own.keys() & stored.keys():
            check_alike(stored[key], own[key], f"{place}.{key}")
    if isinstance(own, list | tuple) and len(own) == len(stored):
        for index, pair in enumerate(zip(stored, own, strict=True)):
            check_alike(*pair, f"{place}[{index}]")


def check_keys(stored: Any, names: Collection[str], place: str) -> None:
    """Raise unless this is a dictionary of these names."""
    if not isinstance(stored, dict) or stored.keys() != set(names):
        found = sorted(stored) if isinstance(stored, dict) else stored
        raise refuse(place, f"a state of {', '.join(sorted(names)) or 'nothing'}", found)


def check_whole(value: Any, place: str, least: int = 0, most: int = MOST) -> int:
    """``value`` as an int within these ends, which are possible, too."""
    if type(value) is not int or not least <= value <= most:
        raise refuse(place, f"a whole number from {least} to {most}", value)
    return value


def check_wholes(state: Mapping[str, Any], names: Iterable[str], place: str) -> None:
    """Raise unless all of these are whole numbers of at least 0."""
    for name in names:
        check_whole(state[name], f"{place}.{name}")


def check_real(value: Any, place: str) -> None:
    """Raise unless this is a number, NaN or an infinity, too."""
    if not is_number(value):
        raise refuse(place, "a number", value)


def check_rising(value: Any, place: str, below: int) -> None:
    """Raise unless this is a list of whole numbers from 0, each larger than the one before."""
    fine = isinstance(value, list) and all(type(n) is int for n in value)
    ends = [-1, *value, below] if fine else []
    if not fine or any(one >= other for one, other in pairwise(ends)):
        raise refuse(place, f"whole numbers from 0, in their order, below {below}", value)


def check_array(value: Any, like: Array, place: str, *, rows: bool = False) -> None:
    """Raise unless this is an array of the type and shape of another; with ``rows`` of as many
    rows as it likes.
    """
    start = int(rows)
    fine = isinstance(value, np.ndarray) and value.ndim == like.ndim and value.dtype == like.dtype
    if not fine or value.shape[start:] != like.shape[start:]:
        found = f"{value.dtype} of {value.shape}" if isinstance(value, np.ndarray) else show(value)
        sizes = ("n", *like.shape[1:]) if rows else like.shape
        raise ModelFormatError(f"{place}: expected {like.dtype} of shape {sizes}, got {found}.")
