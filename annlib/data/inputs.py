"""The input of a layer as batches are made of it: rows of its shape, and codes it looks up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_codes
from annlib.core.errors import DataError, ShapeError
from annlib.data.frames import check_names
from annlib.data.source import READ_LATE, Source, as_source, raw_columns
from annlib.data.sparse import Sparse
from annlib.data.table import Table


class Reader(Protocol):
    """The attributes of a layer that say what it takes for input."""

    @property
    def name(self) -> str | None: ...

    @property
    def encodes(self) -> bool: ...

    @property
    def codes(self) -> int | None: ...

    @property
    def takes_codes(self) -> bool: ...

    @property
    def takes_double(self) -> bool: ...

    def code_columns(
        self, features: int, names: tuple[str, ...] | None = None
    ) -> dict[int, int]: ...

    def encoders(
        self, features: int, names: tuple[str, ...] | None = None
    ) -> Mapping[int, Reader]: ...

    def encode(self, x: Array, where: str, name: str) -> Array: ...


def read_rows(
    layer: Reader,
    expected: BatchShape | None,
    known: tuple[str, ...] | None,
    x: Any,
    y: Any,
    where: str,
) -> tuple[Source, tuple[str, ...] | None]:
    """``x`` as rows that a layer takes, and the names of its columns; nothing is changed.

    Parameters
    ----------
    layer : Layer
        The one that gets the rows.
    expected : tuple, optional
        The shape that they must have, with None for the batch.
    known : tuple of str, optional
        The names that the columns of a frame must have.
    x, y
        What the user passed; y only shows what is meant by x.
    where : str
        The method to name in errors.

    Raises
    ------
    DataError, ShapeError
    """
    _refuse_several(x, y, expected, where)
    names = check_names(x, known, where, "x")
    source = _as_rows(_read(layer, x, where, names or known), expected)
    _check_features(expected, layer, source, where)
    _check_codes(layer, source, where, getattr(x, "columns", None), names or known)
    return source, names


def _read(layer: Reader, x: Any, where: str, names: tuple[str, ...] | None) -> Source:
    """X as batches are made of it: what the layer looks up has become codes."""
    if not layer.encodes:
        return as_source(x, where, "x")
    columns = raw_columns(x, where)
    if 0 in (len(columns), len(columns[0][0])):
        return as_source(np.empty((len(columns and columns[0][0]), 0)), where, "x")
    if columns[0][1] is None:  # no table
        return layer.encode(columns[0][0], where, "x")
    encoders, parts = layer.encoders(len(columns), names), []
    for place, (column, name) in enumerate(columns):
        if place in encoders:
            title = f'x["{name}"]' if isinstance(name, str) else f"x[:, {name}]"
            parts.append(encoders[place].encode(column, where, title))
        else:
            parts.append(np.array(column.tolist()) if column.dtype.kind == "O" else column)
    source = Table(parts, [name for _, name in columns])
    source.check(where, "x")
    return source


def _check_codes(
    layer: Reader, source: Source, where: str, columns: Any, names: tuple[str, ...] | None
) -> None:
    """Raise if the layer takes codes and x has others; those of files it checks batch by batch."""
    of_columns = {} if layer.codes is not None else layer.code_columns(source.shape[-1], names)
    if not layer.takes_codes or isinstance(source, READ_LATE):
        return
    if layer.codes is None:
        for place, codes in of_columns.items():
            part, title = _column(source, place, columns)
            if part.size:
                check_codes(part, codes, where, title)
    elif isinstance(source, np.ndarray):
        check_codes(source, layer.codes, where, "x", columns)
    else:
        for part, title in source.parts("x"):
            check_codes(part, layer.codes, where, title)


def _column(source: Array | Table | Sparse, place: int, names: Any) -> tuple[Array, str]:
    """A column, of a sparse matrix what it stores of it, and its title."""
    if isinstance(source, Table):
        return source.columns[place], f'x["{source.names[place]}"]'
    title = f"x[:, {place}]" if names is None else f'x["{names[place]}"]'
    if isinstance(source, Sparse):
        rows = source.range
        return source.matrix[rows.start : rows.stop, [place]].data, title
    return source[:, place], title


def input_type(layer: Reader, dtype: str, source: Source, names: tuple[str, ...] | None) -> Any:
    """The type of the batches that a layer gets of a source, in a model of this type."""
    if layer.takes_double:
        return np.float64
    if not layer.takes_codes:
        return dtype
    # Floating-point numbers that were not scanned are the layer's to check: as integers they would
    # be whole.
    if isinstance(source, READ_LATE) and source.dtype.kind == "f":
        return source.dtype
    if layer.codes is not None:
        return np.intp
    codes = layer.code_columns(source.shape[-1], names)
    if len(codes) == source.shape[-1]:
        return np.intp
    # Beside numbers codes come as numbers, too: in a type that has all of them.
    whole = 2 << np.finfo(dtype).nmant
    return dtype if max(codes.values()) <= whole else np.float64


def _as_rows(source: Source, expected: BatchShape | None) -> Source:
    """A vector as rows of one feature, if that is what the network was declared for."""
    if isinstance(source, np.ndarray) and source.ndim == 1 and expected == (None, 1):
        return source.reshape(-1, 1)
    return source


def _refuse_several(x: Any, y: Any, expected: BatchShape | None, where: str) -> None:
    """Raise ``DataError`` for a list with an array for each of several inputs or outputs."""
    of_x, of_y = _common_length(x), _common_length(y)
    found = ""
    if of_x is not None:  # each item is a batch, and none a row
        like_y = y is not None and of_x == (_length(y) if of_y is None else of_y) != len(x)
        if (like_y and len(x[0].shape) > 1) or (expected and len(x[0].shape) == len(expected)):
            found = "x"
    if not found and of_y is not None and of_y == _length(x) != len(y):
        found = "y"
    if found:
        values, put = (x, "input") if found == "x" else (y, "output")
        raise DataError(
            f"{where}: expected {found} as one array, got a {type(values).__name__} of "
            f"{len(values)} arrays, the first of shape {values[0].shape}: a Sequential has one "
            f"{put}. Join the columns: np.column_stack({found})."
        )


def _length(values: Any) -> int | None:
    """How many rows it has, or None where that cannot be told."""
    if isinstance(values, list | tuple):
        return len(values)
    shape = getattr(values, "shape", ())
    return shape[0] if shape else None


def _common_length(values: Any) -> int | None:
    """How many rows each array of a list has; None unless they are arrays, of one length."""
    if not isinstance(values, list | tuple):
        return None
    lengths = {(getattr(item, "shape", ()) or (None,))[0] for item in values}
    return lengths.pop() if len(lengths) == 1 else None


def _check_features(expected: BatchShape | None, layer: Reader, source: Source, where: str) -> None:
    if expected is not None and source.shape[1:] != expected[1:]:
        shape = str(("n", *expected[1:])).replace("'", "")
        hint = "Use the columns that the model was built on, or a new model."
        if len(source.shape) == 1:
            hint = "For one row: x.reshape(1, -1); for one feature: x.reshape(-1, 1)."
        elif source.shape == expected[1:]:
            hint = "For one row: x[np.newaxis]."
        elif math.prod(source.shape[1:]) == math.prod(size or 0 for size in expected[1:]):
            hint = "Pass x.reshape(len(x), -1), or build a model that begins with layers.Flatten()."
        raise ShapeError(
            f'{where}: expected x of shape {shape}, which layer "{layer.name}" was '
            f"built for, got {source.shape}. {hint}"
        )
