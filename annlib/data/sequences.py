"""Lists of several lengths as rows of one length."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from annlib.core.arrays import Array
from annlib.core.checks import check_choice, check_optional_count, is_number, to_array
from annlib.core.errors import ConfigurationError, DataError, ShapeError, show
from annlib.core.tracebacks import with_short_tracebacks

_SIDES = ("pre", "post")


@with_short_tracebacks
def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: npt.DTypeLike = "int32",
    padding: Literal["pre", "post"] = "pre",
    truncating: Literal["pre", "post"] = "pre",
    value: float = 0.0,
) -> Array:
    """A row for each list of codes or numbers: what is too long is cut, what is too short filled.

    Parameters
    ----------
    sequences : list of lists or of arrays, (any length,) each
    maxlen : int, optional
        The length of all rows; without it that of the longest.
    dtype : dtype
        Of the rows; numbers are cast to it, as in Keras.
    padding, truncating : {"pre", "post"}
        Whether values are added, or left out, in front or behind.
    value : float
        What fills a row.

    Returns
    -------
    array, (n, maxlen)

    Raises
    ------
    DataError
        If something in the list is no list of numbers.
    ShapeError
        If it has more than one dimension.

    Examples
    --------
    >>> pad_sequences([[1, 2, 3], [4], []], maxlen=2)
    array([[2, 3],
           [0, 4],
           [0, 0]], dtype=int32)
    """
    where = "pad_sequences"
    length = check_optional_count(maxlen, where, "maxlen")
    check_choice(padding, where, "padding", _SIDES)
    check_choice(truncating, where, "truncating", _SIDES)
    try:
        kind = np.dtype(dtype if isinstance(dtype, str | type | np.dtype) else object)
    except (TypeError, ValueError):
        kind = np.dtype(object)
    if kind.kind not in "iuf":
        raise ConfigurationError(f"{where}: expected dtype as one of numbers, got {show(dtype)}.")
    try:
        fill = np.asarray(value if is_number(value) else "a", kind)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{where}: expected value as a number of {kind}, got {show(value)}."
        ) from None
    rows = _rows(sequences, where)
    if length is None:
        length = max(map(len, rows), default=0)
    padded = np.full((len(rows), length), fill, kind)
    for to, row in zip(padded, rows, strict=True):
        kept = row[-length:] if truncating == "pre" else row[:length]
        if len(kept):
            to[-len(kept) if padding == "pre" else 0 :][: len(kept)] = kept
    return padded


def _rows(sequences: Any, where: str) -> list[Array]:
    if isinstance(sequences, str | bytes | dict) or not np.iterable(sequences):
        raise DataError(
            f"{where}: expected sequences as a list of lists of numbers, got {show(sequences)}."
        )
    rows = []
    for number, sequence in enumerate(sequences):
        listed = hasattr(sequence, "__len__") and not isinstance(sequence, dict)
        row = to_array(sequence, where, "sequences") if listed else np.asarray("")
        if not row.size and row.ndim == 1:
            row = np.zeros(0, int)
        if row.dtype.kind not in "iufb":
            raise DataError(
                f"{where}: expected sequences as lists of numbers, got {show(sequence)} at "
                f"{number}. Make codes of texts first, by StringLookup or a dict."
            )
        if row.ndim != 1:
            raise ShapeError(
                f"{where}: expected sequences of one dimension, got shape {row.shape} at {number}."
            )
        rows.append(row)
    return rows
