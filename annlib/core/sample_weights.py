"""Sample weights: one number, one a row, or one an output."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.errors import ShapeError


def by_row(weights: Array, dimensions: int) -> Array:
    """Weights of rows in so many dimensions, to be multiplied with outputs; others as they are."""
    if weights.ndim == dimensions:
        return weights
    return weights.reshape(-1, *[1] * (dimensions - 1))


def as_sample_weights(given: Array, outputs: Shape, *, each: bool, expected: str) -> Array:
    """Weights of rows, (n,), or where they differ within a row of each output.

    Parameters
    ----------
    given : array
        One number, which all rows weigh; (n,) or (n, 1); with ``each`` also of the outputs' shape,
        or without its last axis if more than one is left of it.
    outputs : tuple
        The shape of the outputs, with the rows; (n,) where it is not known.
    each : bool
        Whether every output has a term of its own, which can be weighed.
    expected : str
        How the error begins: it is completed by the shapes.

    Raises
    ------
    ShapeError
    """
    n = outputs[0]
    if not given.ndim:
        return np.full(n, given)
    if given.shape in ((n,), (n, 1)):
        return given.reshape(n)
    if each and given.shape == outputs:
        return given
    if each and len(outputs) > 2 and given.shape == outputs[:-1]:
        return np.broadcast_to(given[..., np.newaxis], outputs)
    more = f", or one an output, {outputs}" if each and len(outputs) > 1 else ""
    why = ""
    if given.shape == outputs:
        why = " A row of outputs has one loss or number, of which no part has a weight of its own."
    raise ShapeError(f"{expected} ({n},){more}, got {given.shape}.{why}")
