"""Input: the shape of one row, said before the data come."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_count, check_dtype, check_shape
from annlib.core.config import refuse_unknown
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import DX, DY, Formula
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, register

# An argument without a default, though it may be left out where another says it.
_REQUIRED: Any = inspect.Parameter.empty


@register("input", "input_layer")
class Input(Layer):
    """The first item of a model that is to have weights before it sees data; also ``InputLayer``.

    Not a step of the computation and not in ``model.layers``.

    Parameters
    ----------
    shape : tuple of int
        The shape of one row, without the batch dimension: ``(784,)``. Instead of it and
        ``batch_size`` Keras' ``batch_shape=(None, 784)`` will do.
    batch_size : int, at least 1, optional
        As in Keras, and no constraint.
    dtype : str, optional
        As in Keras, and no constraint: batches may have any size, and numbers of any type become
        those of the model's, codes of an Embedding excepted.
    name : str, optional
        As in Keras; nothing is called by it.

    Raises
    ------
    ConfigurationError
        For a shape that is none, or without one.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Input((784,)), layers.Dense(10)])
    >>> model.count_params(), len(model.layers)
    (7850, 1)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"shape": (10,)}

    keeps_values = True

    _stored_as = {"name": "_name", "dtype": "_dtype"}  # noqa: RUF012  # never changed

    def __init__(
        self,
        shape: Shape = _REQUIRED,
        batch_size: int | None = None,
        dtype: Any = None,
        *,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(name=name)
        shape, batch_size = _as_in_keras(shape, batch_size, unknown)
        refuse_unknown("Input", unknown, Input)
        self.shape = check_shape(shape, "Input", "shape")
        self.batch_size = (
            None if batch_size is None else check_count(batch_size, "Input", "batch_size")
        )
        self._dtype = None if dtype is None else check_dtype(dtype, "Input", "dtype")

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        return x

    def expression(self, x: Any) -> Any:
        return x

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy

    def formula(self) -> Formula:
        return self._formula("y_i = x_i", back=(f"{DX} = {DY}",))


def _as_in_keras(shape: Any, batch_size: Any, given: dict[str, Any]) -> tuple[Any, Any]:
    """Shape and batch size, which may stand under other names in ``given``; takes them out."""
    if "input_shape" in given:
        warnings.warn("Input: the argument input_shape is deprecated. Use shape.", stacklevel=4)
        shape = given.pop("input_shape")
    for name in ("batch_shape", "batch_input_shape"):
        if name in given:
            whole = given.pop(name)
            if (
                shape is not _REQUIRED
                or batch_size is not None
                or not isinstance(whole, list | tuple)
            ):
                raise ConfigurationError(
                    f"Input: expected {name} alone, as (batch_size, *shape), got {show(whole)} "
                    f"with shape={show(None if shape is _REQUIRED else shape)}, "
                    f"batch_size={show(batch_size)}."
                )
            batch_size, *row = whole or (None, None)
            shape = tuple(row)
    if shape is _REQUIRED:
        raise ConfigurationError(
            "Input: expected shape, that of one row, got none. For n features: Input((n,))."
        )
    return shape, batch_size
