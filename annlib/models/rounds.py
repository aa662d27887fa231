"""Rounds through the data, cut into epochs."""

from __future__ import annotations

from collections.abc import Generator as Gen
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from annlib.data import Batch, Feed

if TYPE_CHECKING:
    from annlib.models.learner import Learner


class Rounds:
    """The epochs of a run.

    An epoch is a round, or with ``steps`` so many batches: then the next one goes on where it
    ended, and a round that is through ends the epoch.
    """

    def __init__(self, model: Learner, batches: Feed, shuffle: bool, steps: int | None) -> None:
        self.arguments = {"shuffle": shuffle, "steps_per_epoch": steps}
        self._batches = batches
        self._steps = steps or batches.count
        self._rng = model.streams.kept("shuffle") if shuffle else None
        self._items: Iterator[Any] = iter(())
        self._done, self._through = 0, True
        self._before: Any = None

    def epoch(self, where: str, done: int = 0) -> Gen[Batch, None, None]:
        """The batches of the next epoch, or the rest of one of which so many are done.

        Raises
        ------
        DataError
            If there are none, or a generator has too few.
        """
        if self._through and not done:  # else the round has ended this epoch
            self._begin(0)
        got = 0
        with closing(self._read(where, done)) as batches:
            for batch in batches:
                got += 1
                yield batch
        if not got and self._done and self._batches.repeats and not done:
            # The last epoch ended where the round did, which nobody could tell then.
            yield from self.epoch(where)
            return
        self._batches.check_supply(done + got, self._steps, where)

    def _read(self, where: str, done: int) -> Gen[Batch, None, None]:
        """The rest of the epoch, as far as the round goes."""
        ends = (
            None if self._steps is None else self._steps - done,
            None if self._batches.count is None else self._batches.count - self._done,
        )
        wanted = min((end for end in ends if end is not None), default=None)
        got = 0
        with closing(self._batches.read(self._items, wanted, where, done)) as batches:
            for batch in batches:
                got += 1
                self._done += 1
                self._through = self._done == self._batches.count
                yield batch
        self._through = self._through or wanted is None or got < wanted

    def _begin(self, done: int) -> None:
        self._before = self._rng.bit_generator.state if self._rng is not None else None
        self._items = self._batches.round(self._rng, done)
        self._done, self._through = done, done == self._batches.count

    def get_state(self) -> dict[str, Any]:
        """Where it stands: how much of the round is done, and the stream before its shuffle."""
        return {
            "done": self._done,
            "through": self._through,
            "shuffle": self._before,
            "data": self._batches.get_state(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there: in the same order, after as many batches."""
        self._batches.set_state(int(state["data"]))
        if state["through"]:
            self._done, self._through = int(state["done"]), True
            return
        if self._rng is not None:
            self._rng.bit_generator.state = state["shuffle"]
        self._begin(int(state["done"]))
