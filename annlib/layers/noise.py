"""What Dropout and its relatives share: the identity, but while training a random one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_seed
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments

if TYPE_CHECKING:  # loaded when first used, not with annlib
    from numpy.random import Generator


class Noise(Layer):
    """y = m x with a random factor m for each number, dE/dx = m dE/dy; y = x unless training.

    A subclass writes ``draw``, which fills a matrix with its factors, and ``strength``. One whose
    noise is no factor writes ``perturb`` and ``backward``, too.

    Parameters
    ----------
    seed : int, optional
        A seed of the layer's own, instead of a stream of the model's.
    """

    group = "regularization"
    random = True
    keeps_values = True

    def __init__(self, seed: int | None = None, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.seed = check_seed(seed, type(self).__name__)

    @property
    def strength(self) -> float:
        """How much noise there is; with 0 nothing is drawn and y = x in training, too."""
        raise NotImplementedError

    def noise_of(self, shape: Shape) -> Shape:
        """The shape of the random numbers for input of this one; 1 where one serves many."""
        return shape

    def draw(self, M: Array, rng: Generator) -> None:
        """Fill M with random numbers from the generator rng."""
        raise NotImplementedError

    def perturb(self, x: Array, M: Array, y: Array) -> None:
        """Write x, with its noise M, into y; all three are (n, ...)."""
        np.multiply(x, M, out=y)

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["noisy"] = training and self.strength > 0
        if not work["noisy"]:
            return x
        M, y = work.array("M", *self.noise_of(x.shape)), work.array("y", *x.shape)
        assert work.rng is not None, "a pass that trains brings a random stream"
        work.draw(self.draw, M)
        self.perturb(x, M, y)
        return y

    def expression(self, x: Any) -> Any:
        return x

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        if work["noisy"]:
            np.multiply(dy, work.array("M", *self.noise_of(dy.shape)), out=dy)
        return dy
