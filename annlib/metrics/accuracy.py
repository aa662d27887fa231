"""The share of rows that are right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from annlib.core.arrays import Array, BatchShape, kind_of_targets
from annlib.core.checks import check_batch_shape, check_label, check_number
from annlib.core.errors import ShapeError
from annlib.core.workspace import Workspace
from annlib.metrics.base import (
    Direction,
    MeanOverRows,
    Metric,
    Reads,
    check_probabilities,
    register,
    same_shape,
)
from annlib.metrics.thresholds import bits, check_bits, is_for_scores


class _Accuracy(MeanOverRows):
    direction: ClassVar[Direction | None] = "up"


class _OutputAccuracy(_Accuracy):
    """The share of outputs that are right: ``outputs`` says which."""

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        return _row_shares(self.outputs(Y, A, work), work)

    def outputs(self, Y: Array, A: Array, work: Workspace) -> Array:
        raise NotImplementedError


@register("accuracy")
class Accuracy(_OutputAccuracy):
    """Mean of a == y over outputs and rows: for predictions that are classes themselves.

    y and a are (n,) or (n, outputs). In ``compile`` the name ``"accuracy"`` means what loss and
    shapes say, one of those below.

    Examples
    --------
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    def outputs(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "Accuracy")
        return np.equal(A, Y, out=work.array("right", *A.shape, dtype=bool))


@register("binary_accuracy")
class BinaryAccuracy(_OutputAccuracy):
    """Mean of (a > threshold) == y over outputs and rows, for targets y of 0 and 1.

    Parameters
    ----------
    name : str, optional
        How logs and History call it; the registered name without one.
    threshold : float, any number
        A prediction above it (strictly) counts as 1. Between 0 and 1 it is one of probabilities;
        any other is one of scores of any size, such as logits or those of a hinge loss, and then
        y may be -1 and 1.

    Raises
    ------
    ConfigurationError
        For a threshold that is no number.
    DataError
        When it is called, for targets that are not 0 or 1, or predictions that are no
        probabilities.

    Examples
    --------
    >>> BinaryAccuracy()([0, 1, 1, 1], [0.1, 0.8, 0.3, 0.7])
    0.75
    >>> BinaryAccuracy(threshold=0)([-1, 1], [-2.5, 0.1])
    1.0
    """

    for_scores = ", or cut scores of any size: metrics.BinaryAccuracy(threshold=0.0)"

    def __init__(self, name: str | None = None, *, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = check_number(threshold, "BinaryAccuracy", "threshold")
        self._cuts_scores = is_for_scores(self.threshold)

    def reads(self, units: int) -> Reads:
        return "outputs" if self._cuts_scores else "probabilities"

    def check_targets(self, Y: Array, where: str) -> None:
        check_bits(Y, self.work, where, signs=self._cuts_scores)

    def outputs(self, Y: Array, A: Array, work: Workspace) -> Array:
        where = type(self).__name__
        Y = same_shape(Y, A, where)
        if not self._cuts_scores:
            check_probabilities(A, where, self.for_scores)
        truth = bits(Y, work, where, signs=self._cuts_scores)
        right = np.greater(A, self.threshold, out=work.array("right", *A.shape, dtype=bool))
        same: Array = np.equal(right, truth, out=right)
        return same


@register("categorical_accuracy")
class CategoricalAccuracy(_Accuracy):
    """Share of rows whose largest output is at the largest target (one-hot rows).

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [0, 1]], [[0.3, 0.7], [0.6, 0.4]])
    0.5
    """

    of_classes = True

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "CategoricalAccuracy")
        labels = np.argmax(Y, axis=-1, out=work.array("labels", *A.shape[:-1], dtype=np.intp))
        return _at_label(labels, A, work, type(self).__name__)


@register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(_Accuracy):
    """Share of rows whose largest output is at the label, 0..N-1: labels (n,), predictions (n, N).

    Parameters
    ----------
    name : str, optional
        How logs and History call it; the registered name without one.
    ignore_class : int, any value, optional
        A label of rows that do not count. Those which the loss ignores do not count in ``fit`` and
        ``evaluate`` anyway.

    Raises
    ------
    ConfigurationError
        If ``ignore_class`` is no integer.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 1], [[0.3, 0.7], [0.6, 0.4]])
    0.5
    """

    def __init__(self, name: str | None = None, *, ignore_class: int | None = None) -> None:
        self.ignore_class = check_label(ignore_class, type(self).__name__, "ignore_class")
        super().__init__(name)

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        where = type(self).__name__
        return _at_label(one_label_a_row(Y, A, where), A, work, where)


def _row_shares(right: Array, work: Workspace) -> Array:
    """The share of each row's outputs that are right."""
    n = len(right)
    if right.size == n:
        return right.reshape(-1)
    return np.mean(right.reshape(n, -1), axis=1, out=work.array("share", n))


def one_label_a_row(Y: Array, A: Array, where: str) -> Array:
    """Labels as (n,), from (n,) or (n, 1); of predictions (n, ..., k) as (n, ...)."""
    shape = A.shape[:-1]
    if Y.shape not in (shape, (*shape, 1)):
        raise ShapeError(f"{where}: expected one label a row, {shape}, got {Y.shape}.")
    return Y.reshape(shape)


def _at_label(labels: Array, A: Array, work: Workspace, where: str) -> Array:
    if A.shape[-1] == 1:
        raise ShapeError(
            f"{where}: expected predictions of several classes, got shape {A.shape}, of which the "
            'largest is always the first. Take "accuracy" or "binary_accuracy" for one output.'
        )
    chosen = np.argmax(A, axis=-1, out=work.array("chosen", *labels.shape, dtype=np.intp))
    right = np.equal(chosen, labels, out=work.array("right", *labels.shape, dtype=bool))
    return _row_shares(right, work)


def resolve_accuracy(target_shape: BatchShape, output_shape: BatchShape, name: str) -> Metric:
    """What shapes say of ``metrics=["accuracy"]``, as in Keras; in a model the loss says more.

    Parameters
    ----------
    target_shape : tuple, (n,) or (n, ...)
        The targets' shape; n may be None.
    output_shape : tuple, (n, units)
        The predictions' shape.
    name : str
        How logs and History call the metric.

    Returns
    -------
    Metric
        ``BinaryAccuracy``, ``SparseCategoricalAccuracy`` or ``CategoricalAccuracy``.

    Raises
    ------
    ShapeError
        For what is no shape of a batch.

    Examples
    --------
    >>> resolve_accuracy((None,), (None, 3), "accuracy")
    SparseCategoricalAccuracy(name='accuracy')
    """
    where = "resolve_accuracy"
    targets = check_batch_shape(target_shape, where, "target_shape", 1)
    outputs = check_batch_shape(output_shape, where, "output_shape")
    kinds: dict[str, type[Metric]] = {
        "binary": BinaryAccuracy,
        "sparse": SparseCategoricalAccuracy,
        "categorical": CategoricalAccuracy,
    }
    return kinds[kind_of_targets(targets, outputs)](name)
