"""Targets and their weights, as a user passes them, checked by the loss that is to take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_finite
from annlib.core.errors import DataError
from annlib.core.sample_weights import by_row
from annlib.data import Shards, Sparse, Table, as_source
from annlib.losses import Loss


def sample_weights(sample_weight: Any, target: Array, loss: Loss, where: str, whole: bool) -> Array:
    """One weight a row, or one an output, or one for each vector of outputs."""
    given, shape = _rows(sample_weight, where, "sample_weight"), target.shape
    weights = loss.as_weights(given, shape, shape, f"{where}: expected sample_weight of shape")
    if not weights.min() >= 0 or (whole and not weights.any()):  # NaN, of a memory map, too
        raise DataError(
            f"{where}: expected sample_weight of at least 0 and not all 0, got a least of "
            f"{weights.min()} and a largest of {weights.max()}."
        )
    return weights


def product(weights: Array | None, more: Array | None) -> Array | None:
    """Weights of rows or outputs times more of rows, as far as there are any."""
    if weights is None or more is None:
        return more if weights is None else weights
    return weights * by_row(more, weights.ndim)


def targets_of(y: Any, loss: Loss | None, where: str) -> Array:
    """Targets as one array, in which those that the loss does not miss are finite."""
    missing, hint = False, ""
    if loss is not None and loss.weighs_outputs:
        missing = loss.masks
        hint = f", or leave out what is missing: {type(loss).__name__}(mask_nan=True)"
    target = _rows(y, where, "y", missing=missing, hint=hint)
    if missing and isinstance(target, np.memmap):  # which is read whole anyway, and only once so
        target = target.view(np.ndarray)
        check_finite(target, where, "y", missing=True)
    return target


def _rows(values: Any, where: str, name: str, **finite: Any) -> Array:
    """Targets or weights as one array."""
    if isinstance(values, Shards):
        values = values.in_memory()
    source = as_source(values, where, name, **finite)
    assert not isinstance(source, Shards), "read above"
    if isinstance(source, Sparse):
        raise DataError(
            f"{where}: expected {name} as an array, got a sparse {type(values).__name__}. "
            f"Pass {name}.toarray()."
        )
    return np.column_stack(source.columns) if isinstance(source, Table) else source
