"""The loops: an epoch is, for each batch, forward, loss, backward, update, tell the callbacks."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annlib.callbacks import CallbackList
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.data import Batch, Feed
from annlib.models.interruption import Interruption, interrupt, interruptible
from annlib.models.passes import Pass
from annlib.models.rounds import Rounds
from annlib.models.step import Step

if TYPE_CHECKING:
    from annlib.models.checkpoint import Resumption
    from annlib.models.learner import Learner

Logs = dict[str, float]


class Validation(NamedTuple):
    """What ``fit`` evaluates the model on, and after which epochs (counted from 1)."""

    batches: Feed
    steps: int | None
    frequency: int | Collection[int]

    def fingerprint(self) -> dict[str, Any]:
        """What tells it from others."""
        frequency = self.frequency if isinstance(self.frequency, int) else sorted(self.frequency)
        return {"data": self.batches.fingerprint(), "steps": self.steps, "frequency": frequency}

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
    batches : Feed
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
    logs : dict
        What the last epoch reported.
    validated : int
        How much of the validation data was gone with it, for good.
    pending : Resumption, optional
        Where an earlier run stood, from which this one shall go on once the callbacks have begun.
    file : path, optional
        Where it was last written to.
    """

    def __init__(
        self,
        model: Learner,
        batches: Feed,
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
        self.validation = validation
        self.callbacks = callbacks
        self.step = model.step
        self.calls = model.compiled_state().optimizer.calls
        self.rounds = Rounds(model, batches, shuffle, steps)
        self.logs: Logs = {}
        self.validated = 0
        self.pending: Resumption | None = None
        self.file: str | os.PathLike[str] | None = None

    def run(self) -> None:
        """Train to the end, or until something asks to stop."""
        model, callbacks = self.model, self.callbacks
        model.stop_training = False
        with model.running(self.step), interruptible(model) as interruption:
            callbacks.call("on_train_begin", {})
            if self.pending is not None:
                if self.pending.batch:
                    callbacks.call("on_epoch_begin", self.pending.epoch, {})
                self.pending.apply(self)
            while self.epoch < self._last and not interruption.asked:
                if not self.batch:
                    if model.stop_training:
                        break
                    callbacks.call("on_epoch_begin", self.epoch, {})
                self._train_epoch(interruption)
            if interruption.asked:
                if self.file is not None:
                    self.save(self.file)
                interrupt(model)
            if (self.epoch, self.batch) != (self.first, 0):
                model.compiled_state().optimizer.finalize()
            callbacks.call("on_train_end", self.logs)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What tells its data from others."""
        return self.batches.fingerprint()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write where it stands, between two steps."""
        from annlib.models import checkpoint

        self.file = path
        checkpoint.save(self, path)

    def skip_validated(self, state: int) -> None:
        """Go on behind what an earlier run has validated on, where that is gone for good."""
        self.validated = state
        if self.validation is not None:
            self.validation.batches.set_state(state)

    def _train_epoch(self, interruption: Interruption) -> None:
        """Train for an epoch, or for the rest of it, and report it unless that is cut off."""
        step, model, callbacks = self.step, self.model, self.callbacks
        if not self.batch:
            step.tally.reset()
        ended = self.batch and model.stop_training  # of a run that goes on after its last step
        where = f"Sequential.fit, epoch {self.epoch + 1}"
        with closing(self.rounds.epoch(where, self.batch)) as batches:
            for batch in () if ended else batches:
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
            if not callbacks.handle_divergence:
                raise DivergenceError(f"{where}: {error}") from None
            step.tally.spoil()
            model.stop_training = True
        results, epoch = step.tally.results(), self.epoch
        logs = report(model, self.validation, callbacks, epoch, results, interruption)
        if not interruption.asked:
            self.epoch, self.batch, self.logs = epoch + 1, 0, logs
            if self.validation is not None:
                self.validated = self.validation.batches.get_state()
            callbacks.call("on_epoch_end", epoch, logs)

    def _train_batch(self, batch: Batch) -> None:
        try:
            self.step.train(batch)
        except DivergenceError as error:
            if self.callbacks.handle_divergence:
                self.step.tally.spoil()
                return
            place = f"Sequential.fit, epoch {self.epoch + 1}, batch {self.batch + 1}"
            raise DivergenceError(f"{place}: {error}") from None


def report(
    model: Learner,
    validation: Validation | None,
    callbacks: CallbackList,
    epoch: int,
    logs: Logs,
    interruption: Interruption,
) -> Logs:
    """What an epoch is reported with: its logs, and those of the validation if that is due."""
    if validation is not None and validation.is_due(epoch) and not interruption.asked:
        data, steps = validation.batches, validation.steps
        where = f"Sequential.fit: validation_data after epoch {epoch + 1}"
        results = evaluate(model, data, callbacks, steps, interruption, where)
        logs |= {f"val_{name}": value for name, value in results.items()}
    # Keras reports by the alphabet, and people read History in that order.
    return dict(sorted(logs.items()))


def _check_unchanged(model: Learner, step: Step) -> None:
    if model.step is not step:
        raise ConfigurationError(
            "Sequential.fit: expected a model that stays as it was compiled, got one that a "
            "callback has changed. Call compile, add and pop after fit."
        )


def evaluate(
    model: Learner,
    batches: Feed,
    callbacks: CallbackList,
    steps: int | None = None,
    interruption: Interruption | None = None,
    where: str = "Sequential.evaluate",
) -> Logs:
    """Loss and metrics of the model at rest, over all batches, or until Ctrl-C."""
    evaluation = model.evaluation
    with model.running(evaluation) as tally, closing(batches.in_turn(where, steps)) as read:
        callbacks.call("on_test_begin", {})
        for index, batch in enumerate(read):
            callbacks.call("on_test_batch_begin", index, {})
            evaluation.test(batch)
            logs = model.get_metrics_result() if callbacks.read_test_logs else {}
            callbacks.call("on_test_batch_end", index, logs)
            if interruption is not None and interruption.asked:
                break
        callbacks.call("on_test_end", model.get_metrics_result())
        return tally.results()


def predict(
    model: Learner, batches: Feed, callbacks: CallbackList, steps: int | None = None
) -> Array:
    """The model's output for every row, in an array of its own.

    The pass belongs to the call, so that any number of threads can predict with one model.
    """
    forward = Pass(model.layers, model.dtype)
    outputs = Outputs(batches, steps)
    callbacks.call("on_predict_begin", {})
    with closing(batches.in_turn("Sequential.predict", steps)) as read:
        for index, batch in enumerate(read):
            callbacks.call("on_predict_batch_begin", index, {})
            with np.errstate(all="ignore"):
                y = forward.forward(batch.x)
            outputs.add(y)
            callbacks.call("on_predict_batch_end", index, {"outputs": y})
    callbacks.call("on_predict_end", {})
    return outputs.all()


class Outputs:
    """What ``predict`` returns, put together: in its own place where the number of rows is known.

    Parameters
    ----------
    batches : Feed
    steps : int, optional
    """

    def __init__(self, batches: Feed, steps: int | None) -> None:
        self._rows = batches.rows
        if batches.rows is not None and batches.batch_size is not None and steps is not None:
            self._rows = min(batches.rows, steps * batches.batch_size)
        self._whole: Array | None = None
        self._parts: list[Array] = []
        self._filled = 0

    def add(self, y: Array) -> None:
        """Keep a copy of a batch."""
        if self._rows is None:
            self._parts.append(y.copy())
            return
        if self._whole is None:
            self._whole = np.empty((self._rows, *y.shape[1:]), y.dtype)
        self._whole[self._filled : self._filled + len(y)] = y
        self._filled += len(y)

    def all(self) -> Array:
        """All batches as one array."""
        return np.concatenate(self._parts) if self._whole is None else self._whole
