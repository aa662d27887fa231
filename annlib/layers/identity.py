"""Identity: a place in a model where nothing happens."""

from __future__ import annotations

from typing import Any

from annlib.core.arrays import Array
from annlib.core.formula import DX, DY, Formula
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, register


@register("identity")
class Identity(Layer):
    """y = x, dE/dx = dE/dy: a place in a model, for an activity regularizer or to be replaced.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.

    Examples
    --------
    >>> Identity()([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """

    keeps_values = True

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        return x

    def expression(self, x: Any) -> Any:
        return x

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy

    def formula(self) -> Formula:
        return self._formula("y_i = x_i", back=(f"{DX} = {DY}",))
