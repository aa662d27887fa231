"""The area under the ROC or the precision-recall curve, in bins as Keras has it, or exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_choice, check_count, check_flag, check_numbers
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.states import check_array, refuse
from annlib.metrics.base import Direction, Reads, register
from annlib.metrics.curves import binned_area, exact_area, has_no_area, require_scikit_learn
from annlib.metrics.thresholds import AVERAGES, ThresholdMetric, bins_of

CURVES = ("roc", "pr", "prgain")
METHODS = ("interpolation", "minoring", "majoring")


@register("auc")
class AUC(ThresholdMetric):
    """The area under a curve of a classifier's rates over all thresholds.

    In bins it is Keras' approximation; with ``num_thresholds=None`` it is exact: scikit-learn's
    ``roc_auc_score``, for PR its ``average_precision_score``. The exact one keeps every row until
    ``reset_state`` (13 bytes a prediction in float32), sorts them when the result is asked for,
    and takes scores of any size; in bins they are probabilities. The area is NaN where the curve is
    not defined: for targets of one class (PR: without a 1). Any other rate that is undefined is 0
    in bins, as in Keras.

    Parameters
    ----------
    num_thresholds : int, at least 2, or None
        Evenly spaced from 0 to 1; None is exact.
    curve : {"ROC", "PR", "PRGAIN"}
        True against false positive rate; precision against recall; their gains over a classifier
        that always says 1 (Flach and Kull, NIPS 2015), which has no exact form.
    summation_method : {"interpolation", "minoring", "majoring"}
        Trapezoids (for PR the interpolation of Davis and Goadrich, ICML 2006), or the lower or
        the upper rectangles: bounds of the area.
    name : str, optional
    thresholds : sequence of float, in [0, 1], optional
        Thresholds of one's own, instead of ``num_thresholds``; one below all and one above all
        are added.
    multi_label : bool
        Whether each column has an area of its own, of which the result is the mean; without, all
        columns are one long one.
    num_labels : int, at least 1, optional
        The number of columns with ``multi_label``; without it that of the first batch.
    label_weights : sequence of float, at least 0, optional
        With ``multi_label`` the columns' shares of the mean, without it what their predictions
        weigh.
    from_logits : bool
        Whether predictions are logits of a sigmoid.
    average : {"auto", "micro", "macro", "weighted", None}
        ``macro`` is the mean of the columns' areas, ``weighted`` their mean by how often they are
        true, None an array of them; ``micro`` takes all columns as one long one. ``auto`` is
        ``macro`` with ``multi_label`` and else ``micro``, as in Keras.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or two that do not go together.
    ShapeError
        When it is called, for another number of columns than labels, or than before.
    DataError
        For targets that are not 0 or 1; in bins for predictions that are no probabilities.

    Notes
    -----
    Integer labels (n,) of several classes count as their one-hot rows, so that each class stands
    against the others: ``AUC(None, average="macro")`` is scikit-learn's
    ``roc_auc_score(y, p, multi_class="ovr")``.

    Examples
    --------
    >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.75
    >>> AUC(num_thresholds=None)([0, 0, 1, 1], [-4.0, 0.5, 0.3, 7.0])
    0.75
    """

    direction: ClassVar[Direction | None] = "up"
    undefined_for = "targets of one class"
    takes_labels = True
    for_scores = ", or give AUC from_logits=True, or num_thresholds=None for scores of any size"

    def __init__(
        self,
        num_thresholds: int | None = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        *,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
        average: Literal["auto", "micro", "macro", "weighted"] | None = "auto",
    ) -> None:
        self.num_thresholds = num_thresholds
        self.curve = curve
        self.summation_method = summation_method
        self.thresholds = thresholds
        self.multi_label = check_flag(multi_label, "AUC", "multi_label")
        self.num_labels = num_labels
        self.label_weights = label_weights
        self.from_logits = check_flag(from_logits, "AUC", "from_logits")
        self.average = check_choice(average, "AUC", "average", ("auto", *AVERAGES))
        #: Whether columns are kept apart.
        self._apart = self.multi_label or average not in ("auto", "micro")
        self._shares = None
        if label_weights is not None:
            self._shares = check_numbers(label_weights, "AUC", "label_weights", "[0, inf)")
        self._check()
        self._exact = num_thresholds is None and thresholds is None
        bins = (num_thresholds or 2) - 1
        cuts = np.arange(1, bins) / bins
        if thresholds is not None:
            cuts = np.sort(check_numbers(thresholds, "AUC", "thresholds", "[0, 1]"))
        super().__init__(cuts, name)

    def _check(self) -> None:
        if self.multi_label and self.average == "micro":
            raise ConfigurationError(
                "AUC: expected multi_label=True, which keeps columns apart, or average='micro', "
                "which does not, got both. Leave one of them out."
            )
        if self.label_weights is not None and self.average in ("weighted", None):
            raise ConfigurationError(
                f"AUC: expected label_weights with the columns' mean, got average={self.average!r}."
                " Leave one of them out."
            )
        for value, known, what in (
            (self.curve, CURVES, "curve"),
            (self.summation_method, METHODS, "summation_method"),
        ):
            check_choice(value.lower() if isinstance(value, str) else value, "AUC", what, known)
        if self.num_thresholds is not None:
            check_count(self.num_thresholds, "AUC", "num_thresholds", 2)
        elif self.thresholds is None and (
            self.curve.lower() == "prgain" or self.summation_method.lower() != "interpolation"
        ):
            raise ConfigurationError(
                "AUC: expected curve ROC or PR and the default summation_method for the exact "
                f"area, got {show(self.curve)} and {show(self.summation_method)}. Give "
                "num_thresholds."
            )
        if self.num_labels is not None:
            check_count(self.num_labels, "AUC", "num_labels")
            if not self._apart:
                raise ConfigurationError(
                    f"AUC: expected num_labels with multi_label=True alone, got {self.num_labels}."
                )
            if self._shares is not None and len(self._shares) != self.num_labels:
                raise ConfigurationError(
                    f"AUC: expected {self.num_labels} label_weights, as num_labels says, got "
                    f"{len(self._shares)}."
                )

    # -- taking in -------------------------------------------------------------------------------

    def reset_state(self) -> None:
        #: None while the first batch is to tell.
        self._labels = self.num_labels if self._apart else 1
        self._begin(self._labels or 1)
        self._rows: list[tuple[Array, Array, Array]] = []
        self._area: float | Array | None = None

    def reads(self, units: int) -> Reads:
        if self.from_logits:
            return "logits"
        return "scores" if self._exact else "probabilities"

    def bits_and_predictions(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        Y, A = super().bits_and_predictions(y_true, y_pred)
        columns = A.shape[-1]
        if self._apart and self._labels is not None:
            columns = self._labels
        if self._shares is not None:
            columns = len(self._shares)
        if A.shape != (len(A), columns):
            raise ShapeError(
                f"AUC: expected predictions of one column a label, (n, {columns}), got shape "
                f"{A.shape}. See num_labels and label_weights."
            )
        return Y, A

    def element_weights(self, A: Array, weights: Array | None) -> Array | None:
        weights = super().element_weights(A, weights)
        if self._shares is None or self._apart:
            return weights
        shared = self.work.array("shared", *A.shape)
        np.copyto(shared, self._shares)
        if weights is not None:
            np.multiply(shared, weights.reshape(A.shape), out=shared)
        return shared.reshape(-1)

    def _count(self, Y: Array, A: Array, weights: Array | None) -> None:
        if self._labels is None:
            self._labels = A.shape[-1]
            self._begin(self._labels)
        if self._exact:
            if not self._rows:
                require_scikit_learn()  # before anything is done for an area that nobody can tell
            self._area = None
            weights = np.ones(A.size) if weights is None else weights.copy()
            self._rows.append((Y.flatten(), A.flatten(), weights))
            return
        if self.from_logits:
            A = numerics.sigmoid(A, self.work.array(f"A.{A.dtype.char}", *A.shape, dtype=A.dtype))
        super()._count(Y, A, weights)

    def intervals(self, A: Array) -> Array:
        """How many thresholds lie below: of those evenly spaced by Keras' own rounding."""
        if self.thresholds is not None:
            return super().intervals(A)
        places = bins_of(A, len(self._cuts) + 1, 1, self.work)
        return np.subtract(places, 1, out=places)

    def check_state(self, state: Any) -> None:
        known = isinstance(state, dict) and isinstance(state.get("_rows"), list)
        for parts in state["_rows"] if known else ():  # else the other check refuses it
            kinds = [np.asarray(part).dtype.kind for part in parts]
            if kinds != ["b", "f", "f"] or len({np.shape(part) for part in parts}) != 1:
                raise refuse("state of AUC._rows", "targets, scores and weights", parts)
            check_array(parts[0], np.zeros(0, bool), "state of AUC._rows", rows=True)
        super().check_state(state)

    def get_state(self) -> dict[str, Any]:
        if len(self._rows) > 1:  # as one batch: a file has no place for thousands of arrays
            Y, A, W = (np.concatenate(parts) for parts in zip(*self._rows, strict=True))
            self._rows = [(Y, A, W)]
        return super().get_state()

    # -- the area --------------------------------------------------------------------------------

    def result(self) -> float | Array:
        curve, method = self.curve.lower(), self.summation_method.lower()
        if not self._exact:
            tp, fp, fn, tn = self.confusion()
            areas = binned_area(curve, method, tp, fp, fn, tn)
            areas[has_no_area(curve, tp[:, 0], fp[:, 0])] = math.nan
            return self._mean(areas, tp[:, 0])
        if self._area is None:
            none = np.full(1, math.nan)
            self._area = self._mean(*(self._exact_areas(curve) if self._rows else (none, none)))
        return self._area.copy() if isinstance(self._area, np.ndarray) else self._area

    def _exact_areas(self, curve: str) -> tuple[Array, Array]:
        """The area of each column, and how much its ones weigh."""
        labels = self._labels or 1
        Y, A, W = (
            np.concatenate(parts).reshape(-1, labels) for parts in zip(*self._rows, strict=True)
        )
        areas = [exact_area(curve, Y[:, j], A[:, j], W[:, j]) for j in range(labels)]
        return np.array(areas), np.sum(W, axis=0, where=Y)

    def _mean(self, areas: Array, support: Array) -> float | Array:
        """Of the labels' areas."""
        if self.average is None:
            return areas
        shares = support if self.average == "weighted" else self._shares
        if shares is None or not self._apart:
            return float(np.mean(areas))
        counts = shares > 0
        total = np.sum(shares)
        if not total:
            return math.nan if self.average == "weighted" else 0.0
        return float(np.dot(areas[counts], shares[counts]) / total)
