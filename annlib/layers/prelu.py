"""PReLU (He et al., 2015): a ReLU that learns its slope for negative inputs."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_count
from annlib.core.errors import ShapeError
from annlib.core.formula import DX, DY, Formula, cases
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments, register


@register("prelu")
class PReLU(Layer):
    """y = s x,  s = 1 where x > 0, alpha where x < 0 and 0 where x = 0.

    dE/dx = s dE/dy,  dE/dalpha = sum of x dE/dy where x < 0, over the rows and the shared axes.

    Parameters
    ----------
    alpha_initializer : str or Initializer
    alpha_regularizer : str or Regularizer, optional
    alpha_constraint : str or Constraint, optional
    shared_axes : int or sequence of int, optional
        Axes of the input, from 1, along which there is one alpha; otherwise each number of a row
        has its own.
    """

    alpha: Array

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        where = type(self).__name__
        self.alpha_initializer = initializers.get(alpha_initializer, f"{where}.alpha_initializer")
        self.alpha_regularizer = regularizers.get(alpha_regularizer, f"{where}.alpha_regularizer")
        self.alpha_constraint = constraints.get(alpha_constraint, f"{where}.alpha_constraint")
        self.shared_axes: Shape | None = None
        if shared_axes is not None:
            axes = shared_axes if isinstance(shared_axes, tuple | list) else [shared_axes]
            self.shared_axes = tuple(check_count(axis, where, "shared_axes") for axis in axes)

    def build(self, input_shape: BatchShape) -> None:
        shared = self.shared_axes or ()
        row = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        if max(shared, default=0) > len(row) or None in row:
            raise ShapeError(
                f"PReLU: expected rows of known sizes with the axes {shared} to share, got shape "
                f"{input_shape}."
            )
        self.add_weight(
            "alpha",
            tuple(size or 0 for size in row),
            self.alpha_initializer,
            self.alpha_regularizer,
            self.alpha_constraint,
        )

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        # Sums and products alone: NumPy's masked operations take fifty times their time.
        slope, negative = work.array("slope", *x.shape), work.array("negative", *x.shape)
        y = work.array("y", *x.shape)
        zero = numerics.ZERO[slope.dtype.char]
        np.greater(x, zero, out=slope)
        np.less(x, zero, out=negative)
        np.add(slope, np.multiply(negative, self.arrays["alpha"], out=y), out=slope)
        work["x"] = x
        return np.multiply(x, slope, out=y)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        term = np.multiply(dy, work.array("negative", *dy.shape), out=work.array("term", *dy.shape))
        self._sum(np.multiply(term, work["x"], out=term), work)
        return np.multiply(dy, work.array("slope", *dy.shape), out=dy) if input_gradient else None

    def _sum(self, term: Array, work: Workspace) -> None:
        """Sum over the rows and the shared axes into alpha's gradient."""
        gradient, n = self.gradients["alpha"], len(term)
        if not self.shared_axes:
            np.dot(work.ones(n), term.reshape(n, gradient.size), out=gradient.reshape(-1))
            return
        row = work.array("row", *term.shape[1:])
        np.dot(work.ones(n), term.reshape(n, row.size), out=row.reshape(-1))
        axes = tuple(axis - 1 for axis in self.shared_axes)
        np.add.reduce(row, axis=axes, keepdims=True, out=gradient)

    def formula(self) -> Formula:
        return self._formula(
            "y_i = " + cases(("x_i", r"x_i \ge 0"), (r"\alpha_i x_i", "x_i < 0")),
            back=(
                f"{DX} = " + cases((DY, "x_i > 0"), (rf"\alpha_i {DY}", "x_i < 0")),
                r"\frac{\partial E}{\partial \alpha_i} = "
                + cases(("0", "x_i > 0"), (f"x_i {DY}", "x_i < 0")),
            ),
            shapes="{X}, {Y}, {α}: [N × 1]; a batch: (n, N)",
            source="He et al. (2015)",
            note="α is learned.",
        )
