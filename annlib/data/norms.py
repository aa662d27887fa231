"""Rows of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number, check_numeric, is_whole, to_array
from annlib.core.errors import ConfigurationError, show
from annlib.core.tracebacks import with_short_tracebacks


@with_short_tracebacks
def normalize(x: Any, axis: int = -1, order: float = 2) -> Array:
    """``x`` divided by its norm along an axis; what is all 0 stays 0.

    Parameters
    ----------
    x : array_like, of any shape
    axis : int, in [-d, d) for d dimensions
    order : float, any number
        Of the norm: 1 is the sum of absolute values, 2 the Euclidean norm, ``inf`` the largest.

    Returns
    -------
    array, of the shape of x

    Raises
    ------
    DataError
        If x holds no numbers.
    ConfigurationError
        If x has no such axis, or ``order`` is no number.

    Examples
    --------
    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    values = np.atleast_1d(to_array(x, "normalize", "x"))
    check_numeric(values, "normalize", "x")
    if not is_whole(axis) or not -values.ndim <= axis < values.ndim:
        raise ConfigurationError(
            f"normalize: expected axis as one of the {values.ndim} of x, got {show(axis)}."
        )
    order = float(check_number(order, "normalize", "order", "[-inf, inf]"))
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    sizes = np.abs(values).max(axis, keepdims=True, initial=0)
    # Of these the powers in a norm would overflow or vanish.
    far = ((sizes > 1e9) | (sizes < 1e-9)) & (sizes > 0) & np.isfinite(sizes)
    if far.any():
        values = values / np.where(far, sizes, 1)
    norms = np.linalg.norm(values, order, axis, keepdims=True)
    return np.asarray(values / np.where(norms == 0, 1, norms))
