"""Divergences: of a distribution from another, and of counts from their expectation."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import LossOfVectors, register
from annlib.losses.outputs import MeanOverOutputs
from annlib.losses.targets import targets_between


@register("kl_divergence", "kld")
class KLDivergence(LossOfVectors):
    """E_r = sum_i y_i log(y_i / a_i),  dE_r/da_i = -y_i / a_i, for rows of probabilities.

    Both are clipped to [1e-7, 1] first, as in Keras; a prediction beyond has no gradient.
    Kullback and Leibler, On Information and Sufficiency, 1951.

    Raises
    ------
    ConfigurationError
        For an unknown reduction.
    DataError
        When it is called, or in ``fit``, for targets that are not between 0 and 1.

    Examples
    --------
    >>> round(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]]), 5)
    0.69315
    """

    task = "classes"
    drawn = (0.01, 0.99, 1.0)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        return targets_between(y, 0, 1, where, "Divide rows of counts by their sums.")

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        P = A.clip(EPSILON, 1, out=work.array("clipped", *A.shape))
        Y = Y.clip(EPSILON, 1, out=work.array("targets", *A.shape))
        T = np.divide(Y, P, out=work.array("terms", *A.shape))
        np.multiply(np.log(T, out=T), Y, out=T)
        np.dot(T, work.ones(A.shape[1]), out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        P, inside = work.array("clipped", *A.shape), work.array("inside", *A.shape, dtype=bool)
        np.divide(work.array("targets", *A.shape), P, out=dA)
        np.multiply(np.negative(dA, out=dA), np.equal(P, A, out=inside), out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \sum_i y_i \log(\frac{y_i}{a_i})",
            slope=r"-\frac{y_i}{a_i}",
            source="Kullback & Leibler (1951)",
        )


@register("poisson")
class Poisson(MeanOverOutputs):
    """E_r = 1/N sum_i (a_i - y_i log(a_i)),  dE_r/da_i = 1/N (1 - y_i / a_i), for counts y.

    The negative log-likelihood of a Poisson distribution of expectation a, without log(y!). a
    counts as a + 1e-7, as in Keras. It must not be negative: give the output layer
    ``activation="softplus"`` or ``"exponential"``.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for negative targets.

    Examples
    --------
    >>> round(Poisson()([[2.0]], [[1.0]]), 5)
    1.0
    """

    task = "regression"
    suits = "exponential"
    drawn = (0.1, 5.0, 1.0)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        return targets_between(y, 0, np.inf, where, "Poisson's y are counts.")

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        np.log(np.add(A, EPSILON, out=work.array("shifted", *A.shape)), out=T)
        np.subtract(A, np.multiply(T, Y, out=T), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        np.divide(Y, work.array("shifted", *A.shape), out=dA)
        np.subtract(1, dA, out=dA)

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1}{N} \sum_i (a_i - y_i \log(a_i))",
            slope=r"\frac{1}{N} (1 - \frac{y_i}{a_i})",
        )
