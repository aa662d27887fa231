"""How a pack is trained: its course, and what is told of rows held out on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from annlib.callbacks import Callback
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.estimators.tabular.features import Prepared
from annlib.estimators.tabular.held_out import HeldOut
from annlib.estimators.tabular.pack import Plan, copy_members, rate_factors
from annlib.estimators.tabular.task import Task
from annlib.models import Sequential
from annlib.optimizers import Adam
from annlib.schedules import CosineDecay

#: The share of the steps in which the rate grows.
_WARM_UP = 0.1
#: Of the loss of a guess, what leaves labels as they are, and what lets them be smoothed.
_NOISY, _CLEAR = 0.5, 0.3


class Course(NamedTuple):
    """How a pack is to be trained."""

    epochs: int
    batch: int
    rate: float
    dropout: float
    smoothing: float


class Clock:
    """The time that a pack may take; asked after each step and each epoch.

    Parameters
    ----------
    seconds : float or None
    stopped : callable
        Whether the user has asked to stop.
    """

    def __init__(self, seconds: float | None, stopped: Callable[[], bool]) -> None:
        self.seconds, self.stopped = seconds, stopped
        self.start = time.perf_counter()
        #: Whether time has cut the training short.
        self.cut = False

    def expired(self) -> bool:
        return self.seconds is not None and time.perf_counter() - self.start > self.seconds

    def epochs(self, done: int, planned: int) -> int:
        """How many epochs fit, as fast as those that are done."""
        if self.seconds is None:
            return planned
        each = (time.perf_counter() - self.start) / done
        fitting = max(done, int(min(self.seconds / each, planned)))
        self.cut = self.cut or fitting < planned
        return fitting


class Curves(NamedTuple):
    """Of each epoch the loss on the batches, and that on the rows held out."""

    loss: list[float]
    held_out: list[float]
    #: The epoch that is kept.
    kept: int


class Lessons(NamedTuple):
    """What a pack learns from.

    Parameters
    ----------
    weights : array, (k, n)
        What a row counts for a member.
    """

    rows: Prepared
    targets: Array
    weights: Array
    task: Task

    def guess(self, held_out: HeldOut) -> float:
        """The loss on rows held out of the shares of the classes, or of the means."""
        counts = self.weights.sum(axis=0, dtype=float)
        if not self.task.blocks:
            guess = np.average(self.targets, axis=0, weights=counts)
        else:
            shares = [
                np.bincount(codes, counts, size) / counts.sum()
                for codes, size in zip(self.targets.T, self.task.blocks, strict=True)
            ]
            guess = np.concatenate(shares)
        return held_out.loss(np.broadcast_to(guess, (held_out.size, len(guess))), self.task)


class Trained(NamedTuple):
    """A pack as it was after the epoch that is kept.

    Parameters
    ----------
    model : Sequential
        All members, in float64: the predictions of a row hardly depend on the rows beside it.
    judges : list of Sequential
        For each part of the rows held out the members that have not learned from it.
    diverged : bool
        Whether the training has ended at a loss that was not finite.
    """

    model: Sequential
    judges: list[Sequential]
    curves: Curves
    diverged: bool


def train(
    plan: Plan,
    lessons: Lessons,
    held_out: HeldOut,
    course: Course,
    seed: int,
    clock: Clock,
    tell: Callable[[float], None],
) -> Trained:
    """Train a pack, as many members as there are weights of rows.

    Parameters
    ----------
    tell : callable
        Is called with the loss on rows held out after each epoch.
    """
    rows, targets, weights, task = lessons
    x, batch = rows.matrix(), min(course.batch, rows.size)
    steps = rows.size // batch * course.epochs
    pace = Pace(course.epochs)
    dropout = pace.of(_constant_first(course.dropout, steps))
    model = plan.model(len(weights), dropout=dropout, seed=seed)
    model.initialize_from_data(x, output=False)
    model.compile(
        Adam(
            pace.of(_warm(course.rate, steps)),
            beta_2=0.95,
            epsilon=1e-8,
            learning_rate_factors=rate_factors(model),
        ),
        task.loss(course.smoothing),
    )
    judges = [plan.model(len(members)) for _, members in held_out.parts]
    judge = _Judge(judges, lessons, held_out, course, clock, pace, tell)
    diverged = False
    try:
        model.fit(
            x,
            task.targets(targets),
            batch,
            course.epochs,
            verbose=0,
            callbacks=[judge],
            sample_weight=np.ascontiguousarray(weights.T),
            drop_last=True,
        )
    except DivergenceError:
        diverged = True
    kept = judge.kept()
    if kept is None:
        raise _failure(lessons, clock, diverged=diverged or judge.diverged)
    model.set_weights(kept.weights)
    judge.teach(model)
    curves = Curves(judge.losses, judge.judged, kept.epoch)
    return Trained(plan.in_double(model), judges, curves, diverged or judge.diverged)


class Pace:
    """How many epochs a training is to have, which may become fewer while it runs: schedules for
    the number that was planned run the faster.
    """

    def __init__(self, epochs: int) -> None:
        self.planned = self.epochs = epochs

    def of(self, schedule: Callable[[float], float]) -> Callable[[int], float]:
        return lambda step: schedule(step * self.planned / self.epochs)


def _constant_first(value: float, steps: int) -> CosineDecay:
    """Constant for half of the steps, and then down to 0."""
    return CosineDecay(value, steps / 2, warmup_target=value, warmup_steps=steps / 2)


def _warm(rate: float, steps: int) -> CosineDecay:
    """Up from the first step on, and down to 0."""
    rising = round(_WARM_UP * steps)
    if not rising:
        return CosineDecay(rate, steps)
    return CosineDecay(rate / rising, steps - rising, warmup_target=rate, warmup_steps=rising)


class _Epoch(NamedTuple):
    """What an epoch has left: weights, and the losses of rows held out."""

    epoch: int
    weights: list[Array]
    losses: Array


class _Judge(Callback):
    """After each epoch the loss on rows held out; the best and the last one, and when to stop."""

    reads_batch_logs = False

    def __init__(
        self,
        judges: list[Sequential],
        lessons: Lessons,
        held_out: HeldOut,
        course: Course,
        clock: Clock,
        pace: Pace,
        tell: Callable[[float], None],
    ) -> None:
        super().__init__()
        self.judges, self.task, self.held_out = judges, lessons.task, held_out
        self.smoothing, self.clock, self.pace, self.tell = course.smoothing, clock, pace, tell
        self.guess = lessons.guess(held_out) if held_out.size and course.smoothing else 0.0
        self.counted = float(lessons.weights.mean(dtype=float))
        self.broken = self.diverged = False
        self.losses: list[float] = []
        self.judged: list[float] = []
        self.best: _Epoch | None = None
        self.last: _Epoch | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.clock.stopped() or (not self.losses and self.clock.expired()):
            self.broken = self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.broken:
            return
        judged, losses = np.nan, np.empty(0)
        if self.held_out.size:
            self.teach(self.model)
            predicted = self.held_out.predict(self.judges, self.task)
            judged = self.held_out.loss(predicted, self.task)
            if not np.isfinite(judged):
                self.diverged = self.model.stop_training = True
                return
            self.judged.append(judged)
            losses = self.held_out.losses(predicted, self.task)
        self.losses.append(logs["loss"] / self.counted)
        self.last = _Epoch(epoch, self.model.get_weights(), losses)
        if not (self.best and self.held_out.size) or self._gain(self.best, self.last)[0] > 0:
            self.best = self.last
        if self.guess:
            # Noise does what smoothing does, which then is one too much.
            noise = (_NOISY - judged / self.guess) / (_NOISY - _CLEAR)
            self.model.loss.label_smoothing = self.smoothing * min(max(noise, 0.0), 1.0)
        self.tell(judged)
        self.pace.epochs = self.clock.epochs(len(self.losses), self.pace.epochs)
        self.model.stop_training = len(self.losses) >= self.pace.epochs

    def _gain(self, before: _Epoch, after: _Epoch) -> tuple[float, float]:
        return self.held_out.gain(before.losses, after.losses)

    def kept(self) -> _Epoch | None:
        """The last epoch, as the rate has fallen by then; the best one if it is better by more
        than one standard error, as of few rows or noisy ones that are learned by heart.
        """
        if not (self.last and self.best and self.held_out.size):
            return self.last
        gain, error = self._gain(self.last, self.best)
        return self.best if gain > error else self.last

    def teach(self, model: Sequential) -> None:
        """Let those who judge know what the members do that they are."""
        for judge, (_, members) in zip(self.judges, self.held_out.parts, strict=True):
            copy_members(model, members, judge)


def _failure(lessons: Lessons, clock: Clock, *, diverged: bool) -> BaseException:
    """Why there is no epoch to keep."""
    if clock.stopped():
        return KeyboardInterrupt()
    if diverged:
        return DivergenceError(
            "fit: expected a finite loss, got one that is not in the first epoch. Look at the "
            "range of y, and at columns of huge numbers."
        )
    return ConfigurationError(
        "fit: expected a time_limit in which a first epoch fits, got one that leaves "
        f"{clock.seconds:.3g} seconds for a pack of {len(lessons.weights)} on "
        f"{lessons.rows.size:,} rows. Give it more, or take fewer rows."
    )
