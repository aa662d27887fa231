"""At the doors of a model: data, targets and weights are checked before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_finite, check_numeric
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.data import Batches, Table, as_source
from annlib.losses import Loss

if TYPE_CHECKING:
    from annlib.models.learner import Learner


class Prepared(NamedTuple):
    """A data set that fits the model."""

    x: Array | Table
    y: Array | None
    weights: Array | None

    def part(self, rows: slice) -> Prepared:
        """Some of the rows, as views."""
        return Prepared(
            self.x[rows],
            None if self.y is None else self.y[rows],
            None if self.weights is None else self.weights[rows],
        )

    def batches(self, model: Learner, batch_size: int) -> Batches:
        """The data in batches of the model's types."""
        loss = model.loss
        labels = isinstance(loss, Loss) and loss.target_kind == "labels"
        return Batches(
            self.x,
            self.y,
            self.weights,
            batch_size=batch_size,
            dtype=model.dtype,
            target_dtype=np.intp if labels else model.dtype,
        )


def prepare_inputs(model: Learner, x: Any, where: str) -> Array | Table:
    """X as a source of batches for this model, which is built for it if it was not."""
    source = as_source(x, where, "x")
    _check_features(model, source, where)
    model.build((None, *source.shape[1:]))
    return source


def prepare(
    model: Learner,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    where: str,
) -> Prepared:
    """x, y and weights as a data set for this model; builds the model when all fit.

    Raises
    ------
    DataError, ShapeError, ConfigurationError
        Before the model is changed.
    """
    source = as_source(x, where, "x")
    _check_features(model, source, where)
    if y is None:
        raise DataError(f"{where}: expected targets y, got None. Pass y beside x.")
    output_shape = model.compute_output_shape((None, *source.shape[1:]))
    target = as_source(y, where, "y")
    if isinstance(target, Table):
        target = np.column_stack(target.columns)
    if len(target) != len(source):
        raise ShapeError(
            f"{where}: expected x and y of one length, got {len(source)} rows of x and "
            f"{len(target)} of y."
        )
    target = model.compiled_loss().check_targets(target, output_shape, where)
    weights = _weights(sample_weight, class_weight, target, len(source), where)
    model.build((None, *source.shape[1:]))
    model.compiled_state().resolve_metrics(target.shape, output_shape)
    return Prepared(source, target, weights)


def _check_features(model: Learner, source: Array | Table, where: str) -> None:
    expected = model.expected_input_shape()
    if expected is not None and source.shape[1:] != expected[1:]:
        shape = str(("n", *expected[1:])).replace("'", "")
        hint = "Use the columns that the model was built on, or a new model."
        if len(source.shape) == 1:
            hint = "For one row: x.reshape(1, -1); for one feature: x.reshape(-1, 1)."
        elif source.shape == expected[1:]:
            hint = "For one row: x[np.newaxis]."
        raise ShapeError(
            f'{where}: expected x of shape {shape}, which layer "{model.layers[0].name}" was '
            f"built for, got {source.shape}. {hint}"
        )


def _weights(
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    target: Array,
    rows: int,
    where: str,
) -> Array | None:
    """One weight a row: sample and class weight multiplied; None if there are none."""
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight)
        check_numeric(weights, where, "sample_weight")
        check_finite(weights, where, "sample_weight")
        if weights.shape not in ((rows,), (rows, 1)):
            raise ShapeError(
                f"{where}: expected sample_weight of shape ({rows},), got {weights.shape}."
            )
        weights = weights.reshape(-1)
        if weights.min() < 0 or not weights.any():
            raise DataError(
                f"{where}: expected sample_weight of at least 0 and not all 0, got a least of "
                f"{weights.min()} and a largest of {weights.max()}."
            )
    if class_weight is not None:
        by_class = _class_weights(class_weight, target, where)
        weights = by_class if weights is None else weights * by_class
    return weights


def _class_weights(class_weight: Mapping[int, float], target: Array, where: str) -> Array:
    if not isinstance(class_weight, Mapping):
        raise ConfigurationError(
            f"{where}: expected class_weight as a dict of class to weight, got {class_weight!r}."
        )
    one_hot = target.ndim == 2 and target.shape[1] > 1
    labels = np.argmax(target, axis=1) if one_hot else np.asarray(target).reshape(-1)
    weights = np.ones(len(labels))
    for label, weight in class_weight.items():
        if isinstance(weight, bool) or not np.isfinite(weight) or weight < 0:
            raise ConfigurationError(
                f"{where}: expected class weights as numbers >= 0, got {weight!r} for class "
                f"{label!r}."
            )
        weights[labels == label] = weight
    return weights
