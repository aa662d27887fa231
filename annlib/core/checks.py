"""Checks at the public doors: data and numbers are looked at before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DataError


def check_count(value: Any, where: str, name: str, least: int = 1) -> int:
    """``value`` as an int of at least ``least``; raises ``ConfigurationError``."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise ConfigurationError(
            f"{where}: expected {name} as an integer >= {least}, got {value!r}."
        )
    return int(value)


def check_numeric(array: Array, where: str, name: str) -> None:
    """Raise ``DataError`` unless the array holds real numbers or truth values."""
    if array.dtype.kind in "fiub":
        return
    what = {"O": "Python objects", "c": "complex numbers"}.get(array.dtype.kind, "no numbers")
    example = array.reshape(-1)[:1].tolist() if array.size else []
    raise DataError(
        f"{where}: expected {name} to hold numbers, got {what} ({array.dtype}"
        f"{', such as ' + repr(example[0]) if example else ''}). "
        "Encode text and categories as numbers first, and make rows of one length."
    )


def check_finite(array: Array, where: str, name: str, columns: Sequence[Any] | None = None) -> None:
    """Raise ``DataError`` naming the first NaN or infinity of the array, if there is one."""
    if array.dtype.kind != "f" or all_finite(array):
        return
    first, count = None, 0
    rows = max(1, (1 << 20) // max(1, array[:1].size))
    for start in range(0, len(array), rows):
        bad = ~np.isfinite(array[start : start + rows])
        count += int(bad.sum())
        if first is None and bad.any():
            position = np.unravel_index(int(np.argmax(bad)), bad.shape)
            first = (start + int(position[0]), *(int(p) for p in position[1:]))
    assert first is not None, "all_finite said that there is one"
    place = f"row {first[0]}"
    if len(first) == 2:
        place += f", column {first[1]}"
        if columns is not None:
            place += f' ("{columns[first[1]]}")'
    elif len(first) > 2:
        place += f", position {first[1:]}"
    raise DataError(
        f"{where}: expected finite numbers in {name}, got {count} NaN or infinite, first at "
        f"{place}. Drop or impute them (sklearn's SimpleImputer)."
    )


def all_finite(array: Array) -> bool:
    """Whether there is no NaN and no infinity; the sum tells in one pass, without a copy."""
    if array.dtype.kind != "f":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.add.reduce(array, axis=None)):
            return True
        # The sum of finite numbers can overflow: look at them in parts.
        rows = max(1, (1 << 20) // max(1, array[:1].size))
        return all(
            bool(np.isfinite(array[start : start + rows]).all())
            for start in range(0, len(array), rows)
        )
