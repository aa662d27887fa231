"""Samples and their weights: sample weights times the weights of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_array

from annlib.core.arrays import Array
from annlib.core.checks import is_number
from annlib.core.errors import DataError, show
from annlib.data import Sparse
from annlib.estimators.rules import Rule
from annlib.estimators.targets import LabelTargets, Targets

#: A sum of weights whose inverse may be beyond the type.
_TINY = 1e-290


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

    def whole(self) -> Samples:
        """Those of which no target is missing, for what has no notion of it."""
        if self.y.dtype.kind != "f" or not (gone := np.isnan(self.y)).any():
            return self
        return self.take(np.flatnonzero(~gone.reshape(len(gone), -1).any(axis=1)))

    @property
    def source(self) -> Array | Sparse:
        """X as batches read it."""
        return self.X if isinstance(self.X, np.ndarray) else Sparse(self.X)


def sample_weights(
    X: Any, y: Array, sample_weight: Any, class_weight: Any = None, targets: Targets | None = None
) -> Array | None:
    """One weight a row, or one an output of each, or None where all count the same.

    Parameters
    ----------
    X, y : array
        As validated.
    sample_weight : array_like, (n,) or of y's shape, or number, optional
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
        weights = _checked(sample_weight, X, y)
        if not np.isfinite(weights.sum()):
            raise DataError(
                f"sample_weight: expected finite numbers, got {show(sample_weight)}. Drop the "
                "rows, or give them the weight 0."
            )
    if class_weight is not None:
        assert isinstance(targets, LabelTargets), "of a classifier"
        if weights is not None and weights.ndim > 1:
            raise DataError(
                "class_weight: expected none beside a sample_weight for each output, got "
                f"{show(class_weight)}. Multiply the weights of each output by those of its class."
            )
        if y.dtype.kind == "f" and np.isnan(y).any():
            raise DataError(
                "class_weight: expected none where labels are missing, got "
                f"{show(class_weight)}. Pass sample_weight of shape {y.shape} instead."
            )
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


def shape_of(values: Any) -> tuple[int, ...]:
    """The shape of what an array can be made of, and of anything else ()."""
    try:
        return np.shape(values)
    except (TypeError, ValueError):  # lists of several lengths, or in themselves
        return ()


def _checked(sample_weight: Any, X: Any, y: Array) -> Array:
    """Sample weights as scikit-learn takes them, or of the shape of several outputs."""
    if y.ndim == 2 and y.shape[1] > 1 and shape_of(sample_weight) == y.shape:
        of_outputs: Array = check_array(
            sample_weight, dtype=np.float64, input_name="sample_weight", ensure_non_negative=True
        )
        return of_outputs
    weights: Array = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    return weights


def by_rows(weights: Array) -> Array:
    """One weight a row: the mean over its outputs, where they have their own."""
    return weights if weights.ndim == 1 else np.asarray(weights.mean(axis=1))


def mean_one(weights: Array | None) -> Array | None:
    """The weights in the same ratios, with a mean of 1: a rate means the same with and without."""
    if weights is None:
        return None
    if weights.sum() < _TINY:  # by which nothing can be divided
        weights = weights / weights.max()
    return np.asarray(weights * (weights.size / weights.sum()))


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
