"""Matrices of numbers as aligned text, with what does not fit elided."""

from __future__ import annotations

import math

import numpy as np

from annlib.core.arrays import Array

#: Of more units than this, some in the middle are left out.
MOST = 64
#: The most rows of a batch whose numbers are shown.
ROWS = 4


def cells(matrix: Array, digits: int, rows: int = MOST, columns: int = MOST) -> list[list[str]]:
    """The numbers of a matrix as text, all of one column of one width.

    Parameters
    ----------
    matrix : array, (r, c)
    digits : int
        Significant digits of the largest number; the others have as many decimals.
    rows, columns : int
        Where there are more, ``⋮`` and ``⋯`` stand for those in the middle.
    """
    down, across = _kept(matrix.shape[0], rows), _kept(matrix.shape[1], columns)
    write = _writer(matrix, digits)
    table = []
    for r in down:
        if r is None:
            table.append(["⋮" if c is not None else "⋱" for c in across])
        else:
            table.append(["⋯" if c is None else write(matrix[r, c]) for c in across])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [[text.rjust(w) for text, w in zip(line, widths, strict=True)] for line in table]


def _kept(size: int, most: int) -> list[int | None]:
    """The indices that are shown, and None for those that are not."""
    if size <= most:
        return list(range(size))
    first = max(1, min(6, most - 2))
    last = max(1, min(2, most - first - 1))
    return [*range(first), None, *range(size - last, size)]


def is_scalar(symbol: str) -> bool:
    """Whether a symbol is no column and no matrix, by its brackets (2.1)."""
    return not symbol.startswith(("[", r"\{"))


class _Writer:
    """One number as text, in one format for all of a matrix."""

    def __init__(self, form: str) -> None:
        self.form = form

    def __call__(self, number: Array) -> str:
        text = format(number, self.form) if np.isfinite(number) else str(float(number))
        # A zero has no sign; a number that is exactly 0 is written short.
        return "0" if number == 0 else text.replace("e-0", "e-").replace("e+0", "e+")


def _writer(matrix: Array, digits: int) -> _Writer:
    if matrix.dtype.kind in "iub":
        return _Writer("d")
    finite = np.abs(matrix[np.isfinite(matrix)])
    largest = float(finite.max(initial=0.0))
    if largest == 0:
        return _Writer(".0f")
    if np.all(matrix == np.round(matrix)) and largest < 1e6:
        return _Writer(".0f")
    size = math.floor(math.log10(largest))
    if not -4 <= size < 6:
        return _Writer(f".{digits - 1}e")
    return _Writer(f".{max(1, digits - 1 - size)}f")
