"""The table that ``model.summary()`` prints."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import BatchShape
from annlib.core.checks import is_number, items_of
from annlib.core.errors import ConfigurationError, show
from annlib.layers.base import Layer
from annlib.network.network import Network
from annlib.optimizers import Optimizer
from annlib.plots.markup import activation_name, count_text, shape_text

_WIDTH, _GAP = 78, 2
#: No column is made narrower to fit the line.
_NARROWEST = 8
_WHERE = "Sequential.summary"


class _Column(NamedTuple):
    """A column: its title, then its cells, and where they stand in it."""

    cells: list[str]
    right: bool = False
    of_keras: bool = True


def summary(
    network: Network,
    optimizer: Optimizer | None,
    line_length: int | None = None,
    show_trainable: bool = False,
    *,
    positions: Any = None,
    expand_nested: bool = True,
    layer_range: Any = None,
    written: Callable[[str], str] = str,
) -> str:
    """A row a layer, of several lines where it is too long for one; then totals with their bytes.

    Shapes and counts that are not known before the model is built show as ``?``. Names are as
    ``written`` gives them, before they are put into columns.
    """
    columns = [
        column._replace(cells=list(map(written, column.cells)))
        for column in _columns(network, layer_range, expand_nested, show_trainable)
    ]
    if positions is None:
        widths = _fitted(columns, line_length or _WIDTH)
    else:
        columns, widths = _placed(columns, positions, line_length or _WIDTH)
    width = sum(widths) + _GAP * (len(widths) - 1)
    rule = "─" * width
    head, *rows = [
        "\n".join(_lines(cells, widths, [column.right for column in columns]))
        for cells in zip(*(column.cells for column in columns), strict=True)
    ]
    shape = shape_text(network.expected_input_shape())
    title = written(f'Model: "{network.name}" ({network.dtype})')
    titles = [*_folded(title, width), f"Input shape: {shape}"]
    totals = [*_totals(network, optimizer), f"Seed: {network.seed}"]
    return "\n".join([*titles, rule, head, rule, *rows, rule, *totals])


# -- what is shown ---------------------------------------------------------------------------------


def _columns(
    network: Network, layer_range: Any, expand_nested: bool, show_trainable: bool
) -> list[_Column]:
    head = ["Layer (type)", "Activation", "Output shape", "Param #", "Mult/row"]
    rows = [[*head, *["Trainable"] * show_trainable]]
    for layer, depth, shape in _shown(network, layer_range):
        if expand_nested or not depth:
            row = [
                f"{'  ' * depth}{layer.name} ({type(layer).__name__})",
                activation_name(layer),
                shape_text(shape),
                count_text(layer),
                _number(_multiplications(layer)),
            ]
            rows.append([*row, *["yes" if layer.trainable else "no"] * show_trainable])
    own, right = ("Activation", "Mult/row"), ("Param #", "Mult/row")
    return [
        _Column(list(cells), cells[0] in right, cells[0] not in own)
        for cells in zip(*rows, strict=True)
    ]


def _shown(network: Network, layer_range: Any) -> Iterator[tuple[Layer, int, BatchShape | None]]:
    """The layers, those inside of others too, with their depth and the shape of their output."""
    chosen = _chosen(network.layers, layer_range)
    inside = False
    for layer, depth, _, shape in network.shapes():
        inside = layer in chosen if not depth else inside
        if inside:
            yield layer, depth, shape


def _chosen(layers: Sequence[Layer], layer_range: Any) -> Sequence[Layer]:
    """The layers from that of a name to that of another; patterns of names, as in Keras."""
    if layer_range is None:
        return layers
    names = items_of(layer_range) or []
    if len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(
            f"{_WHERE}: expected layer_range as the names of two layers, the first and the last "
            f"to show, got {show(layer_range)}."
        )
    found: list[int] = []
    for name in names:
        try:
            places = [k for k, layer in enumerate(layers) if re.match(name, str(layer.name))]
        except re.error:
            places = []
        if not places:
            known = ", ".join(f'"{layer.name}"' for layer in layers[:8])
            raise ConfigurationError(
                f"{_WHERE}: expected layer_range as names of layers, got {show(name)}, which is "
                f"none. The layers are {known}{', ...' if len(layers) > 8 else ''}."
            )
        found += [places[0], places[-1]]
    forwards = found[0] <= found[3]
    first, last = (found[0], found[3]) if forwards else (found[2], found[1])
    return layers[first : last + 1]


def _multiplications(layer: Layer) -> int | None:
    return None if layer._built_shape is None else layer.count_multiplications()


def _totals(network: Network, optimizer: Optimizer | None) -> list[str]:
    if not network.has_weights:
        return ["Total params: ? (not built; the first data or model.build makes the weights)"]
    itemsize = np.dtype(network.dtype).itemsize
    sizes = [
        (math.prod(p.shape), leaf.trainable and p.trainable)
        for layer in network.layers
        for _, leaf in layer._leaves()
        for p in leaf._parameters
    ]
    trainable = sum(size for size, trains in sizes if trains)
    frozen = sum(size for size, trains in sizes if not trains)
    lines = [
        f"Total params: {trainable + frozen:,} ({_size((trainable + frozen) * itemsize)})",
        f"Trainable params: {trainable:,} ({_size(trainable * itemsize)})",
        f"Non-trainable params: {frozen:,} ({_size(frozen * itemsize)})",
    ]
    if optimizer is not None and (arrays := optimizer.state_arrays().values()):
        size = sum(array.size for array in arrays)
        lines.append(f"Optimizer params: {size:,} ({_size(size * itemsize)})")
    products = [_multiplications(layer) for layer in network.layers]
    known = f"{sum(count or 0 for count in products):,}"
    untold = f", and those of {products.count(None)} layers that do not say" * (None in products)
    return [*lines, f"Multiplications a row: {known}{untold}"]


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _size(count: float) -> str:
    """Bytes as people read them.

    >>> _size(2048)
    '2.00 KB'
    """
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"


# -- how it fits the line --------------------------------------------------------------------------


def _fitted(columns: Sequence[_Column], length: int) -> list[int]:
    """Widths of columns that fill a line; the first one gives way first."""
    widths = [max(map(len, column.cells)) for column in columns]
    room = length - _GAP * (len(columns) - 1)
    widths[0] = max(widths[0], room - sum(widths[1:]))
    words = max(len(word) for cell in columns[0].cells for word in cell.split()) + _GAP
    for place, least in ((0, min(words, 30)), (1, 10), (2, 14), (0, 12), (1, _NARROWEST)):
        if place < len(columns) and not columns[place].right:
            spare = max(sum(widths) - room, 0)
            widths[place] = max(widths[place] - spare, min(widths[place], least))
    return widths


def _placed(columns: list[_Column], positions: Any, length: int) -> tuple[list[_Column], list[int]]:
    """Columns that end where they are to, in parts of the line or in characters: all of them, or
    those that Keras has.
    """
    ends = items_of(positions)
    of_keras = [column for column in columns if column.of_keras]
    if ends is None or not all(map(is_number, ends)) or len(ends) < len(of_keras):
        raise ConfigurationError(
            f"{_WHERE}: expected positions as the ends of {len(columns)} columns, or of Keras' "
            f"{len(of_keras)}, in parts of the line or characters, got {show(positions)}."
            + (" A function to print with is print_fn=..." if callable(positions) else "")
        )
    # What Keras is given for columns that are not there, it does not read.
    columns = columns if len(ends) >= len(columns) else of_keras
    ends = ends[: len(columns)]
    factor = length if max(ends) <= 1 else 1
    edges = [0, *(int(end * factor) for end in ends)]
    widths = [end - start - (_GAP if end != edges[-1] else 0) for start, end in pairwise(edges)]
    if min(widths) < 2:
        raise ConfigurationError(
            f"{_WHERE}: expected positions that rise and leave room for columns in a line of "
            f"{length}, got {show(positions)}."
        )
    return columns, widths


def _lines(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    """A row of the table: as many lines as its longest cell takes."""
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for texts in zip_longest(*folded, fillvalue=""):
        aligned = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(texts, widths, right, strict=True)
        ]
        yield (" " * _GAP).join(aligned).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """A text as lines of at most this width; only words that are longer are cut.

    >>> _folded("  embedding (Embedding)", 14), _folded("embedding", 4)
    (['  embedding', '  (Embedding)'], ['embe', 'ddin', 'g'])
    """
    if len(text) <= width:
        return [text]
    indent = " " * min(len(text) - len(text.lstrip()), max(width - _NARROWEST, 0))
    room = width - len(indent)
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines += [word[start : start + room] for start in range(0, len(word), room)]
    return [indent + line for line in lines]
