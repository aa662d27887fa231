"""The coefficient of determination: how much of the targets' variance is explained."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_choice, check_count
from annlib.core.tracebacks import warn_user
from annlib.metrics.base import (
    Direction,
    Metric,
    arrays_of,
    column_sums,
    columns_of,
    register,
    same_shape,
)

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


@register("r2_score")
class R2Score(Metric):
    """R^2 = 1 - sum (y - a)^2 / sum (y - mean(y))^2 of each column, or an average of the columns.

    A column of equal targets has 1 if it is predicted exactly and else 0, as in scikit-learn
    (Keras: NaN and 0).

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        The columns' mean, plain or by their variance; None gives an array, one score a column.
    num_regressors : int, at least 0
        With p of them and n rows the adjusted 1 - (1 - R^2) (n - 1) / (n - p - 1), if n allows.
        (Keras' n is that of rows times columns.)
    name : str, optional
        How logs and History call it; the registered name without one.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ShapeError
        When it is called, for another number of columns than before.

    Examples
    --------
    >>> round(R2Score()([1, 4, 3], [2, 4, 4]), 4)
    0.5714
    """

    direction: ClassVar[Direction | None] = "up"

    def __init__(
        self,
        class_aggregation: Literal["uniform_average", "variance_weighted_average"]
        | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
    ) -> None:
        self.class_aggregation = check_choice(
            class_aggregation, "R2Score", "class_aggregation", AGGREGATIONS
        )
        self.num_regressors = check_count(num_regressors, "R2Score", "num_regressors", 0)
        super().__init__(name)

    @property
    def weighs_outputs(self) -> bool:
        """Whether each output can have a weight, and not only each row."""
        return True

    def reset_state(self) -> None:
        self.rows = 0
        self.count = 0.0
        #: Of each column the first target; from it, the mean; the sums of squares about the mean
        #: and about the predictions; and its weight, once that is not the same for all columns.
        self.sums = np.zeros((4, 0))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        Y, A = arrays_of(y_true, y_pred, "R2Score")
        Y, columns = same_shape(Y, A, "R2Score"), columns_of(A, self.sums.shape[1], "R2Score")
        weights = self.weights_of(len(A), sample_weight, A.shape)
        if weights is None:
            weights = self.work.ones(len(A))
        weight: Any = np.add.reduce(weights)
        self.rows += len(A)
        if not np.any(weight):
            return
        if not self.sums.size:
            self.sums = np.zeros((4, columns))
            self.sums[0] = Y[0]
        if weights.ndim > 1:
            if len(self.sums) == 4:
                self.sums = np.vstack([self.sums, np.full(columns, self.count)])
            first = Y[np.argmax(weights > 0, axis=0), np.arange(columns)]
            np.copyto(self.sums[0], first, where=self.sums[4] == 0)
        origin, mean, spread, errors = self.sums[:4]
        count: Any = self.sums[4] if len(self.sums) > 4 else self.count
        D = self.work.array("D", *A.shape)
        np.subtract(Y, A, out=D, dtype=np.float64)
        errors += self._squares(D, weights)
        # Chan, Golub and LeVeque, 1983: sums about the mean, so that no digits cancel; about the
        # first target, so that equal ones have a sum of exactly 0.
        np.subtract(Y, origin, out=D)
        there = np.where(weight > 0, weight, 1)  # a column of no weight stays as it is
        step = np.where(weight > 0, column_sums(weights, D) / there - mean, 0)
        np.subtract(D, mean + step, out=D)
        share = weight / np.where(count + weight > 0, count + weight, 1)
        spread += self._squares(D, weights) + step**2 * count * share
        mean += step * share
        if len(self.sums) > 4:
            self.sums[4] += weight
        self.count += float(np.mean(weight))

    @staticmethod
    def _squares(D: Array, weights: Array) -> Array:
        """The weighted sum of each column's squares; D is written over."""
        return column_sums(weights, np.multiply(D, D, out=D))

    def result(self) -> float | Array:
        spread, errors = self.sums[2], self.sums[3]
        flat = spread == 0
        scores = 1 - np.divide(errors, spread, out=(errors > 0).astype(np.float64), where=~flat)
        if self.class_aggregation is None:
            each: Array = self._adjusted(scores)
            return each
        if not scores.size:
            return 0.0
        by_variance = self.class_aggregation == "variance_weighted_average" and not flat.all()
        shares = spread if by_variance else np.ones_like(spread)
        return float(self._adjusted(np.dot(scores, shares) / np.sum(shares)))

    def _adjusted(self, score: Any) -> Any:
        """For the number of regressors."""
        if not self.num_regressors:
            return score
        left = self.rows - self.num_regressors - 1
        if left < 1:
            warn_user(
                f"R2Score: expected more than {self.num_regressors + 1} rows for "
                f"num_regressors={self.num_regressors}, got {self.rows}. The score is as it is "
                "without."
            )
            return score
        return 1 - (1 - score) * (self.rows - 1) / left
