"""The loops: an epoch is, for each batch, forward, loss, backward, update, tell the callbacks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annlib.callbacks import CallbackList
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.data import Batch, Batches
from annlib.models.passes import Pass
from annlib.models.step import Step

if TYPE_CHECKING:
    from annlib.models.learner import Learner

Logs = dict[str, float]


class Validation(NamedTuple):
    """What ``fit`` evaluates the model on, and after which epochs (counted from 1)."""

    batches: Batches
    steps: int | None
    frequency: int | Collection[int]

    def is_due(self, epoch: int) -> bool:
        """Whether it follows this epoch, counted from 0."""
        if isinstance(self.frequency, int):
            return (epoch + 1) % self.frequency == 0
        return epoch + 1 in self.frequency


def fit(
    model: Learner,
    batches: Batches,
    validation: Validation | None,
    callbacks: CallbackList,
    *,
    epochs: range,
    shuffle: bool,
    steps: int | None,
) -> None:
    """Train for these epochs (paper 5.2)."""
    logs: Logs = {}
    model.stop_training = False
    rounds = Rounds(model, batches, shuffle, steps)
    step = model.step
    with model.running(step):
        callbacks.call("on_train_begin", {})
        for epoch in epochs:
            callbacks.call("on_epoch_begin", epoch, {})
            logs = _epoch(model, step, rounds, callbacks, epoch)
            if validation is not None and validation.is_due(epoch):
                results = evaluate(model, validation.batches, callbacks, validation.steps)
                logs |= {f"val_{name}": value for name, value in results.items()}
            # Keras reports by the alphabet, and people read History in that order.
            logs = dict(sorted(logs.items()))
            callbacks.call("on_epoch_end", epoch, logs)
            if model.stop_training:
                break
        callbacks.call("on_train_end", logs)


class Rounds:
    """Rounds through the data, cut into epochs.

    An epoch is a round, or with ``steps`` so many batches: then the next one goes on where it
    ended, and a round that is through ends the epoch.
    """

    def __init__(self, model: Learner, batches: Batches, shuffle: bool, steps: int | None) -> None:
        self._model = model
        self._batches = batches
        self._shuffle = shuffle
        self._steps = steps or len(batches)
        self._left = 0
        self._stream: Iterator[Batch] = iter(())

    def epoch(self) -> Iterator[Batch]:
        """The batches of the next epoch."""
        if not self._left:
            self._left = len(self._batches)
            if self._shuffle:
                shuffle = self._model.streams.kept("shuffle")
                self._stream = self._batches.in_order(shuffle.permutation(self._batches.rows))
            else:
                self._stream = self._batches.in_turn()
        count = min(self._steps, self._left)
        self._left -= count
        return islice(self._stream, count)


def _epoch(model: Learner, step: Step, rounds: Rounds, callbacks: CallbackList, epoch: int) -> Logs:
    """Train for an epoch; returns its loss and metrics."""
    step.tally.reset()
    for index, batch in enumerate(rounds.epoch()):
        callbacks.call("on_train_batch_begin", index, {})
        _check_unchanged(model, step)
        try:
            step.train(batch)
        except DivergenceError as error:
            place = f"Sequential.fit, epoch {epoch + 1}, batch {index + 1}"
            raise DivergenceError(f"{place}: {error}") from None
        logs = model.get_metrics_result() if callbacks.read_batch_logs else {}
        callbacks.call("on_train_batch_end", index, logs)
        if model.stop_training:
            break
    try:
        step.check_weights()  # the last update has no next step that would notice
    except DivergenceError as error:
        raise DivergenceError(f"Sequential.fit, epoch {epoch + 1}: {error}") from None
    return step.tally.results()


def _check_unchanged(model: Learner, step: Step) -> None:
    if model.step is not step:
        raise ConfigurationError(
            "Sequential.fit: expected a model that stays as it was compiled, got one that a "
            "callback has changed. Call compile, add and pop after fit."
        )


def evaluate(
    model: Learner, batches: Batches, callbacks: CallbackList, steps: int | None = None
) -> Logs:
    """Loss and metrics of the model at rest, over all batches."""
    evaluation = model.evaluation
    with model.running(evaluation) as tally:
        callbacks.call("on_test_begin", {})
        for index, batch in enumerate(islice(batches.in_turn("Sequential.evaluate"), steps)):
            callbacks.call("on_test_batch_begin", index, {})
            evaluation.test(batch)
            logs = model.get_metrics_result() if callbacks.read_test_logs else {}
            callbacks.call("on_test_batch_end", index, logs)
        callbacks.call("on_test_end", model.get_metrics_result())
        return tally.results()


def predict(
    model: Learner, batches: Batches, callbacks: CallbackList, steps: int | None = None
) -> Array:
    """The model's output for every row, in an array of its own.

    The pass belongs to the call, so that any number of threads can predict with one model.
    """
    forward = Pass(model.layers, model.dtype)
    rows = batches.rows if steps is None else min(batches.rows, steps * batches.batch_size)
    out: Array | None = None
    start = 0
    callbacks.call("on_predict_begin", {})
    for index, batch in enumerate(islice(batches.in_turn("Sequential.predict"), steps)):
        callbacks.call("on_predict_batch_begin", index, {})
        with np.errstate(all="ignore"):
            y = forward.forward(batch.x)
        if out is None:
            out = np.empty((rows, *y.shape[1:]), y.dtype)
        out[start : start + len(y)] = y
        start += len(y)
        callbacks.call("on_predict_batch_end", index, {"outputs": y})
    callbacks.call("on_predict_end", {})
    assert out is not None, "the doors see to at least one row"
    return out
