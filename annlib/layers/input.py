"""Input: the shape of one row, said before the data come."""

from __future__ import annotations

from annlib.core.arrays import Array, Shape
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, register


@register("input")
class Input(Layer):
    """The first item of a model whose weights shall exist before it sees data.

    Not a step of the computation and not in ``model.layers``.

    Parameters
    ----------
    shape : tuple of int
        The shape of one row, without the batch dimension: ``(784,)``.
    name : str, optional
    """

    def __init__(self, shape: Shape, *, name: str | None = None) -> None:
        super().__init__(name=name)
        try:
            self.shape = tuple(int(size) for size in shape)
        except TypeError:
            raise ConfigurationError(
                f"Input: expected shape as a tuple of integers, got {shape!r}. "
                "For rows of n features: Input((n,))."
            ) from None
        if any(size < 1 for size in self.shape):
            raise ConfigurationError(f"Input: expected sizes of at least 1, got {self.shape}.")

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        return x

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy
