"""How a pack is trained: Adam with a rate for each parameter, and the epoch that was the best."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.estimators.tabular.features import Prepared
from annlib.estimators.tabular.held_out import HeldOut
from annlib.estimators.tabular.pack import Pack
from annlib.estimators.tabular.task import Task

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.95, 1e-8
#: The share of the steps in which the rate grows.
_WARM_UP = 0.1
#: Numbers of inputs that are kept for all rows, and not made anew for each batch.
_KEPT = 1 << 25
#: Of the loss of a guess, what leaves labels as they are, and what lets them be smoothed.
_NOISY, _CLEAR = 0.5, 0.3
#: Parameters of a step of Adam at a time, which stay in the processor's cache.
_BLOCK = 1 << 14


class Course(NamedTuple):
    """How a pack is to be trained."""

    epochs: int
    batch: int
    rate: float
    dropout: float
    decay: float
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
        fitting = max(done, min(planned, int(self.seconds / each)))
        self.cut = self.cut or fitting < planned
        return fitting


class Curves(NamedTuple):
    """Of each epoch the loss on the batches, and that on the rows held out."""

    loss: list[float]
    held_out: list[float]
    best: int


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
    #: What the pack's members share of all rows, if that is not too much to keep.
    shared: Array | None = None

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


def train(
    pack: Pack,
    lessons: Lessons,
    held_out: HeldOut,
    course: Course,
    rng: np.random.Generator,
    clock: Clock,
    tell: Callable[[float], None],
) -> Curves:
    """Train a pack, and leave it as it was after the epoch with the least loss on rows held out.

    Parameters
    ----------
    tell : callable
        Is called with that loss after each epoch.
    """
    pack.start_learning()
    adam = Adam(pack)
    if lessons.rows.size * pack.shared <= _KEPT:
        lessons = lessons._replace(shared=pack.shared_inputs(lessons.rows))
    guess = lessons.guess(held_out) if held_out.size else 0.0
    smoothing, epochs = course.smoothing, course.epochs
    losses: list[float] = []
    judged: list[float] = []
    best, best_epoch, best_vector = np.inf, -1, pack.vector.copy()
    while len(losses) < epochs:
        loss = _epoch(pack, lessons, adam, course, smoothing, len(losses), epochs, rng, clock)
        if loss is None:
            break
        losses.append(loss)
        judged.append(-len(losses))
        if held_out.size:
            predicted = held_out.predict(held_out.predictors(pack), lessons.task)
            judged[-1] = held_out.loss(predicted, lessons.task)
        if guess:
            # Noise does what smoothing does, which then is one too much.
            noise = (_NOISY - judged[-1] / guess) / (_NOISY - _CLEAR)
            smoothing = course.smoothing * min(max(noise, 0.0), 1.0)
        if judged[-1] < best:
            best, best_epoch = judged[-1], len(judged) - 1
            best_vector[...] = pack.vector
        tell(judged[-1])
        epochs = clock.epochs(len(losses), epochs)
    if best_epoch < 0:
        raise _failure(lessons, pack, clock, bool(judged))
    pack.vector[...] = best_vector
    pack.stop_learning()
    return Curves(losses, judged if held_out.size else [], best_epoch)


def _failure(lessons: Lessons, pack: Pack, clock: Clock, judged: bool) -> BaseException:
    """Why there is no epoch to keep."""
    if clock.stopped():
        return KeyboardInterrupt()
    if judged:
        return DivergenceError(
            "fit: expected a finite loss on rows held out, got none in any epoch. Look at the "
            "range of y, and at columns of huge numbers."
        )
    return ConfigurationError(
        f"fit: expected a time_limit in which a first epoch fits, got {clock.seconds:.3g} "
        f"seconds for {lessons.rows.size} rows and {pack.members} members. Give it more, or take "
        "fewer rows."
    )


def _epoch(
    pack: Pack,
    lessons: Lessons,
    adam: Adam,
    course: Course,
    smoothing: float,
    done: int,
    epochs: int,
    rng: np.random.Generator,
    clock: Clock,
) -> float | None:
    """The mean loss of one epoch's batches; None if it has been broken off."""
    rows, targets, weights, task, shared = lessons
    n = rows.size
    batch = min(course.batch, n)
    steps = n // batch
    order = rng.permutation(n)
    total = counted = 0.0
    for step in range(steps):
        at = order[step * batch : (step + 1) * batch]
        share = (done + step / steps) / epochs
        rest = _cosine(max(0.0, share - 0.5) / 0.5)
        known = None if shared is None else shared[at]
        outputs, tape = pack.forward(rows.take(at), known, course.dropout * rest, rng)
        assert tape is not None, "of a step"
        weight = weights[:, at]
        lost, gradient = task.step(outputs, targets[at], smoothing)
        total += float(np.vdot(lost, weight))
        counted += float(weight.sum())
        weight /= np.float32(batch)
        gradient *= weight[..., np.newaxis]
        pack.backward(gradient, tape)
        adam.step(course.rate * _warm(share + 1 / (steps * epochs)), course.decay * rest)
        if clock.stopped() or (clock.expired() and not done):
            return None
    return total / counted if counted else 0.0


def _cosine(share: float) -> float:
    return float(0.5 * (1 + np.cos(np.pi * min(share, 1.0))))


def _warm(share: float) -> float:
    if share < _WARM_UP:
        return share / _WARM_UP
    return _cosine((share - _WARM_UP) / (1 - _WARM_UP))


class Adam:
    """Adam with decoupled decay, at a rate of its own for each parameter."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.first = np.zeros_like(pack.vector)
        self.second = np.zeros_like(pack.vector)
        self.steps = 0
        size = len(pack.vector)
        self._blocks = [slice(i, min(i + _BLOCK, size)) for i in range(0, size, _BLOCK)]
        self._work = np.empty(min(_BLOCK, size), np.float32)

    def step(self, rate: float, decay: float) -> None:
        pack = self.pack
        self.steps += 1
        rate_now = np.float32(rate / (1 - _BETA_1**self.steps))
        correction = np.float32(1 / (1 - _BETA_2**self.steps))
        for block in self._blocks:
            g, m, s = pack.gradient[block], self.first[block], self.second[block]
            work = self._work[: len(g)]
            np.subtract(g, m, out=work)
            work *= np.float32(1 - _BETA_1)
            m += work
            np.multiply(g, g, out=work)
            work -= s
            work *= np.float32(1 - _BETA_2)
            s += work
            np.multiply(s, correction, out=work)
            np.sqrt(work, out=work)
            work += np.float32(_EPSILON)
            np.divide(m, work, out=work)
            work *= rate_now
            if decay:
                # The gradient has been read, and its memory serves for the decay.
                np.multiply(pack.decays[block], np.float32(rate * decay), out=g)
                g *= pack.vector[block]
                work += g
            work *= pack.rates[block]
            pack.vector[block] -= work
