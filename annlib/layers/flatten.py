"""Flatten: rows of any shape as rows of numbers."""

from __future__ import annotations

import math
from typing import Any

from annlib.core.arrays import Array, BatchShape
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, register


@register("flatten")
class Flatten(Layer):
    """All numbers of a row in one axis, without a copy: (n, 28, 28) -> (n, 784) and (n,) -> (n, 1).

    Raises
    ------
    ConfigurationError
        For another order of the axes than ``data_format="channels_last"``.
    ShapeError
        When a model is built whose rows have no known size.

    Examples
    --------
    >>> Flatten()([[[1.0, 2.0], [3.0, 4.0]]])
    array([[1., 2., 3., 4.]], dtype=float32)
    """

    group = "reshaping"
    keeps_values = True
    _one_value = {  # noqa: RUF012  # never changed
        "data_format": ("channels_last", "Reshape or move the axes of x in front."),
    }

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        return (input_shape[0], math.prod(size or 0 for size in input_shape[1:]))

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["shape"] = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def expression(self, x: Any) -> Any:
        return x.reshape(-1, math.prod(x.shape[1:]))

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy.reshape(work["shape"])

    def formula(self) -> Formula:
        return self._formula(
            r"y_k = x_{ij}",
            back=(r"\frac{\partial E}{\partial x_{ij}} = \frac{\partial E}{\partial y_k}",),
            shapes="(n, ...) to (n, N): the same numbers in the same order",
        )
