"""Arrays that start at a cache line, as the processor's wide registers need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from annlib.core.arrays import Array

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt

# Bytes of a line of the cache. NumPy begins arrays at any multiple of 16: then half of the wide
# loads and stores touch two lines, which takes up to a tenth longer.
_LINE = 64


def aligned(*shape: int, dtype: npt.DTypeLike) -> Array:
    """Zeros whose rows, along the last axis, each begin at a line of the cache.

    >>> aligned(2, 3, dtype="float32")
    array([[0., 0., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    dtype = np.dtype(dtype)
    width = shape[-1] * dtype.itemsize
    padded = width if len(shape) == 1 else -(-width // _LINE) * _LINE
    rows = math.prod(shape[:-1])
    memory = np.zeros(rows * padded + _LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % _LINE
    matrix = memory[start : start + rows * padded].reshape(rows, padded)[:, :width]
    return matrix.view(dtype).reshape(shape) if width else np.zeros(shape, dtype)
