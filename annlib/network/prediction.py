"""Prediction: a network at rest, its outputs for rows, batches or a stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Protocol

import numpy as np

from annlib.callbacks import CallbackList
from annlib.core.arrays import Array
from annlib.data import ArrayLoader, DataLoader, Sparse, check_type
from annlib.layers import Layer
from annlib.layers.passes import Pass
from annlib.network.network import Network
from annlib.network.output import output_of, without_activation

#: Rows at a time where the result does not depend on it: big enough to keep the processor busy,
#: small enough to stay in its cache. (Keras takes 32 here too.)
INFERENCE_BATCH = 512
# Sparse rows at a time: of few of them SciPy spends much of a product's time on its preparation.
_SPARSE_BATCH = 2048
# Passes that are kept: one for each thread that predicts at a time.
_KEPT = 8


def predict(
    layers: Sequence[Layer],
    dtype: str,
    batches: DataLoader,
    callbacks: CallbackList | None = None,
    steps: int | None = None,
) -> Array:
    """The output of these layers for every row, in an array of its own; for those until a callback
    sets ``stop_predicting``.

    The pass belongs to the call, so that any number of threads can predict with one network.
    """
    forward = Pass(layers, dtype).forward
    outputs = _Outputs(batches, steps)
    callbacks = callbacks or CallbackList(None, None, "predict")
    callbacks.stop_predicting = False
    callbacks.call("on_predict_begin", {})
    with closing(batches.sequential("Sequential.predict", steps)) as read:
        for index, batch in enumerate(read):
            callbacks.call("on_predict_batch_begin", index, {})
            with np.errstate(all="ignore"):
                y = forward(batch.x)
            outputs.add(y)
            callbacks.call("on_predict_batch_end", index, {"outputs": y})
            if callbacks.stop_predicting:
                break
    callbacks.call("on_predict_end", {})
    return outputs.whole()


def infer(network: Network, X: Any, *, logits: bool = False) -> Array:
    """The output of a built network for each row of checked data, in an array of its own.

    Parameters
    ----------
    network : Network
    X : array or CSR matrix, (n, features)
    logits : bool
        Leave out the activation that the outputs come from.

    Raises
    ------
    DataError
        If X has numbers that are infinite as the network's type.
    """
    layers, dtype = network.layers, network.dtype
    if logits:
        layers = without_activation(layers, output_of(layers))
    dense = isinstance(X, np.ndarray)
    sparse = not dense and network.takes_sparse
    size = _SPARSE_BATCH if sparse else INFERENCE_BATCH
    if (dense or sparse) and X.shape[0] <= size and X.dtype == dtype:
        with np.errstate(all="ignore"):
            return Pass(layers, dtype).forward(X)
    source = X if dense else Sparse(X)
    check_type(source, dtype, "predict", "X")
    batches = ArrayLoader(source, batch_size=size, dtype=dtype, target_dtype=dtype, sparse=sparse)
    return predict(layers, dtype, batches)


class _Outputs:
    """Outputs of batches put together: in one array where the number of rows is known."""

    def __init__(self, batches: DataLoader, steps: int | None) -> None:
        self._rows = batches.rows
        if batches.rows is not None and batches.batch_size is not None and steps is not None:
            self._rows = min(batches.rows, steps * batches.batch_size)
        self._whole: Array | None = None
        self._parts: list[Array] = []
        self._filled = 0

    def add(self, y: Array) -> None:
        """Keep a copy of a batch."""
        if self._rows is None:
            self._parts.append(y.copy())
            return
        if self._whole is None:
            self._whole = np.empty((self._rows, *y.shape[1:]), y.dtype)
        self._whole[self._filled : self._filled + len(y)] = y
        self._filled += len(y)

    def whole(self) -> Array:
        """All batches as one array; the rows so far, if they are not all there."""
        if self._whole is None:
            return np.concatenate(self._parts)
        whole, filled = self._whole, self._filled
        return whole if filled == len(whole) else whole[:filled].copy()


class Runs(Protocol):
    """What computes the output for a batch: a ``Pass``, or something made of one."""

    def forward(self, x: Array) -> Array:
        """The output, borrowed until the next call."""

    def clear(self) -> None:
        """Drop references to the last batch."""


class Predictor:
    """Fast path of ``predict`` for small arrays: it keeps forward passes with their memory.

    For one sample, building a pass would cost more than computing it. Any number of threads may
    call it: each takes a pass of its own.

    Parameters
    ----------
    network : Network
        Built; a ``Predictor`` is of one layout of its layers.
    rows : int
        The most that it takes.
    made : callable, optional
        What makes of a pass one that computes the same in fewer calls.
    """

    def __init__(
        self, network: Network, rows: int, made: Callable[[Pass], Runs] | None = None
    ) -> None:
        self._layers, self._dtype, self._most = list(network.layers), network.dtype, rows
        self._row = network.input_shape[1:]
        self._takes_codes = self._layers[0].takes_codes
        self._input_type = np.float64 if self._layers[0].takes_double else network.dtype
        self._idle: list[Runs] = []
        self._made = made

    @np.errstate(all="ignore")
    def predict(self, x: Any) -> Array | None:
        """The output for x in an array of its own; None if x is not such a small array."""
        if (
            type(x) is not np.ndarray
            or x.dtype.char not in "fd"
            or x.shape[1:] != self._row
            or not 0 < len(x) <= self._most
            or self._takes_codes
        ):
            return None
        X = np.ascontiguousarray(x, self._input_type)
        if not math.isfinite(np.vdot(X, X)):
            return None
        # ``pop`` and ``append`` are one step each to other threads.
        run: Runs
        try:
            run = self._idle.pop()
        except IndexError:
            run = Pass(self._layers, self._dtype)
            run = run if self._made is None else self._made(run)
        y = run.forward(X).copy()
        run.clear()
        if len(self._idle) < _KEPT:
            self._idle.append(run)
        return y
