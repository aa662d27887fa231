"""A training step on a copy of a network with every boundary recorded: what ``trace`` shows."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import to_array
from annlib.core.workspace import Workspace
from annlib.data import Batch, dense
from annlib.layers import Layer
from annlib.layers.container import Container
from annlib.layers.noise import Noise
from annlib.layers.passes import ActivityPenalty, Pass
from annlib.network.network import Network
from annlib.tracing.recording import LayerRecord, PenaltyRecord, Recording, all_records
from annlib.tracing.slots import slots
from annlib.tracing.trace import Trace
from annlib.training.compiled import Compiled
from annlib.training.dataset import array_dataset
from annlib.training.functions import build_for
from annlib.training.fused_loss import FusedLoss, split
from annlib.training.step import Step

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt

_WHERE = "Sequential.trace"


class RecordedPass(Pass):
    """A pass that calls its layers through records of them; ``Pass`` itself knows nothing of it."""

    def __init__(
        self,
        layers: Sequence[Layer],
        dtype: npt.DTypeLike,
        rng_of: Callable[[Layer], Any],
        path: str = "",
    ) -> None:
        super().__init__(layers, dtype, rng_of)
        self.records: list[LayerRecord] = []
        for layer, work in self.steps:
            regularizer = layer.regularizer if isinstance(layer, ActivityPenalty) else None
            record = LayerRecord(layer, f"{path}{layer.name}", regularizer)
            if isinstance(layer, Container):
                chains = layer._chains
                inner = [RecordedPass(c, dtype, rng_of, f"{record.name}/") for c in chains]
                record.inside = [each for one in inner for each in one.records]
                work.passes = inner
            self.records.append(record)
        record_of = {id(work): r for r, (_, work) in zip(self.records, self.steps, strict=True)}
        self._forward = [(record_of[id(work)].forward, work) for _, work in self._forward]
        self._backward, self._down = (
            [(record_of[id(work)].backward, work, wanted) for _, work, wanted in steps]
            for steps in (self._backward, self._down)
        )


class RecordedLoss(FusedLoss):
    """A loss that keeps copies of what it gives."""

    def value(self, Z: Array, Y: Array, weights: Array | None) -> float:
        self.loss_of_batch = super().value(Z, Y, weights)
        rows = math.prod(self.loss.terms_shape(Y.shape))  # each vector of a row is one here
        self.loss_of_rows = self.work.array("E", rows) + 0.0  # not -0.0
        self.shares = self.work.array("shares", rows).copy()
        self.output = np.array(self.prediction)
        return self.loss_of_batch

    def gradient(self) -> Array:
        gradient = super().gradient()
        self.sent_back = gradient.copy()
        return gradient


class RecordedStep(Step):
    """A step of a network that is nobody else's, recorded."""

    def __init__(self, network: Network, compiled: Compiled) -> None:
        super().__init__(network, compiled)
        self._network, self._loss = network, compiled.require_loss()
        body, self._fused = split(network.layers, self._loss)
        self._passes = RecordedPass(body, network.dtype, network.rng_of)
        self._recorded = RecordedLoss(self._loss, self._fused, network.dtype)
        self.objective.passes, self.objective.loss = self._passes, self._recorded

    def masks(self) -> list[Array | None]:
        """What the layers that make noise have drawn."""
        records = all_records(self._passes.records)
        return [record.mask for record in records if isinstance(record.layer, Noise)]

    @np.errstate(all="ignore")  # a trace shows what is not finite, too
    def record(self, batch: Batch, replay: Callable[[], Any]) -> Recording:
        """What one update by this batch does."""
        assert batch.y is not None, "checked in trace"
        network, loss = self._network, self._recorded
        X, Y = np.array(batch.x), np.array(batch.y)
        weights = None if batch.weights is None else np.array(batch.weights)
        self.optimizer.to_training(self.vector)
        before, optimizer = self._values(self.vector.values), self.optimizer
        statistics, slots_before = self._values(self.vector.values, trainable=False), {}
        if not optimizer.full_batch:
            optimizer._initialize_all()
            slots_before = slots(optimizer, self.vector)
        total = self.loss_and_gradient(Batch(X, Y, weights))
        fused = network.layers[-1]._split_activation()[1] if self._fused else None
        recording = Recording(
            model=network.name,
            reprs=dict(_reprs(network.layers)),
            dtype=np.dtype(network.dtype),
            layers=self._passes.records,
            loss=self._loss,
            fused=fused,
            output=str(network.layers[-1].name),
            x=X,
            y=Y,
            weights=weights,
            row_losses=loss.loss_of_rows,
            shares=loss.shares,
            prediction=loss.output,
            head_gradient=loss.sent_back,
            data_loss=loss.loss_of_batch,
            total_loss=total,
            before=before,
            after=before,
            gradients=self._values(self.vector.gradients),
            optimizer=optimizer,
            rate=optimizer._next_rate,
            trained=not optimizer.full_batch,
            steps=optimizer.steps,
            slots_before=slots_before,
            slots_after=slots_before,
            statistics_before=statistics,
            statistics_after=statistics,
            replay=replay,
            penalties=[*self._penalties()],
        )
        if recording.trained:
            optimizer.step(self.gradient)
            recording.after = self._values(self.vector.values)
            recording.slots_after = slots(optimizer, self.vector)
            self.commit()
            recording.statistics_after = self._values(self.vector.values, trainable=False)
        return recording

    def _values(self, vector: Array, trainable: bool = True) -> dict[str, Array]:
        return {
            entry.path: vector[entry.where].reshape(entry.parameter.shape).copy()
            for entry in self.vector.entries
            if entry.trainable == trainable
        }

    def _penalties(self) -> Any:
        n = self._recorded.denominator
        entries, penalized = self.vector.penalized(), self.objective.penalized
        for entry, (regularizer, W, _) in zip(entries, penalized, strict=True):
            share, added = regularizer.share(n), np.zeros_like(W)
            regularizer.add_gradient(W, added, Workspace(W.dtype), share)
            yield PenaltyRecord(entry.path, regularizer, share, share * regularizer(W), added)


def trace(network: Network, compiled: Compiled, x: Any, y: Any, sample_weight: Any) -> Trace:
    """The trace of one training step on these rows; the network stays as it is, to the last bit.

    Parameters
    ----------
    network : Network
    compiled : Compiled
        With a loss.
    x, y, sample_weight
        One row, or a few.
    """
    network, compiled = copy.deepcopy((network, compiled))
    if _is_one_row(network, x):
        x, y = np.asarray(x)[np.newaxis], to_array(y, _WHERE, "y")[np.newaxis]
        if sample_weight is not None:  # of the row, or of its outputs
            sample_weight = to_array(sample_weight, _WHERE, "sample_weight")[np.newaxis]
    data = array_dataset(network, compiled, x, y, sample_weight, None, _WHERE)
    build_for(network, compiled, data)
    network.relayout(refreeze=False)
    (batch,) = data.batches(network, len(data.x)).sequential(_WHERE)
    batch = Batch(*map(_copied, batch._replace(x=dense(batch.x))))
    origin = copy.deepcopy((network, compiled))
    step = RecordedStep(network, compiled)
    return Trace(step.record(batch, lambda: _replay(*origin, batch, step.masks())))


def _reprs(layers: Sequence[Layer], path: str = "") -> Iterator[tuple[str, str]]:
    """The ``repr`` of each layer by its path, those inside of others too."""
    for layer in layers:
        yield f"{path}{layer.name}", repr(layer)
        yield from _reprs(layer._held, f"{path}{layer.name}/")


def _copied(part: Any) -> Any:
    """Memory of its own for what a batch lends."""
    return None if part is None else np.array(part)


def _is_one_row(network: Network, x: Any) -> bool:
    """Whether x is a row, and not rows: as the network was built, or a vector if it was not."""
    expected, shape = network.expected_input_shape(), np.shape(to_array(x, _WHERE, "x"))
    return len(shape) == (1 if expected is None else len(expected) - 1)


def _replay(
    network: Network, compiled: Compiled, batch: Batch, masks: list[Array | None]
) -> Callable[..., float]:
    """The loss of the batch by a parameter's values, in float64 and with the same masks."""
    network, compiled = copy.deepcopy((network, compiled))
    network.convert("float64")
    step = Step(network, compiled)
    every = (part for layer in network.layers for part in layer._parts())
    noisy = [layer for layer in every if isinstance(layer, Noise)]
    for layer, mask in zip(noisy, masks, strict=True):
        if mask is not None:
            layer.draw = _drawn(mask)  # type: ignore[method-assign]  # on this copy alone
    x = batch.x if batch.x.dtype.kind in "iu" else batch.x.astype(np.float64)
    y, weights = batch.y, batch.weights
    assert y is not None, "checked in trace"
    if y.dtype.kind == "f":
        y = y.astype(np.float64)
    if weights is not None:
        weights = weights.astype(np.float64)
    batch = Batch(x, y, weights)
    places = {entry.path: entry.where for entry in network.vector.entries}
    streams = network.streams.state()

    def loss(path: str, values: Array) -> float:
        where = network.vector.values[places[path]]
        kept = where.copy()
        network.streams.restore(streams)
        where[:] = values.reshape(-1)
        try:
            return step.loss_and_gradient(batch)
        finally:
            where[:] = kept

    return loss


def _drawn(mask: Array) -> Callable[..., None]:
    def draw(M: Array, _: Any) -> None:
        np.copyto(M, mask)

    return draw
