"""The table that ``model.summary()`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from annlib.models.learner import Learner

_WIDTH = 78


def summary(model: Learner, line_length: int | None = None, show_trainable: bool = False) -> str:
    """Layers with output shapes and numbers of parameters, then totals with their bytes.

    Shapes and counts that are not known before the model is built show as ``?``.
    """
    head = ["Layer (type)", "Output shape", "Param #", *["Trainable"] * show_trainable]
    rows = [head, *_rows(model, show_trainable)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    width = max(line_length or _WIDTH, sum(widths) + 2 * (len(head) - 1))
    widths[0] += width - sum(widths) - 2 * (len(head) - 1)
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    rule = "─" * width
    title = f'Model: "{model.name}" ({model.dtype}, seed {model.seed})'
    return "\n".join([title, rule, lines[0], rule, *lines[1:], rule, *_totals(model)])


def _rows(model: Learner, show_trainable: bool) -> list[list[str]]:
    shape = model.expected_input_shape()
    rows = []
    for layer in model.layers:
        shape = None if shape is None else layer.compute_output_shape(shape)
        count = f"{layer.count_params():,}" if layer.built_shape is not None else "?"
        row = [
            f"{layer.name} ({type(layer).__name__})",
            "?" if shape is None else f"({', '.join(str(size) for size in shape)})",
            count,
        ]
        rows.append([*row, *["yes" if layer.trainable else "no"] * show_trainable])
    return rows


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    cells[2] = row[2].rjust(widths[2])
    return cells


def _totals(model: Learner) -> list[str]:
    if not model.built:
        return ["Total params: ? (not built; the first data or model.build makes the weights)"]
    itemsize = np.dtype(model.dtype).itemsize
    trainable = sum(weight.size for weight in model.trainable_weights)
    frozen = sum(weight.size for weight in model.non_trainable_weights)
    lines = [
        f"Total params: {trainable + frozen:,} ({_size((trainable + frozen) * itemsize)})",
        f"Trainable params: {trainable:,} ({_size(trainable * itemsize)})",
        f"Non-trainable params: {frozen:,} ({_size(frozen * itemsize)})",
    ]
    if model.optimizer is not None and model.optimizer.state.size:
        state = model.optimizer.state
        lines.append(f"Optimizer params: {state.size:,} ({_size(state.nbytes)})")
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
