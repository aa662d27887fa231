"""What metrics of zeros and ones share: counts between thresholds, exact over any batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import to_array
from annlib.core.errors import DataError
from annlib.core.workspace import Workspace
from annlib.metrics.base import Metric, arrays_of, check_probabilities, same_shape

#: How scores of columns become one number.
AVERAGES = (None, "micro", "macro", "weighted")
# Numbers that are searched at once (searchsorted has no buffer of ours to write into), and rows
# that are checked.
_CHUNK = 4096


class ThresholdMetric(Metric):
    """A metric of the weight of zeros and of ones between thresholds.

    Targets are zeros and ones of the predictions' shape; every column counts, and a prediction
    above a threshold (strictly) counts as 1. A prediction that is NaN makes the result NaN.

    The state is ``counts``, (labels, 2, intervals): for each label (one, unless columns are kept
    apart), of zeros and of ones, what they weigh between one threshold and the next.

    Parameters
    ----------
    cuts : ndarray, (thresholds,)
        The thresholds in ascending order.
    name : str, optional
        How logs and History call it; the registered name without one.
    """

    def __init__(self, cuts: Array, name: str | None) -> None:
        self._cuts = cuts
        super().__init__(name)

    @property
    def weighs_outputs(self) -> bool:
        """Whether each output can have a weight, and not only each row."""
        return True

    def reset_state(self) -> None:
        self._begin(1)

    def _begin(self, labels: int) -> None:
        self.counts = np.zeros((labels, 2, len(self._cuts) + 1))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        Y, A = self.bits_and_predictions(y_true, y_pred)
        weights = self.element_weights(A, self.weights_of(len(A), sample_weight, A.shape))
        self._count(Y, A, weights)

    def bits_and_predictions(self, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
        """Targets ``y_true`` as truth values and predictions ``y_pred`` as floating numbers, of one
        shape.
        """
        where = type(self).__name__
        Y, A = arrays_of(y_true, y_pred, where)
        A = A if A.dtype.char in "fd" else A.astype(np.float64)
        if self.takes_labels and are_labels(Y, A):
            truth = one_hot(Y, A, self.work, where)
            A = self._predictions_of_labels(A)
        else:
            truth = bits(same_shape(Y, A, where), self.work, where)
        if self.reads(A.shape[-1]) == "probabilities":
            check_probabilities(A, where, self.for_scores)
        return truth, A

    def _predictions_of_labels(self, A: Array) -> Array:
        """What is compared with thresholds where a row has one class: the predictions themselves,
        or what a subclass makes of them.
        """
        return A

    def check_targets(self, Y: Array, where: str) -> None:
        check_bits(Y, self.work, where)

    def element_weights(self, A: Array, weights: Array | None) -> Array | None:
        """One weight a prediction of A, flat, from ``weights``: one a row or one a prediction."""
        if weights is None or weights.ndim > 1 or A.size == len(A):
            return weights if weights is None else weights.reshape(-1)
        spread = self.work.array("spread", len(A), A.size // len(A))
        np.copyto(spread, weights.reshape(-1, 1))
        return spread.reshape(-1)

    def _count(self, Y: Array, A: Array, weights: Array | None) -> None:
        """Add the batch to the counts."""
        labels, _, intervals = self.counts.shape
        places = self.intervals(A)
        np.add(places, intervals, out=places, where=Y)
        if labels > 1:
            np.add(places, np.arange(0, self.counts.size, 2 * intervals), out=places)
        counted = np.bincount(places.reshape(-1), weights, self.counts.size)
        np.add(self.counts, counted.reshape(self.counts.shape), out=self.counts)
        if has_nan(A, self.work):
            self.counts.fill(np.nan)

    def intervals(self, A: Array) -> Array:
        """How many thresholds lie below each prediction of A, in the predictions' own precision."""
        places = self.work.array("places", *A.shape, dtype=np.intp)
        cuts = self._cuts.astype(A.dtype)
        if len(cuts) == 1:
            np.greater(A, cuts[0], out=places)
            return places
        flat, found = A.reshape(-1), places.reshape(-1)
        for start in range(0, flat.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            found[part] = cuts.searchsorted(flat[part])
        return places

    def confusion(self) -> tuple[Array, Array, Array, Array]:
        """TP, FP, FN and TN, (labels, thresholds + 2): the first threshold is below every
        prediction and the last above all.

        Each is a sum of its own, so that rounding makes no zero a little less.
        """
        shape = *self.counts.shape[:2], self.counts.shape[2] + 1
        above, below = np.zeros(shape), np.zeros(shape)
        np.cumsum(self.counts[..., ::-1], axis=-1, out=above[..., 1:])
        np.cumsum(self.counts, axis=-1, out=below[..., 1:])
        above = above[..., ::-1]
        return above[:, 1], above[:, 0], below[:, 1], below[:, 0]


def bins_of(A: Array, bins: int, least: int, work: Workspace) -> Array:
    """Of so many bins from 0 to 1, the first being 1, the number of that in which each prediction
    lies, by Keras' own rounding; 0 is in bin 0, or ``least``, and so is NaN.
    """
    found = work.array(f"found.{A.dtype.char}", *A.shape, dtype=A.dtype)
    A.clip(0, 1, out=found)
    np.ceil(np.multiply(found, bins, out=found), out=found)
    np.fmax(found, least, out=found)
    places = work.array("places", *A.shape, dtype=np.intp)
    np.copyto(places, found, casting="unsafe")
    return places


def as_one_row(y_true: Any, y_pred: Any, where: str) -> tuple[Any, Any]:
    """Predictions of shape (k,) as those of one row of k columns; any others as they are."""
    A = to_array(y_pred, where, "y_pred")
    if A.ndim != 1:
        return y_true, A
    Y = to_array(y_true, where, "y_true")
    return Y.reshape(1, -1) if Y.ndim == 1 else Y, A.reshape(1, -1)


def as_weights_of(column: int | None, y_pred: Any, sample_weight: Any, where: str) -> Any:
    """Weights of each prediction in the shape that ``as_one_row`` and ``only_column`` give those;
    any others as they are.
    """
    if sample_weight is None:
        return None
    A, W = to_array(y_pred, where, "y_pred"), to_array(sample_weight, where, "sample_weight")
    if A.shape != W.shape:
        return sample_weight
    W = W.reshape(1, -1) if W.ndim == 1 else W
    return W if column is None else W[..., column : column + 1]


def only_column(Y: Array, A: Array, column: int | None) -> tuple[Array, Array]:
    """Truth values and predictions of one column; of all without one."""
    if column is None:
        return Y, A
    return Y[..., column : column + 1], A[..., column : column + 1]


def is_for_scores(thresholds: Any) -> bool:
    """Whether thresholds that were given are for scores of any size, and not for probabilities: all
    of them outside (0, 1), where they would tell no probabilities apart.
    """
    return not any(0 < cut < 1 for cut in np.ravel(thresholds))


def bits(Y: Array, work: Workspace, where: str, signs: bool = False) -> Array:
    """Targets that are 0 or 1 as truth values, in a buffer; with ``signs`` also those of -1 and 1.

    Raises
    ------
    DataError
        If there is any other number.
    """
    if Y.dtype == bool:
        return Y
    truth = work.array("truth", *Y.shape, dtype=bool)
    same = work.array("same", *Y.shape, dtype=bool)
    if signs and Y.size and Y.min() < 0:
        np.equal(np.abs(Y), 1, out=same)
        np.greater(Y, 0, out=truth)
    else:
        np.copyto(truth, Y, casting="unsafe")
        np.equal(Y, truth, out=same)
    if np.count_nonzero(same) < Y.size:
        raise DataError(
            f"{where}: expected targets that are 0 or 1, got {Y[~same][0]}. Re-code them; classes "
            "as one-hot rows."
        )
    return truth


def are_labels(Y: Array, A: Array) -> bool:
    """Whether targets are one label a row, (n,) or (n, 1), for predictions of several columns."""
    return A.ndim == 2 and A.shape[1] > 1 and Y.shape in ((len(A),), (len(A), 1))


def one_hot(Y: Array, A: Array, work: Workspace, where: str) -> Array:
    """Labels as truth values of the predictions' shape, in a buffer.

    Raises
    ------
    DataError
        If one is none of the predictions' columns.
    """
    own = _at(Y, A, "truth", work)
    if np.count_nonzero(own) < len(A):
        wrong = Y.reshape(-1)[~own.any(axis=1)][0]
        raise DataError(f"{where}: expected integer labels in 0..{A.shape[1] - 1}, got {wrong}.")
    return own


def largest(A: Array, work: Workspace) -> Array:
    """Whether each prediction is the first of the largest ones of its row, in a buffer."""
    at = np.argmax(A, axis=1, out=work.array("at", len(A), dtype=np.intp))
    return _at(at, A, "largest", work)


def _at(labels: Array, A: Array, name: str, work: Workspace) -> Array:
    """Truth values of the predictions' shape: each row's is true at its label, if it has that."""
    n, classes = A.shape
    if len(work.get("classes", ())) != classes:
        work["classes"] = np.arange(classes)
    found = work.array(name, n, classes, dtype=bool)
    np.equal(labels.reshape(n, 1), work["classes"], out=found)
    return found


def check_bits(Y: Array, work: Workspace, where: str, signs: bool = False) -> None:
    """Raise ``DataError`` as ``bits`` does, for any number of rows."""
    for start in range(0, len(Y), _CHUNK):
        bits(Y[start : start + _CHUNK], work, where, signs)


def averaged(values: Array, average: str | None, support: Array) -> Array:
    """The average of scores over their first dimension, the columns; all of them for None.

    Parameters
    ----------
    values : array, (columns, ...)
    average : {"macro", "weighted", None}
    support : array, (columns,)
        How often each is true.
    """
    if average is None:
        return values
    shares = support if average == "weighted" else np.ones(len(values))
    total = np.add.reduce(shares)
    mean: Array = np.dot(shares, values) / total if total else np.zeros(values.shape[1:])
    return mean


def has_nan(A: Array, work: Workspace) -> bool:
    """Whether there is a NaN among these numbers."""
    return bool(np.count_nonzero(np.isnan(A, out=work.array("nan", *A.shape, dtype=bool))))
