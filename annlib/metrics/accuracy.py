"""The share of rows that are right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from annlib.core.arrays import Array, BatchShape, kind_of_targets
from annlib.core.checks import check_batch_shape, check_number
from annlib.core.errors import ShapeError
from annlib.core.workspace import Workspace
from annlib.metrics.base import Direction, MeanOverRows, Metric, register, same_shape


class _Accuracy(MeanOverRows):
    direction: ClassVar[Direction | None] = "up"


@register("accuracy")
class Accuracy(_Accuracy):
    """Mean of a == y over outputs and rows: for predictions that are classes themselves.

    In ``compile`` the name ``"accuracy"`` means what the shapes say, one of those below.

    Examples
    --------
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "Accuracy")
        right = np.equal(A, Y, out=work.array("right", *A.shape, dtype=bool))
        return _row_shares(right, work)


@register("binary_accuracy")
class BinaryAccuracy(_Accuracy):
    """Mean of (a > threshold) == y over outputs and rows.

    Parameters
    ----------
    name : str, optional
    threshold : float
        A prediction above it (strictly) counts as 1.
    """

    def __init__(self, name: str | None = None, *, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = check_number(threshold, "BinaryAccuracy", "threshold")

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "BinaryAccuracy")
        right = np.greater(A, self.threshold, out=work.array("right", *A.shape, dtype=bool))
        return _row_shares(np.equal(right, Y, out=right), work)


@register("categorical_accuracy")
class CategoricalAccuracy(_Accuracy):
    """Share of rows whose largest output is at the largest target (one-hot rows)."""

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "CategoricalAccuracy")
        labels = np.argmax(Y, axis=-1, out=work.array("labels", *A.shape[:-1], dtype=np.intp))
        return _at_label(labels, A, work)


@register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(_Accuracy):
    """Share of rows whose largest output is at the label, 0..N-1."""

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        return _at_label(one_label_a_row(Y, A, "SparseCategoricalAccuracy"), A, work)


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


def _at_label(labels: Array, A: Array, work: Workspace) -> Array:
    chosen = np.argmax(A, axis=-1, out=work.array("chosen", *labels.shape, dtype=np.intp))
    right = np.equal(chosen, labels, out=work.array("right", *labels.shape, dtype=bool))
    return _row_shares(right, work)


def resolve_accuracy(target_shape: BatchShape, output_shape: BatchShape, name: str) -> Metric:
    """What ``metrics=["accuracy"]`` means for targets and outputs of these shapes (as Keras)."""
    where = "resolve_accuracy"
    targets = check_batch_shape(target_shape, where, "target_shape", 1)
    outputs = check_batch_shape(output_shape, where, "output_shape")
    kinds: dict[str, type[Metric]] = {
        "binary": BinaryAccuracy,
        "sparse": SparseCategoricalAccuracy,
        "categorical": CategoricalAccuracy,
    }
    return kinds[kind_of_targets(targets, outputs)](name)
