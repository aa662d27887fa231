"""What the fully connected layers share: their arguments, and the activation within."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.activations import Linear
from annlib.activations.names import ActivationLike
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_count, check_flag
from annlib.core.errors import ShapeError, show
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.activation import activation_of
from annlib.layers.base import Layer, LayerArguments
from annlib.regularizers.names import RegularizerLike

if TYPE_CHECKING:
    from numpy.random import Generator


class Affine(Layer):
    """A = f(X W + b): a kernel, a bias and an activation; see ``Dense`` for the arguments.

    A subclass writes ``build``, ``forward``, ``backward`` and ``_split_activation``.
    """

    kernel: Array
    bias: Array

    def __init__(
        self,
        units: int,
        activation: ActivationLike | Layer | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike | None = "glorot_uniform",
        bias_initializer: InitializerLike | None = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        where = type(self).__name__
        self.units = check_count(units, where, "units")
        self.activation, self._followed_by = activation_of(activation, f"{where}.activation")
        self.use_bias = check_flag(use_bias, where, "use_bias")
        self.kernel_initializer = initializers.get(
            kernel_initializer, f"{where}.kernel_initializer"
        )
        self.bias_initializer = initializers.get(bias_initializer, f"{where}.bias_initializer")
        self.kernel_regularizer = regularizers.get(
            kernel_regularizer, f"{where}.kernel_regularizer"
        )
        self.bias_regularizer = regularizers.get(bias_regularizer, f"{where}.bias_regularizer")
        self.kernel_constraint = constraints.get(kernel_constraint, f"{where}.kernel_constraint")
        self.bias_constraint = constraints.get(bias_constraint, f"{where}.bias_constraint")

    def _add_weights(self, kernel: Shape, bias: Shape, *, stacked: int = 0) -> None:
        """Declare kernel and bias in these shapes."""
        self.add_weight(
            "kernel",
            kernel,
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
            stacked=stacked,
        )
        if self.use_bias:
            self.add_weight(
                "bias",
                bias,
                self.bias_initializer,
                self.bias_regularizer,
                self.bias_constraint,
                stacked=stacked,
            )

    def _activated_shape(self, shape: BatchShape) -> BatchShape:
        """The shape of A, of Z's; raises ``ShapeError`` if they are no rows to the activation."""
        axis, last = self.activation.axis, len(shape) - 1
        if last > 1 and axis not in (-1, last):
            raise ShapeError(
                f"{type(self).__name__}: expected an activation along the last axis for output of "
                f"shape {shape}, got {show(self.activation)}. Put an Activation layer after it."
            )
        return self.activation.output_shape(shape)

    def _activate(self, Z: Array, work: Workspace) -> Array:
        """f(Z) of a matrix, which it may overwrite; both stay in ``work`` for backward."""
        A = Z
        if self.activation.needs_input:
            A = work.array("A", *self.activation.output_shape(Z.shape))
        self.activation.forward(Z, A, work)
        work["Z"], work["A"] = Z, A
        return A

    def start_from_rows(self, x: Any, rng: Generator, points: int) -> None:
        """Make each unit's Z vary by 1 over rows of input, and be 0 somewhere among them.

        The kernel is scaled so that each unit's Z has the deviation 1 over the rows of x, (n, in),
        and its bias moved to where Z is 0 at a convex combination of so many ``points`` of them,
        drawn from the generator ``rng``. A unit whose Z does not vary keeps its kernel.
        """
        kernel, bias = self.arrays["kernel"], self.arrays.get("bias")
        if bias is not None:
            bias[...] = 0
        Z = self._without_activation().forward(x, Workspace(kernel.dtype))
        Z = Z.reshape(-1, *kernel.shape[:-2], self.units).astype(np.float64)
        deviations = Z.std(axis=0)
        rounding = np.finfo(kernel.dtype).eps * np.abs(Z).max(axis=0)
        usual = np.isfinite(deviations) & (deviations > rounding)
        factors = 1 / np.where(usual, deviations, 1)
        np.multiply(kernel, factors[..., np.newaxis, :], out=kernel, casting="same_kind")
        if bias is not None:
            chosen = rng.integers(0, len(Z), (points, *bias.shape))
            shares = rng.standard_exponential((points, *bias.shape))
            at = np.take_along_axis(Z * factors, chosen, axis=0)
            bias[...] = -(shares * at).sum(axis=0) / shares.sum(axis=0)

    def _without_activation(self) -> Self:
        """A layer that shares its parameters and gives Z."""
        affine = self._shared_copy()
        affine.activation = Linear()
        return affine
