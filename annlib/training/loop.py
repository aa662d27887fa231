"""The loops: an epoch is, for each batch, forward, loss, backward, update, tell the callbacks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, closing
from typing import Any, Literal, NamedTuple, NoReturn, Protocol

import numpy as np

from annlib.callbacks import CallbackList, History
from annlib.core.cached import cached_property
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.core.states import MOST, check_whole, refuse
from annlib.core.tracebacks import warn_user
from annlib.data import Batch, DataLoader
from annlib.training.epochs import EpochIterator
from annlib.training.functions import Functions
from annlib.training.interruption import Interruption, interruptible
from annlib.training.processes import AgreedInterruption, Communicator, check_alike
from annlib.training.step import Step, UpdateOverflowError

Logs = dict[str, float]


class Validation(NamedTuple):
    """What ``fit`` evaluates the model on, and after which epochs (counted from 1)."""

    batches: DataLoader
    steps: int | None
    frequency: int | Collection[int]

    def fingerprint(self) -> dict[str, Any]:
        """Values by which a resumed run recognizes its validation."""
        frequency = self.frequency if isinstance(self.frequency, int) else sorted(self.frequency)
        return {"data": self.batches.fingerprint(), "steps": self.steps, "frequency": frequency}

    def is_due(self, epoch: int) -> bool:
        """Whether it follows this epoch, counted from 0."""
        if isinstance(self.frequency, int):
            return (epoch + 1) % self.frequency == 0
        return epoch + 1 in self.frequency


class Resumption(Protocol):
    """Where an earlier run stood, from which another continues."""

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""

    @property
    def batch(self) -> int:
        """Number of finished batches of the next epoch."""

    def check(self, run: Training) -> None:
        """Raise if the run could not have stood there; nothing is changed then."""

    def apply(self, run: Training) -> None:
        """Set network, optimizer and run to that state."""


@np.errstate(all="ignore")  # the check says more than NumPy's warnings
def train_step(step: Step, batch: Batch, on_gradients: Callable[[], None] | None = None) -> float:
    """Forward, loss, backward, update (paper 5.2); returns the loss, penalties included.

    Raises
    ------
    DivergenceError
        If loss or gradient is NaN or infinite, or a parameter would be: nothing has changed then.
    """
    step.optimizer.to_training(step.vector)
    loss = step.loss_and_gradient(batch)
    squares = step.check_finite(batch, loss)
    if on_gradients is not None:
        on_gradients()
        squares = step.squares()  # it may have changed them
    step.update(squares)
    step.commit()
    return loss


class Training:
    """One ``fit``: for each epoch, for each batch, a step (paper 5.2).

    Parameters
    ----------
    functions : Functions
        Of a built and compiled network.
    batches : DataLoader
    validation : Validation, optional
    callbacks : CallbackList
    history : History
    epochs : range
    shuffle : bool or "batch"
    steps : int, optional
        Batches an epoch.
    communicator : Communicator, optional
        What connects this process with others that have other rows of each batch.

    Attributes
    ----------
    epoch, batch : int
        Epochs that are done, and batches of the one that runs.
    logs : dict
        What the last epoch reported.
    validated : int
        How many batches the last validation consumed from a one-shot generator.
    pending : Resumption, optional
        Where to continue from, once the callbacks have begun.
    on_interrupt : callable, optional
        Called with the run when Ctrl-C or SIGTERM has ended it between two steps.
    """

    def __init__(
        self,
        functions: Functions,
        batches: DataLoader,
        validation: Validation | None,
        callbacks: CallbackList,
        history: History,
        *,
        epochs: range,
        shuffle: bool | Literal["batch"],
        steps: int | None,
        communicator: Communicator | None = None,
    ) -> None:
        self.epoch, self.batch = epochs.start, 0
        self.first, self._last = epochs.start, epochs.stop
        self.functions = functions
        self.batches = batches
        self.validation = validation
        self.callbacks = callbacks
        self.history = history
        self.step = functions.step
        self.calls = self.step.optimizer.steps
        self.iterator = EpochIterator(batches, functions.network.streams, shuffle, steps)
        self.logs: Logs = {}
        self.validated = 0
        self._undefined: set[str] = set()
        self.pending: Resumption | None = None
        self.on_interrupt: Callable[[Training], None] | None = None
        self._interruption = Interruption()
        self.communicator = communicator
        if communicator is not None:
            check_alike(communicator, self._facts(), "Sequential.fit")
            batches.divide(communicator.rank, communicator.size)
            functions.divide(communicator)
            if validation is not None and validation.batches.divisible:
                validation.batches.divide(communicator.rank, communicator.size)
            if communicator.rank:
                callbacks.leave_files_alone()

    def save_on_interrupt(self, save: Callable[[Training], None]) -> None:
        """Call this with the run when Ctrl-C or SIGTERM ends it: what it saves can be resumed."""
        self.on_interrupt = save
        self._interruption.heed_termination()

    def run(self) -> None:
        """Train to the end, or until something asks to stop.

        Raises
        ------
        SystemExit
            With the code 143, when SIGTERM has ended a run that is saved.
        """
        callbacks, step = self.callbacks, self.step
        callbacks.stop_training = False
        with (
            self.functions.running(step),
            interruptible(self.history) as own,
            ExitStack() as after_errors,
        ):
            self._interruption = own
            interruption: Interruption | AgreedInterruption = own
            if self.communicator is not None:
                interruption = AgreedInterruption(own, self.communicator)
            after_errors.callback(step.optimizer.to_evaluation, step.vector)
            callbacks.call("on_train_begin", {})
            if self.pending is not None:
                self.pending.check(self)
                if self.pending.batch:
                    callbacks.call("on_epoch_begin", self.pending.epoch, {})
                self.pending.apply(self)
            if self.communicator is not None:
                check_alike(self.communicator, self._start(), "Sequential.fit")
            while self.epoch < self._last and not interruption.asked:
                if isinstance(interruption, AgreedInterruption):
                    callbacks.stop_training = interruption.settle(callbacks.stop_training)
                if not self.batch:
                    if callbacks.stop_training:
                        break
                    callbacks.call("on_epoch_begin", self.epoch, {})
                self._train_epoch(interruption)
            if interruption.asked:
                if self.on_interrupt is not None:
                    self.on_interrupt(self)
                if interruption.terminated:
                    return  # there may be little time; leaving the context ends the process
                self.history.interrupted = callbacks.stop_training = True
            step.optimizer.to_evaluation(step.vector)
            if (self.epoch, self.batch) != (self.first, 0):
                step.optimizer.finalize()
            callbacks.call("on_train_end", self.logs)

    def _train_epoch(self, interruption: Interruption | AgreedInterruption) -> None:
        """Train for an epoch, or for the rest of it, and report it unless that is cut off."""
        step, callbacks = self.step, self.callbacks
        if not self.batch:
            step.metrics.reset()
        ended = self.batch and callbacks.stop_training  # resumed after the last step of its epoch
        where = f"Sequential.fit, epoch {self.epoch + 1}"
        hooks = ("on_train_batch_begin", "on_gradients", "on_train_batch_end")
        begins, watches, ends = map(callbacks.has, hooks)
        with closing(self.iterator.epoch(where, self.batch)) as batches:
            for batch in () if ended else batches:
                index = self.batch
                if begins:
                    callbacks.call("on_train_batch_begin", index, {})
                if self.functions.outdated:
                    self._refuse_changed()
                self._train_batch(batch, watches)
                self.batch += 1
                if ends:
                    logs = self.functions.results() if callbacks.read_batch_logs else {}
                    callbacks.call("on_train_batch_end", index, logs)
                if isinstance(interruption, AgreedInterruption):
                    callbacks.stop_training = interruption.settle(callbacks.stop_training)
                if callbacks.stop_training or interruption.asked:
                    break
        try:
            step.check_weights()  # the last update has no next step that would notice
        except DivergenceError as error:
            if not callbacks.handle_divergence:
                raise DivergenceError(f"{where}: {error}") from None
            step.metrics.mark_diverged()
            callbacks.stop_training = True
        if not interruption.asked:  # else a checkpoint is written first
            step.optimizer.to_evaluation(step.vector)
        results, epoch = step.metrics.results(), self.epoch
        parts = self.functions, self.validation, callbacks
        logs = report(*parts, epoch, results, interruption, self._undefined)
        if not interruption.asked:
            self.epoch, self.batch, self.logs = epoch + 1, 0, logs
            if self.validation is not None:
                self.validated = self.validation.batches.get_state()
            callbacks.call("on_epoch_end", epoch, logs)

    def _train_batch(self, batch: Batch, watched: bool) -> None:
        step, callbacks = self.step, self.callbacks
        on_gradients = None
        if watched:

            def on_gradients() -> None:
                callbacks.call("on_gradients", self.batch, {"x": batch.x})

        try:
            loss = train_step(step, batch, on_gradients)
        except DivergenceError as error:
            if callbacks.handle_divergence:
                step.metrics.mark_diverged()
                return
            place = f"Sequential.fit, epoch {self.epoch + 1}, batch {self.batch + 1}"
            if isinstance(error, UpdateOverflowError):
                place = f"Sequential.fit, after batch {self.batch + 1} of epoch {self.epoch + 1}"
            raise DivergenceError(f"{place}: {error}") from None
        step.update_metrics(batch, loss)

    def _refuse_changed(self) -> NoReturn:
        raise ConfigurationError(
            "Sequential.fit: expected a model that stays as it was compiled, got one that a "
            "callback has changed. Call compile, add and pop after fit."
        )

    def _facts(self) -> dict[str, Any]:
        """What must be the same in all processes that train together."""
        network, step = self.functions.network, self.step
        return {
            "seed": network.streams.seed,
            "layers": [layer.get_config() for layer in network.layers],
            "dtype": network.dtype,
            "optimizer": repr(step.optimizer),
            "loss": repr(step.objective.loss.loss),
            "validation": None,  # the same names in all, also where only some validate
            **self.identity(),
            "epochs": self._last,
            "weights": hashlib.sha256(step.vector.values.tobytes()).hexdigest(),
        }

    def _start(self) -> dict[str, Any]:
        """Where the run begins, or goes on, which must be the same in all processes, too."""
        weights = hashlib.sha256(self.step.vector.values.tobytes()).hexdigest()
        return {"place of the backup": [self.epoch, self.batch], "weights of the backup": weights}

    # -- state for resuming ------------------------------------------------------------------------

    @cached_property
    def _data(self) -> dict[str, Any]:
        return self.batches.fingerprint()

    def identity(self) -> dict[str, Any]:
        """What makes two runs the same: data and arguments except ``epochs``."""
        found = {"data": self._data, "first_epoch": self.first, **self.iterator.arguments}
        if self.validation is not None:
            found["validation"] = self.validation.fingerprint()
        return found

    def get_state(self) -> dict[str, Any]:
        """Where the run stands, between two steps."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "stopped": bool(self.callbacks.stop_training),
            "rounds": self.iterator.get_state(),
            "validated": self.validated,
            "tally": self.step.metrics.get_state(),
            "callbacks": self.callbacks.get_state(),
            "logs": self.logs,
        }

    def check_state(self, state: Mapping[str, Any], steps: int) -> None:
        """Raise ``ModelFormatError`` unless ``get_state`` could have given this after so many steps
        of the run; callbacks and metrics check what is theirs.
        """
        if self.first > state["epoch"] or type(state["stopped"]) is not bool:
            raise refuse("place", "a run from its first epoch", (state["epoch"], state["stopped"]))
        # What callbacks do about a loss that is not finite may leave out any number of steps.
        batches = MOST if self.callbacks.handle_divergence else steps
        self.iterator.check_state(state["rounds"], state["batch"], batches)
        ends, validation = state["epoch"] - self.first, self.validation
        if validation is None:
            check_whole(state["validated"], "place.validated", 0, 0)
        else:
            drawn = MOST if validation.steps is None else ends * validation.steps
            validation.batches.check_state(state["validated"], ends, drawn)
        for name, value in state["logs"].items():
            if isinstance(value, dict):
                raise refuse(f"place.logs.{name}", "a number or several", value)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``get_state`` gave, in a run of the same identity."""
        self.iterator.set_state(state["rounds"])
        self.validated = state["validated"]
        if self.validation is not None:
            # Skip what an earlier run consumed of a one-shot generator for validation.
            self.validation.batches.set_state(self.validated)
        self.step.metrics.set_state(state["tally"])
        self.callbacks.set_state(state["callbacks"])
        self.epoch, self.batch, self.logs = state["epoch"], state["batch"], state["logs"]
        self.callbacks.stop_training = state["stopped"]


def report(
    functions: Functions,
    validation: Validation | None,
    callbacks: CallbackList,
    epoch: int,
    logs: Logs,
    interruption: Interruption | AgreedInterruption,
    undefined: set[str],
) -> Logs:
    """The logs of an epoch: those of training, and of the validation if that is due.

    ``undefined`` is which metrics it was said of in this run that they are; others are added.
    """
    missing = functions.step.metrics.undefined(logs)
    if validation is not None and validation.is_due(epoch) and not interruption.asked:
        data, steps = validation.batches, validation.steps
        where = f"Sequential.fit: validation_data after epoch {epoch + 1}"
        results = evaluate(functions, data, callbacks, steps, interruption, where)
        logs |= {f"val_{name}": value for name, value in results.items()}
        there = functions.evaluation.metrics.undefined(results)
        missing |= {f"val_{name}": numbers for name, numbers in there.items()}
    if new := {name: numbers for name, numbers in missing.items() if name not in undefined}:
        undefined.update(new)
        warn_of_undefined(new, f"Sequential.fit, epoch {epoch + 1}")
    # Keras reports by the alphabet, and people read History in that order.
    return dict(sorted(logs.items()))


def warn_of_undefined(undefined: Mapping[str, str], where: str) -> None:
    """Warn that these metrics have no value, and for which numbers they have none."""
    found = " or ".join(dict.fromkeys(undefined.values()))
    warn_user(
        f"{where}: expected numbers that have a value of {', '.join(undefined)}, got {found}: "
        "NaN, and for callbacks no improvement. Pass more rows, stratify what you "
        "split, or take another metric."
    )


def evaluate(
    functions: Functions,
    batches: DataLoader,
    callbacks: CallbackList,
    steps: int | None = None,
    interruption: Interruption | AgreedInterruption | None = None,
    where: str = "Sequential.evaluate",
) -> Logs:
    """Loss and metrics of the network at rest, over all batches, or until Ctrl-C or a callback's
    ``stop_evaluating``.
    """
    evaluation = functions.evaluation
    with (
        functions.running(evaluation) as metrics,
        closing(batches.sequential(where, steps)) as read,
    ):
        callbacks.stop_evaluating = False
        callbacks.call("on_test_begin", {})
        for index, batch in enumerate(read):
            callbacks.call("on_test_batch_begin", index, {})
            evaluation.test(batch)
            logs = functions.results() if callbacks.read_test_logs else {}
            callbacks.call("on_test_batch_end", index, logs)
            if callbacks.stop_evaluating or (interruption is not None and interruption.asked):
                break
        callbacks.call("on_test_end", functions.results())
        return metrics.results()
