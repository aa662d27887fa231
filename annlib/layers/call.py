"""A layer that is called on its own: with rows, as a model of this one layer would predict them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_flag
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError
from annlib.core.parameters import ParameterVector
from annlib.core.random_streams import RandomStreams
from annlib.core.threads import ProcessLock
from annlib.core.views import ArrayView
from annlib.data import check_type, materialize
from annlib.data.inputs import input_type, read_rows

# The first call may come from many threads at once.
_building = ProcessLock()
#: The layer that is being built.
_busy: list[Any] = []
# How the classes are called whose objects stand for data to come.
_SYMBOLS = ("KerasTensor", "SymbolicTensor")


def call(layer: Any, x: Any, training: bool | None = None) -> Array:
    """The output of a layer, which is built if it was not; see ``Layer.__call__``."""
    where = f"{type(layer).__name__}.__call__"
    trains = training is not None and check_flag(training, where, "training")
    refuse_symbols(x, where)
    layer._refuse_keras_methods(where)
    dtype = layer.dtype or "float32"
    x = x.view(np.ndarray) if isinstance(x, np.memmap) else x  # which is to be checked whole
    source, names = read_rows(layer, layer._expected_shape, layer.feature_names, x, None, where)
    if layer.codes is None and not layer.takes_double:  # of codes it is checked which they are
        check_type(source, dtype, where, "x", getattr(x, "columns", None))
    chain = [layer]
    while (following := chain[-1]._followed_by) is not None:
        chain.append(following)
    fresh: list[Any] = []
    # In this order: a layer that another thread builds is built before its weights have values.
    if not all(each.built for each in chain) or _busy:
        with _building.held:
            _busy.append(layer)
            try:
                fresh = _build(chain, (None, *source.shape[1:]), names, dtype, where)
            finally:
                _busy.pop()
    y = materialize(source, input_type(layer, dtype, source, names), layer._reads_sparse)
    with np.errstate(all="ignore"):
        for each in chain:
            y = each.forward(
                y, each._workspace(dtype, _stream_of if trains else _none), training=trains
            )
    for each in fresh:
        if not each._parameters and not each._held:  # it is for rows of any shape
            each._forget()
    return ArrayView.of(np.array(y))


def refuse_symbols(x: Any, where: str) -> None:
    """Raise ``ConfigurationError`` for what stands for data in Keras' functional interface."""
    for item in x if isinstance(x, list | tuple) else [x]:
        if isinstance(item, Configurable) or type(item).__name__ in _SYMBOLS:
            from annlib.core.out_of_scope import GRAPH  # a table that only errors need

            raise ConfigurationError(
                f"{where}: expected rows of numbers, got {type(item).__name__}, which stands for "
                f"none. {GRAPH}"
            )


def _build(
    chain: Sequence[Any], shape: BatchShape, names: tuple[str, ...] | None, dtype: str, where: str
) -> list[Any]:
    """Give layers that have none their weights, which are their own; returns them."""
    first, fresh = chain[0], [each for each in chain if not each.built]
    if names and first.takes_names and first.feature_names is None:
        first.feature_names = names
    try:
        for place, each in enumerate(chain):
            if each.name is None:
                each._name_among(chain[:place], where)
            shape = each._declare(shape)
        streams = RandomStreams()
        vector = ParameterVector(fresh, dtype)
        vector.initialize(lambda entry: streams.new(entry.path), fresh)
    except Exception:
        for each in fresh:
            each._forget()
        raise
    for each in fresh:
        each._detach()
    return fresh


def _stream_of(layer: Any) -> Any:
    """What a layer draws from, which goes on with each call."""
    if layer.random and layer._stream is None:
        layer._stream = RandomStreams(getattr(layer, "seed", None)).new("calls")
    return layer._stream


def _none(layer: Any) -> None:
    """What a layer draws from that does not train."""
