"""What a fitted network says of rows: in one short call, since many ask for a single row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import all_finite
from annlib.data import Batches, Sparse
from annlib.layers import Layer
from annlib.models import Sequential
from annlib.models.passes import Pass

#: Rows at a time: enough for the matrix product, and few enough for the processor's cache.
_AT_ONCE = 512


def infer(model: Sequential, X: Any, *, logits: bool = False) -> Array:
    """The output for each row, in an array of its own; with ``logits`` before the activation.

    The pass belongs to the call, so that any number of threads may ask.

    Parameters
    ----------
    model : Sequential
        Built.
    X : array or sparse matrix, (n, features)
    """
    layers: Sequence[Layer] = model.layers
    if logits:
        last, _ = layers[-1].split_activation()
        layers = [*layers[:-1], *([] if last is None else [last])]
    forward = Pass(layers, model.dtype).forward
    with np.errstate(all="ignore"):
        if count_rows(X) <= _AT_ONCE and isinstance(X, np.ndarray) and X.dtype == model.dtype:
            return forward(X)
        batches = Batches(
            as_rows(X), batch_size=_AT_ONCE, dtype=model.dtype, target_dtype=model.dtype
        )
        result: Array | None = None
        start = 0
        for batch in batches.in_turn():
            A = forward(batch.x)
            if result is None:
                result = np.empty((batches.rows, *A.shape[1:]), A.dtype)
            result[start : start + len(A)] = A
            start += len(A)
    assert result is not None, "validated: there are rows"
    return result


def is_plain(estimator: Any, X: Any) -> bool:
    """Whether X is what ``validate_data`` would make of it, which takes longer than a row."""
    return (
        type(X) is np.ndarray
        and X.dtype.char in "fd"
        and X.shape == (len(X), estimator.n_features_in_)
        and len(X) > 0
        and not hasattr(estimator, "feature_names_in_")
        and X.flags.c_contiguous
        and all_finite(X)
    )


def as_rows(X: Any) -> Any:
    """Validated X as something that batches are read from."""
    return X if isinstance(X, np.ndarray) else Sparse.read(X, "X", "X")


def count_rows(X: Any) -> int:
    """How many rows it has, sparse or not."""
    return int(X.shape[0])
