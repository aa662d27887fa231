"""LayerNormalization (Ba et al., 2016): rows of mean 0 and variance 1, then scaled."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib import constraints, initializers, regularizers
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_flag, check_number
from annlib.core.formula import DX, DY, Formula
from annlib.core.numerics import TINY
from annlib.core.workspace import Workspace
from annlib.initializers.names import InitializerLike
from annlib.layers.base import LayerArguments, register
from annlib.layers.row_normalization import RowNormalization, gradients_of_scaling, scaled
from annlib.regularizers.names import RegularizerLike


@register("layer_normalization")
class LayerNormalization(RowNormalization):
    """y = gamma h + beta,  h = (x - mean) / r,  r = sqrt(variance + epsilon), by rows.

    x is (n, features), or has more axes; gamma and beta have the shape of the axes. Mean and
    (biased) variance are those of the row alone, in training as at rest, and

        dx = (g - mean(g) - h mean(g h)) / r,  g = gamma dy

    Ba et al., 2016, "Layer Normalization".

    Parameters
    ----------
    axis : int or list of int, -1 or at least 1
        The axes that make a row, and that gamma and beta span; not 0, which is the batch.
    epsilon : float, above 0
        Added to the variance.
    center : bool
        Whether there is a beta.
    scale : bool
        Whether there is a gamma.
    beta_initializer, gamma_initializer : str or Initializer
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
    beta_constraint, gamma_constraint : str or Constraint, optional

    Raises
    ------
    ConfigurationError
        For an axis that is no integer, a number out of its range, or an unknown name.
    ShapeError
        When a model is built for whose input an axis is none, or 0, which is the batch.

    Examples
    --------
    >>> LayerNormalization()([[0.0, 2.0], [10.0, 30.0]]).round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    _one_value = {  # noqa: RUF012  # never changed
        "rms_scaling": (False, "RMSNormalization does not subtract the mean."),
    }

    gamma: Array
    beta: Array
    centers = True
    gain = "gamma"
    offset = "beta"

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike | None = "zeros",
        gamma_initializer: InitializerLike | None = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(axis, **keywords)
        where = type(self).__name__
        self.epsilon = check_number(epsilon, where, "epsilon", "(0, inf)")
        self.center = check_flag(center, where, "center")
        self.scale = check_flag(scale, where, "scale")
        self.beta_initializer = initializers.get(beta_initializer, f"{where}.beta_initializer")
        self.gamma_initializer = initializers.get(gamma_initializer, f"{where}.gamma_initializer")
        self.beta_regularizer = regularizers.get(beta_regularizer, f"{where}.beta_regularizer")
        self.gamma_regularizer = regularizers.get(gamma_regularizer, f"{where}.gamma_regularizer")
        self.beta_constraint = constraints.get(beta_constraint, f"{where}.beta_constraint")
        self.gamma_constraint = constraints.get(gamma_constraint, f"{where}.gamma_constraint")

    def build(self, input_shape: BatchShape) -> None:
        shape = self.sizes(input_shape)
        if self.scale:
            self.add_weight(
                "gamma",
                shape,
                self.gamma_initializer,
                self.gamma_regularizer,
                self.gamma_constraint,
            )
        if self.center:
            self.add_weight(
                "beta", shape, self.beta_initializer, self.beta_regularizer, self.beta_constraint
            )

    def inverse_length(self, s: Array, k: int, unit: Array | float, work: Workspace) -> float:
        return inverse_root(s, k, self.epsilon, unit)

    def length(self, s: Any, k: int) -> Any:
        return np.sqrt(s / k + max(self.epsilon, TINY[s.dtype.char]))

    def formula(self) -> Formula:
        slope = r"\frac{1}{s} (g_i - \frac{1}{N} \sum_j g_j - \frac{1}{N} h_i \sum_j g_j h_j)"
        return self._formula(
            r"\mu = \frac{1}{N} \sum_i x_i",
            r"s = \sqrt{\frac{1}{N} \sum_i (x_i - \mu)^2 + \varepsilon}",
            r"h_i = \frac{x_i - \mu}{s}",
            scaled(self.scale, self.center),
            back=(
                "g_i = " + (r"\gamma_i " if self.scale else "") + DY,
                f"{DX} = {slope}",
                *gradients_of_scaling(self.scale, self.center),
            ),
            source="Ba et al. (2016)",
            symbols=((r"\varepsilon", f"{self.epsilon:g}"),),
            values=((r"\varepsilon", self.epsilon),),
        )


def inverse_root(s: Array, k: int, epsilon: float, unit: Array | float) -> float:
    """1 / sqrt(s / k + epsilon) in place of s; r of which dr/dx = h / k."""
    epsilon = max(epsilon, TINY[s.dtype.char])  # 1e-50 is 0 in float32
    np.add(np.divide(s, k, out=s), epsilon / unit / unit, out=s)
    np.reciprocal(np.sqrt(s, out=s), out=s)
    return 1 / k
