"""What an initializer is: a function from a shape to first values of a parameter (paper 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.config import Configurable
from annlib.core.registry import Registry

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator


class Initializer(Configurable):
    """Called with a shape, a type and a random generator, it returns an array.

    A subclass writes ``draw(shape, rng)``; the model passes each parameter's own stream. One that
    has a seed of its own gives the same values at every call, as in Keras.
    """

    seed: int | None = None

    def draw(self, shape: Shape, rng: Generator) -> Array:
        raise NotImplementedError

    def __call__(
        self, shape: Shape, dtype: npt.DTypeLike = "float32", rng: Generator | None = None
    ) -> Array:
        if rng is None or self.seed is not None:
            rng = np.random.default_rng(self.seed)
        return np.asarray(self.draw(tuple(shape), rng), dtype)


registry: Registry[Initializer] = Registry("initializer", Initializer)
register = registry.register
get = registry.get
