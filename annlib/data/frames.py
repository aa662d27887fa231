"""Frames and series of pandas and polars as arrays: of their own memory wherever they allow it."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DataError, show
from annlib.data.shards import Shards
from annlib.data.table import Table

#: Numbers of which a copy does not matter.
_FEW = 1 << 20
#: polars' types of integers that NumPy has not.
_WIDE = ("Int128", "UInt128")


def names(x: Any) -> list[Any] | None:
    """The names of a frame's columns; None of what is no frame."""
    # In this order: a lazy frame of polars', which is no frame yet, warns when asked for columns.
    return list(x.columns) if hasattr(x, "to_numpy") and hasattr(x, "columns") else None


def check_names(
    x: Any, known: tuple[str, ...] | None, where: str, name: str
) -> tuple[str, ...] | None:
    """The names of a frame's columns, which count if all are texts, as in scikit-learn.

    Parameters
    ----------
    x : frame or array_like, (n, features)
    known : tuple of str, or None
        The names that it must have.
    where, name : str
        What error messages begin with, and call it.

    Returns
    -------
    tuple of str, or None
        None of what has no names.

    Raises
    ------
    DataError
        If other names are known, or these in another order. What has no names is taken.

    Examples
    --------
    >>> import pandas
    >>> from annlib import data
    >>> frame = pandas.DataFrame({"size": [1.0], "rooms": [2.0]})
    >>> data.check_names(frame, None, "fit", "x")
    ('size', 'rooms')
    >>> data.check_names(frame, ("rooms", "size"), "predict", "x")
    Traceback (most recent call last):
        ...
    annlib.core.errors.DataError: predict: expected x with the columns that the model has learned
    ...
    """
    found = x.columns if isinstance(x, Shards) else names(x)
    if not found or not all(isinstance(title, str) for title in found):
        return None
    if known is None or tuple(found) == known:
        return tuple(found)
    here, there = set(found), set(known)
    missing = [title for title in known if title not in here]
    odd = [title for title in found if title not in there]
    got = f"{show(odd) if odd else 'none'} for {show(missing) if missing else 'none'}"
    if not missing and not odd:
        got = f"{show(found)} for {show(list(known))}"
    raise DataError(
        f"{where}: expected {name} with the columns that the model has learned from, in their "
        f"order, got {got}. Pass {name}[model.feature_names]; an array is taken as it stands."
    )


def read(frame: Any) -> Array | Table:
    """A frame as the one array that it is a view of, or as its columns."""
    return _of_polars(frame) if hasattr(frame, "get_columns") else _of_pandas(frame)


def column(series: Any) -> Array:
    """A series as an array; in one of pandas' nullable types what is missing becomes NaN."""
    nullable = getattr(getattr(series, "dtype", None), "numpy_dtype", None)
    # Arrow's texts and dates have such a type as well, but no number that is missing.
    if nullable is None or np.dtype(nullable).kind not in "biuf":
        return _as_vector(series)
    if series.hasnans:
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(series.to_numpy(dtype=nullable))


def _as_vector(series: Any) -> Array:
    if str(getattr(series, "dtype", "")) not in _WIDE:
        found = np.asarray(series)
        if found.ndim < 2:  # and no matrix, of records
            return found
    found = np.empty(len(series), object)
    found[:] = list(series)
    return found


def _of_pandas(frame: Any) -> Array | Table:
    kinds = set(frame.dtypes)
    if len(kinds) == 1 and isinstance(kinds.pop(), np.dtype):
        columns = [] if frame.size <= _FEW else [series.to_numpy() for _, series in frame.items()]
        # Of one memory; a frame whose columns came one by one is in pieces, and would be copied.
        if all(each.base is not None and each.base is columns[0].base for each in columns):
            return np.asarray(frame.to_numpy())
    return Table([column(series) for _, series in frame.items()], list(frame.columns))


def _of_polars(frame: Any) -> Array | Table:
    try:
        return np.asarray(frame.to_numpy(allow_copy=False))
    except RuntimeError:  # it would be a copy
        return Table([column(series) for series in frame.get_columns()], frame.columns)
