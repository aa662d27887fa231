"""Plain values with arrays in them as what a file can hold: JSON, and tensors by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ModelFormatError, show


def pack(value: Any, path: str, tensors: dict[str, Array]) -> Any:
    """``value`` with its arrays moved to ``tensors``, under names that begin with ``path``.

    Lists of numbers are one tensor each, and of arrays of one shape, too: a header is short
    however long a run is.

    >>> tensors = {}
    >>> pack({"best": float("nan"), "loss": [0.5, 0.25], "W": [np.ones(2)]}, "state", tensors)
    {'dict': [['best', {'float': 'nan'}], ['loss', {'list': 'state/loss'}], ['W', ...]]}
    >>> unpack(_, tensors)
    {'best': nan, 'loss': [0.5, 0.25], 'W': [array([1., 1.])]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    while path in tensors:  # keys with a stroke in them
        path += "'"
    if isinstance(value, np.ndarray):
        tensors[path] = value
        return {"array": path}
    if isinstance(value, list | tuple):
        kind, stacked = _stacked(value)
        if stacked is not None:
            tensors[path] = stacked
            return {kind: path}
        return [pack(item, f"{path}/{index}", tensors) for index, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        # Pairs, for the keys of a header lose their order.
        return {"dict": [[k, pack(item, f"{path}/{k}", tensors)] for k, item in value.items()]}
    raise ModelFormatError(
        f"{path}: expected numbers, texts, arrays, and lists and dictionaries of them, got "
        f"{value!r}. Remove it from the callback's state_attributes."
    )


def _stacked(items: Sequence[Any]) -> tuple[str, Array | None]:
    """Items of one kind as one array, and which kind that is; else None."""
    types = {type(item) for item in items}
    if types == {float}:
        return "list", np.array(items)
    if types == {int} and all(abs(item) < 2**63 for item in items):
        return "list", np.array(items, np.int64)
    if types == {np.ndarray} and len({(item.shape, item.dtype) for item in items}) == 1:
        return "rows", np.stack(items)
    return "", None


def unpack(value: Any, tensors: Mapping[str, Array]) -> Any:
    """What was packed; tuples are lists."""
    if isinstance(value, list):
        return [unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        found = {key: unpack(item, tensors) for key, item in content}
        if len(found) != len(content) or not all(isinstance(key, str) for key in found):
            raise ModelFormatError(f"file: expected texts as keys, each once, got {show(content)}.")
        return found
    if kind == "array":
        return tensors[content].copy()
    if kind == "list":
        return tensors[content].tolist()
    if kind == "rows":
        return [row.copy() for row in tensors[content]]
    if kind == "float" and content in ("nan", "inf", "-inf"):
        return float(content)
    raise ModelFormatError(f"file: expected a packed value, got {show(value)}.")


def first_difference(one: Any, two: Any, path: str = "") -> str | None:
    """Where two plain values differ first, and how; None if they are the same.

    >>> first_difference({"a": [1, 2]}, {"a": [1, 3]})
    'a[1]: 2 there, 3 here'
    """
    if isinstance(one, dict) and isinstance(two, dict):
        for key in [*one, *(key for key in two if key not in one)]:
            place = f"{path}.{key}" if path else str(key)
            if key not in one or key not in two:
                return f"{place}: only {'there' if key in one else 'here'}"
            if (found := first_difference(one[key], two[key], place)) is not None:
                return found
        return None
    if isinstance(one, list | tuple) and isinstance(two, list | tuple) and len(one) == len(two):
        pairs = enumerate(zip(one, two, strict=True))
        found_all = (first_difference(a, b, f"{path}[{i}]") for i, (a, b) in pairs)
        return next((found for found in found_all if found is not None), None)
    if type(one) is not type(two) or one != two:
        return f"{path}: {one!r} there, {two!r} here"
    return None
