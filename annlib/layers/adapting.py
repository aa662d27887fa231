"""What layers share that learn from whole columns of data before training."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DataError, ShapeError
from annlib.data import check_names, check_steps
from annlib.layers.base import Layer
from annlib.layers.normalization import parts_of


def columns_of(
    layer: Layer, data: Any, features: int | None, where: str, steps: int | None = None
) -> tuple[Array, tuple[str, ...] | None]:
    """Data as a matrix of its own in float64, (n, F), and the names of its columns.

    Parameters
    ----------
    layer : Layer
        Which is to learn from them.
    data : array_like or frame, or what gives batches
        As ``Normalization.adapt`` takes it.
    features : int or None
        How many there must be, if that is known.
    where : str
    steps : int, optional
        How many batches to read.

    Raises
    ------
    DataError, ShapeError
    """
    steps = check_steps(data, steps, where)
    if isinstance(data, list | tuple) and any(len(getattr(one, "shape", ())) > 1 for one in data):
        raise DataError(
            f"{where}: expected a list that is one array of rows, got a list of {len(data)} "
            "batches. Pass iter(batches)."
        )
    names = check_names(data, layer.feature_names if layer._owner else None, where, "data")
    row, parts = parts_of(data, where, steps, of_one_feature=features == 1)
    if len(row) != 1 or features not in (None, row[0]):
        expected = "(n, features)" if features is None else f"(n, {features})"
        raise ShapeError(
            f"{where}: expected data of shape {expected}, got rows of shape {row}. Pass data as "
            "the model gets them."
        )
    # A part is in a buffer that the next one takes.
    X = np.concatenate([np.array(part, np.float64) for part in parts])
    return X, names or (layer.feature_names if layer._owner else None)
