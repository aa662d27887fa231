"""First weights that fit data: pre-activations of unit deviation, kinks where the rows are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.layers.affine import Affine
from annlib.network.network import Network

if TYPE_CHECKING:
    from numpy.random import Generator


def start_from_rows(network: Network, x: Any, rng: Generator, *, points: int, output: bool) -> None:
    """Fit the weights of a network's fully connected layers to rows, one layer after the other.

    Parameters
    ----------
    network : Network
        Built.
    x : array or CSR matrix
        Rows in the type of its batches.
    rng : Generator
    points : int
        Rows of which a bias is made.
    output : bool
        Whether the last of these layers is among them.
    """
    those = [layer for layer in network.layers if isinstance(layer, Affine)]
    chosen = those if output else those[:-1]
    last = max((network.layers.index(layer) for layer in chosen), default=-1)
    with np.errstate(all="ignore"):
        for layer in network.layers[: last + 1]:
            if isinstance(layer, Affine) and layer in chosen and layer._effective_trainable:
                layer.start_from_rows(x, rng, points)
            x = layer.forward(x, layer._workspace(network.dtype, lambda _: None))
