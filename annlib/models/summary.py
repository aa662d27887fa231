"""The table that ``model.summary()`` prints."""

from __future__ import annotations

import math

import numpy as np

from annlib.network.network import Network
from annlib.optimizers import Optimizer

_WIDTH = 78


def summary(
    network: Network,
    optimizer: Optimizer | None,
    line_length: int | None = None,
    show_trainable: bool = False,
) -> str:
    """Layers with output shapes and numbers of parameters, then totals with their bytes.

    Shapes and counts that are not known before the model is built show as ``?``.
    """
    head = ["Layer (type)", "Output shape", "Param #", *["Trainable"] * show_trainable]
    rows = [head, *_rows(network, show_trainable)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    width = max(line_length or _WIDTH, sum(widths) + 2 * (len(head) - 1))
    widths[0] += width - sum(widths) - 2 * (len(head) - 1)
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    rule = "─" * width
    title = f'Model: "{network.name}" ({network.dtype}, seed {network.seed})'
    return "\n".join([title, rule, lines[0], rule, *lines[1:], rule, *_totals(network, optimizer)])


def _rows(network: Network, show_trainable: bool) -> list[list[str]]:
    rows = []
    for layer, depth, _, shape in network.shapes():
        count = f"{layer.count_params():,}" if layer._built_shape is not None else "?"
        row = [
            f"{'  ' * depth}{layer.name} ({type(layer).__name__})",
            "?" if shape is None else f"({', '.join(str(size) for size in shape)})",
            count,
        ]
        rows.append([*row, *["yes" if layer.trainable else "no"] * show_trainable])
    return rows


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    cells[2] = row[2].rjust(widths[2])
    return cells


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
    return lines


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
