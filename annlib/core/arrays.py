"""The types that every module uses: an array, a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

#: numpy.typing.NDArray[Any], without the time that importing numpy.typing takes.
Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]
#: A shape with the batch dimension, which is None until a batch comes.
BatchShape = tuple[int | None, ...]

DTYPES = ("float32", "float64")


def as_array(x: Any) -> Array:
    """``x`` as an array, without a copy if it is one; it may be a frame, a list, a memory map."""
    return x if type(x) in (np.ndarray, np.memmap) else np.asarray(x)


def plain_number(value: Any) -> Any:
    """A number of NumPy's, or an array without axes, as one of Python's; all else as it is.

    >>> plain_number(np.float32(0.5)), plain_number(np.array(3))
    (0.5, 3)
    """
    single = isinstance(value, np.generic | np.ndarray) and not value.ndim
    return value.item() if single else value


def kind_of_targets(target_shape: BatchShape, output_shape: BatchShape) -> str:
    """How targets of this shape name classes to an output of that shape, as Keras decides it:
    "binary", "sparse" (integer labels) or "categorical" (one-hot rows).

    >>> kind_of_targets((32,), (32, 10))
    'sparse'
    """
    if output_shape[-1] == 1:
        return "binary"
    sparse = len(target_shape) < len(output_shape) or target_shape[-1] == 1
    return "sparse" if sparse else "categorical"
