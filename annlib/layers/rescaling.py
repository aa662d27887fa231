"""Rescaling: numbers of one range as numbers of another, inside the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_number
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import DX, DY, Formula, number
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register


@register("rescaling")
class Rescaling(Layer):
    """y = scale x + offset; ``Rescaling(1 / 255)`` takes the bytes of an image to [0, 1].

    Parameters
    ----------
    scale : float or array_like, any number or (features,)
        One for all, or those of each column, or of the last axes of a row.
    offset : float or array_like, any number or (features,)
        As scale.

    Raises
    ------
    ConfigurationError
        For what is no number.
    ShapeError
        When a model is built whose rows arrays do not fit.

    Examples
    --------
    Columns in percent and in kilometres, as shares and thousands of kilometres:

    >>> Rescaling([0.01, 0.001])([[50.0, 300.0]])
    array([[0.5, 0.3]], dtype=float32)
    """

    group = "preprocessing"
    example_arguments: ClassVar[Mapping[str, Any]] = {"scale": 1 / 255}

    def __init__(self, scale: Any, offset: Any = 0.0, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.scale = _numbers(scale, "scale")
        self.offset = _numbers(offset, "offset")

    count_multiplications = Layer._each_number

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        row = tuple(size or 1 for size in input_shape[1:])
        for name in ("scale", "offset"):
            shape = np.shape(getattr(self, name))
            try:
                fits = np.broadcast_shapes(shape, row) == row
            except ValueError:
                fits = False
            if not fits:
                raise ShapeError(
                    f"Rescaling: expected {name} as one number, or numbers that fit the rows of "
                    f"input {input_shape}, got shape {shape}. Give one for each column."
                )
        return input_shape

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        y = np.multiply(x, self._typed("scale", work), out=work.array("y", *x.shape))
        return np.add(y, self._typed("offset", work), out=y) if np.any(self.offset) else y

    def expression(self, x: Any) -> Any:
        y = x * np.asarray(self.scale, x.dtype)
        return y + np.asarray(self.offset, x.dtype) if np.any(self.offset) else y

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        return np.multiply(dy, self._typed("scale", work), out=dy) if input_gradient else None

    def _typed(self, name: str, work: Workspace) -> float | Array:
        """The number as it is, or numbers in the model's type."""
        numbers: float | list[Any] = getattr(self, name)
        if not isinstance(numbers, list):
            return numbers
        if name not in work:
            work[name] = np.array(numbers, work.dtype)
        typed: Array = work[name]
        return typed

    def formula(self) -> Formula:
        if isinstance(self.scale, list) or isinstance(self.offset, list):
            symbols = ((r"\alpha_i", "the scale of column i"), (r"\beta_i", "its offset"))
            back = (rf"{DX} = \alpha_i {DY}",)
            return self._formula(r"y_i = \alpha_i x_i + \beta_i", back=back, symbols=symbols)
        s, o = number(self.scale), number(abs(self.offset))
        shift = f" {'+' if self.offset > 0 else '-'} {o}" if self.offset else ""
        return self._formula(f"y_i = {s} x_i{shift}", back=(f"{DX} = {s} {DY}",))


def _numbers(value: Any, name: str) -> Any:
    """A finite number as it is, or many as lists, which a configuration can hold."""
    if not isinstance(value, list | tuple) and not np.ndim(value):
        value = value.item() if isinstance(value, np.ndarray) else value
        return check_number(value, "Rescaling", name)
    try:
        numbers = np.asarray(value)
    except ValueError:  # lists of several lengths
        numbers = np.array("")
    if numbers.dtype.kind not in "fiu" or not numbers.size or not np.isfinite(numbers).all():
        raise ConfigurationError(
            f"Rescaling: expected {name} as a finite number or an array of them, got {show(value)}."
        )
    return numbers.tolist()
