"""What a fitted network says of rows: in one short call, since many ask for a single row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import all_finite
from annlib.data import ArrayLoader, Sparse
from annlib.layers import Layer
from annlib.models import Sequential
from annlib.network.passes import Pass
from annlib.network.prediction import INFERENCE_BATCH, predict


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
    dtype = model.dtype
    if logits:
        last, _ = layers[-1]._split_activation()
        layers = [*layers[:-1], *([] if last is None else [last])]
    if count_rows(X) <= INFERENCE_BATCH and isinstance(X, np.ndarray) and X.dtype == dtype:
        with np.errstate(all="ignore"):
            return Pass(layers, dtype).forward(X)
    batches = ArrayLoader(as_rows(X), batch_size=INFERENCE_BATCH, dtype=dtype, target_dtype=dtype)
    return predict(layers, dtype, batches)


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
