"""A data set that fits a network: data, targets and weights, checked before anything changes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import is_number
from annlib.core.errors import ConfigurationError, DataError, NotBuiltError, ShapeError, show
from annlib.data import (
    ArrayLoader,
    Batch,
    Source,
    check_names,
    check_type,
    materialize,
)
from annlib.network.network import Network
from annlib.training.class_weights import class_weights
from annlib.training.compiled import Compiled
from annlib.training.inputs import check_input_codes, input_type, read_input
from annlib.training.targets import product, sample_weights, targets_of


class Dataset(NamedTuple):
    """Rows with their targets and weights, which fit a network and its loss."""

    x: Source
    y: Array | None
    weights: Array | None
    #: The weights of the rows' classes; they count in training, not in validation (as in Keras).
    class_weights: Array | None = None
    #: Whether the targets are integer labels.
    labels: bool = False
    #: The names of the columns of x, if it is a frame that has some.
    feature_names: tuple[str, ...] | None = None

    def part(self, rows: slice) -> Dataset:
        """Some of the rows, as views."""
        return Dataset(
            self.x[rows],
            None if self.y is None else self.y[rows],
            None if self.weights is None else self.weights[rows],
            None if self.class_weights is None else self.class_weights[rows],
            self.labels,
            self.feature_names,
        )

    @property
    def row_shape(self) -> Shape:
        """The shape of one row of x."""
        return self.x.shape[1:]

    @property
    def target_shape(self) -> BatchShape | None:
        """The shape of the targets, if there are any."""
        return None if self.y is None else self.y.shape

    def batches(
        self,
        network: Network,
        size: int | None,
        *,
        default: int = 32,
        name: str = "batch_size",
        drop_last: bool = False,
    ) -> ArrayLoader:
        """The data in batches of the network's types; codes of an Embedding uncast, as integers."""
        if drop_last and len(self.x) < (size or default):
            raise ConfigurationError(
                f"Sequential.fit: expected at least {name} rows with drop_last=True, got "
                f"{len(self.x)} rows and {name}={size or default}: all would be left out. Take "
                "smaller batches, or leave out drop_last."
            )
        dtype, target_dtype = self._types(network)
        return ArrayLoader(
            self.x,
            self.y,
            product(self.weights, self.class_weights),
            batch_size=size or default,
            dtype=dtype,
            target_dtype=target_dtype,
            weight_dtype=network.dtype,
            sparse=network.takes_sparse,
            drop_last=drop_last,
        )

    def in_one(self, network: Network) -> ArrayLoader:
        """The data as one batch."""
        return self.batches(network, len(self.x))

    def batch(self, network: Network) -> Batch:
        """The data as one batch in memory of its own."""
        dtype, target_dtype = self._types(network)
        weights = product(self.weights, self.class_weights)
        return Batch(
            materialize(self.x, dtype, network.takes_sparse),
            None if self.y is None else materialize(self.y, target_dtype),
            None if weights is None else materialize(weights, network.dtype),
        )

    def check_types(self, network: Network, where: str, columns: list[Any] | None = None) -> None:
        """Raise ``DataError`` if it has numbers that are infinite as the network's type.

        Of what is trained on the step says so.
        """
        dtype = network.dtype
        if network.layers[0].codes is None:  # of codes it is checked which they are
            check_type(self.x, dtype, where, "x", columns)
        if self.y is not None and not self.labels:
            check_type(self.y, dtype, where, "y")
        if self.weights is not None:
            check_type(self.weights, dtype, where, "sample_weight")

    def _types(self, network: Network) -> tuple[Any, Any]:
        names = self.feature_names or network.feature_names
        return input_type(network, self.x, names), np.intp if self.labels else network.dtype

    def batch_size(
        self, size: int | None, steps: int | None, drop_last: bool = False
    ) -> int | None:
        """The size that was given, or else one that makes so many batches."""
        if size or not steps:
            return size
        return max(1, len(self.x) // steps) if drop_last else -(-len(self.x) // steps)

    def split(self, share: Any) -> tuple[Dataset, Dataset]:
        """The first rows to train on and the last to validate on, where classes do not count."""
        n = len(self.x)
        cut = int(n * (1 - share))
        if not 0 < cut < n:
            raise ShapeError(
                f"Sequential.fit: expected rows on both sides of validation_split={share}, got {n} "
                "rows in all. Pass more rows, another share or validation_data."
            )
        last = self.part(slice(cut, n))._replace(class_weights=None)
        return self.part(slice(0, cut)), last


def is_share(share: Any, where: str) -> bool:
    """Whether a validation_split takes rows away; raises ``ConfigurationError``."""
    if share is None or share is False:
        return False
    if not is_number(share) or not 0 <= share < 1:
        raise ConfigurationError(
            f"{where}: expected validation_split between 0 and 1, got {show(share)}."
        )
    return bool(share)


def input_dataset(network: Network, x: Any, where: str) -> Dataset:
    """X alone as a data set for this network; nothing is changed."""
    expected = network.expected_input_shape()
    _refuse_several(x, None, expected, where)
    names = check_names(x, network.feature_names, where, "x")
    source = _as_rows(read_input(network, x, where, names or network.feature_names), expected)
    _check_features(expected, network, source, where)
    columns = getattr(x, "columns", None)
    check_input_codes(network, source, where, columns, names or network.feature_names)
    data = Dataset(source, None, None, feature_names=names)
    data.check_types(network, where, columns)
    return data


def array_dataset(
    network: Network,
    compiled: Compiled,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    where: str,
    like: Dataset | None = None,
    *,
    whole: bool = True,
    training: bool = False,
) -> Dataset:
    """x, y and weights as a data set; nothing is changed.

    Parameters
    ----------
    network : Network
    compiled : Compiled
        With a loss.
    x, y, sample_weight, class_weight
        As ``fit`` takes them.
    where : str
        The method to name in errors.
    like : Dataset, optional
        Other data, whose rows and columns those of x must be like.
    whole : bool
        False for one batch of a stream, whose sample weights may all be 0.
    training : bool
        Whether a training step will say what of it is infinite as the network's type.

    Raises
    ------
    DataError, ShapeError, ConfigurationError
    """
    if training:
        network.check_ownership(where)
    known = network.feature_names or (like and like.feature_names)
    expected = network.expected_input_shape() if like is None else (None, *like.row_shape)
    _refuse_several(x, y, expected, where)
    names = check_names(x, known, where, "x")
    source = _as_rows(read_input(network, x, where, names or known), expected)
    _check_features(expected, network, source, where)
    columns = getattr(x, "columns", None)
    check_input_codes(network, source, where, columns, names or known)
    if y is None:
        raise DataError(f"{where}: expected targets y, got None. Pass y beside x.")
    output_shape = network.compute_output_shape((None, *source.shape[1:]))
    target = targets_of(y, compiled.loss, where)
    if len(target) != len(source):
        raise ShapeError(
            f"{where}: expected x and y of one length, got {len(source)} rows of x and "
            f"{len(target)} of y."
        )
    loss = compiled.loss_for(target.shape, output_shape)
    target = loss.checked_targets(target, output_shape, where)
    if loss.masks and whole and loss.missing(target).all():
        raise DataError(
            f"{where}: expected targets that are there, got a y of which all are missing for "
            f"{loss!r}."
        )
    outputs = compiled.outputs(network.layers, target.shape, output_shape)
    weights = None
    if sample_weight is not None:
        weights = sample_weights(sample_weight, target, loss, where, whole)
    compiled.check_metrics(target, outputs, where, weights)
    by_class = None
    if class_weight is not None:
        by_class = class_weights(class_weight, target, loss, output_shape, where)
        total = product(weights, by_class)
        if whole and total is not None and not total.any():
            raise DataError(
                f"{where}: expected class_weight that leaves a row with a weight above 0, got "
                f"{show(class_weight)} and all 0. Name at least one class of y with a weight "
                "above 0."
            )
    data = Dataset(source, target, weights, by_class, loss.target_kind == "labels", names)
    if not training:
        data.check_types(network, where, columns)
    return data


def _as_rows(source: Source, expected: BatchShape | None) -> Source:
    """A vector as rows of one feature, if that is what the network was declared for."""
    if isinstance(source, np.ndarray) and source.ndim == 1 and expected == (None, 1):
        return source.reshape(-1, 1)
    return source


def _refuse_several(x: Any, y: Any, expected: BatchShape | None, where: str) -> None:
    """Raise ``DataError`` for a list with an array for each of several inputs or outputs."""
    of_x, of_y = _common_length(x), _common_length(y)
    found = ""
    if of_x is not None:  # each item is a batch, and none a row
        like_y = y is not None and of_x == (_length(y) if of_y is None else of_y) != len(x)
        if (like_y and len(x[0].shape) > 1) or (expected and len(x[0].shape) == len(expected)):
            found = "x"
    if not found and of_y is not None and of_y == _length(x) != len(y):
        found = "y"
    if found:
        values, put = (x, "input") if found == "x" else (y, "output")
        raise DataError(
            f"{where}: expected {found} as one array, got a {type(values).__name__} of "
            f"{len(values)} arrays, the first of shape {values[0].shape}: a Sequential has one "
            f"{put}. Join the columns: np.column_stack({found})."
        )


def _length(values: Any) -> int | None:
    """How many rows it has, or None where that cannot be told."""
    if isinstance(values, list | tuple):
        return len(values)
    shape = getattr(values, "shape", ())
    return shape[0] if shape else None


def _common_length(values: Any) -> int | None:
    """How many rows each array of a list has; None unless they are arrays, of one length."""
    if not isinstance(values, list | tuple):
        return None
    lengths = {(getattr(item, "shape", ()) or (None,))[0] for item in values}
    return lengths.pop() if len(lengths) == 1 else None


def _check_features(
    expected: BatchShape | None, network: Network, source: Source, where: str
) -> None:
    if not network.layers:
        raise NotBuiltError(f"{where}: expected a model with layers, got none. Add some.")
    if expected is not None and source.shape[1:] != expected[1:]:
        shape = str(("n", *expected[1:])).replace("'", "")
        hint = "Use the columns that the model was built on, or a new model."
        if len(source.shape) == 1:
            hint = "For one row: x.reshape(1, -1); for one feature: x.reshape(-1, 1)."
        elif source.shape == expected[1:]:
            hint = "For one row: x[np.newaxis]."
        elif math.prod(source.shape[1:]) == math.prod(size or 0 for size in expected[1:]):
            hint = "Pass x.reshape(len(x), -1), or build a model that begins with layers.Flatten()."
        raise ShapeError(
            f'{where}: expected x of shape {shape}, which layer "{network.layers[0].name}" was '
            f"built for, got {source.shape}. {hint}"
        )
