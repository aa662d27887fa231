"""y as ``targets`` takes it: validated by scikit-learn, dense, or with some of it missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from annlib.core.arrays import Array
from annlib.core.checks import is_missing, to_array
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


def require_targets(y: Any, where: str, name: str = "y", *, classifier: bool) -> None:
    """Raise, with what to do, for targets that miss values or are of another task.

    What else is wrong with them is left to scikit-learn's checks.

    Raises
    ------
    ConfigurationError
        For what is no array.
    DataError
        For missing and infinite targets, and for texts and dates where numbers are predicted.
    """
    items = to_array(y, where, name)
    if np.ma.is_masked(y):
        items = items.astype(object)
        items[y.mask] = None
    if items.dtype.kind in "Mm" and not classifier:
        raise DataError(
            f"{where}: expected numbers in {name}, got {items.dtype}. Predict the days since a "
            "date, or other numbers made of it."
        )
    if not items.size or items.ndim not in (1, 2):
        return
    if items.dtype.kind in "fO":
        _require_no_gaps(items.reshape(len(items), -1), where, name)
    if not classifier and items.dtype.kind in "UO":
        for row, item in enumerate(items.reshape(len(items), -1)[:, 0].tolist()):
            if isinstance(item, str) and not _is_text_of_number(item):
                raise DataError(
                    f"{where}: expected numbers in {name}, got {show(item)} in row {row}. Of "
                    "classes take TabularClassifier."
                )


def _require_no_gaps(items: Array, where: str, name: str) -> None:
    """Raise where a row has no target; with the words that scikit-learn has for it."""
    if items.dtype.kind == "f":
        missing, infinite = np.isnan(items), np.isinf(items)
    else:
        missing = np.array([is_missing(item) for item in items.flat], bool).reshape(items.shape)
        infinite = np.zeros(items.shape, bool)
    for wrong, what in (
        (missing, "NaN"),
        (infinite, "infinity or a value too large for dtype('float64')"),
    ):
        rows = np.flatnonzero(wrong.any(axis=1))
        if len(rows):
            (first, *_) = items[rows[0]][wrong[rows[0]]].tolist()
            more = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
            raise DataError(
                f"{where}: Input {name} contains {what}: expected a target for each row, got "
                f"{show(first)} in row {rows[0]}{more}. Drop these rows."
            )


def _is_text_of_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
