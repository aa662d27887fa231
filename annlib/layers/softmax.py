"""Softmax as a layer of its own, along any axis."""

from __future__ import annotations

from typing import Unpack

from annlib import activations
from annlib.layers.activation import ActivationLayer
from annlib.layers.base import LayerArguments, register


@register("softmax")
class Softmax(ActivationLayer):
    """a_i = exp(x_i) / sum_j exp(x_j) along an axis: see ``annlib.activations.Softmax``.

    x is (n, classes), or has more axes. Before a cross-entropy it is computed together with the
    loss, like ``Activation("softmax")``.

    Parameters
    ----------
    axis : int, -1 or at least 1
        Of the batch (n, ...); not 0.

    Raises
    ------
    ConfigurationError
        For the axis 0.
    ShapeError
        When a model is built whose input has no such axis.

    Examples
    --------
    >>> Softmax()([[0.0, 0.0], [0.0, 2.0]]).round(3)
    array([[0.5  , 0.5  ],
           [0.119, 0.881]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.activation = activations.Softmax(axis)
        self.axis = self.activation.axis
