"""Arrays that begin at a line of the cache."""

from __future__ import annotations

import numpy as np
import pytest

from annlib.core.alignment import aligned


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool", "intp"])
@pytest.mark.parametrize("shape", [(0,), (1,), (1000,), (3, 7), (2, 0), (0, 5), (2, 16)])
def test_every_row_begins_at_a_line(shape, dtype):
    array = aligned(*shape, dtype=dtype)
    assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
    assert not array.any()
    rows = array if array.ndim > 1 else array[np.newaxis]
    assert all(row.ctypes.data % 64 == 0 for row in rows if row.size)
    array[...] = 1
    assert array.sum() == array.size
