"""Predictions with dropout left on: mean and spread over many random networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.data import ArrayLoader, Sparse, check_type
from annlib.network.network import Network
from annlib.network.passes import Pass
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
    steps = Pass(network.layers, dtype, lambda layer: rng if layer.random else None).steps
    means, spreads = [], []
    for batch in batches.sequential("predict"):
        mean, squares = 0.0, 0.0
        for count in range(1, passes + 1):
            A = batch.x
            with np.errstate(all="ignore"):
                for layer, work in steps:
                    A = layer.forward(A, work, training=layer.random)
                A = read(np.array(A))
            # Welford's recurrence: exact where the spread is small beside the mean.
            off: Any = A - mean
            mean = mean + off / count
            squares = squares + off * (A - mean)
        means.append(np.asarray(mean))
        spreads.append(np.sqrt(np.asarray(squares) / passes))
    return np.concatenate(means), np.concatenate(spreads)
