"""Samples and their weights: sample weights times the weights of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from annlib.core.arrays import Array
from annlib.core.checks import is_number
from annlib.core.errors import DataError, show
from annlib.data import Sparse
from annlib.estimators.rules import Rule
from annlib.estimators.targets import LabelTargets, Targets


class Samples(NamedTuple):
    """Validated features, targets and weights of the same samples."""

    X: Any
    y: Array
    weights: Array | None
    #: The targets as the loss takes them, once the network is known.
    Y: Array | None = None

    def take(self, rows: Array) -> Samples:
        """Copy some of the samples."""
        weights = None if self.weights is None else self.weights[rows]
        Y = None if self.Y is None else self.Y[rows]
        return Samples(self.X[rows], self.y[rows], weights, Y)

    @property
    def source(self) -> Array | Sparse:
        """X as batches read it."""
        return self.X if isinstance(self.X, np.ndarray) else Sparse(self.X)


def row_weights(
    X: Any, y: Array, sample_weight: Any, class_weight: Any = None, targets: Targets | None = None
) -> Array | None:
    """One weight a row, or None where all count the same.

    Parameters
    ----------
    X, y : array
        As validated.
    sample_weight : array_like, (n,), or number, optional
    class_weight : dict, "balanced" or list of them, optional
        By the labels of y, as in scikit-learn: a class that a dict does not name has 1, and one
        that y lacks (in a fold) is passed over; but not both, which is a misspelt label.
        ``"balanced"`` is n / (k n_c) for each of the k classes in y, where rows count what they
        weigh. For several columns of classes (or labels) a list of one for each column; their
        weights are multiplied.
    targets : Targets, optional
        What the classes are; needed for class weights.

    Raises
    ------
    ValueError
        For weights that are negative, not finite, all 0, or of another length, and for class
        weights of labels that are none.
    """
    weights: Array | None = None
    if sample_weight is not None:
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not np.isfinite(weights.sum()):
            raise DataError(
                f"sample_weight: expected finite numbers, got {show(sample_weight)}. Drop the "
                "rows, or give them the weight 0."
            )
    if class_weight is not None:
        assert isinstance(targets, LabelTargets), "of a classifier"
        counted = np.ones(len(y)) if weights is None else weights
        columns = targets.weight_columns(y)
        factors = np.ones(len(y))
        for (classes, codes), how in zip(columns, _by_column(class_weight, columns), strict=True):
            factors *= _class_weights(classes, codes, how, counted)[codes]
        weights = counted * factors
    if weights is not None and not weights.any():
        raise DataError(
            "sample_weight: expected at least one row with a weight above zero, got all zero."
        )
    return weights


def mean_one(weights: Array | None) -> Array | None:
    """The weights in the same ratios, with a mean of 1: a rate means the same with and without."""
    return None if weights is None else weights * (len(weights) / weights.sum())


def _is_class_weight(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_one_weight(each) for each in value)
    return value is None or _is_one_weight(value)


def _is_one_weight(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, str) and value == "balanced")


#: What the parameter ``class_weight`` may be.
CLASS_WEIGHT = Rule("a dict, 'balanced', a list of them or None", _is_class_weight)


def _by_column(class_weight: Any, columns: list[Any]) -> list[Any]:
    if isinstance(class_weight, Mapping) and len(columns) > 1:
        raise DataError(
            f"class_weight: expected a list of one dict for each of the {len(columns)} columns of "
            'y, or "balanced", got one dict. Pass [{0: ..., 1: ...}, ...] with the labels of each.'
        )
    if not isinstance(class_weight, list):
        return [class_weight] * len(columns)
    if len(class_weight) != len(columns):
        raise DataError(
            f"class_weight: expected one dict for each of the {len(columns)} columns of y, got "
            f"{len(class_weight)}."
        )
    return class_weight


def _class_weights(classes: Array, codes: Array, how: Any, counted: Array) -> Array:
    """The weight of each class by its code."""
    if isinstance(how, Mapping):
        labels = classes.tolist()
        unnamed = [label for label in labels if label not in how]
        unknown = [label for label in how if label not in labels]
        if unnamed and unknown:
            raise DataError(
                f"class_weight: expected classes of {labels}, got {unknown} and no weight for "
                f"{unnamed}. Name labels of y; beside others all that y has."
            )
        for label, weight in how.items():
            if not is_number(weight) or not 0 <= weight < np.inf:
                raise DataError(
                    f"class_weight: expected numbers >= 0, got {weight!r} for class {label!r}."
                )
        return np.array([float(how.get(label, 1.0)) for label in labels])
    counts = np.bincount(codes, counted, len(classes))
    present = counts > 0
    weights = np.ones(len(classes))
    np.divide(counted.sum(), present.sum() * counts, out=weights, where=present)
    return weights
