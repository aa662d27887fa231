"""Precision and recall: how much of what is found is right, and how much is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_choice, check_count
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.metrics.base import Direction, Reads, columns_of, register
from annlib.metrics.confusion import ConfusionMetric
from annlib.metrics.curves import ratio
from annlib.metrics.thresholds import (
    AVERAGES,
    as_one_row,
    as_weights_of,
    averaged,
    largest,
    only_column,
)


class _Share(ConfusionMetric):
    """Precision and recall: of all columns, of the largest predictions of a row, of one class.

    Parameters
    ----------
    thresholds : float or sequence of float, in [0, 1], optional
        A prediction above it (strictly) counts as 1; 0.5 without one, none with ``top_k``. The
        result of several is an array, (thresholds,). Predictions are probabilities, unless no
        threshold lies between 0 and 1: 0 cuts scores of any size, and so does ``top_k`` alone.
    top_k : int, at least 1, optional
        Only the k largest predictions of a row can count as 1; of those that tie the first.
    class_id : int, at least 0, optional
        The one column that counts; all without.
    average : {"micro", "macro", "weighted", None}
        How the columns become one: ``micro`` counts all of them as one, as Keras does; ``macro`` is
        the columns' mean, ``weighted`` their mean by how often they are true; None gives an array,
        one result a column.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or a ``class_id`` with another average than ``micro``.
    ShapeError
        When it is called, for fewer columns than ``top_k`` and ``class_id`` want.
    DataError
        For targets that are not 0 or 1, or predictions that are no probabilities.
    """

    direction: ClassVar[Direction | None] = "up"
    takes_labels = True

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        *,
        average: Literal["micro", "macro", "weighted"] | None = "micro",
    ) -> None:
        where = type(self).__name__
        self.average = check_choice(average, where, "average", AVERAGES)
        if class_id is not None and average != "micro":
            raise ConfigurationError(
                f"{where}: expected an average of all columns or the class_id of one, got "
                f"average={average!r} and class_id={show(class_id)}. Leave one of them out."
            )
        self.top_k = None if top_k is None else check_count(top_k, where, "top_k")
        self.class_id = None if class_id is None else check_count(class_id, where, "class_id", 0)
        super().__init__(thresholds, name, default=0.5 if top_k is None else -np.inf)

    def reads(self, units: int) -> Reads:
        ranks = self.top_k is not None and self.thresholds is None
        return "outputs" if ranks else super().reads(units)

    def reset_state(self) -> None:
        # Of each column, as many as the first batch has; or all as one.
        self._begin(1 if self.average == "micro" else 0)

    def _predictions_of_labels(self, A: Array) -> Array:
        if self.thresholds is not None or self.top_k is not None:
            return A
        chosen = self.work.array("chosen", *A.shape)
        np.copyto(chosen, largest(A, self.work))
        nan = np.isnan(A, out=self.work.array("nan", *A.shape, dtype=bool))
        np.copyto(chosen, np.nan, where=nan)
        return chosen

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.top_k is not None or self.class_id is not None:
            where = type(self).__name__
            sample_weight = as_weights_of(self.class_id, y_pred, sample_weight, where)
        super().update_state(y_true, y_pred, sample_weight)

    def bits_and_predictions(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        if self.top_k is not None or self.class_id is not None:
            y_true, y_pred = as_one_row(y_true, y_pred, type(self).__name__)
        Y, A = super().bits_and_predictions(y_true, y_pred)
        least = max(self.top_k or 1, 1 + (self.class_id or 0))
        if A.shape[-1] < least:
            raise ShapeError(
                f"{type(self).__name__}: expected predictions of at least {least} columns for "
                f"top_k={self.top_k}, class_id={self.class_id}, got shape {A.shape}."
            )
        if self.top_k is not None:
            A = self._largest(A, self.top_k)
        if self.average != "micro":
            columns_of(A, len(self.counts), type(self).__name__)
        return only_column(Y, A, self.class_id)

    def _count(self, Y: Array, A: Array, weights: Array | None) -> None:
        if not len(self.counts):
            self._begin(A.shape[1])
        super()._count(Y, A, weights)

    def result(self) -> float | Array:
        if self.average == "micro":
            return super().result()
        tp, fp, fn, tn = (counts[:, self._order] for counts in self.confusion())
        support = tp[:, 0] + fn[:, 0]
        values = averaged(self.at(tp, fp, fn, tn), self.average, support)
        if values.shape[-1] > 1:
            return values
        return values[:, 0] if self.average is None else float(values[0])

    def _largest(self, A: Array, k: int) -> Array:
        """The k largest predictions of each row (of those that tie the first), -inf elsewhere."""
        ordered = self.work.array(f"ordered.{A.dtype.char}", *A.shape, dtype=A.dtype)
        np.copyto(ordered, A)
        ordered.partition(-k)
        one = (*A.shape[:-1], 1)
        least = self.work.array(f"least.{A.dtype.char}", *one, dtype=A.dtype)
        np.copyto(least, ordered[..., -k, None])
        left_out = self.work.array("left_out", *A.shape, dtype=bool)
        rank = self.work.array("rank", *A.shape, dtype=np.int64)
        places = self.work.array("places", *one, dtype=np.int64)
        np.add.reduce(np.greater(A, least, out=left_out), -1, np.int64, places, keepdims=True)
        np.subtract(k, places, out=places)
        # Of those that are as large as the k-th, the first as many as there are places for.
        ties = self.work.array("ties", *A.shape, dtype=bool)
        np.copyto(rank, np.equal(A, least, out=ties))
        np.add.accumulate(rank, -1, out=rank)
        np.logical_and(ties, np.greater(rank, places, out=left_out), out=ties)
        np.logical_or(np.less(A, least, out=left_out), ties, out=left_out)
        np.copyto(ordered, A)
        np.copyto(ordered, -np.inf, where=left_out)
        return ordered


@register("precision")
class Precision(_Share):
    """TP / (TP + FP): how much of what is predicted to be 1 is 1; 0 where nothing is.

    Parameters
    ----------
    thresholds : float or sequence of float, in [0, 1], optional
        A prediction above it (strictly) counts as 1; 0.5 without one, none with ``top_k``. The
        result of several is an array. Predictions are probabilities, unless no threshold lies
        between 0 and 1: 0 cuts scores of any size, and so does ``top_k`` alone.
    top_k : int, at least 1, optional
        Only the k largest predictions of a row can count as 1; of those that tie the first.
    class_id : int, at least 0, optional
        The one column that counts; all without.
    name : str, optional
        How logs and History call it; the registered name without one.
    average : {"micro", "macro", "weighted", None}
        How the columns become one: ``micro`` counts all of them as one, as Keras does; ``macro`` is
        the columns' mean, ``weighted`` their mean by how often they are true; None gives an array,
        one result a column.

    Notes
    -----
    Integer labels (n,) of several classes count as their one-hot rows. Without ``thresholds`` and
    ``top_k`` the first of a row's largest predictions, scores of any size, is then its class, as in
    scikit-learn.

    Examples
    --------
    >>> round(Precision()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7]), 4)
    0.6667
    >>> Precision(average="macro")([0, 1, 1], [[0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    0.75
    >>> Precision(thresholds=[0.5, 0.85])([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7]).round(4)
    array([0.6667, 0.    ])
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return ratio(tp, tp + fp)


@register("recall")
class Recall(_Share):
    """TP / (TP + FN): how much of what is 1 is predicted to be; 0 where nothing is 1.

    Integer labels (n,) of several classes count as their one-hot rows, as in ``Precision``.

    Examples
    --------
    >>> round(Recall()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7]), 4)
    0.6667
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return ratio(tp, tp + fn)
