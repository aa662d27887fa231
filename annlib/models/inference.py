"""A model at rest, asked for a few rows: passes that wait with their memory for the next call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array
from annlib.models.passes import Pass

if TYPE_CHECKING:
    from annlib.models.weighted import Weighted

# Passes that are kept: one for each thread that predicts at a time.
_KEPT = 8


class Inference:
    """The short way through ``predict``, for arrays that need no preparation.

    One row takes microseconds, of which making a pass and all that a long run needs would be most.
    Any number of threads may call it: each takes a pass of its own, as it does on the long way.

    Parameters
    ----------
    model : Weighted
        Built; an ``Inference`` is of one layout of its layers.
    rows : int
        The most that it takes.
    """

    def __init__(self, model: Weighted, rows: int) -> None:
        self._layers, self._dtype, self._most = model.layers, model.dtype, rows
        self._row = model.input_shape[1:]
        self._takes_codes = model.layers[0].codes is not None
        self._idle: list[Pass] = []

    def predict(self, x: Any) -> Array | None:
        """The output for x in an array of its own; None if x must take the long way."""
        if (
            type(x) is not np.ndarray
            or x.dtype.char not in "fd"
            or x.shape[1:] != self._row
            or not 0 < len(x) <= self._most
            or self._takes_codes
        ):
            return None
        with np.errstate(all="ignore"):
            X = np.ascontiguousarray(x, self._dtype)
            if not math.isfinite(np.vdot(X, X)):
                return None
            # ``pop`` and ``append`` are one step each to other threads.
            try:
                run = self._idle.pop()
            except IndexError:
                run = Pass(self._layers, self._dtype)
            y = run.forward(X).copy()
        run.forget()
        if len(self._idle) < _KEPT:
            self._idle.append(run)
        return y
