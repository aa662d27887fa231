"""The F-score: precision and recall of classes in one number."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_choice, check_number
from annlib.metrics.base import (
    Direction,
    Metric,
    Reads,
    arrays_of,
    check_probabilities,
    column_sums,
    columns_of,
    register,
    same_shape,
)
from annlib.metrics.curves import ratio
from annlib.metrics.thresholds import (
    AVERAGES,
    are_labels,
    averaged,
    bits,
    check_bits,
    has_nan,
    largest,
    one_hot,
)

# A row whose largest prediction is no larger chooses nothing, as in Keras.
_NOTHING = 1e-9


@register("fbeta_score")
class FBetaScore(Metric):
    """(1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP) of each column, or an average of the columns.

    It is the harmonic mean of precision and recall, recall with b^2 times the weight; 0 for a
    column that is neither predicted nor true, NaN if a prediction is. It is exact, while Keras adds
    1e-7 to each of three denominators.

    Integer labels (n,) of several classes count as their one-hot rows; without a threshold the
    first of a row's largest predictions is then its class, as in scikit-learn.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        None gives an array, one score a column; ``micro`` counts all columns as one; ``macro`` is
        the columns' mean, ``weighted`` their mean by how often they are true.
    beta : float, above 0
        How much recall counts.
    threshold : float, in (0, 1], optional
        A prediction above it (strictly) counts as 1; below 1 it is one of probabilities. Without it
        that is a row's largest (all of them if there are several, none if it is 0 to 1e-9), and
        where a row has one column, or in a model each class or not, 0.5.
    name : str, optional
        How logs and History call it; the registered name without one.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    ShapeError
        When it is called, for another number of columns than before.
    DataError
        For targets that are not 0 or 1, or predictions that are no probabilities.

    Examples
    --------
    >>> FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [0, 1]], [[0.6, 0.2], [0.9, 0.7]]).round(4)
    array([0.8333, 0.5556])
    """

    direction: ClassVar[Direction | None] = "up"
    takes_labels = True

    def __init__(
        self,
        average: Literal["micro", "macro", "weighted"] | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
    ) -> None:
        where = type(self).__name__
        self.average = check_choice(average, where, "average", AVERAGES)
        self.beta = check_number(beta, where, "beta", "(0, inf)")
        if threshold is not None:
            check_number(threshold, where, "threshold", "(0, 1]")
        self.threshold = threshold
        self._of_labels = False
        super().__init__(name)

    def check_targets(self, Y: Array, where: str) -> None:
        check_bits(Y, self.work, where)

    def settle(self, *, of_labels: bool) -> None:
        self._of_labels = of_labels

    def _cut(self, units: int) -> float | None:
        """The threshold for predictions of so many columns; None for a row's largest."""
        if self.threshold is None and (units == 1 or self._of_labels):
            return 0.5
        return self.threshold

    def reads(self, units: int) -> Reads:
        cut = self._cut(units)
        if cut is None:
            return "scores"
        return "probabilities" if cut < 1 else "outputs"

    @property
    def weighs_outputs(self) -> bool:
        """Whether each output can have a weight, and not only each row."""
        return True

    def reset_state(self) -> None:
        #: TP, FP and FN of each column; without columns before the first batch.
        self.counts = np.zeros((3, 0))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        where = type(self).__name__
        Y, A = arrays_of(y_true, y_pred, where)
        labels = are_labels(Y, A)
        if labels:
            truth = one_hot(Y, A, self.work, where)
        else:
            truth = bits(same_shape(Y, A, where), self.work, where)
        columns = columns_of(A, self.counts.shape[1], where)
        if self.reads(columns) == "probabilities":
            check_probabilities(A, where, "")
        weights = self.weights_of(len(A), sample_weight, A.shape)
        if weights is None:
            weights = self.work.ones(len(A))
        if not self.counts.size:
            self.counts = np.zeros((3, columns))
        by_largest = labels and self._cut(columns) is None
        chosen = largest(A, self.work) if by_largest else self._chosen(A)
        cells = self.work.array("cells", *A.shape)
        # Each of chosen and truth is 0 or 1: "greater" is the one without the other.
        for row, cell in enumerate((np.logical_and, np.greater, np.less)):
            self.counts[row] += column_sums(weights, cell(chosen, truth, out=cells))
        if has_nan(A, self.work):
            self.counts.fill(np.nan)

    def _chosen(self, A: Array) -> Array:
        """Where a prediction counts as 1."""
        chosen = self.work.array("chosen", *A.shape, dtype=bool)
        cut = self._cut(A.shape[1])
        if cut is not None:
            return np.greater(A, cut, out=chosen)
        np.greater_equal(A, numerics.row_max(A, self.work), out=chosen)
        above = np.greater(A, _NOTHING, out=self.work.array("above", *A.shape, dtype=bool))
        below = np.less(A, -_NOTHING, out=self.work.array("below", *A.shape, dtype=bool))
        np.logical_and(chosen, np.logical_or(above, below, out=above), out=chosen)
        return chosen

    def result(self) -> float | Array:
        counts = self.counts.sum(axis=1, keepdims=True) if self.average == "micro" else self.counts
        tp, fp, fn = counts
        square = self.beta**2
        scores = ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        found = averaged(scores, self.average, tp + fn)
        return found if self.average is None else float(found)


@register("f1_score")
class F1Score(FBetaScore):
    """2 TP / (2 TP + FN + FP): ``FBetaScore`` with beta = 1, whose other arguments it has.

    Examples
    --------
    >>> score = F1Score(average="macro")
    >>> round(score([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), 4)
    0.6667
    """

    def __init__(
        self,
        average: Literal["micro", "macro", "weighted"] | None = None,
        threshold: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name)
