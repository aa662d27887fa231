"""One model trained by many processes: each takes some rows of every batch.

A process runs its rows through layers and loss. In one message a step gradients and losses are
added up, and predictions put together: so metrics, whatever they are, are those of the whole batch
in every process. What comes after (penalties, clipping, schedules, the update) is the same in all.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, show
from annlib.core.tracebacks import warn_user
from annlib.core.workspace import Workspace
from annlib.data.loader import share
from annlib.training.compiled import Compiled
from annlib.training.interruption import Interruption
from annlib.training.objective import Objective

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt

# Where MPI libraries tell a process how many there are: Open MPI, MPICH and those derived from it.
_NUMBERS_OF_PROCESSES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_warned: list[str] = []
# Bytes of a text that processes compare.
_TEXT = 4000


@runtime_checkable
class Communicator(Protocol):
    """What connects the processes of a job."""

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""

    @property
    def size(self) -> int:
        """How many there are."""

    @property
    def threads(self) -> int:
        """How many threads each should have."""

    def allreduce_(self, flat: Array) -> None:
        """Make a vector the sum of those of all processes, the same bits in all."""

    def broadcast_(self, flat: Array) -> None:
        """Make a vector that of process 0."""

    def abort(self, code: int) -> None:
        """End all processes."""


class RowsOfBatch:
    """Which rows of the batch are this process', and sums over all of it.

    Attributes
    ----------
    whole, start, stop : int
        The rows of the batch, and where those of this process begin and end.
    """

    def __init__(self, communicator: Communicator, dtype: npt.DTypeLike) -> None:
        self.communicator = communicator
        self.whole = self.start = self.stop = 0
        self._work = Workspace(dtype)

    def take(self, rows: int, own: int) -> None:
        """Begin with a batch of so many rows, of which so many are here: a share, or all."""
        rank, size = self.communicator.rank, self.communicator.size
        self.whole, self.start, self.stop = rows, 0, rows
        if own != rows:
            here = share(rows, rank, size)
            self.start, self.stop = here.start, here.stop

    @property
    def divided(self) -> bool:
        """Whether the others have other rows."""
        return self.stop - self.start != self.whole

    def add(self, n: int, sums: tuple[Array, ...]) -> int:
        """Sums over the rows here become those over all; n rows here are how many in all?"""
        if not self.divided:
            return n
        if sums:
            name = f"sums {sums[0].dtype}"
            flat = self._work.array(name, sum(each.size for each in sums), dtype=sums[0].dtype)
            np.concatenate([each.ravel() for each in sums], out=flat)
            self.communicator.allreduce_(flat)
            place = 0
            for each in sums:
                each[...] = flat[place : place + each.size].reshape(each.shape)
                place += each.size
        return n * self.whole // (self.stop - self.start)

    def value(self, objective: Objective, X: Any, Y: Array, weights: Array | None) -> float:
        """The loss of the whole batch for a network at rest, from the x of the rows here."""
        self.take(len(Y), X.shape[0])
        Z, penalty = objective.passes.forward(X), objective.passes.penalty()
        if self.divided:
            sums = self._work.array("sums", len(Y) * math.prod(Z.shape[1:]) + 1)
            Z, sums[-1] = self.place(Z, sums[:-1]), penalty
            self.communicator.allreduce_(sums)
            penalty = float(sums[-1])
        return objective.loss.value(Z, Y, weights) + penalty

    def place(self, Z: Array, flat: Array) -> Array:
        """Put rows where they belong among all, for a sum to which the others add theirs."""
        whole = flat.reshape(self.whole, *Z.shape[1:])
        whole[: self.start] = whole[self.stop :] = 0
        whole[self.start : self.stop] = Z
        return whole

    def of(self, rng: Any) -> Any:
        """A random stream that draws for the whole batch, and gives what the rows here get."""
        return _Drawer(self, rng)

    def draw(self, fill: Callable[[Array, Any], None], M: Array, rng: Any) -> None:
        """Fill an array from a stream of ``of``: one with a row for each row here gets its part of
        what is drawn for all.
        """
        if not self.divided or len(M) != self.stop - self.start:
            fill(M, rng.source)
            return
        shape = (self.whole, *M.shape[1:])
        whole = rng.work.array(f"whole {M.dtype}", *shape, dtype=M.dtype)
        fill(whole, rng.source)
        np.copyto(M, whole[self.start : self.stop])


class _Drawer:
    """A generator whose draws by row are those of the whole batch, wherever the rows are."""

    def __init__(self, rows: RowsOfBatch, rng: Any) -> None:
        self._rows, self.source = rows, rng
        self.work = Workspace()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.source, name)
        return self._drawing(method) if callable(method) else method

    def _drawing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def draw(*arguments: Any, out: Array | None = None, **keywords: Any) -> Any:
            if out is None:
                return method(*arguments, **keywords)
            self._rows.draw(lambda M, _: method(*arguments, out=M, **keywords), out, self)
            return out

        return draw


class DividedObjective:
    """The objective of a batch of which each process computes some rows.

    It takes x with the rows of this process, targets and weights with all.
    """

    def __init__(
        self, objective: Objective, gradient: Array, communicator: Communicator, *, predicts: bool
    ) -> None:
        self.objective = objective
        self._rows = RowsOfBatch(communicator, gradient.dtype)
        self._communicator = communicator
        self._gradient, self._predicts = gradient, predicts
        self._work = Workspace(gradient.dtype)
        for _, work in objective.passes.steps:
            work.divide(self._rows)

    @property
    def squares(self) -> float | None:
        """Not known beforehand."""
        return None

    def value_and_gradient(self, X: Any, Y: Array, weights: Array | None) -> float:
        """The loss of the whole batch; writes the whole gradient, penalties on weights included."""
        objective, rows, size = self.objective, self._rows, self._gradient.size
        rows.take(len(Y), X.shape[0])
        if not rows.divided:
            loss = objective.value(X, Y, weights, training=True)
            objective.backward()
            return loss
        here = slice(rows.start, rows.stop)
        own = Y[here], None if weights is None else weights[here]
        loss = objective.of_part(X, *own, objective.loss.denominator_of(Y, weights))
        # One message: the gradient, the loss, and predictions where metrics take some.
        P = objective.loss.prediction if self._predicts else np.empty((0, 0))
        sums = self._work.array("sums", size + 1 + rows.whole * math.prod(P.shape[1:]))
        sums[:size], sums[size] = self._gradient, loss
        predictions = rows.place(P, sums[size + 1 :]) if self._predicts else None
        self._communicator.allreduce_(sums)
        self._gradient[...] = sums[:size]
        objective.loss.see(Y, weights, predictions)
        objective.add_penalties()
        return float(sums[size])

    def where_not_finite(self, X: Any) -> str:
        """What is known of where a number that is not finite arose; all processes ask."""
        here = not np.isfinite(X if isinstance(X, np.ndarray) else X.data).all()
        if agree(self._communicator, here)[0]:
            return f"x of the batch, as {X.dtype}, is not finite"
        return "the layers' outputs or gradients are not"

    def commit(self) -> None:
        """Let the layers take over the statistics of the last batch."""
        self.objective.passes.commit()

    def clear(self) -> None:
        """Nothing is kept that the objective does not drop."""


def checked(strategy: Any, compiled: Compiled, where: str) -> Communicator | None:
    """What connects the processes that train a model; None if this is the only one.

    Raises
    ------
    ConfigurationError
        If it connects nothing, or the model cannot be trained so.
    """
    if strategy is None:
        _warn_if_alone(where)
        return None
    if not isinstance(strategy, Communicator) or isinstance(strategy, type):
        raise ConfigurationError(
            f"{where}: expected strategy=annlib.parallel.MPI(), or none, got {show(strategy)}."
        )
    if strategy.size == 1:
        return None
    if compiled.optimizer.full_batch:
        raise ConfigurationError(
            f"{where}: expected an optimizer that trains batch by batch with a strategy, got "
            f"{compiled.optimizer!r}. Take adam, or leave out the strategy."
        )
    if compiled.jit_compile is True:
        raise ConfigurationError(
            f"{where}: expected no jit_compile=True with a strategy of several processes, whose "
            'rows are added up between the layers. Compile with jit_compile="auto".'
        )
    return strategy


def _warn_if_alone(where: str) -> None:
    """Warn that each of several processes trains a model of its own, once in each."""
    told = [os.environ.get(name, "") for name in _NUMBERS_OF_PROCESSES]
    started = max((int(number) for number in told if number.isdecimal()), default=1)
    if started > 1 and not _warned:
        _warned.append(where)
        warn_user(
            f"{where}: expected a strategy in a job of {started} processes, got none: each trains "
            "alone, on all rows. Pass strategy=annlib.parallel.MPI(), or start one process."
        )


class AgreedInterruption:
    """Whether the run is to end, by a signal in any process: the same in all of them."""

    def __init__(self, own: Interruption, communicator: Communicator) -> None:
        self._own, self._communicator = own, communicator
        self.asked = False

    @property
    def terminated(self) -> bool:
        """Whether this process is to end with the run."""
        return self._own.terminated

    def ask(self) -> None:
        """Ask the run to end."""
        self._own.ask()

    def settle(self, stop: bool) -> bool:
        """Agree on a signal, and on whether a callback has stopped the training; returns that."""
        self.asked, stopped = agree(self._communicator, self._own.asked, stop)
        return stopped


def agree(communicator: Communicator, *flags: bool) -> list[bool]:
    """Which of these are true in any process."""
    sums = np.array(flags, np.float64)
    communicator.allreduce_(sums)
    return [bool(each) for each in sums]


def check_alike(communicator: Communicator, facts: Mapping[str, Any], where: str) -> None:
    """Raise ``ConfigurationError`` in all processes if these differ, and say what does."""
    texts = {name: json.dumps(value, default=str, sort_keys=True) for name, value in facts.items()}
    digests = [hashlib.sha256(text.encode()).digest()[:6] for text in texts.values()]
    own = np.array([int.from_bytes(digest) for digest in digests], np.float64)  # exact: 48 bits
    table = np.zeros((communicator.size, len(own)))
    table[communicator.rank] = own
    communicator.allreduce_(table.reshape(-1))
    for place, (name, text) in enumerate(texts.items()):
        if (table[:, place] == table[0, place]).all():
            continue
        other = int(np.argmax(table[:, place] != table[0, place]))
        first, second = (_text_of(communicator, rank, text) for rank in (0, other))
        raise ConfigurationError(
            f"{where}: expected the same {name} in all processes, got {first} in process 0 and "
            f"{second} in process {other}. Give each the same data, model and arguments: a "
            "strategy divides the rows itself, and a model needs seed=..."
        )


def _text_of(communicator: Communicator, rank: int, text: str) -> str:
    """What one process has to show."""
    shown = text if len(text) <= 200 else f"{text[:200]}..."
    letters = np.zeros(_TEXT)
    if communicator.rank == rank:
        coded = np.frombuffer(shown.encode()[:_TEXT], np.uint8)
        letters[: len(coded)] = coded
    communicator.allreduce_(letters)
    return letters[letters > 0].astype(np.uint8).tobytes().decode(errors="ignore")
