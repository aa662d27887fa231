"""The loops: an epoch is, for each batch, forward, loss, backward, update, tell the callbacks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.callbacks import CallbackList
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.data import Batch, Batches
from annlib.models.interruption import Interruption
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


class Training:
    """A ``fit`` that is going on: for each epoch, for each batch, a step (paper 5.2).

    Parameters
    ----------
    model : Learner
    batches : Batches
    validation : Validation, optional
    callbacks : CallbackList
    epochs : range
    shuffle : bool
    steps : int, optional
        Batches an epoch.

    Attributes
    ----------
    epoch, batch : int
        Where it stands: epochs that are through, and batches of the one that is going on.
    """

    def __init__(
        self,
        model: Learner,
        batches: Batches,
        validation: Validation | None,
        callbacks: CallbackList,
        *,
        epochs: range,
        shuffle: bool,
        steps: int | None,
    ) -> None:
        self.epoch, self.batch = epochs.start, 0
        self.first, self._last = epochs.start, epochs.stop
        self.model = model
        self.batches = batches
        self.callbacks = callbacks
        self.step = model.step
        self.rounds = Rounds(model, batches, shuffle, steps)
        #: What the callbacks shall remember of an earlier run, once they have begun.
        self.pending: list[Any] | None = None
        self._validation = validation

    def run(self) -> None:
        """Train to the end, or until something asks to stop."""
        model, callbacks, logs = self.model, self.callbacks, Logs()
        model.stop_training = False
        with model.running(self.step), Interruption() as interruption:
            callbacks.call("on_train_begin", {})
            if self.pending is not None:
                callbacks.set_state(self.pending)
            while self.epoch < self._last and not model.stop_training:
                callbacks.call("on_epoch_begin", self.epoch, {})
                results = self._train_epoch(interruption)
                if interruption.asked:
                    interrupt(model)
                    break
                epoch, self.epoch, self.batch = self.epoch, self.epoch + 1, 0
                logs = end_epoch(model, self._validation, callbacks, epoch, results)
            if self.epoch or self.batch:
                model.compiled_state().optimizer.finalize()
            callbacks.call("on_train_end", logs)

    def _train_epoch(self, interruption: Interruption) -> Logs:
        """Train for an epoch, or for the rest of it; returns its loss and metrics."""
        step, model, callbacks = self.step, self.model, self.callbacks
        if not self.batch:
            step.tally.reset()
        for batch in self.rounds.epoch(self.batch):
            index = self.batch
            callbacks.call("on_train_batch_begin", index, {})
            _check_unchanged(model, step)
            self._train_batch(batch)
            self.batch += 1
            logs = model.get_metrics_result() if callbacks.read_batch_logs else {}
            callbacks.call("on_train_batch_end", index, logs)
            if model.stop_training or interruption.asked:
                break
        try:
            step.check_weights()  # the last update has no next step that would notice
        except DivergenceError as error:
            raise DivergenceError(f"Sequential.fit, epoch {self.epoch + 1}: {error}") from None
        return step.tally.results()

    def _train_batch(self, batch: Batch) -> None:
        try:
            self.step.train(batch)
        except DivergenceError as error:
            if self.callbacks.handle_divergence:
                self.step.tally.spoil()
                return
            place = f"Sequential.fit, epoch {self.epoch + 1}, batch {self.batch + 1}"
            raise DivergenceError(f"{place}: {error}") from None


def end_epoch(
    model: Learner,
    validation: Validation | None,
    callbacks: CallbackList,
    epoch: int,
    logs: Logs,
) -> Logs:
    """Validate if that is due, and report; returns what was reported."""
    if validation is not None and validation.is_due(epoch):
        results = evaluate(model, validation.batches, callbacks, validation.steps)
        logs |= {f"val_{name}": value for name, value in results.items()}
    # Keras reports by the alphabet, and people read History in that order.
    logs = dict(sorted(logs.items()))
    callbacks.call("on_epoch_end", epoch, logs)
    return logs


class Rounds:
    """Rounds through the data, cut into epochs.

    An epoch is a round, or with ``steps`` so many batches: then the next one goes on where it
    ended, and a round that is through ends the epoch.
    """

    def __init__(self, model: Learner, batches: Batches, shuffle: bool, steps: int | None) -> None:
        self.arguments = {"shuffle": shuffle, "steps_per_epoch": steps}
        self._batches = batches
        self._steps = steps or len(batches)
        self._rng = model.streams.kept("shuffle") if shuffle else None
        self._stream: Iterator[Batch] = iter(())
        self._done = len(batches)
        self._before: Any = None

    def epoch(self, done: int = 0) -> Iterator[Batch]:
        """The batches of the next epoch, or the rest of one of which so many are done."""
        if self._done == len(self._batches):
            self._begin(0)
        for _ in range(min(self._steps - done, len(self._batches) - self._done)):
            self._done += 1
            yield next(self._stream)

    def _begin(self, done: int) -> None:
        self._before = self._rng.bit_generator.state if self._rng is not None else None
        self._stream = self._batches.round(self._rng, done)
        self._done = done

    def get_state(self) -> dict[str, Any]:
        """Where it stands: how much of the round is done, and the stream before its shuffle."""
        return {"done": self._done, "shuffle": self._before}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there: in the same order, after as many batches."""
        if state["done"] == len(self._batches):
            self._done = len(self._batches)
            return
        if self._rng is not None:
            self._rng.bit_generator.state = state["shuffle"]
        self._begin(int(state["done"]))


def interrupt(model: Learner) -> None:
    """Note that Ctrl-C ends the run."""
    assert model.history is not None, "a fit is going on"
    model.history.interrupted = True
    model.stop_training = True


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
