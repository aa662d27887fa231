"""PReLU (He et al., 2015): a ReLU that learns its slope for negative inputs."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.constraints.names import ConstraintLike
from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape
from annlib.core.formula import DX, DY, Formula, cases
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.base import LayerArguments, register
from annlib.layers.row_parameter import RowParameter
from annlib.regularizers.names import RegularizerLike


@register("prelu")
class PReLU(RowParameter):
    """y = s x,  s = 1 where x > 0, alpha where x < 0 and 0 where x = 0.

    dE/dx = s dE/dy,  dE/dalpha = sum of x dE/dy where x < 0, over the rows and the shared axes. x
    is (n, ...); alpha has the shape of a row. He et al., 2015, "Delving Deep into Rectifiers".

    Parameters
    ----------
    alpha_initializer : str or Initializer
        What the slopes start as.
    alpha_regularizer : str or Regularizer, optional
    alpha_constraint : str or Constraint, optional
    shared_axes : int or sequence of int, at least 1, optional
        Axes of the input along which there is one alpha; otherwise each number of a row has its
        own.

    Raises
    ------
    ConfigurationError
        For an axis that is none of a row's, or an unknown name.

    Examples
    --------
    >>> import numpy as np
    >>> PReLU(alpha_initializer=np.array([0.1, 0.5]))([[-2.0, -2.0], [2.0, 2.0]])
    array([[-0.2, -1. ],
           [ 2. ,  2. ]], dtype=float32)
    """

    group = "activation"
    parameter = "alpha"

    alpha: Array

    def __init__(
        self,
        alpha_initializer: InitializerLike | None = "zeros",
        alpha_regularizer: RegularizerLike | None = None,
        alpha_constraint: ConstraintLike | None = None,
        shared_axes: Any = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(shared_axes, **keywords)
        where = type(self).__name__
        self.alpha_initializer = initializers.get(alpha_initializer, f"{where}.alpha_initializer")
        self.alpha_regularizer = regularizers.get(alpha_regularizer, f"{where}.alpha_regularizer")
        self.alpha_constraint = constraints.get(alpha_constraint, f"{where}.alpha_constraint")

    def build(self, input_shape: BatchShape) -> None:
        self._add_row_weight(
            input_shape, self.alpha_initializer, self.alpha_regularizer, self.alpha_constraint
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

    def expression(self, x: Any) -> Any:
        return np.maximum(x, 0) + self.arrays["alpha"] * np.minimum(x, 0)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        term = np.multiply(dy, work.array("negative", *dy.shape), out=work.array("term", *dy.shape))
        self._sum(np.multiply(term, work["x"], out=term), work)
        return np.multiply(dy, work.array("slope", *dy.shape), out=dy) if input_gradient else None

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
