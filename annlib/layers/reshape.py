"""Reshape: rows of one shape as rows of another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import is_whole
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register


@register("reshape")
class Reshape(Layer):
    """(n, 12) -> (n, 3, 4), without a copy.

    Parameters
    ----------
    target_shape : tuple of int
        The shape of one row; one of the sizes may be -1, which is what is left for it.

    Raises
    ------
    ConfigurationError
        For sizes that are no integers, or -1 twice.
    ShapeError
        When a model is built in which the sizes do not fit.

    Examples
    --------
    >>> Reshape((2, -1))([[1.0, 2.0, 3.0, 4.0]])
    array([[[1., 2.],
            [3., 4.]]], dtype=float32)
    """

    group = "reshaping"
    example_arguments: ClassVar[Mapping[str, Any]] = {"target_shape": (-1,)}

    keeps_values = True

    def __init__(self, target_shape: Shape, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        sizes = target_shape if isinstance(target_shape, tuple | list) else [None]
        if (
            not all(map(is_whole, sizes))
            or any(s < 1 and s != -1 for s in sizes)
            or [*sizes].count(-1) > 1
        ):
            raise ConfigurationError(
                "Reshape: expected target_shape as a tuple of integers >= 1, of which one may be "
                f"-1, got {show(target_shape)}."
            )
        self.target_shape = tuple(map(int, target_shape))

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        known = math.prod(size for size in self.target_shape if size != -1)
        row = input_shape[1:]
        if any(size is None for size in row):
            left = None
        else:
            left, rest = divmod(math.prod(size or 0 for size in row), known)
            if rest or (-1 not in self.target_shape and left != 1):
                raise ShapeError(
                    f"Reshape: expected rows that fit target_shape {self.target_shape}, got rows "
                    f"of shape {row}."
                )
        return (input_shape[0], *(left if size == -1 else size for size in self.target_shape))

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["shape"] = x.shape
        return x.reshape(self.compute_output_shape(x.shape))

    def expression(self, x: Any) -> Any:
        return x.reshape(-1, *self.compute_output_shape(x.shape)[1:])

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy.reshape(work["shape"])

    def formula(self) -> Formula:
        shape = ", ".join(map(str, self.target_shape))
        return self._formula(
            r"y_k = x_{ij}",
            back=(r"\frac{\partial E}{\partial x_{ij}} = \frac{\partial E}{\partial y_k}",),
            shapes=f"(n, ...) to (n, {shape}): the same numbers in the same order",
        )
