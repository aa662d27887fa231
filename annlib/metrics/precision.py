"""Precision and recall: how much of what is found is right, and how much is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count
from annlib.core.errors import ShapeError
from annlib.metrics.base import Direction, Reads, register
from annlib.metrics.confusion import ConfusionMetric
from annlib.metrics.curves import ratio
from annlib.metrics.thresholds import as_one_row, only_column


class _Share(ConfusionMetric):
    """Precision and recall: of all columns, of the largest predictions of a row, of one class."""

    direction: ClassVar[Direction | None] = "up"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        self.top_k = None if top_k is None else check_count(top_k, where, "top_k")
        self.class_id = None if class_id is None else check_count(class_id, where, "class_id", 0)
        super().__init__(thresholds, name, default=0.5 if top_k is None else -np.inf)

    def reads(self, units: int) -> Reads:
        ranks = self.top_k is not None and self.thresholds is None
        return "outputs" if ranks else super().reads(units)

    def bits_and_predictions(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        if self.top_k is not None or self.class_id is not None:
            y_true, y_pred = as_one_row(y_true, y_pred)
        Y, A = super().bits_and_predictions(y_true, y_pred)
        least = max(self.top_k or 1, 1 + (self.class_id or 0))
        if A.shape[-1] < least:
            raise ShapeError(
                f"{type(self).__name__}: expected predictions of at least {least} columns for "
                f"top_k={self.top_k}, class_id={self.class_id}, got shape {A.shape}."
            )
        if self.top_k is not None:
            A = self._largest(A, self.top_k)
        return only_column(Y, A, self.class_id)

    def _largest(self, A: Array, k: int) -> Array:
        """The k largest predictions of each row (all that tie with the k-th), -inf elsewhere."""
        ordered = self.work.array(f"ordered.{A.dtype.char}", *A.shape, dtype=A.dtype)
        np.copyto(ordered, A)
        ordered.partition(-k)
        smaller = self.work.array("smaller", *A.shape, dtype=bool)
        np.less(A, ordered[..., -k, None], out=smaller)
        np.copyto(ordered, A)
        np.copyto(ordered, -np.inf, where=smaller)
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
    top_k : int, optional
        Only the k largest predictions of a row can count as 1; all that tie with the k-th do.
    class_id : int, optional
        The one column that counts; all without.
    name : str, optional

    Examples
    --------
    >>> Precision()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7])
    0.6666666666666666
    >>> Precision(thresholds=[0.5, 0.85])([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7])
    array([0.66666667, 0.        ])
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return ratio(tp, tp + fp)


@register("recall")
class Recall(_Share):
    """TP / (TP + FN): how much of what is 1 is predicted to be; 0 where nothing is 1.

    Arguments as ``Precision``.

    Examples
    --------
    >>> Recall()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7])
    0.6666666666666666
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return ratio(tp, tp + fn)
