"""A training step on a copy of a model with every boundary recorded: what ``trace`` shows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.data import Batch
from annlib.layers.noise import Noise
from annlib.models.head import Head, split
from annlib.models.passes import ActivityPenalty, Pass
from annlib.models.preparation import prepare
from annlib.models.step import Step
from annlib.tracing.recording import LayerRecord, PenaltyRecord, Recording

if TYPE_CHECKING:
    from annlib.models.learner import Learner
    from annlib.tracing import Trace

_WHERE = "Sequential.trace"


class RecordedPass(Pass):
    """A pass that calls its layers through records of them; ``Pass`` itself knows nothing of it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.records = [
            LayerRecord(layer, layer.regularizer if isinstance(layer, ActivityPenalty) else None)
            for layer, _ in self.steps
        ]
        record_of = {id(work): r for r, (_, work) in zip(self.records, self.steps, strict=True)}
        self._forward = [(record_of[id(work)].forward, work) for _, work in self._forward]
        self._backward = [
            (record_of[id(work)].backward, work, wanted) for _, work, wanted in self._backward
        ]


class RecordedHead(Head):
    """A head that keeps copies of what it gives."""

    def value(self, Z: Array, Y: Array, weights: Array | None) -> float:
        self.loss_of_batch = super().value(Z, Y, weights)
        self.loss_of_rows = self.work.array("E", len(Z)).copy()
        self.shares = self.work.array("shares", len(Z)).copy()
        self.output = np.array(self.prediction())
        return self.loss_of_batch

    def gradient(self) -> Array:
        gradient = super().gradient()
        self.sent_back = gradient.copy()
        return gradient


class RecordedStep(Step):
    """A step of a model that is nobody else's, recorded."""

    _training: RecordedPass
    _head: RecordedHead

    def __init__(self, model: Learner) -> None:
        super().__init__(model)
        loss = model.compiled_loss()
        body, self._fused = split(model.layers, loss)
        self._training = RecordedPass(body, model.dtype, model.rng_of)
        self._head = RecordedHead(loss, self._fused, model.dtype)
        self._model = model

    def masks(self) -> list[Array | None]:
        """What the layers that make noise have drawn."""
        records = self._training.records
        return [record.mask for record in records if isinstance(record.layer, Noise)]

    @np.errstate(all="ignore")  # a trace shows what is not finite, too
    def record(self, batch: Batch, replay: Callable[[], Any]) -> Recording:
        """What one update by this batch does."""
        assert batch.y is not None, "the door sees to targets"
        model, head, n = self._model, self._head, len(batch.x)
        X, Y = np.array(batch.x), np.array(batch.y)
        weights = None if batch.weights is None else np.array(batch.weights)
        before, optimizer = self._values(self._vector.values), self._optimizer
        total = self.gradient(X, Y, weights)
        fused = model.layers[-1].split_activation()[1] if self._fused else None
        recording = Recording(
            model=model.name,
            reprs={str(layer.name): repr(layer) for layer in model.layers},
            dtype=np.dtype(model.dtype),
            layers=self._training.records,
            loss=model.compiled_loss(),
            fused=fused,
            output=str(model.layers[-1].name),
            x=X,
            y=Y,
            weights=weights,
            row_losses=head.loss_of_rows,
            shares=head.shares,
            prediction=head.output,
            head_gradient=head.sent_back,
            data_loss=head.loss_of_batch,
            total_loss=total,
            before=before,
            after=before,
            gradients=self._values(self._vector.gradients),
            optimizer=optimizer,
            rate=optimizer.learning_rate,
            trained=not optimizer.full_batch,
            replay=replay,
            penalties=[*self._charges(n, weights)],
        )
        if recording.trained:
            optimizer.step()
            recording.after = self._values(self._vector.values)
        return recording

    def _values(self, vector: Array) -> dict[str, Array]:
        return {
            entry.path: vector[entry.where].reshape(entry.parameter.shape).copy()
            for entry in self._vector.entries
            if entry.trainable
        }

    def _charges(self, n: int, weights: Array | None) -> Any:
        rows = self._head.loss.denominator(n, weights)
        for entry, (regularizer, W, _) in zip(self._vector.penalized(), self._priced, strict=True):
            share, added = regularizer.share(rows), np.zeros_like(W)
            regularizer.add_gradient(W, added, Workspace(W.dtype), share)
            yield PenaltyRecord(entry.path, regularizer, share, share * regularizer(W), added)


def trace(model: Learner, x: Any, y: Any, sample_weight: Any) -> Trace:
    """The trace of one training step on these rows; the model stays as it is, to the last bit."""
    from annlib.tracing import Trace

    model.compiled_with_loss(_WHERE)
    twin = copy.deepcopy(model)
    if _is_one_row(model, x):
        x, y = np.asarray(x)[np.newaxis], np.asarray(y)[np.newaxis]
        sample_weight = None if sample_weight is None else np.reshape(sample_weight, (1,))
    data = prepare(twin, x, y, sample_weight, None, _WHERE)
    data.admit(twin)
    twin.lay_out_again(refreeze=False)
    (batch,) = data.batches(twin, len(data.x)).in_turn(_WHERE)
    batch = Batch(*map(_own, batch))
    origin = copy.deepcopy(twin)
    step = RecordedStep(twin)
    return Trace(step.record(batch, lambda: _replay(origin, batch, step.masks())))


def _own(part: Any) -> Any:
    """Memory of its own for what a batch lends."""
    return None if part is None else np.array(part)


def _is_one_row(model: Learner, x: Any) -> bool:
    """Whether x is a row, and not rows: as the model was built, or a vector if it was not."""
    expected, shape = model.expected_input_shape(), np.shape(x)
    return len(shape) == (1 if expected is None else len(expected) - 1)


def _replay(origin: Learner, batch: Batch, masks: list[Array | None]) -> Callable[..., float]:
    """The loss of the batch by a parameter's values, in float64 and with the same masks."""
    model = copy.deepcopy(origin)
    model.dtype = "float64"
    model._lay_out(refreeze=False)
    step = Step(model)
    noisy = [layer for layer in model.layers if isinstance(layer, Noise)]
    for layer, mask in zip(noisy, masks, strict=True):
        if mask is not None:
            layer.draw = _drawn(mask)  # type: ignore[method-assign]  # on this copy alone
    x = batch.x if batch.x.dtype.kind in "iu" else batch.x.astype(np.float64)
    y, weights = batch.y, batch.weights
    assert y is not None, "the door sees to targets"
    if y.dtype.kind == "f":
        y = y.astype(np.float64)
    if weights is not None:
        weights = weights.astype(np.float64)
    places = {entry.path: entry.where for entry in model.vector.entries}
    streams = model.streams.state()

    def loss(path: str, values: Array) -> float:
        where = model.vector.values[places[path]]
        kept = where.copy()
        model.streams.restore(streams)
        where[:] = values.reshape(-1)
        try:
            return step.gradient(x, y, weights)
        finally:
            where[:] = kept

    return loss


def _drawn(mask: Array) -> Callable[..., None]:
    def draw(M: Array, _: Any) -> None:
        np.copyto(M, mask)

    return draw
