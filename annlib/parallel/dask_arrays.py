"""Predictions of Dask arrays, block by block, where the blocks are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.packages import needed
from annlib.core.tracebacks import with_short_tracebacks
from annlib.models.sequential import Sequential


@with_short_tracebacks
def predict(model: Any, x: Any, method: str = "predict") -> Any:
    """Predict the rows of a Dask array, as a Dask array that is computed when it is asked for.

    Each block of rows is one task, and the model one more: it goes to a worker once, and again to
    those that come for others that ended.

    Parameters
    ----------
    model : Sequential, or a fitted estimator
    x : dask.array.Array, (n, ...)
        With blocks of known sizes. Columns that are divided are put together, row by row.
    method : str
        Or ``"predict_proba"``, ``"decision_function"``, ... of an estimator.

    Returns
    -------
    dask.array.Array, (n, ...)
        In the blocks of x.

    Raises
    ------
    ImportError
        If Dask is not installed.
    ConfigurationError
        If the model has no such method.
    DataError
        If x is no Dask array, or has blocks of unknown sizes.
    ShapeError
        If the model takes other rows.

    Examples
    --------
    >>> import dask.array as da
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Input((3,)), layers.Dense(2)], seed=0)
    >>> found = predict(model, da.ones((8, 3), chunks=(4, 3)))
    >>> found.shape, found.chunks[0], found.compute().shape
    ((8, 2), (4, 4), (8, 2))
    """
    where = "predict"
    if not isinstance(method, str) or not callable(getattr(model, method, None)):
        raise ConfigurationError(
            f"{where}: expected a model or a fitted estimator with method={show(method)}, got "
            f"{show(model)}."
        )
    if isinstance(model, type):
        raise ConfigurationError(
            f"{where}: expected a model or a fitted estimator, got the class {show(model)}."
        )
    with needed(where, "Dask", "annlib[dask]"):
        from dask import array, delayed
    x = check_blocks(x, array, where, "x")
    if x.ndim > 1:
        x = x.rechunk(dict.fromkeys(range(1, x.ndim), -1))
    row = _of_rows(np.zeros((1, *x.shape[1:]), x.dtype), model=model, method=method)
    if not isinstance(row, np.ndarray) or row.shape[:1] != (1,):
        raise ConfigurationError(
            f"{where}: expected one array of predictions from {method}, got {show(row)} for a row."
        )
    # Blocks of as many axes as predictions have; those of x that predictions lack are dropped.
    flat = x if x.ndim <= row.ndim else x.reshape(len(x), -1)
    lacking = list(range(row.ndim, flat.ndim))
    more = list(range(flat.ndim, row.ndim))
    return flat.map_blocks(
        _of_rows,
        model=delayed(model, pure=False),
        method=method,
        shape=x.shape[1:],
        dtype=row.dtype,
        chunks=(x.chunks[0], *((size,) for size in row.shape[1:])),
        drop_axis=lacking,
        new_axis=more or None,
        meta=np.empty((0,) * row.ndim, row.dtype),
    )


def check_blocks(x: Any, array: Any, where: str, name: str) -> Any:
    """``x``, a Dask array of known blocks; raises ``DataError``."""
    if not isinstance(x, array.Array):
        hint = (
            "Take x.to_dask_array(lengths=True)"
            if hasattr(x, "to_dask_array")
            else "Make one: dask.array.from_array(x, chunks=...)"
        )
        raise DataError(
            f"{where}: expected {name} as a dask.array.Array, got {show(type(x).__name__)}. {hint}."
        )
    if not x.ndim:
        raise DataError(f"{where}: expected {name} with rows, got an array of one number.")
    if any(math.isnan(size) for sizes in x.chunks for size in sizes):
        raise DataError(
            f"{where}: expected {name} with blocks of known sizes, got chunks {show(x.chunks)}. "
            f"Call {name}.compute_chunk_sizes() first, or to_dask_array(lengths=True) of a frame."
        )
    return x


def _of_rows(rows: Array, *, model: Any, method: str, shape: Any = None) -> Any:
    """What the method gives for one block, whose rows may have been flattened."""
    if shape is not None:
        rows = np.asarray(rows).reshape(len(rows), *shape)
    if isinstance(model, Sequential):
        return getattr(model, method)(rows, verbose=0)
    return getattr(model, method)(rows)
