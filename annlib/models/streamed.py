"""At the doors of a model: batches that the user makes, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as show
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.core.arrays import Shape
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.data import Batch, Stream, as_stream, holds_arrays, is_stream
from annlib.models.preparation import Prepared, prepare, prepare_inputs

if TYPE_CHECKING:
    from annlib.models.learner import Learner


class Streamed(NamedTuple):
    """A stream whose first batch fits the model: to the loops what ``Prepared`` is of rows."""

    stream: Stream
    first: Prepared
    where: str

    @property
    def row_shape(self) -> Shape:
        """That of one row of x."""
        return self.first.row_shape

    def admit(self, model: Learner) -> None:
        """Build the model for these data if it was not, and settle what its metrics mean."""
        self.first.admit(model)

    def batches(
        self, model: Learner, size: int | None, *, default: int = 32, name: str = "batch_size"
    ) -> Stream:
        """The stream; its batches are as long as they come."""
        if size is not None:
            raise ConfigurationError(
                f"{self.where}: expected no {name} where x gives batches, got {size}. Leave it "
                "out, and make x give batches of that length."
            )
        return self.stream

    def in_one(self, model: Learner) -> Stream:
        """Raise: the stream may have no end."""
        raise ConfigurationError(
            f"{self.where}: expected arrays with an optimizer that takes all rows at once, got an "
            "x that gives batches. Pass arrays, or take another optimizer."
        )

    def batch_size(self, size: int | None, steps: int | None) -> int | None:
        """The size that was given, which ``batches`` refuses."""
        return size

    def split(self, share: Any) -> tuple[Prepared, Prepared]:
        """Raise: nobody knows which are the last rows."""
        raise ConfigurationError(
            f"{self.where}: expected no validation_split where x gives batches, got {share!r}. "
            "Pass validation_data."
        )


def receive(
    model: Learner,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    where: str,
    row_shape: Shape | None = None,
) -> Prepared | Streamed:
    """Any data to train or evaluate on: what ``prepare`` takes, or what gives batches of it."""
    if not is_stream(x):
        return prepare(model, x, y, sample_weight, class_weight, where, row_shape)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ConfigurationError(
                f"{where}: expected no {name} beside an x that gives batches (a "
                f"{type(x).__name__}), got {show(value)}. Let x give (x, y) or (x, y, "
                "sample_weight)."
            )
    model.compiled_with_loss(where)  # before anything is drawn
    converter = _Converter(model, class_weight)
    stream = as_stream(x, converter)
    first = converter.prepare(stream.first(where), f"{where}, batch 1", row_shape)
    return Streamed(stream, first, where)


def receive_inputs(model: Learner, x: Any, where: str) -> Prepared | Streamed:
    """Any x to predict: what ``prepare_inputs`` takes, or what gives batches of it."""
    if not is_stream(x):
        return prepare_inputs(model, x, where)
    converter = _InputConverter(model)
    stream = as_stream(x, converter)
    return Streamed(stream, converter.prepare(stream.first(where), f"{where}, batch 1"), where)


class _Converter:
    """Makes batches of the model's types, in memory of their own, of what a stream gives."""

    def __init__(self, model: Learner, class_weight: Mapping[int, float] | None) -> None:
        self._model = model
        self._class_weight = class_weight
        self._target: Shape | None = None

    def __call__(self, item: Any, where: str) -> Batch:
        return self.prepare(item, where).batch(self._model)

    def prepare(self, item: Any, where: str, row_shape: Shape | None = None) -> Prepared:
        """The item as a data set for the model."""
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            size = len(item) if isinstance(item, tuple | list) else None
            raise DataError(
                f"{where}: expected a tuple (x, y) or (x, y, sample_weight) from x, got "
                f"{show(item) if size is None else f'a {type(item).__name__} of {size}'}. "
                "Targets come with their rows."
            )
        x, y, weight = (_scannable(part) for part in (*item, None)[:3])
        data = prepare(self._model, x, y, weight, self._class_weight, where, row_shape, whole=False)
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
    """The same of x alone; targets beside it are left out."""

    def __init__(self, model: Learner) -> None:
        self._model = model

    def __call__(self, item: Any, where: str) -> Batch:
        return self.prepare(item, where).batch(self._model)

    def prepare(self, item: Any, where: str) -> Prepared:
        """The item as a data set for the model."""
        if isinstance(item, tuple | list) and holds_arrays(item):
            item = item[0]
        return prepare_inputs(self._model, _scannable(item), where)


def _scannable(part: Any) -> Any:
    """A batch of a memory map as an array like any other, which is checked."""
    return part.view(np.ndarray) if isinstance(part, np.memmap) else part
