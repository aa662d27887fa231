"""A data set that fits a network: data, targets and weights, checked before anything changes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_codes, is_number
from annlib.core.errors import ConfigurationError, DataError, NotBuiltError, ShapeError, show
from annlib.data import ArrayLoader, Batch, Source, Sparse, Table, as_source, materialize
from annlib.network.network import Network
from annlib.training.compiled import Compiled


class Dataset(NamedTuple):
    """Rows with their targets and weights, which fit a network and its loss."""

    x: Source
    y: Array | None
    weights: Array | None
    #: The weights of the rows' classes; they count in training, not in validation (as in Keras).
    class_weights: Array | None = None
    #: Whether the targets are integer labels.
    labels: bool = False

    def part(self, rows: slice) -> Dataset:
        """Some of the rows, as views."""
        return Dataset(
            self.x[rows],
            None if self.y is None else self.y[rows],
            None if self.weights is None else self.weights[rows],
            None if self.class_weights is None else self.class_weights[rows],
            self.labels,
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
        self, network: Network, size: int | None, *, default: int = 32, name: str = "batch_size"
    ) -> ArrayLoader:
        """The data in batches of the network's types; codes of an Embedding uncast, as integers."""
        dtype, target_dtype = self._types(network)
        return ArrayLoader(
            self.x,
            self.y,
            _product(self.weights, self.class_weights),
            batch_size=size or default,
            dtype=dtype,
            target_dtype=target_dtype,
            weight_dtype=network.dtype,
        )

    def in_one(self, network: Network) -> ArrayLoader:
        """The data as one batch."""
        return self.batches(network, len(self.x))

    def batch(self, network: Network) -> Batch:
        """The data as one batch in memory of its own."""
        dtype, target_dtype = self._types(network)
        weights = _product(self.weights, self.class_weights)
        return Batch(
            materialize(self.x, dtype),
            None if self.y is None else materialize(self.y, target_dtype),
            None if weights is None else materialize(weights, network.dtype),
        )

    def _types(self, network: Network) -> tuple[Any, Any]:
        return _input_type(network, self.x), np.intp if self.labels else network.dtype

    def batch_size(self, size: int | None, steps: int | None) -> int | None:
        """The size that was given, or else one that makes so many batches."""
        return -(-len(self.x) // steps) if steps and not size else size

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
    source = as_source(x, where, "x")
    _check_features(network.expected_input_shape(), network, source, where)
    _check_codes(network, source, where, getattr(x, "columns", None))
    return Dataset(source, None, None)


def array_dataset(
    network: Network,
    compiled: Compiled,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    where: str,
    row_shape: Shape | None = None,
    *,
    whole: bool = True,
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
    row_shape : tuple of int, optional
        The shape of a row of x, if it is known from other data.
    whole : bool
        False for one batch of a stream, whose sample weights may all be 0.

    Raises
    ------
    DataError, ShapeError, ConfigurationError
    """
    network.check_ownership(where)
    source = as_source(x, where, "x")
    expected = network.expected_input_shape() if row_shape is None else (None, *row_shape)
    _check_features(expected, network, source, where)
    _check_codes(network, source, where, getattr(x, "columns", None))
    if y is None:
        raise DataError(f"{where}: expected targets y, got None. Pass y beside x.")
    output_shape = network.compute_output_shape((None, *source.shape[1:]))
    target = _rows(y, where, "y")
    if len(target) != len(source):
        raise ShapeError(
            f"{where}: expected x and y of one length, got {len(source)} rows of x and "
            f"{len(target)} of y."
        )
    loss = compiled.loss_for(target.shape, output_shape)
    target = loss.check_targets(target, output_shape, where)
    compiled.check_metrics(target, output_shape)
    weights, by_class = _weights(sample_weight, class_weight, target, where, whole)
    return Dataset(source, target, weights, by_class, loss.target_kind == "labels")


def _input_type(network: Network, source: Source) -> Any:
    if network.layers[0].codes is None:
        return network.dtype
    # A memory map of floating-point numbers, which was not scanned, is the layer's to check:
    # as integers they would be whole.
    if isinstance(source, np.memmap) and source.dtype.kind == "f":
        return source.dtype
    return np.intp


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


def _check_codes(network: Network, source: Source, where: str, columns: Any) -> None:
    """Raise if the first layer takes codes and x has others; memory maps it checks itself."""
    codes = network.layers[0].codes
    if codes is None or isinstance(source, np.memmap):
        return
    if isinstance(source, np.ndarray):
        check_codes(source, codes, where, "x", columns)
        return
    for part, title in source.parts("x"):
        check_codes(part, codes, where, title)


def _weights(
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    target: Array,
    where: str,
    whole: bool,
) -> tuple[Array | None, Array | None]:
    """One weight a row of the samples and one of their classes; None for what is not given."""
    weights = by_class = None
    rows = len(target)
    if sample_weight is not None:
        weights = _rows(sample_weight, where, "sample_weight")
        if weights.shape not in ((rows,), (rows, 1)):
            raise ShapeError(
                f"{where}: expected sample_weight of shape ({rows},), got {weights.shape}."
            )
        weights = weights.reshape(-1)
        if not weights.min() >= 0 or (whole and not weights.any()):  # NaN, of a memory map, too
            raise DataError(
                f"{where}: expected sample_weight of at least 0 and not all 0, got a least of "
                f"{weights.min()} and a largest of {weights.max()}."
            )
    if class_weight is not None:
        by_class = _class_weights(class_weight, target, where)
        total = _product(weights, by_class)
        if whole and total is not None and not total.any():
            raise DataError(
                f"{where}: expected class_weight that leaves a row with a weight above 0, got "
                f"{show(class_weight)} and all 0. Name at least one class of y with a weight "
                "above 0."
            )
    return weights, by_class


def _product(weights: Array | None, more: Array | None) -> Array | None:
    if weights is None or more is None:
        return more if weights is None else weights
    return weights * more


def _rows(values: Any, where: str, name: str) -> Array:
    """Targets or weights as one array."""
    source = as_source(values, where, name)
    if isinstance(source, Sparse):
        raise DataError(
            f"{where}: expected {name} as an array, got a sparse {type(values).__name__}. "
            f"Pass {name}.toarray()."
        )
    return np.column_stack(source.columns) if isinstance(source, Table) else source


def _class_weights(class_weight: Mapping[int, float], target: Array, where: str) -> Array:
    if not isinstance(class_weight, Mapping):
        raise ConfigurationError(
            f"{where}: expected class_weight as a dict of class to weight, got "
            f"{show(class_weight)}. "
            'For "balanced" weights: sklearn.utils.class_weight.compute_class_weight.'
        )
    if target.ndim > 2:
        raise ConfigurationError(
            f"{where}: expected one class a row where there is a class_weight, got targets of "
            f"shape {target.shape}. Pass sample_weight instead."
        )
    one_hot = target.ndim == 2 and target.shape[1] > 1
    labels = np.argmax(target, axis=1) if one_hot else np.asarray(target).reshape(-1)
    weights = np.ones(len(labels))
    for label, weight in class_weight.items():
        if not isinstance(label, int | float | np.number) or label != np.floor(label):
            raise ConfigurationError(
                f"{where}: expected class_weight by the integer codes of classes, got "
                f"{show(label)}. "
                "Pass {0: ..., 1: ...} as y has them."
            )
        if not is_number(weight) or not 0 <= weight < np.inf:
            raise ConfigurationError(
                f"{where}: expected class weights as numbers >= 0, got {show(weight)} for class "
                f"{show(label)}."
            )
        weights[labels == label] = weight
    return weights
