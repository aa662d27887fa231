"""The share of rows whose class is among the k largest predictions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_flag
from annlib.core.errors import DataError, ShapeError
from annlib.core.workspace import Workspace
from annlib.metrics.accuracy import one_label_a_row
from annlib.metrics.base import Direction, MeanOverRows, columns_of, register, same_shape


class _TopK(MeanOverRows):
    """The share of rows that are among the k best.

    Parameters
    ----------
    k : int, at least 1
        How many of the largest outputs count.
    name : str, optional
        How logs and History call it; the registered name without one.
    """

    direction: ClassVar[Direction | None] = "up"

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        self.k = check_count(k, type(self).__name__, "k")
        super().__init__(name)

    def labels(self, Y: Array, A: Array, work: Workspace) -> Array:
        """The class of each row, (n,).

        Y are the targets, A the predictions; scratch comes from ``work``.
        """
        raise NotImplementedError

    def _check_classes(self, A: Array) -> int:
        """How many columns there are, at least k; raises ``ShapeError``."""
        classes = columns_of(A, 0, type(self).__name__)
        if classes < self.k:
            raise ShapeError(
                f"{type(self).__name__}: expected predictions (n, classes) of at least k = "
                f"{self.k} classes, got {A.shape}. Choose a smaller k."
            )
        return classes

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        n, classes = len(A), self._check_classes(A)
        labels = self.labels(Y, A, work)
        if len(work.get("classes", ())) != classes:
            work["classes"] = np.arange(classes)
        own = work.array("own", *A.shape, dtype=bool)
        if np.count_nonzero(np.equal(labels.reshape(n, 1), work["classes"], out=own)) < n:
            wrong = labels[~own.any(axis=1)][0]
            raise DataError(
                f"{type(self).__name__}: expected integer labels in 0..{classes - 1}, got {wrong}."
            )
        others = work.array("others", *A.shape)
        others.fill(-np.inf)
        np.copyto(others, A, where=own)
        at_label = numerics.row_max(others, work)
        # Those that are not larger, the class itself among them: none if it is NaN.
        np.less_equal(A, at_label, out=others)
        behind = np.dot(others, work.ones(classes), out=work.array("behind", n))
        right = work.array("right", n, dtype=bool)
        np.greater(behind, classes - self.k, out=right)
        return right


@register("top_k_categorical_accuracy")
class TopKCategoricalAccuracy(_TopK):
    """Share of rows where fewer than k outputs are larger than the one at the largest target.

    Outputs that tie share their place, as in Keras. Targets and predictions are (n, N).

    Examples
    --------
    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    1.0
    >>> TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    """

    of_classes = True

    def labels(self, Y: Array, A: Array, work: Workspace) -> Array:
        Y = same_shape(Y, A, "TopKCategoricalAccuracy")
        return np.argmax(Y, axis=1, out=work.array("labels", len(A), dtype=np.intp))


@register("sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(_TopK):
    """The share of rows whose label (0..N-1) is among the k largest outputs.

    Parameters
    ----------
    k : int, at least 1
        How many of the largest outputs count.
    name : str, optional
        How logs and History call it; the registered name without one.
    from_sorted_ids : bool
        Whether predictions are no scores but the best classes themselves, (n, N) with N at least
        k, the best one first; a class may then have any number for its name.

    Examples
    --------
    >>> SparseTopKCategoricalAccuracy(k=1)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
    0.5
    >>> SparseTopKCategoricalAccuracy(k=1, from_sorted_ids=True)([2, 1], [[1, 0, 3], [1, 2, 3]])
    0.5
    """

    def __init__(
        self, k: int = 5, name: str | None = None, *, from_sorted_ids: bool = False
    ) -> None:
        self.from_sorted_ids = check_flag(from_sorted_ids, type(self).__name__, "from_sorted_ids")
        super().__init__(k, name)

    def rows(self, Y: Array, A: Array, work: Workspace) -> Array:
        if not self.from_sorted_ids:
            return super().rows(Y, A, work)
        self._check_classes(A)
        labels = self.labels(Y, A, work).reshape(-1, 1)
        same = np.equal(A[:, : self.k], labels, out=work.array("same", len(A), self.k, dtype=bool))
        return np.any(same, axis=1, out=work.array("right", len(A), dtype=bool))

    def labels(self, Y: Array, A: Array, work: Workspace) -> Array:
        return one_label_a_row(Y, A, "SparseTopKCategoricalAccuracy")
