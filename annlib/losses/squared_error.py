"""Squared errors: the paper's half sum of squares, and Keras' means of squares."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON, constant
from annlib.core.workspace import Workspace
from annlib.losses.base import register
from annlib.losses.outputs import LossOfOutputs, MeanOverOutputs, differences
from annlib.losses.targets import targets_between


@register("half_sum_squared_error")
class HalfSumSquaredError(LossOfOutputs):
    """E_r = 1/2 sum_i (a_i - y_i)^2,  dE_r/da_i = a_i - y_i (paper 9.1).

    The paper prints y - a for the gradient, which climbs (errata 1). With ``reduction="sum"`` the
    batch's loss is the paper's, too.

    Examples
    --------
    >>> HalfSumSquaredError(reduction="sum")([[0.0, 0.0]], [[1.0, 3.0]])
    5.0
    """

    task = "regression"
    reference_name = "half_sum_squared_error"

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        np.square(differences(Y, A, work), out=T)
        np.multiply(T, 0.5, out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.copyto(dA, work.array("D", *A.shape))

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1}{2} \sum_i (a_i - y_i)^2", slope="a_i - y_i", section="9.1"
        )


@register("mean_squared_error", "mse")
class MeanSquaredError(MeanOverOutputs):
    """E_r = 1/N sum_i (a_i - y_i)^2 over the N outputs,  dE_r/da_i = 2/N (a_i - y_i).

    Examples
    --------
    >>> MeanSquaredError()([[0.0, 0.0]], [[1.0, 3.0]])
    5.0
    """

    task = "regression"

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        np.square(differences(Y, A, work), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.multiply(work.array("D", *A.shape), constant(2.0, dA.dtype.char), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1}{N} \sum_i (a_i - y_i)^2", slope=r"\frac{2}{N} (a_i - y_i)"
        )


@register("mean_squared_logarithmic_error", "msle")
class MeanSquaredLogarithmicError(MeanOverOutputs):
    """E_r = 1/N sum_i (log(1 + a_i) - log(1 + y_i))^2, for targets of at least 0.

    dE_r/da_i = 2/N (log(1 + a_i) - log(1 + y_i)) / (1 + a_i). Both count as at least 1e-7, as in
    Keras, so that a prediction below it has no gradient.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for negative targets.

    Examples
    --------
    >>> import math
    >>> round(MeanSquaredLogarithmicError()([[0.0]], [[math.e - 1]]), 6)
    1.0
    """

    task = "regression"
    drawn = (0.0, 5.0, 1.0)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        return targets_between(y, 0, np.inf, where, "Negative values would all count as 0.")

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        D = Y.clip(EPSILON, np.inf, out=work.array("D", *A.shape))
        np.log1p(D, out=D)
        A = A.clip(EPSILON, np.inf, out=work.array("clipped", *A.shape))
        np.subtract(np.log1p(A, out=T), D, out=D)
        np.square(D, out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        # 2 D / (1 + a), or half of it at 1e-7 and nothing below.
        np.sign(np.subtract(A, EPSILON, out=dA), out=dA)
        np.multiply(np.add(dA, 1, out=dA), work.array("D", *A.shape), out=dA)
        divisor = work.array("terms", *A.shape)
        np.divide(dA, np.add(work.array("clipped", *A.shape), 1, out=divisor), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"d_i = \log(1 + a_i) - \log(1 + y_i)",
            r"E = \frac{1}{N} \sum_i d_i^2",
            slope=r"\frac{2}{N} \frac{d_i}{1 + a_i}",
        )
