"""Dropout: a part of the activations is left out while training (Srivastava et al., 2014)."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_seed, is_number
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register


@register("dropout")
class Dropout(Layer):
    """y = m x with m = 0 with probability ``rate``, else 1 / (1 - rate); dE/dx = m dE/dy.

    Only while training; otherwise y = x. The scaling keeps the expectation as it is.

    Parameters
    ----------
    rate : float, in [0, 1]
        The share that is left out; 1 leaves out all.
    seed : int, optional
        A seed of the layer's own, instead of a stream of the model's.
    """

    random = True

    def __init__(
        self, rate: float, seed: int | None = None, **keywords: Unpack[LayerArguments]
    ) -> None:
        super().__init__(**keywords)
        if not is_number(rate) or not 0 <= rate <= 1:
            raise ConfigurationError(f"Dropout: expected rate between 0 and 1, got {rate!r}.")
        self.rate = rate
        self.seed = check_seed(seed, "Dropout")

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["dropping"] = training and self.rate > 0
        if not work["dropping"]:
            return x
        keep = 1.0 - self.rate
        mask = work.array("mask", *x.shape)
        assert work.rng is not None, "a pass that trains brings a random stream"
        work.rng.random(out=mask, dtype=mask.dtype.type)
        np.less(mask, keep, out=mask)
        np.multiply(mask, 1.0 / keep if keep else 0.0, out=mask)
        return np.multiply(x, mask, out=work.array("y", *x.shape))

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        if work["dropping"]:
            np.multiply(dy, work.array("mask", *dy.shape), out=dy)
        return dy
