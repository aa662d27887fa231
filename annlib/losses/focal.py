"""Focal cross-entropies: what is right already counts less (Lin et al., Focal Loss, 2017)."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_number
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import Loss, register
from annlib.losses.binary_crossentropy import SIGMOID, Binary
from annlib.losses.crossentropy import NORMALIZED, SOFTMAX, Categorical
from annlib.losses.smoothed import Smoothed, SmoothedArguments

#: The least log a whose products are taken: its a is 0 in every type.
_LEAST = -1e30


class FocalArguments(SmoothedArguments, total=False):
    """The keyword arguments of a focal loss."""

    alpha: float
    gamma: float


class _Focal(Smoothed):
    """What the focal losses share: the two arguments of their factor."""

    canonical = False
    unclipped_gradient = Loss.unclipped_gradient

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        *shared: Any,
        **keywords: Unpack[SmoothedArguments],
    ) -> None:
        super().__init__(*shared, **keywords)
        self.alpha: float = check_number(alpha, type(self).__name__, "alpha", "[0, 1]")
        self.gamma: float = check_number(gamma, type(self).__name__, "gamma", "[0, inf)")


@register("binary_focal_crossentropy")
class BinaryFocalCrossentropy(_Focal, Binary):
    """E_r = 1/N sum_i q_i^gamma l_i, the binary cross-entropy l times how wrong a is.

    q = y (1 - a) + (1 - y) a;  dE_r/da_i = 1/N (q^gamma dl/da + gamma (1 - 2 y) q^(gamma - 1) l).
    Lin et al., Focal Loss for Dense Object Detection, 2017.

    Parameters
    ----------
    apply_class_balancing : bool
        Whether terms count y alpha + (1 - y) (1 - alpha) times as much.
    alpha : float, in [0, 1]
        The weight of class 1, if classes are balanced.
    gamma : float, at least 0
        How much less certain predictions count; 0 gives the cross-entropy.
    from_logits : bool
        Whether predictions are z and not probabilities.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / 2.
    axis : -1
        Along the outputs of a row; there is no other.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for targets that are not between 0 and 1.

    Examples
    --------
    A prediction that is nearly right counts a hundredth of its cross-entropy, 0.1054:

    >>> round(BinaryFocalCrossentropy()([[1.0]], [[0.9]]), 6)
    0.001054
    """

    fuses_with = "sigmoid"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        *shared: Any,
        **keywords: Unpack[FocalArguments],
    ) -> None:
        super().__init__(*shared, **keywords)
        self.apply_class_balancing = check_flag(
            apply_class_balancing, type(self).__name__, "apply_class_balancing"
        )

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        super().terms(Y, A, T, work)
        Y, scratch = self.effective_targets(Y, work), work.array("scratch", *A.shape)
        P, complement = self._probabilities(A, work), work.array("complement", *A.shape)
        if self.from_logits:  # 1 - sigmoid(z), without cancellation
            numerics.sigmoid(np.negative(A, out=complement), complement)
        else:
            np.subtract(1, P, out=complement)
        # (1 - y) a and y (1 - a): their sum is q, and their difference a - y without cancellation.
        D = np.multiply(np.subtract(1, Y, out=scratch), P, out=work.array("D", *A.shape))
        np.multiply(Y, complement, out=scratch)
        Q = np.add(D, scratch, out=work.array("Q", *A.shape))
        np.subtract(D, scratch, out=D)
        factor = np.power(Q, self.gamma, out=work.array("factor", *A.shape))
        if self.apply_class_balancing:
            np.multiply(Y, 2 * self.alpha - 1, out=scratch)
            np.multiply(factor, np.add(scratch, 1 - self.alpha, out=scratch), out=factor)
        np.multiply(T, factor, out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        Y, P = self.effective_targets(Y, work), self._probabilities(A, work)
        Q, T = work.array("Q", *A.shape), work.array("terms", *A.shape)
        np.multiply(work.array("D", *A.shape), work.array("factor", *A.shape), out=dA)
        # dl/da = (a - y) / (a (1 - a)), and da/dz is that divisor.
        spread = np.multiply(
            P, work.array("complement", *A.shape), out=work.array("spread", *A.shape)
        )
        # What q^gamma adds: gamma q'/q, with q'(a) = 1 - 2 y, times the terms, which hold the rest.
        slope = np.subtract(0.5, Y, out=work.array("scratch", *A.shape))
        np.multiply(slope, 2 * self.gamma, out=slope)
        if self.from_logits:
            np.multiply(slope, spread, out=slope)
        else:
            np.divide(dA, spread, out=dA)
            np.multiply(dA, np.equal(P, A, out=work.array("inside", *A.shape, dtype=bool)), out=dA)
        np.divide(slope, Q.clip(np.finfo(Q.dtype).tiny, np.inf, out=Q), out=slope)
        T = T.clip(0, 1000, out=spread)  # a logit beyond has no a (1 - a) but a rounding error
        np.add(dA, np.multiply(slope, T, out=slope), out=dA)

    def _probabilities(self, A: Array, work: Workspace) -> Array:
        return work.array(self.PROBABILITIES if self.from_logits else "clipped", *A.shape)

    def formula(self) -> Formula:
        balance: tuple[str, ...] = ()
        b = ""
        if self.apply_class_balancing:
            balance, b = (r"b_i = y_i \alpha + (1 - y_i) (1 - \alpha)",), "b_i "
        steep = r"\frac{a_i - y_i}{a_i (1 - a_i)}"
        rest = r"\gamma (1 - 2 y_i) q_i^{\gamma - 1} \ell_i"
        if self.from_logits:
            steep, rest = "(a_i - y_i)", rest + " a_i (1 - a_i)"
        return self._formula(
            *self._before("2", SIGMOID),
            *balance,
            "q_i = y_i (1 - a_i) + (1 - y_i) a_i",
            r"\ell_i = -(y_i \log(a_i) + (1 - y_i) \log(1 - a_i))",
            rf"E = \frac{{1}}{{N}} \sum_i {b}q_i^\gamma \ell_i",
            slope=rf"\frac{{1}}{{N}} {b}(q_i^\gamma {steep} + {rest})",
            source="Lin et al. (2017)",
            symbols=((r"\alpha", f"{self.alpha:g}"), (r"\gamma", f"{self.gamma:g}")),
        )


@register("categorical_focal_crossentropy")
class CategoricalFocalCrossentropy(_Focal, Categorical):
    """E_r = -alpha sum_i (1 - a_i)^gamma y_i log a_i: the cross-entropy, by how wrong a is.

    dE_r/da_i = alpha y_i (1 - a_i)^gamma (gamma log a_i / (1 - a_i) - 1 / a_i); probabilities are
    divided by their sum first, and logits turned into them. Lin et al., Focal Loss for Dense Object
    Detection, 2017.

    Parameters
    ----------
    alpha : float, in [0, 1]
        A factor of the loss.
    gamma : float, at least 0
        How much less certain predictions count; 0 gives the cross-entropy.
    from_logits : bool
        Whether predictions are z and not probabilities.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / N.
    axis : -1
        Along the outputs of a row; there is no other.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for targets that are not between 0 and 1.

    Examples
    --------
    >>> round(CategoricalFocalCrossentropy(alpha=1.0)([[0, 1]], [[0.5, 0.5]]) * 4, 4)  # log 2
    0.6931
    """

    task = "classes"
    fuses_with = "softmax"
    drawn = (0.01, 0.99, 1.0)

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        (L, unit), Y = self._log_probabilities(A, work), self.effective_targets(Y, work)
        Q = np.subtract(1, self._clipped(A, work), out=work.array("Q", *A.shape))
        factor = np.power(Q, self.gamma, out=work.array("factor", *A.shape))
        np.multiply(np.multiply(factor, -self.alpha, out=factor), Y, out=factor)
        np.dot(np.multiply(factor, L, out=Q), work.ones(A.shape[1]), out=E)
        if unit != 1.0:
            np.multiply(E, unit, out=E)
        # ``backward`` has log a times a, which is 0 long before the product could overflow.
        np.multiply(np.maximum(L, _LEAST, out=L), unit, out=L)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        P = self._clipped(A, work)
        # With the factor -alpha y q^gamma: factor (1 / a - gamma log a / q), times a from logits.
        Q = np.subtract(1, P, out=work.array("Q", *A.shape))
        np.divide(work.array("log", *A.shape), Q.clip(np.finfo(Q.dtype).tiny, np.inf, out=Q), out=Q)
        np.multiply(Q, -self.gamma, out=Q)
        if self.from_logits:
            np.add(np.multiply(Q, P, out=Q), 1, out=Q)
            np.multiply(Q, work.array("factor", *A.shape), out=dA)
            sums = np.dot(dA, work.ones(A.shape[1]), out=work.array("sums", len(A)))
            np.subtract(dA, np.multiply(P, sums.reshape(-1, 1), out=Q), out=dA)
        else:
            np.add(Q, np.reciprocal(P, out=dA), out=dA)
            np.multiply(dA, work.array("factor", *A.shape), out=dA)
            self._through_normalization(dA, work)

    def _clipped(self, A: Array, work: Workspace) -> Array:
        """The probabilities that ``_log_probabilities`` took the logarithm of."""
        P = work.array(self.PROBABILITIES, *A.shape)
        if self.from_logits:
            return P
        return P.clip(EPSILON, 1 - EPSILON, out=work.array("clipped", *A.shape))

    def formula(self) -> Formula:
        factor = r"\alpha y_i (1 - a_i)^\gamma"
        lines = [*self._before("N", SOFTMAX)]
        lines.append(r"E = -\alpha \sum_i (1 - a_i)^\gamma y_i \log(a_i)")
        slope = rf"{factor} (\gamma \frac{{\log(a_i)}}{{1 - a_i}} - \frac{{1}}{{a_i}})"
        if self.from_logits:
            lines.append(rf"g_i = {factor} (\gamma a_i \frac{{\log(a_i)}}{{1 - a_i}} - 1)")
            slope = r"g_i - a_i \sum_j g_j"
        return self._formula(
            *lines,
            slope=slope,
            source="Lin et al. (2017)",
            note=NORMALIZED,
            symbols=((r"\alpha", f"{self.alpha:g}"), (r"\gamma", f"{self.gamma:g}")),
        )
