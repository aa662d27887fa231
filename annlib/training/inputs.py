"""The input of a network as batches are made of it: what its first layer looks up, and codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_codes
from annlib.data import Source, Sparse, Table, as_source, raw_columns
from annlib.network.network import Network


def read_input(network: Network, x: Any, where: str, names: tuple[str, ...] | None) -> Source:
    """X as batches are made of it: what the first layer looks up has become codes."""
    first = network.layers[0] if network.layers else None
    if first is None or not first.encodes:
        return as_source(x, where, "x")
    columns = raw_columns(x, where)
    if 0 in (len(columns), len(columns[0][0])):
        return as_source(np.empty((len(columns and columns[0][0]), 0)), where, "x")
    if columns[0][1] is None:  # no table
        return first.encode(columns[0][0], where, "x")
    encoders, parts = first.encoders(len(columns), names), []
    for place, (column, name) in enumerate(columns):
        if place in encoders:
            title = f'x["{name}"]' if isinstance(name, str) else f"x[:, {name}]"
            parts.append(encoders[place].encode(column, where, title))
        else:
            parts.append(np.array(column.tolist()) if column.dtype.kind == "O" else column)
    source = Table(parts, [name for _, name in columns])
    source.check(where, "x")
    return source


def check_input_codes(
    network: Network, source: Source, where: str, columns: Any, names: tuple[str, ...] | None
) -> None:
    """Raise if the first layer takes codes and x has others; memory maps it checks itself."""
    first = network.layers[0]
    of_columns = {} if first.codes is not None else first.code_columns(source.shape[-1], names)
    if not first.takes_codes or isinstance(source, np.memmap):
        return
    if first.codes is None:
        for place, codes in of_columns.items():
            part, title = _column(source, place, columns)
            if part.size:
                check_codes(part, codes, where, title)
    elif isinstance(source, np.ndarray):
        check_codes(source, first.codes, where, "x", columns)
    else:
        for part, title in source.parts("x"):
            check_codes(part, first.codes, where, title)


def _column(source: Source, place: int, names: Any) -> tuple[Array, str]:
    """A column, of a sparse matrix what it stores of it, and its title."""
    if isinstance(source, Table):
        return source.columns[place], f'x["{source.names[place]}"]'
    title = f"x[:, {place}]" if names is None else f'x["{names[place]}"]'
    if isinstance(source, Sparse):
        rows = source.range
        return source.matrix[rows.start : rows.stop, [place]].data, title
    return source[:, place], title


def input_type(network: Network, source: Source, names: tuple[str, ...] | None) -> Any:
    """The type of its batches."""
    first = network.layers[0]
    if first.takes_double:
        return np.float64
    if not first.takes_codes:
        return network.dtype
    # A memory map of floating-point numbers, which was not scanned, is the layer's to check:
    # as integers they would be whole.
    if isinstance(source, np.memmap) and source.dtype.kind == "f":
        return source.dtype
    if first.codes is not None:
        return np.intp
    codes = first.code_columns(source.shape[-1], names)
    if len(codes) == source.shape[-1]:
        return np.intp
    # Beside numbers codes come as numbers, too: in a type that has all of them.
    whole = 2 << np.finfo(network.dtype).nmant
    return network.dtype if max(codes.values()) <= whole else np.float64
