"""ParametricActivation: a learned mixture of an activation and the identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib import activations, constraints, initializers, regularizers
from annlib.activations.names import ActivationLike
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape
from annlib.core.errors import ShapeError, show
from annlib.core.expression import express
from annlib.core.formula import DX, DY, Formula, described
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.base import LayerArguments, register
from annlib.layers.row_parameter import RowParameter
from annlib.regularizers.names import RegularizerLike


@register("parametric_activation")
class ParametricActivation(RowParameter):
    """y = x + alpha (f(x) - x) with a learned alpha for each number of a row, 1 at first.

    With alpha = 1 it is f, with 0 the identity: a unit learns how much it bends (Holzmüller et al.,
    2024, "Better by default"). dE/dx = (1 - alpha) dE/dy + alpha f'(x) dE/dy, and dE/dalpha is the
    sum of (f(x) - x) dE/dy.

    Parameters
    ----------
    activation : str or Activation
        f, of which values and input have one shape.
    alpha_initializer : str or Initializer
        What alpha starts as.
    alpha_regularizer : str or Regularizer, optional
    alpha_constraint : str or Constraint, optional
    shared_axes : int or sequence of int, at least 1, optional
        Axes of the input along which there is one alpha; otherwise each number of a row has its
        own.

    Raises
    ------
    ConfigurationError
        For an axis that is none of a row's, or an unknown name.
    ShapeError
        For an activation of another shape than its input, such as ``"glu"``.

    Examples
    --------
    >>> from annlib import Sequential
    >>> half = ParametricActivation("relu", alpha_initializer=np.array([0.5]))
    >>> Sequential([half]).predict([[-2.0], [2.0]])
    array([[-1.],
           [ 2.]], dtype=float32)
    """

    group = "activation"
    example_arguments: ClassVar[Mapping[str, Any]] = {"activation": "selu"}

    parameter = "alpha"

    alpha: Array

    def __init__(
        self,
        activation: ActivationLike,
        alpha_initializer: InitializerLike | None = "ones",
        alpha_regularizer: RegularizerLike | None = None,
        alpha_constraint: ConstraintLike | None = None,
        shared_axes: Any = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(shared_axes, **keywords)
        where = type(self).__name__
        self.activation = activations.get(activation, f"{where}.activation")
        self.alpha_initializer = initializers.get(alpha_initializer, f"{where}.alpha_initializer")
        self.alpha_regularizer = regularizers.get(alpha_regularizer, f"{where}.alpha_regularizer")
        self.alpha_constraint = constraints.get(alpha_constraint, f"{where}.alpha_constraint")

    def build(self, input_shape: BatchShape) -> None:
        self._add_row_weight(
            input_shape, self.alpha_initializer, self.alpha_regularizer, self.alpha_constraint
        )

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        shape = self.activation.output_shape(input_shape)
        if shape != input_shape:
            raise ShapeError(
                f"{type(self).__name__}: expected an activation whose output is of its input's "
                f"shape {input_shape}, got {show(self.activation)}, which makes it {shape}. Take "
                "another, or an Activation layer."
            )
        return shape

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        D, y = work.array("D", *x.shape), work.array("y", *x.shape)
        activation, alpha = self.activation, self.arrays["alpha"]
        work["x"], work["sloped"] = x, training and activation.elementwise
        if work["sloped"]:
            slope = work.array("slope", *x.shape)
            activation.differentiate(x, D, slope, work)
            np.multiply(slope, alpha, out=slope)
            np.add(slope, 1 - alpha, out=slope)
            np.subtract(D, x, out=D)
        else:
            F = work.array("F", *x.shape)
            activation.forward(x, F, work)
            np.subtract(F, x, out=D)
        return np.add(np.multiply(D, alpha, out=y), x, out=y)

    def expression(self, x: Any) -> Any:
        return x + (express(self.activation, x) - x) * self.arrays["alpha"]

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        D, term = work.array("D", *dy.shape), work.array("term", *dy.shape)
        self._sum(np.multiply(dy, D, out=term), work)
        if not input_gradient:
            return None
        if work["sloped"]:
            return np.multiply(dy, work.array("slope", *dy.shape), out=dy)
        dF = np.multiply(dy, self.arrays["alpha"], out=term)
        np.subtract(dy, dF, out=dy)
        dX = self.activation.gradient(dF, work["x"], work.array("F", *dy.shape), work)
        return np.add(dy, dX, out=dy)

    def formula(self) -> Formula:
        act = described(self.activation, activations.Activation)
        slope = r"\frac{\partial a_i}{\partial z_i}"
        through = rf"\beta_i {slope} {DY}"
        if not self.activation.elementwise:
            slope = r"\frac{\partial a_j}{\partial z_i}"
            through = rf"\sum_j \beta_j {slope} \frac{{\partial E}}{{\partial y_j}}"
        return self._formula(
            "z_i = x_i",
            *act.equations,
            r"y_i = x_i + \beta_i (a_i - x_i)",
            back=(
                *act.derivatives,
                rf"{DX} = (1 - \beta_i) {DY} + {through}",
                rf"\frac{{\partial E}}{{\partial \beta_i}} = (a_i - x_i) {DY}",
            ),
            source="Holzmüller et al. (2024)",
            symbols=(
                *act.symbols,
                (r"\beta_i", "alpha, the share of f, which is learned"),
            ),
        )
