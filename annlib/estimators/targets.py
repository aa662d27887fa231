"""What y means: class labels, indicators or numbers, told to a network and read from its output.

``learn_targets(y, classifier=True)`` examines y once and gives one of five kinds:

| kind                  | y of          | last layer, and the loss that fits by default           |
|-----------------------|---------------|---------------------------------------------------------|
| ``NumberTargets``     | numbers       | k linear, mean squared error                            |
| ``BinaryTargets``     | two classes   | 1 sigmoid (binary cross-entropy) or 2 softmax           |
| ``ClassTargets``      | k classes     | k softmax, sparse categorical cross-entropy             |
| ``IndicatorTargets``  | k labels      | k sigmoid, binary cross-entropy                         |
| ``ColumnsTargets``    | several such  | a block of linear units each, ``BlockCrossentropy``     |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import d2_pinball_score
from sklearn.utils.multiclass import type_of_target

from annlib.core.arrays import Array
from annlib.core.errors import DataError, ModelFormatError, show
from annlib.core.expression import rows_of
from annlib.estimators.parameter_codes import decode_array, encode_array
from annlib.losses import BlockCrossentropy, Loss, Quantile

#: Of the last layer, in a file.
MOST_UNITS = 10**6


class Targets:
    """Base class: what a network must look like for these targets, and the way there and back.

    Attributes
    ----------
    units : int
        Of the last layer.
    activation : str
        Of the last layer, by default.
    loss : str or Loss
        That fits it.
    """

    units: int
    activation: ClassVar[str]
    loss: str | Loss
    #: What may make the numbers or probabilities of a network's output.
    links: ClassVar[tuple[str, ...]]

    def heed(self, loss: Any) -> None:
        """Take over what a loss says of the outputs, before the network is made."""

    def encode(self, y: Array, one_hot: bool = False) -> Array:
        """Encode y as a loss takes it: codes (n,) of classes, or a column each."""
        raise NotImplementedError

    def decode(self, A: Array) -> Array:
        """Predictions in the terms of y, from the network's output: of labels, before the sigmoid
        or softmax.
        """
        raise NotImplementedError

    def score(self, y: Array, predicted: Array, weights: Array | None = None) -> float:
        """How good predictions are; 1 at best."""
        raise NotImplementedError

    def describe(self, where: str) -> dict[str, Any]:
        """All of it as JSON can hold it, for ``restore_targets``."""
        raise NotImplementedError


class NumberTargets(Targets):
    """Numbers to predict: one a row, or several; predictions have the dimensions of y, but for
    several quantiles of one number, which are a column each.
    """

    activation = "linear"
    loss = "mean_squared_error"
    links = ("exponential",)

    def __init__(self, y: Array) -> None:
        self.flat = y.ndim == 1
        self.columns = self.units = 1 if self.flat else y.shape[1]
        #: The quantiles that the outputs are of a single number.
        self.levels: Sequence[float] = ()

    def heed(self, loss: Any) -> None:
        if isinstance(loss, Loss) and self.columns == 1:
            self.levels = tuple(loss.levels)
            self.units = len(self.levels) or 1

    def encode(self, y: Array, one_hot: bool = False) -> Array:
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != self.columns:
            raise DataError(
                f"y: expected {self.columns} column{'s' * (self.columns > 1)}, as before, got "
                f"{columns.shape[1]}. For other targets call fit of a new estimator."
            )
        return columns

    def decode(self, A: Array) -> Array:
        return A.reshape(-1) if self.flat and not self.levels else A

    def score(self, y: Array, predicted: Array, weights: Array | None = None) -> float:
        """R2; of several quantiles the mean of D2, which is that of their pinball losses."""
        if not self.levels:
            return r2(y, predicted, weights)
        if y.dtype.kind == "f" and (gone := np.isnan(y.reshape(-1))).any():
            weights = None if weights is None else weights[~gone]
            y, predicted = y.reshape(-1)[~gone], predicted[~gone]
        each = (
            d2_pinball_score(y.reshape(-1), column, sample_weight=weights, alpha=level)
            for level, column in zip(self.levels, predicted.T, strict=True)
        )
        return float(np.mean([*each]))

    def describe(self, where: str) -> dict[str, Any]:
        flat, columns, levels = bool(self.flat), self.columns, list(self.levels)
        return {"kind": "numbers", "flat": flat, "columns": columns, "levels": levels}


class LabelTargets(Targets):
    """Base class of those that are labels.

    Attributes
    ----------
    classes : array, or list of arrays
        What a classifier shows as ``classes_``: sorted, and of y's type.
    """

    classes: Any
    links = ("sigmoid", "softmax")

    def probabilities(self, A: Array) -> Any:
        """What ``predict_proba`` returns, from the output of sigmoids or a softmax."""
        return A

    def decisions(self, Z: Array) -> Any:
        """What ``decision_function`` returns, from the same before the activation."""
        return Z

    def score(self, y: Array, predicted: Array, weights: Array | None = None) -> float:
        return accuracy(y, predicted, weights)

    def has_classes(self, classes: Any) -> bool:
        """Whether these, in any order, are the classes."""
        try:
            return np.array_equal(self.classes, np.unique(classes))
        except (TypeError, ValueError):  # what cannot be sorted
            return False

    def weight_columns(self, y: Array) -> list[tuple[Array, Array]]:
        """For class weights, by column of y: its classes and the codes of its rows."""
        raise NotImplementedError


class ClassTargets(LabelTargets):
    """One of several classes a row."""

    activation = "softmax"
    loss = "sparse_categorical_crossentropy"

    def __init__(self, classes: Array) -> None:
        self.classes = classes
        self.units = len(classes)

    def encode(self, y: Array, one_hot: bool = False) -> Array:
        codes = find_codes(y, self.classes)
        # Never fewer columns than two, which the output has even if there is a single class.
        return np.eye(max(2, len(self.classes)))[codes] if one_hot else codes

    def describe(self, where: str) -> dict[str, Any]:
        return {"kind": "classes", "classes": encode_array(self.classes, f"{where}, classes")}

    def decode(self, A: Array) -> Array:
        labels: Array = rows_of(self.classes, A.argmax(axis=1))
        return labels

    def weight_columns(self, y: Array) -> list[tuple[Array, Array]]:
        return [(self.classes, self.encode(y))]


class BinaryTargets(ClassTargets):
    """One of two classes a row, or always the same; the network has one unit or two."""

    activation = "sigmoid"  # one unit does
    loss = "binary_crossentropy"

    def __init__(self, classes: Array) -> None:
        super().__init__(classes)
        self.units = 1

    def decode(self, A: Array) -> Array:
        yes = A[:, 0] > 0 if A.shape[1] == 1 else A[:, 1] > A[:, 0]
        # Of a single class the code is 0, whatever the network has learned.
        labels: Array = rows_of(
            self.classes, np.minimum(yes.astype(np.intp), len(self.classes) - 1)
        )
        return labels

    def probabilities(self, A: Array) -> Array:
        if len(self.classes) == 1:
            return np.ones_like(A[:, :1])
        return A if A.shape[1] == 2 else np.concatenate([1 - A, A], axis=1)

    def decisions(self, Z: Array) -> Array:
        return Z[:, 0] if Z.shape[1] == 1 else Z[:, 1] - Z[:, 0]


class IndicatorTargets(LabelTargets):
    """Any number of labels a row: a column of zeros and ones for each."""

    activation = "sigmoid"
    loss = "binary_crossentropy"

    def __init__(self, y: Array) -> None:
        self.units = y.shape[1]
        self.classes = np.arange(self.units)

    def encode(self, y: Array, one_hot: bool = False) -> Array:
        if y.ndim != 2 or y.shape[1] != self.units:
            raise DataError(
                f"y: expected indicators of {self.units} labels, as before, got shape {y.shape}. "
                "For other targets call fit of a new estimator."
            )
        return y

    def decode(self, A: Array) -> Array:
        return (A > 0).astype(np.intp)

    def has_classes(self, classes: Any) -> bool:
        return True  # they are columns

    def describe(self, where: str) -> dict[str, Any]:
        return {"kind": "labels", "units": self.units}

    def weight_columns(self, y: Array) -> list[tuple[Array, Array]]:
        return [(np.array([0, 1]), column.astype(np.intp)) for column in self.encode(y).T]


class ColumnsTargets(LabelTargets):
    """A class for each of several columns; the network has a block of units for each of them."""

    activation = "linear"

    def __init__(self, classes: list[Array], dtype: np.dtype[Any]) -> None:
        self.classes = classes
        self.dtype = dtype
        self.sizes = tuple(len(each) for each in classes)
        self.units = sum(self.sizes)
        self.loss = BlockCrossentropy(self.sizes)

    def encode(self, y: Array, one_hot: bool = False) -> Array:
        return np.hstack([np.eye(len(classes))[codes] for classes, codes in self.weight_columns(y)])

    def decode(self, A: Array) -> Array:
        columns = [
            rows_of(classes.astype(self.dtype), block.argmax(axis=1)).reshape(-1, 1)
            for classes, block in zip(self.classes, self._split(A), strict=True)
        ]
        return np.concatenate(columns, axis=1)

    def probabilities(self, A: Array) -> list[Array]:
        return [block.copy() for block in self._split(A)]

    def decisions(self, Z: Array) -> list[Array]:
        return self.probabilities(Z)

    def has_classes(self, classes: Any) -> bool:
        same = len(classes) == len(self.classes)
        pairs = zip(self.classes, classes, strict=False)
        return same and all(np.array_equal(own, np.unique(given)) for own, given in pairs)

    def describe(self, where: str) -> dict[str, Any]:
        classes = [encode_array(each, f"{where}, classes") for each in self.classes]
        return {"kind": "columns", "classes": classes}

    def weight_columns(self, y: Array) -> list[tuple[Array, Array]]:
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise DataError(
                f"y: expected {len(self.classes)} columns of classes, as before, got shape "
                f"{y.shape}. For other targets call fit of a new estimator."
            )
        pairs = zip(self.classes, y.T, strict=True)
        return [(classes, find_codes(column, classes)) for classes, column in pairs]

    def _split(self, A: Array) -> list[Array]:
        return [A[:, block] for block in BlockCrossentropy(self.sizes).blocks(self.units)]


def r2(y: Array, predicted: Array, weights: Array | None = None) -> float:
    """1 - sum (y - a)^2 / sum (y - mean y)^2, the mean over outputs; of constant y 1 or 0.

    Targets that are NaN are left out, and outputs of which none is there; weights may be of rows
    or of outputs.
    """
    y, predicted = (values.reshape(len(values), -1).astype(float) for values in (y, predicted))
    there = ~np.isnan(y)
    if not there.all() or (weights is not None and weights.ndim == 2):
        weights = there * (1.0 if weights is None else weights.reshape(len(y), -1))
        counted = weights.any(axis=0)
        if not counted.any():
            return float("nan")
        y, predicted = np.where(there, y, 0)[:, counted], predicted[:, counted]
        weights = weights[:, counted]
    centre = np.average(y, axis=0, weights=weights)
    missed, spread = (
        np.average(np.square(y - values), axis=0, weights=weights) for values in (predicted, centre)
    )
    scores = (missed == 0).astype(float)
    np.divide(spread - missed, spread, out=scores, where=spread != 0)
    return float(scores.mean())


def accuracy(y: Array, predicted: Array, weights: Array | None = None) -> float:
    """The share of rows that are right, in all columns where there are several.

    scikit-learn's refuses several columns of classes, and takes as long as a small epoch.
    """
    right = (predicted == y) | (y != y) if y.dtype.kind == "f" else predicted == y  # noqa: PLR0124  # NaN is missing
    right = right.reshape(len(y), -1).all(axis=1)
    if weights is not None and weights.ndim == 2:
        weights = weights.mean(axis=1)
    return float(np.average(right, weights=weights))


def learn_targets(y: Array, *, classifier: bool, classes: Any = None) -> Targets:
    """What the targets are, from all of y, or of a first part of them with ``classes`` to tell.

    Parameters
    ----------
    y : array
        What ``check_y`` gave.
    classifier : bool
    classes : array_like, or list of them for several columns, optional
        All classes that there are, if not all of them need be in y.
    """
    if not classifier:
        return NumberTargets(y)
    if y.ndim == 2:
        missing = y.dtype.kind == "f" and np.isnan(y).any()  # of labels, as check_missing saw
        if missing or type_of_target(y) == "multilabel-indicator":
            return IndicatorTargets(y)
        columns = y.T if classes is None else classes
        return ColumnsTargets([np.unique(column) for column in columns], y.dtype)
    found = np.unique(y if classes is None else classes)
    return BinaryTargets(found) if len(found) <= 2 else ClassTargets(found)


def restore_targets(code: Any, *, classifier: bool) -> Targets:
    """The targets that ``describe`` described; raises for what it does not give."""
    kind = code["kind"]
    if kind == "numbers" and not classifier:
        flat, columns, levels = code["flat"], code["columns"], code["levels"]
        fine = type(flat) is bool and type(columns) is int and 1 <= columns <= MOST_UNITS
        if not fine or (flat and columns > 1) or (levels and columns > 1):
            raise ModelFormatError(f"file: expected numbers to predict, got {show(code)}.")
        numbers = NumberTargets(np.empty((0,) if flat else (0, columns)))
        numbers.heed(Quantile(levels) if levels else None)
        return numbers
    if kind == "classes" and classifier:
        found = _restored_classes(code["classes"])
        return BinaryTargets(found) if len(found) <= 2 else ClassTargets(found)
    if kind == "labels" and classifier:
        units = code["units"]
        if type(units) is int and 1 <= units <= MOST_UNITS:
            return IndicatorTargets(np.empty((0, units)))
    if kind == "columns" and classifier:
        several = [_restored_classes(each) for each in code["classes"]]
        if several:
            return ColumnsTargets(several, np.result_type(*(each.dtype for each in several)))
    raise ModelFormatError(f"file: expected what y means, got {show(code)}.")


def _restored_classes(code: Any) -> Array:
    classes = decode_array(code)
    if classes.ndim != 1 or not len(classes) or not np.array_equal(np.unique(classes), classes):
        raise ModelFormatError(f"file: expected classes in their order, got {show(code)}.")
    return classes


def find_codes(y: Array, classes: Array) -> Array:
    """The place of each label among the sorted classes.

    >>> find_codes(np.array(["b", "a", "b"]), np.array(["a", "b"]))
    array([1, 0, 1])

    Raises
    ------
    DataError
        For a label that is none of them.
    """
    if y.ndim != 1:
        raise DataError(f"y: expected one class a row, as before, got shape {y.shape}.")
    labels, codes = np.unique(y, return_inverse=True)
    places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    unseen = labels[classes[places] != labels]
    if len(unseen):
        raise DataError(
            f"y: expected the classes {classes.tolist()}, got previously unseen labels "
            f"{unseen.tolist()}. Name all classes at the first call: partial_fit(X, y, classes)."
        )
    found: Array = places[codes]
    return found
