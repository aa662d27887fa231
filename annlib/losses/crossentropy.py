"""Cross-entropies: the paper's log loss (9.2) for one class of many, and the binary one (errata 4).

From probabilities they clip as Keras does; from logits they need not: gradient a - y, no plateau,
no overflow. A model with a softmax or sigmoid output uses the logits by itself: see ``fuses_with``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape, kind_of_targets
from annlib.core.checks import check_batch_shape, check_flag
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import (
    Loss,
    LossOfVectors,
    MeanOverOutputs,
    check_last_axis,
    register,
)
from annlib.losses.smoothed import Smoothed
from annlib.losses.targets import label_positions, matching_labels

SIGMOID = r"a_i = \frac{1}{1 + e^{-z_i}}"
SOFTMAX = r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}"
NORMALIZED = "{A} is to add up to 1: annlib divides it by its sum first, as Keras does."


@register("binary_crossentropy", "bce")
class BinaryCrossentropy(Smoothed, MeanOverOutputs):
    """E_r = -1/N sum_i (y_i log a_i + (1 - y_i) log(1 - a_i)) over N sigmoid outputs.

    dE_r/da = (a - y) / (a (1 - a)) / N; from logits z, dE_r/dz = (sigmoid(z) - y) / N. The paper
    gives only the first term (9.2), which leaves rows with y = 0 without a gradient (errata 4).

    Parameters
    ----------
    from_logits : bool
        Whether predictions are z and not probabilities.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / 2.
    axis : -1
        Along the outputs of a row; there is no other.
    """

    canonical = True
    reference_name = "binary_log_loss"
    task = "binary"
    fuses_with = "sigmoid"
    drawn = (0.01, 0.99, 1.0)

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

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        Y = self.effective_targets(Y, work)
        if self.from_logits:
            np.subtract(work.array(self.PROBABILITIES, *A.shape), Y, out=dA)
        else:
            P, scratch = work.array("clipped", *A.shape), work.array("scratch", *A.shape)
            np.multiply(P, np.subtract(1, P, out=scratch), out=scratch)
            np.divide(np.subtract(P, Y, out=dA), scratch, out=dA)
            # Where the probability was clipped, the loss does not depend on it.
            np.multiply(dA, np.equal(P, A, out=work.array("inside", *A.shape, dtype=bool)), out=dA)

    def unclipped_gradient(self, Y: Array, A: Array) -> Array:
        outputs = A[0].size if self.averages_outputs else 1
        return np.asarray((A - Y) / (A * (1 - A)) / outputs)

    def formula(self) -> Formula:
        return self._log_loss(r"\frac{1}{N} ")

    def _log_loss(self, share: str) -> Formula:
        """The formula, with this share of each output in the sum."""
        slope = f"{share}(a_i - y_i)" if share else "a_i - y_i"
        steep = rf"{share}\frac{{a_i - y_i}}{{a_i (1 - a_i)}}"
        return self._formula(
            *self._before("2", SIGMOID),
            rf"E = -{share}\sum_i (y_i \log(a_i) + (1 - y_i) \log(1 - a_i))",
            slope=slope if self.from_logits else steep,
            section="9.2",
            note="The paper prints the first term only (errata 4).",
        )


class Categorical(LossOfVectors):
    """What the categorical cross-entropies share: the way from predictions to log a."""

    canonical = True

    def unclipped_gradient(self, Y: Array, A: Array) -> Array:
        return np.where(Y == 0, 0.0, -Y / A)

    def _log_probabilities(self, A: Array, work: Workspace) -> tuple[Array, float]:
        """Log a of each class, (n, k), divided by the number that comes second; keeps the
        probabilities a in ``work``.
        """
        P, L = work.array(self.PROBABILITIES, *A.shape), work.array("log", *A.shape)
        if self.from_logits:
            return L, numerics.log_softmax(A, P, L, work)
        sums = np.dot(A, work.ones(A.shape[1]), out=work.array("sums", len(A)))
        np.maximum(sums, np.finfo(sums.dtype).tiny, out=sums)  # a row of zeros stays finite
        np.divide(A, sums.reshape(-1, 1), out=P)
        np.clip(P, EPSILON, 1 - EPSILON, out=L)
        inside = np.equal(L, P, out=work.array("inside", *A.shape, dtype=bool))
        np.copyto(work.array("unclipped", *A.shape), inside)
        np.log(L, out=L)
        return L, 1.0

    def _through_normalization(self, dP: Array, work: Workspace) -> None:
        """dE/dA from dE/dP for P = A / sum(A) clipped: in place (the gradient's projection)."""
        np.multiply(dP, work.array("unclipped", *dP.shape), out=dP)
        P = work.array(self.PROBABILITIES, *dP.shape)
        products = np.multiply(dP, P, out=work.array("products", *dP.shape))
        sums = np.dot(products, work.ones(dP.shape[1]), out=work.array("product_sums", len(dP)))
        np.subtract(dP, sums.reshape(-1, 1), out=dP)
        np.divide(dP, work.array("sums", len(dP)).reshape(-1, 1), out=dP)


@register("categorical_crossentropy")
class CategoricalCrossentropy(Smoothed, Categorical):
    """E_r = -sum_i y_i log a_i for targets that are rows of probabilities (paper 9.2).

    dE_r/da_i = -y_i / a_i, where the sign belongs to E (errata 3); from logits with a = softmax(z)
    and targets that sum to 1, dE_r/dz = a - y. Probabilities are divided by their sum first.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are z and not probabilities.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / N.
    axis : -1
        Along the outputs of a row; there is no other.

    Examples
    --------
    >>> loss = CategoricalCrossentropy()
    >>> round(loss([[0, 1]], [[0.5, 0.5]]), 6)
    0.693147
    """

    reference_name = "categorical_crossentropy"
    task = "classes"
    fuses_with = "softmax"
    drawn = (0.01, 0.99, 1.0)

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        (L, unit), Y = self._log_probabilities(A, work), self.effective_targets(Y, work)
        terms = np.multiply(Y, L, out=work.array("products", *A.shape))
        np.multiply(np.dot(terms, work.ones(A.shape[1]), out=E), -unit, out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        Y, P = self.effective_targets(Y, work), work.array(self.PROBABILITIES, *A.shape)
        if self.from_logits:
            sums = np.dot(Y, work.ones(A.shape[1]), out=work.array("sums", len(A)))
            np.multiply(P, sums.reshape(-1, 1), out=dA)
            np.subtract(dA, Y, out=dA)
        else:
            clipped = np.maximum(P, EPSILON, out=work.array("products", *A.shape))
            np.negative(np.divide(Y, clipped, out=dA), out=dA)
            self._through_normalization(dA, work)

    def _layout_hint(self, y: Array, output_shape: BatchShape) -> str:
        return (
            'For integer class labels use loss="sparse_categorical_crossentropy"; for one-hot '
            f"rows pass y of shape (n, {output_shape[-1]})."
        )

    def formula(self) -> Formula:
        return self._formula(
            *self._before("N", SOFTMAX),
            r"E = -\sum_i y_i \log(a_i)",
            slope=r"a_i \sum_j y_j - y_i" if self.from_logits else r"-\frac{y_i}{a_i}",
            section="9.2",
            note=NORMALIZED,
        )


@register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(Categorical):
    """E_r = -log a_y for an integer label y, 0..N-1: the same without the row of zeros and a one.

    From logits, dE_r/dz = a, less 1 at the label.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are z and not probabilities.
    ignore_class : None
        Give rows a ``sample_weight`` of 0 instead.
    axis : -1
        Along the outputs of a row; there is no other.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy(from_logits=True)([1], [[0.0, 0.0]]), 6)
    0.693147
    """

    task = "classes"
    fuses_with = "softmax"
    drawn = (0.01, 0.99, 1.0)
    target_kind = "labels"
    reference_name = "categorical_crossentropy"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(reduction, name, **unknown)
        where = type(self).__name__
        self.from_logits = check_flag(from_logits, where, "from_logits")
        if ignore_class is not None:
            raise ConfigurationError(
                f"{where}: expected ignore_class=None, got {show(ignore_class)}. Give the rows of "
                "that class the sample_weight 0, and a label that there is."
            )
        self.ignore_class = ignore_class
        self.axis = check_last_axis(axis, where)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        if len(output_shape) == 2:
            return matching_labels(y, output_shape[-1] or 0, where)
        return super().check_targets(y, output_shape, where)

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        positions = label_positions(Y, A, work)
        if self.from_logits:  # log s + m - z_y: of each row one logarithm
            m, s = numerics.softmax(A, work.array(self.PROBABILITIES, *A.shape), work)
            A.reshape(-1).take(positions, out=E, mode="clip")
            np.subtract(m.reshape(-1), E, out=E)
            np.add(E, np.log(s, out=s).reshape(-1), out=E)
        else:
            L, _ = self._log_probabilities(A, work)
            L.reshape(-1).take(positions, out=E, mode="clip")
            np.negative(E, out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        P, at_label = work.array(self.PROBABILITIES, *A.shape), work.array("at_label", len(A))
        positions = work.array("positions", len(A), dtype=np.intp)
        P.reshape(-1).take(positions, out=at_label, mode="clip")
        if self.from_logits:
            np.copyto(dA, P)
            np.subtract(at_label, 1, out=at_label)
        else:
            dA.fill(0)
            np.maximum(at_label, EPSILON, out=at_label)
            np.negative(np.reciprocal(at_label, out=at_label), out=at_label)
        dA.reshape(-1).put(positions, at_label, mode="clip")
        if not self.from_logits:
            self._through_normalization(dA, work)

    def formula(self) -> Formula:
        return self._formula(
            *((SOFTMAX,) if self.from_logits else ()),
            r"E = -\log(a_y)",
            slope=r"a_i - \delta_{iy}" if self.from_logits else r"-\frac{\delta_{iy}}{a_y}",
            section="9.2",
            note=NORMALIZED,
        )


def resolve_crossentropy(target_shape: BatchShape, output_shape: BatchShape) -> Loss:
    """What ``loss="crossentropy"`` means for targets and outputs of these shapes (as Keras)."""
    where = "resolve_crossentropy"
    targets = check_batch_shape(target_shape, where, "target_shape", 1)
    outputs = check_batch_shape(output_shape, where, "output_shape")
    kinds: dict[str, type[Loss]] = {
        "binary": BinaryCrossentropy,
        "sparse": SparseCategoricalCrossentropy,
        "categorical": CategoricalCrossentropy,
    }
    return kinds[kind_of_targets(targets, outputs)]()
