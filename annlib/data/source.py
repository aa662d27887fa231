"""Rows to make batches of: what a user passes as x, checked and not copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array, as_array
from annlib.core.checks import check_finite, check_numeric, check_range
from annlib.core.errors import DataError, show
from annlib.data import frames
from annlib.data.gather import Gatherer
from annlib.data.shards import Shards, ShardsGatherer
from annlib.data.sparse import Sparse, SparseGatherer, is_sparse
from annlib.data.table import Table, TableGatherer

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt

Source = Array | Table | Sparse | Shards
#: What is checked batch by batch: a scan would read files from end to end.
READ_LATE = (np.memmap, Shards)


def as_source(x: Any, where: str, name: str, *, missing: bool = False, hint: str = "") -> Source:
    """``x`` as something that batches can be read from.

    Parameters
    ----------
    x : array_like, frame, sparse matrix or Shards, (n, ...)
    where : str
        What error messages begin with.
    name : str
        What they call x.
    missing : bool
        Whether NaN is fine.
    hint : str
        What can be done about NaN otherwise.

    Returns
    -------
    array, Table, Sparse or Shards, (n, ...)

    Raises
    ------
    DataError
        If it is empty, holds no numbers, or a NaN or infinity.

    Examples
    --------
    >>> from annlib import data
    >>> data.as_source([[1, 2], [3, 4]], "fit", "x")
    array([[1, 2],
           [3, 4]])
    """
    plain = type(x) is np.ndarray and x.ndim > 0
    source = x if plain else _read(x, where, name)
    if 0 in source.shape:
        raise DataError(
            f"{where}: expected {name} with at least one row and one column, got shape "
            f"{source.shape}."
        )
    if isinstance(source, Shards):
        return source
    if isinstance(source, Sparse):
        source.check(where, name)
        return source
    if isinstance(source, Table):
        source.check(where, name, missing=missing, hint=hint)
        return source
    columns = None if plain else frames.names(x)
    check_numeric(source, where, name, columns)
    if not isinstance(source, READ_LATE):
        check_finite(source, where, name, columns, missing=missing, hint=hint)
    return source


def raw_columns(x: Any, where: str, name: str = "x") -> list[tuple[Array, Any]]:
    """The columns of ``x``, numbers or not, with their names; of an array that is no table, it.

    Texts beside numbers stay what they are: nothing is checked, and nothing cast.

    Parameters
    ----------
    x : array_like or frame, (n, features)
    where : str
        What error messages begin with.
    name : str
        What they call x.

    Returns
    -------
    list of (array, name), each (n,)

    Raises
    ------
    DataError
        If it is sparse or in files, where nothing can be looked up.

    Examples
    --------
    >>> import pandas
    >>> from annlib import data
    >>> frame = pandas.DataFrame({"city": ["Oslo", "Rome"], "year": [1, 2]})
    >>> [(name, column.tolist()) for column, name in data.raw_columns(frame, "adapt")]
    [('city', ['Oslo', 'Rome']), ('year', [1, 2])]
    """
    if isinstance(x, Shards):
        raise DataError(
            f"{where}: expected {name} in memory, since some of its values are looked up, got "
            "Shards. Encode the files before, or pass a generator of batches."
        )
    if frames.names(x) is not None:
        source = frames.read(x)
        if isinstance(source, Table):
            return list(zip(source.columns, source.names, strict=True))
        return [(source[:, k], name) for k, name in enumerate(frames.names(x) or ())]
    if is_sparse(x):
        raise DataError(
            f"{where}: expected {name} as an array or a frame, since some of its values are looked "
            f"up, got a sparse matrix. Pass {name}.toarray()."
        )
    if isinstance(x, list | tuple):  # as one array, texts and numbers would all be texts
        x = np.array(x, object)
    array = frames.column(x) if hasattr(x, "to_numpy") else as_array(x)
    if array.ndim != 2:
        return [(array, None)]
    return [(array[:, k], k) for k in range(array.shape[1])]


def check_type(
    source: Source, dtype: npt.DTypeLike, where: str, name: str, columns: list[Any] | None = None
) -> None:
    """Refuse a source that is not finite as ``dtype``, too; it was checked as it is.

    What is read late is checked batch by batch.

    Parameters
    ----------
    source : array, Table, Sparse or Shards, (n, ...)
    dtype : dtype
    where, name : str
        What error messages begin with, and call it.
    columns : list, optional
        The names of its columns.

    Raises
    ------
    DataError
        If a number is infinite as this type.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import data
    >>> data.check_type(np.array([[1e300]]), "float64", "fit", "x")
    >>> data.check_type(np.array([[1e300]]), "float32", "fit", "x")
    Traceback (most recent call last):
        ...
    annlib.core.errors.DataError: fit: expected numbers in x that are finite as float32, ...
    """
    if isinstance(source, Table | Sparse):
        source.check_range(dtype, where, name)
    elif not isinstance(source, READ_LATE):
        check_range(source, dtype, where, name, columns)


def gatherer(
    source: Source, dtype: npt.DTypeLike, sparse: bool = False
) -> Gatherer | TableGatherer | SparseGatherer | ShardsGatherer:
    """What reads batches from ``source`` as arrays of this type; with ``sparse`` those of a sparse
    one in CSR format.
    """
    if isinstance(source, Table):
        return TableGatherer(source, dtype)
    if isinstance(source, Sparse):
        return SparseGatherer(source, dtype, sparse)
    if isinstance(source, Shards):
        return ShardsGatherer(source, dtype)
    return Gatherer(source, dtype)


def materialize(source: Source, dtype: npt.DTypeLike, sparse: bool = False) -> Any:
    """All rows as one contiguous array of a type, which shares no memory with ``source``.

    Parameters
    ----------
    source : array, Table, Sparse or Shards, (n, ...)
    dtype : dtype
    sparse : bool
        Whether the rows of a sparse one stay in CSR format.

    Returns
    -------
    array, (n, ...), or CSR matrix, (n, features)

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import data
    >>> data.materialize(np.arange(4)[::2], "float32")
    array([0., 2.], dtype=float32)
    """
    if isinstance(source, Table | Sparse):
        whole = gatherer(source, dtype, sparse).slice(0, len(source))
        return whole.copy() if is_sparse(whole) else whole
    with np.errstate(over="ignore"):  # a training step says more than NumPy's warning
        return np.array(source, dtype, order="C")


def _read(x: Any, where: str, name: str) -> Source:
    if isinstance(x, Shards):
        return x
    if frames.names(x) is not None:
        return frames.read(x)
    if is_sparse(x):
        return Sparse.read(x, where, name)
    if hasattr(x, "toarray"):
        raise DataError(
            f"{where}: expected {name} as an array or as SciPy's sparse matrix, got a sparse "
            f"{type(x).__name__}. Pass {name}.toarray(), or as many of its rows as fit into memory."
        )
    if isinstance(x, Mapping):
        raise DataError(
            f"{where}: expected {name} as one array or frame, got a {type(x).__name__} of "
            f"{show([*x])}: a Sequential has one input and one output. Join the columns: "
            f"np.column_stack([*{name}.values()])."
        )
    if hasattr(x, "filled") and np.any(x.mask):
        raise DataError(
            f"{where}: expected {name} as an array, got one with a mask, which would be lost. "
            f"Pass {name}.filled(...), or leave the masked rows out."
        )
    try:
        array = frames.column(x) if hasattr(x, "to_numpy") else as_array(x)
    except ValueError as error:  # rows of different lengths
        raise DataError(
            f"{where}: expected {name} as an array of numbers, got a {type(x).__name__} that is "
            f"none ({error}). Make all rows of one length."
        ) from None
    if array.ndim == 0:
        raise DataError(
            f"{where}: expected {name} with rows, got {show(x)}. Pass an array, a list of rows or "
            "a frame."
        )
    return array
