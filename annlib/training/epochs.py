"""Which batches make an epoch."""

from __future__ import annotations

from collections.abc import Generator as Gen
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Literal

from annlib.core.random_streams import RandomStreams, check_position
from annlib.core.states import check_keys, check_whole, refuse
from annlib.data import Batch, DataLoader


class EpochIterator:
    """The batches of each epoch in turn.

    An epoch is one pass over the data, or ``steps`` batches: then the next epoch continues the
    pass, and where a pass ends within an epoch a new one begins, unless the data have only one.
    """

    def __init__(
        self,
        batches: DataLoader,
        streams: RandomStreams,
        shuffle: bool | Literal["batch"],
        steps: int | None,
    ) -> None:
        self.arguments = {"shuffle": shuffle, "steps_per_epoch": steps}
        batches.shuffles_within = shuffle == "batch"
        self._batches = batches
        self._wanted = steps
        self._steps = steps or batches.count
        self._rng = streams.persistent("shuffle") if shuffle else None
        self._items: Iterator[Any] = iter(())
        self._done, self._through = 0, True
        self._before: Any = None

    def epoch(self, where: str, done: int = 0) -> Gen[Batch, None, None]:
        """Yield the next epoch's batches, skipping the first ``done``.

        Raises
        ------
        DataError
            If there are none, or too few for the steps that were asked for.
        """
        begins = not done
        self._batches.begin_epoch()
        while not self._through or begins or self._lacks(done):
            if self._through:
                self._begin(0)
            begins = False
            done += yield from self._read(where, done)
            if not self._through or not self._done:  # the steps are done, or the pass had none
                break
        self._batches.check_length(done, self._wanted, where)
        self._batches.end_epoch()

    def _lacks(self, done: int) -> bool:
        """Whether another pass is to give what this epoch lacks."""
        return self._batches.repeats and self._wanted is not None and done < self._wanted

    def _read(self, where: str, done: int) -> Gen[Batch, None, int]:
        """The rest of the epoch, as far as the pass goes; returns how many batches that was."""
        ends = (
            None if self._steps is None else self._steps - done,
            None if self._batches.count is None else self._batches.count - self._done,
        )
        wanted = min((end for end in ends if end is not None), default=None)
        got = 0
        with closing(self._batches.part(self._items, wanted, where, done)) as batches:
            for batch in batches:
                got += 1
                self._done += 1
                self._through = self._done == self._batches.count
                yield batch
        self._through = self._through or wanted is None or got < wanted
        return got

    def _begin(self, done: int) -> None:
        self._before = self._rng.bit_generator.state if self._rng is not None else None
        self._items = self._batches.start_pass(self._rng, done)
        self._done, self._through = done, done == self._batches.count

    def get_state(self) -> dict[str, Any]:
        """How much of the pass is done, and the random stream before its shuffle."""
        return {
            "done": self._done,
            "through": self._through,
            "shuffle": self._before,
            "data": self._batches.get_state(),
        }

    def check_state(self, state: Any, batch: int, batches: int) -> None:
        """Raise ``ModelFormatError`` unless ``get_state`` could have given this after so many
        batches of the epoch, and so many of all.
        """
        check_keys(state, ("done", "through", "shuffle", "data"), "rounds")
        check_whole(batch, "place.batch", 0, batches if self._steps is None else self._steps)
        pass_ = self._batches.count
        check_whole(state["done"], "rounds.done", 0, batches if pass_ is None else pass_)
        if type(state["through"]) is not bool:
            raise refuse("rounds.through", "True or False", state["through"])
        position = state["shuffle"]
        if position is not None or not (self._rng is None or state["through"]):
            check_position("shuffle", position)
        # Of each pass that has ended an epoch, and of the one that begins then.
        self._batches.check_state(state["data"], 2 * (batches + 1), batches)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what ``get_state`` gave: in the same order, after as many batches."""
        self._batches.set_state(int(state["data"]))
        if state["through"]:
            self._done, self._through = int(state["done"]), True
            return
        if self._rng is not None:
            self._rng.bit_generator.state = state["shuffle"]
        self._begin(int(state["done"]))
