"""Cross-entropies: the paper's log loss (9.2) for one class of many.

From probabilities they clip as Keras does; from logits they need not: gradient a - y, no plateau,
no overflow. A model with a softmax or sigmoid output uses the logits by itself: see ``fuses_with``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape, kind_of_targets
from annlib.core.checks import (
    check_batch_shape,
    check_flag,
    check_label,
    check_number,
)
from annlib.core.formula import Formula, number
from annlib.core.numerics import EPSILON, constant
from annlib.core.workspace import Workspace
from annlib.losses.base import Loss, LossOfVectors, check_last_axis, register
from annlib.losses.binary_crossentropy import BinaryCrossentropy
from annlib.losses.smoothed import Smoothed
from annlib.losses.targets import label_positions, matching_labels

SOFTMAX = r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}"
NORMALIZED = "{A} is to add up to 1: annlib divides it by its sum first, as Keras does."


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

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for targets that are not between 0 and 1.

    Examples
    --------
    >>> loss = CategoricalCrossentropy()
    >>> round(loss([[0, 1]], [[0.5, 0.5]]), 4)  # log 2
    0.6931
    >>> round(CategoricalCrossentropy(from_logits=True)([[0, 1]], [[7.0, 7.0]]), 4)
    0.6931
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

    From logits, dE_r/dz = a, less 1 at the label. Labels are (n,), predictions (n, N).

    Parameters
    ----------
    from_logits : bool
        Whether predictions are z and not probabilities.
    ignore_class : int, any value, optional
        A label of rows that count in neither sum nor denominator: often -1 or 255.
    axis : -1
        Along the outputs of a row; there is no other.
    label_smoothing : float, in [0, 1]
        Labels count as rows y (1 - s) + s / N of zeros and a one. May be set anew while training.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for what is no label of that many outputs.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.5, 0.5]]), 4)  # log 2
    0.6931
    >>> loss = SparseCategoricalCrossentropy(ignore_class=-1, reduction="none")
    >>> loss([1, -1], [[0.5, 0.5], [0.5, 0.5]]).round(4)
    array([0.6931, 0.    ])
    """

    task = "classes"
    fuses_with = "softmax"
    drawn = (0.01, 0.99, 1.0)
    target_kind = "labels"
    reference_name = "categorical_crossentropy"
    _settable = ("label_smoothing",)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        *,
        label_smoothing: float = 0.0,
        **unknown: Any,
    ) -> None:
        super().__init__(reduction, name, **unknown)
        where = type(self).__name__
        self.from_logits = check_flag(from_logits, where, "from_logits")
        self.ignore_class = check_label(ignore_class, where, "ignore_class")
        self.masks = ignore_class is not None
        self.axis = check_last_axis(axis, where)
        self.label_smoothing: float = check_number(
            label_smoothing, where, "label_smoothing", "[0, 1]"
        )

    def missing(self, Y: Array, out: Array | None = None) -> Array:
        assert self.ignore_class is not None, "else none is missing"
        return np.asarray(np.equal(Y, self.ignore_class, out=out))

    def target_rows(self, Y: Array, units: int, work: Workspace) -> Array:
        if not self.masks:
            rows = super().target_rows(Y, units, work)
        else:
            Y, there = self.present(Y, work)
            rows = super().target_rows(Y, units, work) * there[..., np.newaxis]
        s = self.label_smoothing
        return rows * (1 - s) + rows.sum(axis=-1, keepdims=True) * (s / units) if s else rows

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        if len(output_shape) > 1:
            return matching_labels(y, output_shape, where)
        return super().check_targets(y, output_shape, where)

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        positions = label_positions(Y, A, work)
        if self.label_smoothing:
            L, unit = self._log_probabilities(A, work)
            sums = np.dot(L, work.ones(A.shape[1]), out=work.array("log_sums", len(A)))
            L.reshape(-1).take(positions, out=E, mode="clip")
            np.multiply(E, 1 - self.label_smoothing, out=E)
            np.add(E, np.multiply(sums, self.label_smoothing / A.shape[1], out=sums), out=E)
            np.multiply(E, -unit, out=E)
        elif self.from_logits:  # log s + m - z_y: of each row one logarithm
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
        elsewhere = self.label_smoothing / A.shape[1]
        at = 1 - self.label_smoothing + elsewhere
        if self.from_logits:
            if elsewhere:
                np.subtract(P, elsewhere, out=dA)
            else:
                dA[...] = P
            np.subtract(at_label, constant(at, P.dtype.char), out=at_label)
        else:
            if elsewhere:
                np.divide(-elsewhere, np.maximum(P, EPSILON, out=dA), out=dA)
            else:
                dA.fill(0)
            np.maximum(at_label, EPSILON, out=at_label)
            np.divide(-at, at_label, out=at_label)
        dA.reshape(-1).put(positions, at_label, mode="clip")
        if not self.from_logits:
            self._through_normalization(dA, work)

    def formula(self) -> Formula:
        lines = (SOFTMAX,) if self.from_logits else ()
        if not self.label_smoothing:
            return self._formula(
                *lines,
                r"E = -\log(a_y)",
                slope=r"a_i - \delta_{iy}" if self.from_logits else r"-\frac{\delta_{iy}}{a_y}",
                section="9.2",
                note=NORMALIZED,
            )
        s = number(self.label_smoothing)
        return self._formula(
            rf"t_i = (1 - {s}) \delta_{{iy}} + \frac{{{s}}}{{N}}",
            *lines,
            r"E = -\sum_i t_i \log(a_i)",
            slope="a_i - t_i" if self.from_logits else r"-\frac{t_i}{a_i}",
            section="9.2",
            note=NORMALIZED,
        )


def resolve_crossentropy(target_shape: BatchShape, output_shape: BatchShape) -> Loss:
    """What ``loss="crossentropy"`` means for targets and outputs of these shapes (as Keras).

    Parameters
    ----------
    target_shape : tuple, (n,) or (n, ...)
        The targets' shape; n may be None.
    output_shape : tuple, (n, units)
        The predictions' shape.

    Returns
    -------
    Loss
        ``BinaryCrossentropy``, ``SparseCategoricalCrossentropy`` or ``CategoricalCrossentropy``.

    Raises
    ------
    ShapeError
        For what is no shape of a batch.

    Examples
    --------
    >>> resolve_crossentropy((None,), (None, 3))
    SparseCategoricalCrossentropy()
    >>> resolve_crossentropy((None, 1), (None, 1))
    BinaryCrossentropy()
    """
    where = "resolve_crossentropy"
    targets = check_batch_shape(target_shape, where, "target_shape", 1)
    outputs = check_batch_shape(output_shape, where, "output_shape")
    kinds: dict[str, type[Loss]] = {
        "binary": BinaryCrossentropy,
        "sparse": SparseCategoricalCrossentropy,
        "categorical": CategoricalCrossentropy,
    }
    return kinds[kind_of_targets(targets, outputs)]()
