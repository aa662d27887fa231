"""The axes of its input that a layer works along, and matrices whose rows run along them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.errors import ShapeError, show
from annlib.core.workspace import Workspace


def _listed(axis: Any) -> Any:
    """None is no axis."""
    if isinstance(axis, list):
        return axis
    return [] if axis is None else [axis]


def positions(axis: Any, rank: int) -> Shape:
    """The axes counted from 0, in order.

    >>> positions([-1, 1], 4)
    (1, 3)
    """
    return tuple(sorted(int(a) % rank for a in _listed(axis)))


def sizes(axis: Any, input_shape: BatchShape, where: str) -> Shape:
    """How long the input is along the axes; raises ``ShapeError`` unless each is one of a row."""
    rank = len(input_shape)
    found = positions(axis, rank)
    known = tuple(input_shape[a] or 0 for a in found)
    inside = all(-rank <= a < rank for a in _listed(axis))
    if not inside or 0 in found or len({*found}) < len(found) or 0 in known:
        raise ShapeError(
            f"{where}: expected input of known size along axis {show(axis)}, where 0 is the "
            f"batch and -1 the last, got shape {input_shape}."
        )
    return known


def across(axis: Any, values: Array, x: Any) -> Array:
    """Numbers for the positions along the axes, in the type and for the rank of x.

    >>> across(1, np.arange(3), np.ones((7, 3, 2))).shape
    (3, 1)
    """
    kept = positions(axis, x.ndim)
    row = [size if a in kept else 1 for a, size in enumerate(x.shape)][1:]
    every = np.broadcast_to(values, [x.shape[a] for a in kept])
    return every.reshape(row).astype(x.dtype, copy=False)


def rows_along(axis: Any, x: Array, work: Workspace, name: str) -> Array:
    """``x`` as a matrix whose rows run along the axes: a view where those are the last ones."""
    if axis == -1:  # by far the most frequent, and a microsecond faster
        return x.reshape(-1, x.shape[-1])
    axes = positions(axis, x.ndim)
    k = math.prod(x.shape[a] for a in axes)
    if axes[0] == x.ndim - len(axes):
        return x.reshape(-1, k)
    turned = np.moveaxis(x, axes, range(-len(axes), 0))
    M = work.array(name, *turned.shape)
    np.copyto(M, turned)
    return M.reshape(-1, k)


def as_before(axis: Any, M: Array, shape: Shape, work: Workspace, name: str) -> Array:
    """What ``rows_along`` made a matrix of, from the matrix."""
    if axis == -1:
        return M.reshape(shape)
    axes = positions(axis, len(shape))
    if axes[0] == len(shape) - len(axes):
        return M.reshape(shape)
    y = work.array(name, *shape)
    turned = np.moveaxis(y, axes, range(-len(axes), 0))
    np.copyto(turned, M.reshape(turned.shape))
    return y
