"""The share of rows that are right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.errors import ShapeError
from annlib.core.workspace import Workspace
from annlib.metrics.base import Direction, MeanOverRows, Metric, register, same_shape


class _Accuracy(MeanOverRows):
    direction: ClassVar[Direction | None] = "up"


@register("binary_accuracy")
class BinaryAccuracy(_Accuracy):
    """Mean of (a > threshold) == y over outputs and rows.

    Parameters
    ----------
    name : str, optional
    threshold : float
        A prediction above it (strictly) counts as 1.
    """

    def __init__(self, name: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = threshold

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "BinaryAccuracy")
        right = np.greater(A, self.threshold, out=work.array("right", *A.shape, dtype=bool))
        np.equal(right, Y, out=right)
        if A.size == len(A):
            return right.reshape(-1)
        return np.mean(right.reshape(len(A), -1), axis=1, out=work.array("share", len(A)))


@register("categorical_accuracy")
class CategoricalAccuracy(_Accuracy):
    """Share of rows whose largest output is at the largest target (one-hot rows)."""

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "CategoricalAccuracy")
        labels = np.argmax(Y, axis=1, out=work.array("labels", len(A), dtype=np.intp))
        return _at_label(labels, A, work)


@register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(_Accuracy):
    """Share of rows whose largest output is at the label, 0..N-1."""

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = Y.reshape(-1) if Y.ndim == 2 and Y.shape[1] == 1 else Y
        if Y.shape != A.shape[:1]:
            raise ShapeError(
                f"SparseCategoricalAccuracy: expected one label a row, {A.shape[:1]}, "
                f"got {Y.shape}."
            )
        return _at_label(Y, A, work)


def _at_label(labels: Array, A: Array, work: Workspace) -> Array:
    chosen = np.argmax(A, axis=1, out=work.array("chosen", len(A), dtype=np.intp))
    return np.equal(chosen, labels, out=work.array("right", len(A), dtype=bool))


def resolve_accuracy(target_shape: BatchShape, output_shape: BatchShape, name: str) -> Metric:
    """What ``metrics=["accuracy"]`` means for targets and outputs of these shapes (as Keras)."""
    if output_shape[-1] == 1:
        return BinaryAccuracy(name)
    if len(target_shape) < len(output_shape) or target_shape[-1] == 1:
        return SparseCategoricalAccuracy(name)
    return CategoricalAccuracy(name)
