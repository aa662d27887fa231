"""Deviances of positive quantities, whose spread grows with their mean: gamma and Tweedie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_flag, check_number
from annlib.core.errors import DataError
from annlib.core.formula import Formula, number
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import register
from annlib.losses.outputs import MeanOverOutputs, OutputLossArguments
from annlib.losses.targets import targets_between


class Deviance(MeanOverOutputs):
    """Half the deviance of a distribution whose variance is proportional to a^p, a its mean.

    With v = log(y / a) and g(k, v) = (exp(k v) - 1) / k, g(0, v) = v, the term of an output is

        a^(2 - p) (g(2 - p, v) - g(1, v)) / (1 - p),  and for p = 1: a (v exp(v) - g(1, v)),

    which is the usual y^(2-p) / ((1-p) (2-p)) - y a^(1-p) / (1-p) + a^(2-p) / (2-p) without
    cancellation near a = y. dE_r/da_i = 1/N a^(-p) (a - y), and by z = log a: 1/N a^(1-p) (a - y).
    """

    fuses_with = "exponential"
    drawn = (0.1, 5.0, 1.0)
    #: p; a subclass sets it.
    power: float

    def __init__(
        self, from_logits: bool = False, *shared: Any, **keywords: Unpack[OutputLossArguments]
    ) -> None:
        super().__init__(*shared, **keywords)
        self.from_logits = check_flag(from_logits, type(self).__name__, "from_logits")

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        hint = "It is for positive quantities, such as costs or durations."
        if self.power >= 2 and y.size and not y.min() > 0:
            raise DataError(
                f"{where}: expected targets y above 0, got {y.min()}. {hint} With zeros among "
                "them: Tweedie(power=1.5)."
            )
        return targets_between(y, 0, np.inf, where, hint)

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        p, V = self.power, work.array("v", *A.shape)
        some = np.greater(Y, 0, out=work.array("some", *A.shape, dtype=bool))
        L = work.array("log", *A.shape)
        if self.from_logits:
            np.copyto(L, A)
        else:
            np.log(np.maximum(A, EPSILON, out=L), out=L)
        V.fill(-np.inf)
        np.subtract(np.log(Y, where=some, out=V), L, out=V)
        rise = np.expm1(V, out=work.array("rise", *A.shape))
        if p == 1:
            np.add(rise, 1, out=T)
            np.multiply(T, V, where=some, out=T)
            np.subtract(T, rise, out=T)
        else:
            if p != 2:
                np.multiply(V, 2 - p, out=V)
                np.divide(np.expm1(V, out=V), 2 - p, out=V)
            np.divide(np.subtract(V, rise, out=T), 1 - p, out=T)
        if p != 2:
            scale = np.exp(np.multiply(L, 2 - p, out=V), out=V)
            np.multiply(T, scale, out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        # a^(2 - p) (1 - y / a), and once more over a unless by the logits.
        L, scale = work.array("log", *A.shape), work.array("v", *A.shape)
        exponent = 2 - self.power - (not self.from_logits)
        np.negative(work.array("rise", *A.shape), out=dA)
        if exponent:
            np.exp(np.multiply(L, exponent, out=scale), out=scale)
            np.multiply(dA, scale, out=dA)
        if not self.from_logits:
            # Where the prediction was held up, the loss does not depend on it.
            np.multiply(
                dA, np.greater(A, EPSILON, out=work.array("some", *A.shape, dtype=bool)), out=dA
            )

    def formula(self) -> Formula:
        p = self.power
        a, q, r = "a_i", number(2 - p), number(p - 1)
        if p == 1:
            term = r"y_i \log(\frac{y_i}{a_i}) - y_i + a_i"
        elif p == 2:
            term = r"\frac{y_i}{a_i} - \log(\frac{y_i}{a_i}) - 1"
        else:
            bottom = number((1 - p) * (2 - p))
            term = (
                rf"\frac{{y_i^{{{q}}}}}{{{bottom}}} + \frac{{y_i {a}^{{-{r}}}}}{{{r}}}"
                rf" + \frac{{{a}^{{{q}}}}}{{{q}}}"
            )
        exponent = 1 - p if self.from_logits else -p
        return self._formula(
            *(("a_i = e^{z_i}",) if self.from_logits else ()),
            rf"E = \frac{{1}}{{N}} \sum_i ({term})",
            slope=rf"\frac{{1}}{{N}} {a}^{{{number(exponent)}}} (a_i - y_i)",
            source="Jørgensen (1987)" if p != 2 else "",
        )


@register("gamma")
class Gamma(Deviance):
    """E_r = 1/N sum_i (y_i / a_i - log(y_i / a_i) - 1),  dE_r/da_i = 1/N (a_i - y_i) / a_i^2.

    Half the deviance of gamma distributions of expectation a, for targets above 0 whose spread is
    proportional to their size: costs, durations. It is scikit-learn's ``"gamma"``; twice the value
    is its ``mean_gamma_deviance``. Give the output layer ``activation="exponential"``.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are z = log a and not a, which otherwise counts as at least 1e-7.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for targets that are not above 0.

    Examples
    --------
    >>> round(Gamma()([[1.0]], [[2.0]]), 5)
    0.19315
    """

    power = 2.0


@register("tweedie")
class Tweedie(Deviance):
    """E_r = 1/N sum_i of half the Tweedie deviance, dE_r/da_i = 1/N (a_i - y_i) / a_i^p.

    For targets from 0 whose variance is proportional to a^p: with p between 1 and 2 many zeros and
    a long tail, as of claims; p = 1 is Poisson's, p = 2 the gamma deviance. Jørgensen, Exponential
    Dispersion Models, 1987; twice the value is scikit-learn's ``mean_tweedie_deviance``. Give the
    output layer ``activation="exponential"``.

    Parameters
    ----------
    power : float, in [1, inf)
        p. From 2 on targets must be above 0.
    from_logits : bool
        Whether predictions are z = log a and not a, which otherwise counts as at least 1e-7.

    Raises
    ------
    ConfigurationError
        For a power below 1, or another argument out of its range.
    DataError
        When it is called, or in ``fit``, for negative targets, and from the power 2 on for 0.

    Examples
    --------
    >>> Tweedie(1.5)([[0.0]], [[4.0]])
    4.0
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"power": 1.5}

    def __init__(
        self,
        power: float = 1.5,
        from_logits: bool = False,
        *shared: Any,
        **keywords: Unpack[OutputLossArguments],
    ) -> None:
        super().__init__(from_logits, *shared, **keywords)
        self.power = check_number(power, "Tweedie", "power", "[1, inf)")
