"""Losses of several outputs that are added up: minus the log-likelihood of independent outputs."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_flag
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import register
from annlib.losses.binary_crossentropy import BinaryCrossentropy
from annlib.losses.outputs import LossOfOutputs, OutputLossArguments
from annlib.losses.targets import targets_between


@register("sum_binary_crossentropy")
class SumBinaryCrossentropy(BinaryCrossentropy):
    """E_r = -sum_i (y_i log a_i + (1 - y_i) log(1 - a_i)): the sum where ``BinaryCrossentropy``
    has the mean over the outputs. It is scikit-learn's log loss of several labels.

    Examples
    --------
    >>> round(SumBinaryCrossentropy()([[0, 1]], [[0.5, 0.5]]), 6)
    1.386294
    """

    averages_outputs = False
    reference_name = "binary_log_loss"
    fuses_with = "sigmoid"

    def formula(self) -> Formula:
        return self._log_loss("")


@register("half_poisson_deviance")
class HalfPoissonDeviance(LossOfOutputs):
    """E_r = sum_i (y_i log(y_i / a_i) - y_i + a_i),  dE_r/da_i = 1 - y_i / a_i, for counts y.

    Half the deviance of a Poisson distribution of expectation a, least and 0 where a = y; from
    logits z = log a, dE_r/dz_i = a_i - y_i. It is scikit-learn's ``"poisson"``. Give the output
    layer ``activation="exponential"``.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are z and not a, which otherwise counts as at least 1e-7.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for negative targets.

    Examples
    --------
    >>> HalfPoissonDeviance()([[1.0, 0.0]], [[1.0, 3.0]])
    3.0
    """

    task = "regression"
    canonical = True
    fuses_with = "exponential"
    drawn = (0.1, 5.0, 1.0)

    def __init__(
        self, from_logits: bool = False, *shared: Any, **keywords: Unpack[OutputLossArguments]
    ) -> None:
        super().__init__(*shared, **keywords)
        self.from_logits = check_flag(from_logits, "HalfPoissonDeviance", "from_logits")

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        return targets_between(y, 0, np.inf, where, "Poisson's y are counts.")

    @property
    def has_link(self) -> bool:
        return self.from_logits

    def inverse_link(self, Z: Array, work: Workspace) -> Array:
        """The expected counts e^z."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(Z, out=work.array(self.PROBABILITIES, *Z.shape)))

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        a, L = work.array(self.PROBABILITIES, *A.shape), work.array("log", *A.shape)
        if self.from_logits:
            np.exp(A, out=a)
            np.copyto(L, A)
        else:
            np.maximum(A, EPSILON, out=a)
            np.log(a, out=L)
        # At y = 0 the least number has a finite logarithm, and y times it is 0.
        np.maximum(Y, np.finfo(A.dtype).tiny, out=T)
        np.subtract(np.log(T, out=T), L, out=T)
        np.multiply(T, Y, out=T)
        np.add(T, np.subtract(a, Y, out=L), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        a = work.array(self.PROBABILITIES, *A.shape)
        np.subtract(a, Y, out=dA)
        if not self.from_logits:
            np.divide(dA, a, out=dA)
            # Where the prediction was held up, the loss does not depend on it.
            inside = np.equal(a, A, out=work.array("inside", *A.shape, dtype=bool))
            np.multiply(dA, inside, out=dA)

    def unclipped_gradient(self, Y: Array, A: Array) -> Array:
        return np.asarray(1 - Y / A)

    def formula(self) -> Formula:
        return self._formula(
            *(("a_i = e^{z_i}",) if self.from_logits else ()),
            r"E = \sum_i (y_i \log(\frac{y_i}{a_i}) - y_i + a_i)",
            slope="a_i - y_i" if self.from_logits else r"1 - \frac{y_i}{a_i}",
        )
