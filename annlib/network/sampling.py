"""Predictions with dropout left on: mean and spread over many random networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.data import ArrayLoader, Sparse, check_type
from annlib.layers import Layer
from annlib.layers.passes import Pass
from annlib.network.network import Network
from annlib.network.prediction import INFERENCE_BATCH


def sample(
    network: Network, X: Any, passes: int, read: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Mean and standard deviation of the output over passes with dropout (Gal & Ghahramani, 2016).

    Layers that are random while training are so here; all others are at rest. What is drawn
    follows from the network's seed, and its own streams stay where they are.

    Parameters
    ----------
    network : Network
        Built.
    X : array or CSR matrix, (n, features)
        Checked.
    passes : int
    read : callable
        What makes predictions of an output.
    """
    source = X if isinstance(X, np.ndarray) else Sparse(X)
    check_type(source, network.dtype, "predict", "X")
    dtype = network.dtype
    batches = ArrayLoader(source, batch_size=INFERENCE_BATCH, dtype=dtype, target_dtype=dtype)
    rng = np.random.default_rng(network.seed)
    one = Pass(network.layers, dtype, lambda layer: rng if layer.random else None)
    _rest(one)
    means, spreads = [], []
    for batch in batches.sequential("predict"):
        mean, squares = 0.0, 0.0
        for count in range(1, passes + 1):
            with np.errstate(all="ignore"):
                A = read(np.array(one.forward(batch.x, training=True)))
            # Welford's recurrence: exact where the spread is small beside the mean.
            off: Any = A - mean
            mean = mean + off / count
            squares = squares + off * (A - mean)
        means.append(np.asarray(mean))
        spreads.append(np.sqrt(np.asarray(squares) / passes))
    return np.concatenate(means), np.concatenate(spreads)


def _rest(one: Pass) -> None:
    """Have the layers that are not random at rest, also those inside of others."""
    one._forward = [
        (layer.forward if layer.random else _at_rest(layer), work) for layer, work in one.steps
    ]
    for _, work in one.steps:
        for inner in work.passes:
            _rest(inner)


def _at_rest(layer: Layer) -> Callable[..., Array]:
    def forward(x: Array, work: Workspace, *, training: bool = False) -> Array:  # noqa: ARG001  # as that of a layer
        return layer.forward(x, work, training=False)

    return forward
