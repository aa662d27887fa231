"""The binary cross-entropy, of outputs that do not exclude each other (errata 4)."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_numbers
from annlib.core.errors import ConfigurationError
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import register
from annlib.losses.outputs import MeanOverOutputs, OutputLossArguments
from annlib.losses.smoothed import Smoothed

SIGMOID = r"a_i = \frac{1}{1 + e^{-z_i}}"


class Binary(Smoothed, MeanOverOutputs):
    """What the binary cross-entropies share: the terms of log a and log(1 - a)."""

    task = "binary"
    drawn: tuple[float, float, float] | None = (0.01, 0.99, 1.0)

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        Y, scratch = self.effective_targets(Y, work), work.array("scratch", *A.shape)
        if self.from_logits:  # max(z, 0) - z y + log(1 + exp(-|z|))
            numerics.sigmoid(A, work.array(self.PROBABILITIES, *A.shape))
            # The large terms first, which cancel exactly where the prediction is right and certain.
            np.subtract(A.clip(0, np.inf, out=T), np.multiply(A, Y, out=scratch), out=T)
            np.add(T, numerics.log1p_exp_neg_abs(A, scratch), out=T)
        else:
            P = A.clip(EPSILON, 1 - EPSILON, out=work.array("clipped", *A.shape))
            # log(1 - p) + y (log p - log(1 - p))
            np.log1p(np.negative(P, out=scratch), out=scratch)
            np.subtract(np.log(P, out=T), scratch, out=T)
            np.add(np.multiply(T, Y, out=T), scratch, out=T)
            np.negative(T, out=T)


@register("binary_crossentropy", "bce")
class BinaryCrossentropy(Binary):
    """E_r = -1/N sum_i (p y_i log a_i + (1 - y_i) log(1 - a_i)) over N sigmoid outputs; p = 1.

    dE_r/da = (a - y) / (a (1 - a)) / N; from logits z, dE_r/dz = (sigmoid(z) - y) / N. With p,
    a - y is (1 + (p - 1) y) a - p y. The paper gives only the first term (9.2), which leaves rows
    with y = 0 without a gradient (errata 4).

    Parameters
    ----------
    from_logits : bool
        Whether predictions are z and not probabilities.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / 2.
    axis : -1
        Along the outputs of a row; there is no other.
    pos_weight : float, or list of float, of at least 0, optional
        p, how much a target of 1 counts, of all outputs or one an output, as that of PyTorch's
        ``BCEWithLogitsLoss``; with rare ones the number of zeros for each of them balances both.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for targets that are not between 0 and 1.

    Examples
    --------
    >>> loss = BinaryCrossentropy()
    >>> round(loss([[1.0, 0.0]], [[0.5, 0.5]]), 4)  # log 2
    0.6931
    >>> loss = BinaryCrossentropy(pos_weight=3.0)
    >>> round(loss([[1.0, 0.0]], [[0.5, 0.5]]), 4)  # 2 log 2
    1.3863
    """

    canonical = True
    reference_name = "binary_log_loss"
    fuses_with = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        *shared: Any,
        pos_weight: float | list[float] | None = None,
        **keywords: Unpack[OutputLossArguments],
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, *shared, **keywords)
        self.pos_weight: float | list[float] | None = None
        if pos_weight is not None:
            p = check_numbers(pos_weight, type(self).__name__, "pos_weight", "[0, inf)")
            self.pos_weight = p.tolist() if np.ndim(pos_weight) else float(p[0])
            self.canonical = False
            if isinstance(self.pos_weight, list):
                self.drawn = None  # each output has a curve of its own

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        if isinstance(self.pos_weight, list) and output_shape[-1:] != (len(self.pos_weight),):
            raise ConfigurationError(
                f"{where}: expected an output of {len(self.pos_weight)} units, one for each "
                f"pos_weight of {self!r}, got output of shape {output_shape}. Pass one number for "
                "all, or one an output."
            )
        return super().check_targets(y, output_shape, where)

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        if self.pos_weight is None:
            super().terms(Y, A, T, work)
            return
        Y, scratch = self.effective_targets(Y, work), work.array("scratch", *A.shape)
        if self.from_logits:  # (1 - y) z + c (max(-z, 0) + log(1 + exp(-|z|))), c = 1 + (p - 1) y
            numerics.sigmoid(A, work.array(self.PROBABILITIES, *A.shape))
            log = numerics.log1p_exp_neg_abs(A, work.array("log", *A.shape))
            np.add(log, np.negative(A.clip(-np.inf, 0, out=scratch), out=scratch), out=log)
            np.multiply(log, self._factor_of_both(Y, A, work), out=log)
            np.multiply(np.subtract(1, Y, out=scratch), A, out=T)
            np.add(T, log, out=T)
        else:
            P = A.clip(EPSILON, 1 - EPSILON, out=work.array("clipped", *A.shape))
            np.multiply(np.log(P, out=T), self._weighted(Y, A, work), out=T)
            log = np.log1p(np.negative(P, out=scratch), out=scratch)
            np.multiply(log, np.subtract(1, Y, out=work.array("log", *A.shape)), out=log)
            np.negative(np.add(T, log, out=T), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        Y, P = self.effective_targets(Y, work), work.array("clipped", *A.shape)
        if self.from_logits:
            P = work.array(self.PROBABILITIES, *A.shape)
        if self.pos_weight is None:
            np.subtract(P, Y, out=dA)
        else:
            np.multiply(P, self._factor_of_both(Y, A, work), out=dA)
            np.subtract(dA, self._weighted(Y, A, work), out=dA)
        if not self.from_logits:
            scratch = work.array("scratch", *A.shape)
            np.multiply(P, np.subtract(1, P, out=scratch), out=scratch)
            np.divide(dA, scratch, out=dA)
            # Where the probability was clipped, the loss does not depend on it.
            np.multiply(dA, np.equal(P, A, out=work.array("inside", *A.shape, dtype=bool)), out=dA)

    def _weighted(self, Y: Array, A: Array, work: Workspace) -> Array:
        """P y of each output."""
        p = np.asarray(self.pos_weight, A.dtype)
        positive: Array = np.multiply(Y, p, out=work.array("positive", *A.shape))
        return positive

    def _factor_of_both(self, Y: Array, A: Array, work: Workspace) -> Array:
        """1 + (p - 1) y of each output."""
        p = np.asarray(self.pos_weight, A.dtype)
        both: Array = np.multiply(Y, p - 1, out=work.array("both", *A.shape))
        np.add(both, 1, out=both)
        return both

    def unclipped_gradient(self, Y: Array, A: Array) -> Array:
        p = 1.0 if self.pos_weight is None else np.asarray(self.pos_weight)
        outputs = A[0].size if self.averages_outputs else 1
        return np.asarray((A * (1 + (p - 1) * Y) - p * Y) / (A * (1 - A)) / outputs)

    def formula(self) -> Formula:
        return self._log_loss(r"\frac{1}{N} ")

    def _log_loss(self, share: str) -> Formula:
        """The formula, with this share of each output in the sum."""
        positive, difference = "y_i", "a_i - y_i"
        symbols: tuple[tuple[str, str], ...] = ()
        if self.pos_weight is not None:
            several = isinstance(self.pos_weight, list)
            p = "p_i" if several else "p"
            positive, difference = f"{p} y_i", f"(1 + ({p} - 1) y_i) a_i - {p} y_i"
            symbols = ((p, ", ".join(f"{one:g}" for one in np.atleast_1d(self.pos_weight))),)
        slope = f"{share}({difference})" if share else difference
        steep = rf"{share}\frac{{{difference}}}{{a_i (1 - a_i)}}"
        return self._formula(
            *self._before("2", SIGMOID),
            rf"E = -{share}\sum_i ({positive} \log(a_i) + (1 - y_i) \log(1 - a_i))",
            slope=slope if self.from_logits else steep,
            section="9.2",
            note="The paper prints the first term only (errata 4).",
            symbols=symbols,
        )
