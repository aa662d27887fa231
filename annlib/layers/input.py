"""Input: the shape of one row, said before the data come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_count, check_dtype, check_shape
from annlib.core.formula import DX, DY, Formula
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, register


@register("input")
class Input(Layer):
    """The first item of a model that is to have weights before it sees data.

    Not a step of the computation and not in ``model.layers``.

    Parameters
    ----------
    shape : tuple of int
        The shape of one row, without the batch dimension: ``(784,)``.
    batch_size : int, optional
    dtype : str, optional
        As in Keras, and no constraint: batches may have any size, and numbers of any type become
        those of the model's, codes of an Embedding excepted.
    name : str, optional
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"shape": (10,)}

    keeps_values = True

    def __init__(
        self,
        shape: Shape,
        batch_size: int | None = None,
        dtype: Any = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.shape = check_shape(shape, "Input", "shape")
        self.batch_size = (
            None if batch_size is None else check_count(batch_size, "Input", "batch_size")
        )
        self.dtype = None if dtype is None else check_dtype(dtype, "Input", "dtype")

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        return x

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy

    def formula(self) -> Formula:
        return self._formula("y_i = x_i", back=(f"{DX} = {DY}",))
