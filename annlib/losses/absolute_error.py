"""Absolute errors: the plain one, the one relative to the target, and two that are round at 0."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import Formula, cases
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import register
from annlib.losses.outputs import MeanOverOutputs, OutputLossArguments, differences


@register("mean_absolute_error", "mae")
class MeanAbsoluteError(MeanOverOutputs):
    """E_r = 1/N sum_i |a_i - y_i|,  dE_r/da_i = 1/N sign(a_i - y_i), and 0 where they are equal.

    Examples
    --------
    >>> MeanAbsoluteError()([[0.0, 0.0]], [[1.0, -3.0]])
    2.0
    """

    task = "regression"

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        np.abs(differences(Y, A, work), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.sign(work.array("D", *A.shape), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1}{N} \sum_i \lvert a_i - y_i \rvert",
            slope=r"\frac{1}{N} \operatorname{sign}(a_i - y_i)",
        )


@register("mean_absolute_percentage_error", "mape")
class MeanAbsolutePercentageError(MeanOverOutputs):
    """E_r = 100/N sum_i |a_i - y_i| / |y_i|,  dE_r/da_i = 100/N sign(a_i - y_i) / |y_i|.

    |y| counts as at least 1e-7, as in Keras: targets of 0 outweigh all others.

    Examples
    --------
    >>> MeanAbsolutePercentageError()([[2.0, -4.0]], [[1.0, -4.0]])
    25.0
    """

    task = "regression"
    drawn = (-1.0, 3.0, 1.0)

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        scale = np.abs(Y, out=work.array("scale", *A.shape))
        np.divide(100, scale.clip(EPSILON, np.inf, out=scale), out=scale)
        np.multiply(np.abs(differences(Y, A, work), out=T), scale, out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.sign(work.array("D", *A.shape), out=dA)
        np.multiply(dA, work.array("scale", *A.shape), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{100}{N} \sum_i \frac{\lvert a_i - y_i \rvert}{\lvert y_i \rvert}",
            slope=r"\frac{100}{N} \frac{\operatorname{sign}(a_i - y_i)}{\lvert y_i \rvert}",
        )


@register("huber_loss", "huber")
class Huber(MeanOverOutputs):
    """E_r = 1/N sum_i (d_i^2 / 2 if |d_i| <= delta else delta (|d_i| - delta / 2)),  d = a - y.

    dE_r/da_i = 1/N d_i, clipped to [-delta, delta]: outliers pull no harder than others. Huber,
    Robust Estimation of a Location Parameter, 1964.

    Parameters
    ----------
    delta : float, above 0
        The error from which on the loss grows linearly, in the targets' unit.

    Examples
    --------
    >>> Huber()([[0.0, 0.0]], [[1.0, -3.0]])
    1.5
    """

    task = "regression"

    def __init__(
        self, delta: float = 1.0, *shared: Any, **keywords: Unpack[OutputLossArguments]
    ) -> None:
        super().__init__(*shared, **keywords)
        self.delta: float = check_number(delta, type(self).__name__, "delta", "(0, inf)")

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        D = differences(Y, A, work)
        # With d clipped, c, both cases are c (d - c / 2).
        C = D.clip(-self.delta, self.delta, out=work.array("clipped", *A.shape))
        np.add(np.multiply(C, -0.5, out=T), D, out=T)
        np.multiply(T, C, out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.copyto(dA, work.array("clipped", *A.shape))

    def formula(self) -> Formula:
        square = (r"\frac{1}{2} d_i^2", r"\lvert d_i \rvert \le \delta")
        line = (r"\delta (\lvert d_i \rvert - \frac{1}{2} \delta)", "")
        return self._formula(
            "d_i = a_i - y_i",
            "h_i = " + cases(square, line),
            r"E = \frac{1}{N} \sum_i h_i",
            slope=r"\frac{1}{N} \max(-\delta, \min(d_i, \delta))",
            source="Huber (1964)",
            symbols=((r"\delta", f"{self.delta:g}"),),
        )


@register("log_cosh")
class LogCosh(MeanOverOutputs):
    """E_r = 1/N sum_i log(cosh(d_i)),  dE_r/da_i = 1/N tanh(d_i),  d = a - y.

    About d^2 / 2 near 0 and |d| - log 2 far from it; without cancellation near 0 and without
    overflow up to the largest number.

    Examples
    --------
    >>> round(LogCosh()([[0.0]], [[1e6]]), 3)
    999999.307
    """

    task = "regression"

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        # log(1 + 2 sinh(m/2)^2) + |d| - m: all parts positive. Beyond m = 20 log(cosh) has slope 1.
        np.abs(differences(Y, A, work), out=T)
        M = T.clip(0, 20, out=work.array("near", *A.shape))
        np.subtract(T, M, out=T)
        np.square(np.sinh(np.multiply(M, 0.5, out=M), out=M), out=M)
        np.add(T, np.log1p(np.multiply(M, 2, out=M), out=M), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.tanh(work.array("D", *A.shape), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1}{N} \sum_i \log(\cosh(a_i - y_i))", slope=r"\frac{1}{N} \tanh(a_i - y_i)"
        )
