"""A training step whose gradient the workers of a Dask cluster compute, where the rows are."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from annlib.callbacks import Callback
from annlib.callbacks.base import Logs
from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.parallel.cluster import LOST, ClusterError, Watch
from annlib.training.objective import Objective
from annlib.training.step import Step

#: How often a step is begun again, when workers ended in it.
_AGAIN = 3
#: What the rows of a worker add to a batch: their predictions, if asked for, gradient and loss.
Part = tuple[Array | None, Array, float]


class RowsOfWorker:
    """On a worker, as an actor of Dask: the blocks that are there, and a model for each thread.

    Parameters
    ----------
    model : Sequential
    threads : int
    blocks : dict of int to array
        By their place among all.
    """

    def __init__(self, model: Any, threads: int, blocks: dict[int, Any]) -> None:
        self._blocks = {place: np.asarray(block) for place, block in blocks.items()}
        self._hands = [_Hand(copy.deepcopy(model)) for _ in range(threads)]
        self._pool = ThreadPoolExecutor(threads)

    def part(
        self,
        values: Array,
        rows: dict[int, Array],
        targets: Array,
        weights: Array | None,
        denominator: float,
        predicts: bool,
    ) -> Part:
        """What rows add to a batch, those of some blocks in turn; for weights of the network."""
        places = np.repeat([*rows], [*map(len, rows.values())])
        within = np.concatenate([*rows.values()])

        def of(hand: _Hand, share: Array) -> Part:
            own = None if weights is None else weights[share]
            X = hand.gathered(self._blocks, places[share], within[share])
            return hand.part(values, X, targets[share], own, denominator, predicts)

        shares = [s for s in np.array_split(np.arange(len(within)), len(self._hands)) if len(s)]
        parts = [*self._pool.map(of, self._hands, shares)]
        predictions, gradients, losses = zip(*parts, strict=True)
        whole = np.concatenate(predictions) if predicts else None
        return whole, sum(gradients[1:], gradients[0]), sum(losses)


class _Hand:
    """A model with the memory to compute the gradient of some rows."""

    def __init__(self, model: Any) -> None:
        self._network = model._network
        self._objective = Objective(self._network, model.loss, training=True)
        self._work = Workspace(self._network.dtype)

    def gathered(self, blocks: dict[int, Array], places: Array, within: Array) -> Array:
        """Rows of blocks in a buffer; they come block by block."""
        X = self._work.array("X", len(within), *next(iter(blocks.values())).shape[1:])
        for place in np.unique(places):
            start, stop = np.searchsorted(places, [place, place + 1])
            block, index, out = blocks[place], within[start:stop], X[start:stop]
            if block.dtype == X.dtype and block.flags.c_contiguous:
                block.take(index, axis=0, out=out, mode="clip")
            else:
                out[...] = block[index]
        return X

    def part(
        self,
        values: Array,
        X: Array,
        targets: Array,
        weights: Array | None,
        denominator: float,
        predicts: bool,
    ) -> Part:
        """What these rows add to a batch."""
        vector, objective = self._network.vector, self._objective
        vector.values[...] = values
        with np.errstate(all="ignore"):  # the client looks whether it is finite
            loss = objective.of_part(X, targets, weights, denominator)
        P = objective.loss.prediction.copy() if predicts else None
        return P, vector.gradients[: vector.n_trainable], loss


class RemoteObjective:
    """The objective of a batch whose rows are in the blocks of a cluster.

    The x of a batch are the numbers of its rows.
    """

    def __init__(
        self, step: Step, model: Any, watch: Watch, blocks: Sequence[Any], sizes: Sequence[int]
    ) -> None:
        self._step, self._watch, self._blocks = step, watch, blocks
        self._sizes, self._ends = sizes, np.cumsum(sizes)
        self._sent = copy.deepcopy(model)
        self._predicts = bool(step.metrics.metrics)
        #: Addresses, actors and the futures that keep them, and which of them has each block.
        self._workers: list[tuple[str, Any, Any]] = []
        self._owners = np.zeros(len(sizes), np.intp)

    @property
    def squares(self) -> float | None:
        """Not known beforehand."""
        return None

    def value_and_gradient(self, X: Array, Y: Array, weights: Array | None) -> float:
        """The loss of the batch; writes its gradient, penalties on weights included."""
        objective, gradient = self._step.objective, self._step.gradient
        order, parts = self._computed(X, Y, weights)
        gradient.fill(0)
        for _, part, _ in parts:
            gradient += part
        whole = None
        if self._predicts:
            together = np.concatenate([P for P, _, _ in parts if P is not None])
            whole = np.empty_like(together)
            whole[order] = together
        objective.loss.see(Y, weights, whole)
        objective.add_penalties()
        return sum(loss for *_, loss in parts)

    def _computed(
        self, numbers: Array, Y: Array, weights: Array | None
    ) -> tuple[Array, list[Part]]:
        """Places of the batch, worker by worker, and what these make of them; begun again when
        workers have ended.
        """
        watch = self._watch
        denominator = self._step.objective.loss.denominator_of(Y, weights)
        blocks = np.searchsorted(self._ends, numbers, side="right")
        starts = self._ends - self._sizes
        for _ in range(_AGAIN + 1):
            try:
                if not self._workers:
                    self._place()
                owners = self._owners[blocks]
                order = np.lexsort((blocks, owners))
                calls = []
                for owner in np.unique(owners):
                    places = order[owners[order] == owner]
                    there, first = np.unique(blocks[places], return_index=True)
                    within = np.split(numbers[places] - starts[blocks[places]], first[1:])
                    rows = dict(zip(there.tolist(), within, strict=True))
                    own = None if weights is None else weights[places]
                    more = Y[places], own, denominator, self._predicts
                    calls.append(self._asked(owner, self._step.vector.values, rows, *more))
                return order, [watch.answer(*call) for call in calls]
            except LOST:
                self._workers = []
        raise ClusterError(
            f"{watch.where}: expected workers that live through a step, got {_AGAIN + 1} times "
            "one that ended. They may need more memory than they have: take smaller blocks, or a "
            "smaller batch_size."
        )

    def _asked(self, owner: Any, *arguments: Any) -> tuple[Any, Any, str]:
        """Let a worker compute its part; the call, the future of the actor and its address."""
        address, actor, future = self._workers[owner]
        try:
            return actor.part(*arguments), future, address
        except RuntimeError as error:  # it is known already that it ended
            raise LOST[0] from error

    def _place(self) -> None:
        """Settle which worker has which blocks: those that are there, as far as that is fair."""
        watch, client = self._watch, self._watch.client
        model = watch.scatter([self._sent])[0]
        threads, holders = client.nthreads(), client.who_has(self._blocks)
        if not threads:  # any more
            raise LOST[0]
        loads = dict.fromkeys(threads, 0.0)
        fair = sum(self._sizes) / sum(threads.values())
        blocks: dict[str, dict[int, Any]] = {}
        for place, (block, rows) in enumerate(zip(self._blocks, self._sizes, strict=True)):
            there = [a for a in holders.get(block.key, ()) if loads.get(a, fair) < fair]
            address = min(there or loads, key=loads.__getitem__)
            loads[address] += rows / threads[address]
            blocks.setdefault(address, {})[place] = block
        futures = {
            address: client.submit(
                RowsOfWorker,
                *(model, threads[address], own),
                actor=True,
                workers=[address],
                pure=False,
            )
            for address, own in blocks.items()
        }
        self._workers = []
        for owner, (address, future) in enumerate(futures.items()):
            self._owners[[*blocks[address]]] = owner
            actor = watch.result(future, "the start of a training", address)
            self._workers.append((address, actor, future))

    def where_not_finite(self, X: Any) -> str:
        """Nothing is known of where a number that is not finite arose."""
        return "the layers' outputs or gradients are not"

    def commit(self) -> None:
        """No layer that is trained so has statistics."""

    def clear(self) -> None:
        """Nothing is kept that the objective does not drop."""


class Elsewhere(Callback):
    """Lets a training compute its gradients in a cluster.

    Parameters
    ----------
    watch : Watch
    blocks : list of Future
        The rows, block by block.
    sizes : list of int
        How many rows each has.
    """

    def __init__(self, watch: Any, blocks: Any, sizes: Any) -> None:
        self.watch, self.blocks, self.sizes = watch, blocks, sizes

    def on_train_begin(self, logs: Logs | None = None) -> None:
        run, step = self.model._active_run(), self.model._functions.step
        run.batches.number_rows()
        step.compute_by(RemoteObjective(step, self.model, self.watch, self.blocks, self.sizes))

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.model._reset_functions()  # from now on it trains here
