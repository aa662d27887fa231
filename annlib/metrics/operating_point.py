"""The best of one rate where another is at least a number, over the thresholds of a classifier."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_number
from annlib.core.errors import ShapeError
from annlib.metrics.base import Direction, Reads, register
from annlib.metrics.curves import ratio
from annlib.metrics.thresholds import (
    ThresholdMetric,
    as_one_row,
    as_weights_of,
    bins_of,
    only_column,
)


class _BestAt(ThresholdMetric):
    """The largest rate at those thresholds where the other one is at least ``least``.

    Parameters
    ----------
    num_thresholds : int, at least 1
        Evenly spaced from 0 to 1, both among them; one alone is 0.5.
    class_id : int, at least 0, optional
        The one column that counts; all without.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ShapeError
        When it is called, for fewer columns than ``class_id`` wants.
    DataError
        For targets that are not 0 or 1, or predictions that are no probabilities.
    """

    direction: ClassVar[Direction | None] = "up"
    takes_labels = True
    least: float

    def __init__(
        self, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        where = type(self).__name__
        self.num_thresholds = check_count(num_thresholds, where, "num_thresholds")
        self.class_id = None if class_id is None else check_count(class_id, where, "class_id", 0)
        bins = num_thresholds - 1
        super().__init__(np.arange(num_thresholds) / bins if bins else np.array([0.5]), name)

    def reads(self, units: int) -> Reads:
        return "probabilities"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.class_id is not None:
            where = type(self).__name__
            sample_weight = as_weights_of(self.class_id, y_pred, sample_weight, where)
        super().update_state(y_true, y_pred, sample_weight)

    def bits_and_predictions(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        if self.class_id is not None:
            y_true, y_pred = as_one_row(y_true, y_pred, type(self).__name__)
        Y, A = super().bits_and_predictions(y_true, y_pred)
        if self.class_id is not None and A.shape[-1] <= self.class_id:
            raise ShapeError(
                f"{type(self).__name__}: expected predictions of at least {self.class_id + 1} "
                f"columns for class_id={self.class_id}, got shape {A.shape}."
            )
        return only_column(Y, A, self.class_id)

    def intervals(self, A: Array) -> Array:
        if self.num_thresholds == 1:
            return super().intervals(A)
        return bins_of(A, self.num_thresholds - 1, 0, self.work)

    def _rates(self, tp: Array, fp: Array, fn: Array, tn: Array) -> tuple[Array, Array]:
        """The rate that must be large enough and the one of which the best counts."""
        raise NotImplementedError

    def result(self) -> float:
        if np.isnan(self.counts).any():
            return math.nan
        at_least, best = self._rates(*(counts[0][1:-1] for counts in self.confusion()))
        return float(np.max(best, where=at_least >= self.least, initial=0.0))


@register("precision_at_recall")
class PrecisionAtRecall(_BestAt):
    """The best precision, TP / (TP + FP), where the recall, TP / (TP + FN), is large enough.

    0 where no threshold has such a recall; integer labels count as their one-hot rows.

    Parameters
    ----------
    recall : float, in [0, 1]
        The recall that is asked for, at least.
    num_thresholds : int, at least 1
        Evenly spaced from 0 to 1, both among them; one alone is 0.5.
    class_id : int, at least 0, optional
        The one column that counts; all without.
    name : str, optional
        How logs and History call it; the registered name without one.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ShapeError
        When it is called, for fewer columns than ``class_id`` wants.
    DataError
        For targets that are not 0 or 1, or predictions that are no probabilities.

    Examples
    --------
    >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    example_arguments = {"recall": 0.8}  # noqa: RUF012  # never changed

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        self.recall = self.least = check_number(recall, type(self).__name__, "recall", "[0, 1]")
        super().__init__(num_thresholds, class_id, name)

    def _rates(self, tp: Array, fp: Array, fn: Array, tn: Array) -> tuple[Array, Array]:
        return ratio(tp, tp + fn), ratio(tp, tp + fp)


@register("recall_at_precision")
class RecallAtPrecision(_BestAt):
    """The best recall, TP / (TP + FN), where the precision, TP / (TP + FP), is large enough.

    0 where no threshold has such a precision; integer labels count as their one-hot rows.

    Parameters
    ----------
    precision : float, in [0, 1]
        The precision that is asked for, at least.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ShapeError
        When it is called, for fewer columns than ``class_id`` wants.
    DataError
        For targets that are not 0 or 1, or predictions that are no probabilities.

    Examples
    --------
    >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
    0.5
    """

    example_arguments = {"precision": 0.8}  # noqa: RUF012  # never changed

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        self.precision = self.least = check_number(precision, where, "precision", "[0, 1]")
        super().__init__(num_thresholds, class_id, name)

    def _rates(self, tp: Array, fp: Array, fn: Array, tn: Array) -> tuple[Array, Array]:
        return ratio(tp, tp + fp), ratio(tp, tp + fn)


@register("sensitivity_at_specificity")
class SensitivityAtSpecificity(_BestAt):
    """The best sensitivity, TP / (TP + FN), where the specificity, TN / (TN + FP), is large enough.

    0 where no threshold has such a specificity; integer labels count as their one-hot rows.

    Parameters
    ----------
    specificity : float, in [0, 1]
        The specificity that is asked for, at least.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ShapeError
        When it is called, for fewer columns than ``class_id`` wants.
    DataError
        For targets that are not 0 or 1, or predictions that are no probabilities.

    Examples
    --------
    >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])
    0.5
    """

    example_arguments = {"specificity": 0.8}  # noqa: RUF012  # never changed

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        self.specificity = self.least = check_number(specificity, where, "specificity", "[0, 1]")
        super().__init__(num_thresholds, class_id, name)

    def _rates(self, tp: Array, fp: Array, fn: Array, tn: Array) -> tuple[Array, Array]:
        return ratio(tn, tn + fp), ratio(tp, tp + fn)


@register("specificity_at_sensitivity")
class SpecificityAtSensitivity(_BestAt):
    """The best specificity, TN / (TN + FP), where the sensitivity, TP / (TP + FN), is large enough.

    0 where no threshold has such a sensitivity; integer labels count as their one-hot rows.

    Parameters
    ----------
    sensitivity : float, in [0, 1]
        The sensitivity that is asked for, at least.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ShapeError
        When it is called, for fewer columns than ``class_id`` wants.
    DataError
        For targets that are not 0 or 1, or predictions that are no probabilities.

    Examples
    --------
    >>> metric = SpecificityAtSensitivity(0.5)
    >>> round(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]), 4)
    0.6667
    """

    example_arguments = {"sensitivity": 0.8}  # noqa: RUF012  # never changed

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        self.sensitivity = self.least = check_number(sensitivity, where, "sensitivity", "[0, 1]")
        super().__init__(num_thresholds, class_id, name)

    def _rates(self, tp: Array, fp: Array, fn: Array, tn: Array) -> tuple[Array, Array]:
        return ratio(tp, tp + fn), ratio(tn, tn + fp)
