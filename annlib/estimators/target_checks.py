"""y as ``targets`` takes it: validated by scikit-learn, dense, or with some of it missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from annlib.core.arrays import Array
from annlib.core.errors import DataError, show


def check_y(y: Any, *, classifier: bool) -> Array:
    """y, validated by scikit-learn, dense, and of classes one-dimensional.

    Raises
    ------
    ValueError
        As scikit-learn does, for targets that are no classes.
    """
    if hasattr(y, "toarray"):  # a sparse matrix of indicators
        y = y.toarray()
    if not classifier:
        return np.asarray(y)
    check_classification_targets(y)
    labels: Array = column_or_1d(y, warn=True) if y.ndim == 1 or y.shape[1] == 1 else y
    return labels


def missing_targets(y: Any) -> Array | None:
    """Numbers of which some are NaN, as an array; None if there is none, or y is no such thing."""
    if y is None or hasattr(y, "toarray"):
        return None
    try:
        found = np.asarray(y)
        found = found if found.dtype.kind == "f" else found.astype(float)
    except (TypeError, ValueError):  # texts, which are no numbers
        return None
    return found if found.ndim in (1, 2) and np.isnan(found).any() else None


def check_missing(y: Array, *, classifier: bool) -> Array:
    """Targets of which some are missing, as NaN.

    Raises
    ------
    ValueError
        If all are, others are infinite, or those of a classifier are no indicators of labels.
    """
    y = check_array(y, dtype=None, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y")
    if np.isnan(y).all():
        raise DataError("y: expected targets that are there, got a y of which all are NaN.")
    if classifier and (
        y.ndim == 1 or y.shape[1] == 1 or not np.isin(y[~np.isnan(y)], (0, 1)).all()
    ):
        raise DataError(
            "y: expected NaN for missing targets in the 0 and 1 of several labels alone, of shape "
            f"(n, labels), got {show(y)}. Leave out the rows without a class."
        )
    return y
