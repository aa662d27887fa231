"""Scaling: a learned factor for each feature."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape
from annlib.core.formula import DX, DY, Formula
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.base import LayerArguments, register
from annlib.layers.row_parameter import RowParameter
from annlib.regularizers.names import RegularizerLike


@register("scaling")
class Scaling(RowParameter):
    """y = s x with a learned factor s for each number of a row; dE/dx = s dE/dy, ds = sum of x dy.

    Before a ``Dense`` layer it lets the network choose among its inputs: a step of s changes all
    weights of one input at once (Holzmüller et al., 2024, "Better by default").

    Parameters
    ----------
    scale_initializer : str or Initializer
        What the factors start as.
    scale_regularizer : str or Regularizer, optional
        ``"l1"`` drives the factors of inputs that help little to 0.
    scale_constraint : str or Constraint, optional
    shared_axes : int or sequence of int, at least 1, optional
        Axes of the input along which there is one factor; otherwise each number of a row has its
        own.

    Raises
    ------
    ConfigurationError
        For an axis that is none of a row's, or an unknown name.

    Examples
    --------
    >>> from annlib import Sequential
    >>> Sequential([Scaling(scale_initializer=np.array([0.5, 2.0]))]).predict([[10.0, 10.0]])
    array([[ 5., 20.]], dtype=float32)
    """

    parameter = "scale"

    scale: Array

    def __init__(
        self,
        scale_initializer: InitializerLike | None = "ones",
        scale_regularizer: RegularizerLike | None = None,
        scale_constraint: ConstraintLike | None = None,
        shared_axes: Any = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(shared_axes, **keywords)
        where = type(self).__name__
        self.scale_initializer = initializers.get(scale_initializer, f"{where}.scale_initializer")
        self.scale_regularizer = regularizers.get(scale_regularizer, f"{where}.scale_regularizer")
        self.scale_constraint = constraints.get(scale_constraint, f"{where}.scale_constraint")

    def build(self, input_shape: BatchShape) -> None:
        self._add_row_weight(
            input_shape, self.scale_initializer, self.scale_regularizer, self.scale_constraint
        )

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["x"] = x
        return np.multiply(x, self.arrays["scale"], out=work.array("y", *x.shape))

    def expression(self, x: Any) -> Any:
        return x * self.arrays["scale"]

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        self._sum(np.multiply(dy, work["x"], out=work.array("term", *dy.shape)), work)
        return np.multiply(dy, self.arrays["scale"], out=dy) if input_gradient else None

    def formula(self) -> Formula:
        return self._formula(
            r"y_i = \gamma_i x_i",
            back=(
                rf"{DX} = \gamma_i {DY}",
                rf"\frac{{\partial E}}{{\partial \gamma_i}} = x_i {DY}",
            ),
            symbols=((r"\gamma_i", "the factor of feature i, which is learned"),),
        )
