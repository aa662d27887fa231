"""Labels as one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, to_array
from annlib.core.errors import DataError, show
from annlib.core.tracebacks import with_short_tracebacks


@with_short_tracebacks
def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """A row of zeros with a 1 at the label, for each label.

    Parameters
    ----------
    x : array_like of integers, (n,) or (n, 1)
        Labels 0, 1, ...; more dimensions keep their place.
    num_classes : int, optional
        The largest label and 1 without it.

    Returns
    -------
    array of float64, (n, num_classes)

    Raises
    ------
    DataError
        If a label is no integer, negative, or not below ``num_classes``.

    Examples
    --------
    >>> to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = to_array(x, "to_categorical", "x")
    if labels.dtype.kind not in "iub" and not (
        labels.dtype.kind == "f" and np.all(np.abs(labels) < 2**53) and (labels % 1 == 0).all()
    ):
        raise DataError(
            f"to_categorical: expected integer labels, got {labels.dtype} such as "
            f"{show(labels.reshape(-1)[:3].tolist())}. Encode classes as 0, 1, ... first "
            "(sklearn's LabelEncoder)."
        )
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    labels = labels.astype(np.intp)
    least, most = (int(labels.min()), int(labels.max())) if labels.size else (0, -1)
    count = (
        most + 1
        if num_classes is None
        else check_count(num_classes, "to_categorical", "num_classes")
    )
    if least < 0 or most >= count:
        raise DataError(
            f"to_categorical: expected labels in 0..{count - 1}, got values from {least} to {most}."
        )
    rows = np.zeros((labels.size, count))
    rows[np.arange(labels.size), labels.reshape(-1)] = 1
    return rows.reshape(*labels.shape, count)
