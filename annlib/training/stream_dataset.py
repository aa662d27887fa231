"""Data sets that come as batches which the user makes, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.core.arrays import BatchShape, Shape
from annlib.core.errors import ConfigurationError, DataError, ShapeError, show
from annlib.data import Batch, StreamLoader, as_stream_loader, holds_arrays, is_stream
from annlib.network.network import Network
from annlib.training.compiled import Compiled
from annlib.training.dataset import Dataset, array_dataset, input_dataset

if TYPE_CHECKING:
    from numpy.random import Generator


class StreamDataset(NamedTuple):
    """A stream of batches, of which the first is known to fit the network and its loss."""

    stream: StreamLoader
    first: Dataset
    where: str

    @property
    def row_shape(self) -> Shape:
        """The shape of one row of x."""
        return self.first.row_shape

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of the first batch's columns, if it is a frame that has some."""
        return self.first.feature_names

    @property
    def target_shape(self) -> BatchShape | None:
        """The shape of the first batch's targets, if there are any."""
        return self.first.target_shape

    def batches(
        self,
        network: Network,
        size: int | None,
        *,
        default: int = 32,
        name: str = "batch_size",
        drop_last: bool = False,
    ) -> StreamLoader:
        """The stream; its batches are as long as they come."""
        if drop_last:
            raise ConfigurationError(
                f"{self.where}: expected no drop_last where x gives batches, got True. Make x "
                "leave out the batch: a PyTorch DataLoader has an argument drop_last."
            )
        if size is not None:
            raise ConfigurationError(
                f"{self.where}: expected no {name} where x gives batches, got {size}. Leave it "
                "out, and make x give batches of that length."
            )
        return self.stream

    def in_one(self, network: Network) -> StreamLoader:
        """Raise: the stream may have no end."""
        raise ConfigurationError(
            f"{self.where}: expected arrays with an optimizer that takes all rows at once, got an "
            "x that gives batches. Pass arrays, or take another optimizer."
        )

    def batch_size(
        self, size: int | None, steps: int | None, drop_last: bool = False
    ) -> int | None:
        """The size that was given, which ``batches`` refuses."""
        return size

    def some(self, network: Network, rows: int, rng: Generator, where: str) -> Any:
        """So many rows of x: the first ones, in the type of batches."""
        parts: list[Any] = []
        with closing(self.batches(network, None).sequential(where)) as read:
            for batch in read:
                parts.append(batch.x.copy())
                if sum(part.shape[0] for part in parts) >= rows:
                    break
        if not isinstance(parts[0], np.ndarray):
            from scipy.sparse import vstack

            return vstack(parts, format="csr")[:rows]
        return np.concatenate(parts)[:rows]

    def split(self, share: Any) -> tuple[Dataset, Dataset]:
        """Raise: nobody knows which are the last rows."""
        raise ConfigurationError(
            f"{self.where}: expected no validation_split where x gives batches, got {show(share)}. "
            "Pass validation_data."
        )


def as_dataset(
    network: Network,
    compiled: Compiled,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    where: str,
    like: Dataset | None = None,
    *,
    training: bool = False,
) -> Dataset | StreamDataset:
    """Data to train or evaluate on: what ``array_dataset`` takes, or what gives batches of it."""
    if isinstance(x, np.ndarray) or not is_stream(x):
        parts = network, compiled, x, y, sample_weight, class_weight, where, like
        return array_dataset(*parts, training=training)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ConfigurationError(
                f"{where}: expected no {name} beside an x that gives batches (a "
                f"{type(x).__name__}), got {show(value)}. Let x give (x, y) or (x, y, "
                "sample_weight)."
            )
    converter = _Converter(network, compiled, class_weight, training)
    stream = as_stream_loader(x, converter)
    first = converter.prepare(stream.first(where), f"{where}, batch 1", like)
    return StreamDataset(stream, first, where)


def as_input_dataset(network: Network, x: Any, where: str) -> Dataset | StreamDataset:
    """Any x to predict: what ``input_dataset`` takes, or what gives batches of it."""
    if isinstance(x, np.ndarray) or not is_stream(x):
        return input_dataset(network, x, where)
    converter = _InputConverter(network)
    stream = as_stream_loader(x, converter)
    return StreamDataset(stream, converter.prepare(stream.first(where), f"{where}, batch 1"), where)


class _Converter:
    """Turns what a stream gives into batches of the network's types, in memory of their own."""

    def __init__(
        self,
        network: Network,
        compiled: Compiled,
        class_weight: Mapping[int, float] | None,
        training: bool,
    ) -> None:
        self._network, self._compiled = network, compiled
        self._class_weight, self._training = class_weight, training
        self._target: Shape | None = None

    def __call__(self, item: Any, where: str) -> Batch:
        return self.prepare(item, where).batch(self._network)

    def prepare(self, item: Any, where: str, like: Dataset | None = None) -> Dataset:
        """The item as a data set."""
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            size = len(item) if isinstance(item, tuple | list) else None
            raise DataError(
                f"{where}: expected a tuple (x, y) or (x, y, sample_weight) from x, got "
                f"{show(item) if size is None else f'a {type(item).__name__} of {size}'}. "
                "Targets come with their rows."
            )
        x, y, weight = (_scannable(part) for part in (*item, None)[:3])
        data = array_dataset(
            *(self._network, self._compiled, x, y, weight, self._class_weight, where, like),
            whole=False,
            training=self._training,
        )
        assert data.y is not None, "targets are a must"
        target = data.y.shape[1:]
        if self._target not in (None, target):
            raise ShapeError(
                f"{where}: expected targets of shape {('n', *(self._target or ()))}, as in the "
                f"first batch, got {data.y.shape}. Give all batches targets of one kind."
            )
        self._target = target
        return data


class _InputConverter:
    """Turns what a stream gives into batches of x alone; targets beside it are left out."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, item: Any, where: str) -> Batch:
        return self.prepare(item, where).batch(self._network)

    def prepare(self, item: Any, where: str) -> Dataset:
        """The item as a data set."""
        if isinstance(item, tuple | list) and holds_arrays(item):
            item = item[0]
        return input_dataset(self._network, _scannable(item), where)


def _scannable(part: Any) -> Any:
    """A batch of a memory map as an array like any other, which is checked."""
    return part.view(np.ndarray) if isinstance(part, np.memmap) else part
