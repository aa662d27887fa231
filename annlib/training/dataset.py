"""A data set that fits a network: data, targets and weights, checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_finite, is_number, per_cent
from annlib.core.errors import ConfigurationError, DataError, NotBuiltError, ShapeError, show
from annlib.data import ArrayLoader, Batch, Source, check_type, materialize
from annlib.data.inputs import input_type, read_rows
from annlib.layers import Layer
from annlib.network.network import Network
from annlib.training.class_weights import class_weights
from annlib.training.compiled import Compiled
from annlib.training.targets import product, sample_weights, targets_of

if TYPE_CHECKING:
    from numpy.random import Generator


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

    def some(self, network: Network, rows: int, rng: Generator, where: str) -> Any:
        """So many rows of x, drawn without repetition, in the type of batches."""
        order = np.sort(rng.permutation(len(self.x))[:rows])
        loader = Dataset(self.x, None, None, feature_names=self.feature_names)
        x = next(loader.batches(network, rows).take(order)).x
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":  # a memory map was not checked
            check_finite(x, where, "x")
        return x

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
        dtype, first = network.dtype, network.layers[0]
        if first.codes is None and not first.takes_double:  # of codes it is checked which they are
            check_type(self.x, dtype, where, "x", columns)
        if self.y is not None and not self.labels:
            check_type(self.y, dtype, where, "y")
        if self.weights is not None:
            check_type(self.weights, dtype, where, "sample_weight")

    def _types(self, network: Network) -> tuple[Any, Any]:
        names = self.feature_names or network.feature_names
        dtype = input_type(network.layers[0], network.dtype, self.x, names)
        return dtype, np.intp if self.labels else network.dtype

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
            f"{per_cent(share)}"
        )
    return bool(share)


def input_dataset(network: Network, x: Any, where: str) -> Dataset:
    """X alone as a data set for this network; nothing is changed."""
    rows = network.expected_input_shape(), network.feature_names
    source, names = read_rows(_first(network, where), *rows, x, None, where)
    data = Dataset(source, None, None, feature_names=names)
    data.check_types(network, where, getattr(x, "columns", None))
    return data


def _first(network: Network, where: str) -> Layer:
    """The layer that gets the input."""
    if not network.layers:
        raise NotBuiltError(f"{where}: expected a model with layers, got none. Add some.")
    return network.layers[0]


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
    source, names = read_rows(_first(network, where), expected, known, x, y, where)
    if y is None:
        raise DataError(f"{where}: expected targets y, got None. Pass y beside x.")
    output_shape = network.compute_output_shape((None, *source.shape[1:]))
    target = targets_of(y, compiled.loss, where)
    if len(target) != len(source):
        raise ShapeError(
            f"{where}: expected x and y of one length, got {len(source)} rows of x and "
            f"{len(target)} of y."
        )
    of_row = target
    if members := network.members((None, *source.shape[1:])):
        of_row, target = _for_members(target, members, compiled, output_shape, where)
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
        by_class = class_weights(
            class_weight, of_row if members else target, loss, output_shape, where
        )
        total = product(weights, by_class)
        if whole and total is not None and not total.any():
            raise DataError(
                f"{where}: expected class_weight that leaves a row with a weight above 0, got "
                f"{show(class_weight)} and all 0. Name at least one class of y with a weight "
                "above 0."
            )
    data = Dataset(source, target, weights, by_class, loss.target_kind == "labels", names)
    if not training:
        data.check_types(network, where, getattr(x, "columns", None))
    return data


def _for_members(
    target: Array, members: int, compiled: Compiled, output_shape: BatchShape, where: str
) -> tuple[Array, Array]:
    """The targets of a row, and of each member of an ensemble: the same for all, where they have
    none of their own.
    """
    labels = compiled.loss is None or compiled.loss.target_kind == "labels"
    own = [output_shape[1:], (*output_shape[1:-1], 1)] + ([output_shape[1:-1]] if labels else [])
    if target.shape[1:] in own:
        return target, target
    row = (output_shape[0], *output_shape[2:])
    checked = compiled.loss_for(target.shape, row).checked_targets(target, row, where)
    each = np.broadcast_to(checked[:, np.newaxis], (len(checked), members, *checked.shape[1:]))
    return checked, each
