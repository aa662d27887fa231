"""Input: the shape of one row, said before the data come."""

from __future__ import annotations

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_shape
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
        self.shape = check_shape(shape, "Input", "shape")

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        return x

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy
