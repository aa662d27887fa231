"""Softmax as a layer of its own, along any axis."""

from __future__ import annotations

from typing import Unpack

from annlib import activations
from annlib.layers.activation import ActivationLayer
from annlib.layers.base import LayerArguments, register


@register("softmax")
class Softmax(ActivationLayer):
    """a_i = exp(x_i) / sum_j exp(x_j) along an axis: see ``annlib.activations.Softmax``.

    Before a cross-entropy it is computed together with the loss, like ``Activation("softmax")``.

    Parameters
    ----------
    axis : int
        Of the batch (n, ...), other than 0.
    """

    def __init__(self, axis: int = -1, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.activation = activations.Softmax(axis)
        self.axis = self.activation.axis
