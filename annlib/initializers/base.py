"""What an initializer is: a function from a shape to first values of a parameter (paper 5.1).

To add one: a class with ``draw(shape, rng)``, ``@register()`` above it, and a row in the tests'
table of cases. For a try, a plain function will do, as in Keras:
``Dense(8, kernel_initializer=lambda shape, dtype: np.full(shape, 0.1, dtype))``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_dtype, check_shape
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError, ShapeError, show
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
        where = type(self).__name__
        shape = check_shape(shape, where, "shape", 0)
        if dtype is not None:
            dtype = check_dtype(dtype, where, "dtype")
        if rng is None or self.seed is not None:
            rng = np.random.default_rng(self.seed)
        elif not isinstance(rng, np.random.Generator | np.random.RandomState):
            raise ConfigurationError(
                f"{where}: expected rng as one of NumPy's random generators, got {show(rng)}."
            )
        return np.asarray(self.draw(shape, rng), dtype)


class InitializerFunction(Initializer):
    """A plain function of shape and type, which cannot be saved and draws from no stream."""

    def __init__(self, function: Callable[..., Array]) -> None:
        self.function = function

    def __call__(
        self, shape: Shape, dtype: npt.DTypeLike = "float32", rng: Generator | None = None
    ) -> Array:
        values = np.asarray(self.function(tuple(shape), dtype=dtype), dtype)
        if values.shape != tuple(shape):
            raise ShapeError(
                f"initializer: expected values of the parameter's shape {tuple(shape)} from "
                f"{show(self.function)}, got {values.shape}."
            )
        return values


registry: Registry[Initializer] = Registry("initializer", Initializer)
register = registry.register


def get(identifier: Any, where: str = "initializers.get") -> Initializer:
    """The initializer of that name, the object itself or a function's."""
    if callable(identifier) and not isinstance(identifier, type | Configurable):
        return InitializerFunction(identifier)
    return registry.get(identifier, where)
