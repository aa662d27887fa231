"""What targets a loss can take: shapes that agree, labels and values that can be meant."""

from __future__ import annotations

import math

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.errors import DataError, ShapeError
from annlib.core.workspace import Workspace

LABELS = (
    'If y are labels of classes, use loss="sparse_categorical_crossentropy" with '
    'activation="softmax" in the output layer.'
)
TWO_CLASSES = 'Of two classes also 1 unit with activation="sigmoid" and "binary_crossentropy".'


def is_labels(y: Array, classes: int) -> bool:
    """Whether these targets look like labels of so many classes: whole numbers from 0."""
    if not y.size or y.dtype.kind not in "iubf" or y.min() < 0 or y.max() >= classes:
        return False
    return y.dtype.kind != "f" or np.array_equal(y, np.floor(y))


def matching_targets(y: Array, output_shape: BatchShape, where: str, hint: str) -> Array:
    """``y`` in the shape of the output; nothing broadcasts between prediction and target."""
    row: Shape = tuple(size or 0 for size in output_shape[1:])
    if y.shape[1:] == row:
        return y
    if y.ndim == 1 and row == (1,):
        return y.reshape(-1, 1)
    if row == () and y.shape[1:] == (1,):
        return y.reshape(-1)
    expected = f"(n, {', '.join(map(str, row))})" if row else "(n,)"
    raise ShapeError(
        f"{where}: expected targets y of shape {expected}, which the output has, got {y.shape}. "
        f"{hint}"
    )


def matching_labels(y: Array, output_shape: BatchShape, where: str) -> Array:
    """Integer labels in 0..units-1 for each vector of the output: (n,) for rows of ``units``, from
    (n,) or (n, 1) of any number type.

    Raises
    ------
    ShapeError
        If there is more than one number a row.
    DataError
        If a label is no integer or outside the output's units.
    """
    units, inner = output_shape[-1] or 0, tuple(size or 0 for size in output_shape[1:-1])
    if y.shape[1:] == (*inner, 1):
        y = y.reshape(y.shape[:-1])
    if y.shape[1:] != inner:
        shape = f"(n, {', '.join(map(str, inner))})" if inner else "(n,)"
        hint = 'For one-hot rows use loss="categorical_crossentropy".'
        if y.ndim == 1 or y.shape[1:] == (1,):
            hint = (
                f"The output has {output_shape[1:]} numbers a row: for one label a row, put a "
                "Flatten layer before the output layer."
            )
        raise ShapeError(
            f"{where}: expected integer labels y of shape {shape}, got {y.shape}. {hint}"
        )
    if y.dtype.kind not in "iub" and not (y.dtype.kind == "f" and np.array_equal(y, np.floor(y))):
        raise DataError(
            f"{where}: expected labels that are integers, got {y.dtype} values such as "
            f"{y[:3].tolist()}. Encode classes as 0, 1, ... first (sklearn's LabelEncoder)."
        )
    if y.size and (y.min() < 0 or y.max() >= units):
        bad = sorted({int(label) for label in np.unique(y) if not 0 <= label < units})
        shown = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise DataError(
            f"{where}: expected labels in 0..{units - 1} for an output of {units} units, "
            f"got [{shown}]. "
            + ("Re" if y.min() < 0 else f"Give the output layer {int(y.max()) + 1} units, or re")
            + "-code y from 0."
        )
    return y


def label_positions(Y: Array, A: Array, work: Workspace) -> Array:
    """Where the labels' entries lie in A, (n, k), counted row after row."""
    n, k = A.shape
    starts, width = work.get("starts", ((), k))
    if len(starts) < n or width != k:
        starts = np.arange(0, n * k, k)
        work["starts"] = starts, k
    positions = work.array("positions", n, dtype=np.intp)
    np.add(starts[:n], Y, out=positions)
    return positions


def targets_between(y: Array, low: float, high: float, where: str, hint: str) -> Array:
    """``y``, all in [low, high]; raises ``DataError``."""
    if y.size and not (y.min() >= low and y.max() <= high):
        interval = f"between {low} and {high}" if high < math.inf else f"of at least {low}"
        raise DataError(
            f"{where}: expected targets y {interval}, got values from {y.min()} to {y.max()}. "
            f"{hint}"
        )
    return y


def two_labels(y: Array, where: str) -> Array:
    """``y`` of -1 and 1, or of 0 and 1; raises ``DataError``."""
    other = -1 if y.size and y.min() < 0 else 0
    if np.count_nonzero(y == 1) + np.count_nonzero(y == other) < y.size:
        found = np.unique(y)
        shown = ", ".join(f"{label:g}" for label in found[:5]) + ", ..." * (len(found) > 5)
        raise DataError(
            f"{where}: expected labels y of -1 and 1, or of 0 and 1, got [{shown}]. Re-code the "
            'two classes; for more of them use one-hot rows and loss="categorical_hinge".'
        )
    return y
