"""Rescaling: numbers of one range as numbers of another, inside the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import DX, DY, Formula, number
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register


@register("rescaling")
class Rescaling(Layer):
    """y = scale x + offset; ``Rescaling(1 / 255)`` takes the bytes of an image to [0, 1].

    Parameters
    ----------
    scale : float
    offset : float
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"scale": 1 / 255}

    def __init__(
        self, scale: float, offset: float = 0.0, **keywords: Unpack[LayerArguments]
    ) -> None:
        super().__init__(**keywords)
        self.scale: float = check_number(scale, "Rescaling", "scale")
        self.offset: float = check_number(offset, "Rescaling", "offset")

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        y = np.multiply(x, self.scale, out=work.array("y", *x.shape))
        return np.add(y, self.offset, out=y) if self.offset else y

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        return np.multiply(dy, self.scale, out=dy) if input_gradient else None

    def formula(self) -> Formula:
        s, o = number(self.scale), number(abs(self.offset))
        shift = f" {'+' if self.offset > 0 else '-'} {o}" if self.offset else ""
        return self._formula(f"y_i = {s} x_i{shift}", back=(f"{DX} = {s} {DY}",))
