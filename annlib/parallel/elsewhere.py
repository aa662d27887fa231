"""A training step whose gradient the workers of a Dask cluster compute, where the rows are."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.callbacks import Callback
from annlib.callbacks.base import Logs
from annlib.core.arrays import Array
from annlib.parallel.cluster import LOST, ClusterError, Watch
from annlib.training.objective import Objective
from annlib.training.step import Step

#: How often a step is begun again, when all workers that had what it needs ended.
_AGAIN = 3
#: Of each thread of a worker: the run that it last worked for, with its memory.
_here = threading.local()


def gradient_of_rows(
    block: Any,
    model: Any,
    values: Array,
    run: str,
    rows: Array,
    targets: tuple[Array, Array | None],
) -> tuple[Array, Array, float]:
    """On a worker: the outputs of some rows of a block, the sum of their gradients, and what a
    mean over them would be divided by.
    """
    if getattr(_here, "run", None) != run:
        own = copy.deepcopy(model)  # a worker's threads have one and the same
        _here.network = own._network
        _here.objective = Objective(own._network, own.loss, training=True)
        _here.run = run
    network, objective = _here.network, _here.objective
    network.vector.values[...] = values
    gradient = network.vector.gradients[: network.vector.n_trainable]
    X = np.asarray(block)[rows].astype(network.dtype, copy=False)
    with np.errstate(all="ignore"):  # the client looks whether it is finite
        Z = objective.passes.forward(X, training=True)
        objective.loss.value(Z, *targets)
        divisor = objective.loss.denominator
        if not divisor:  # all weights are 0
            return Z.copy(), np.zeros_like(gradient), 0.0
        Z = Z.copy()
        objective.passes.backward(objective.loss.gradient())
        return Z, gradient * divisor, divisor


class RemoteObjective:
    """The objective of a batch whose rows are in the blocks of a cluster.

    The x of a batch has the numbers of its rows, in each column the same.
    """

    def __init__(
        self, step: Step, model: Any, watch: Watch, blocks: Sequence[Any], sizes: Sequence[int]
    ) -> None:
        self._step, self._watch, self._blocks = step, watch, blocks
        self._ends = np.cumsum(sizes)
        self._starts = self._ends - np.array(sizes)
        self._run = uuid.uuid4().hex
        self._sent = copy.deepcopy(model)
        self._model = watch.scatter([self._sent])[0]

    @property
    def squares(self) -> float | None:
        """Not known beforehand."""
        return None

    def value_and_gradient(self, X: Array, Y: Array, weights: Array | None) -> float:
        """The loss of the batch; writes its gradient, penalties on weights included."""
        numbers = X[:, 0].astype(np.intp)
        owners = np.searchsorted(self._ends, numbers, side="right")
        parts = [(block, np.flatnonzero(owners == block)) for block in np.unique(owners)]
        results = self._computed(parts, numbers, Y, weights)
        outputs = [Z for Z, _, _ in results]
        whole = np.empty((len(Y), *outputs[0].shape[1:]), outputs[0].dtype)
        for (_, places), Z in zip(parts, outputs, strict=True):
            whole[places] = Z
        objective, gradient = self._step.objective, self._step.gradient
        loss = objective.loss.value(whole, Y, weights)
        gradient.fill(0)
        for _, part, _ in results:
            gradient += part
        gradient /= objective.loss.denominator
        objective.add_penalties()
        return loss

    def _computed(
        self,
        parts: list[tuple[Any, Array]],
        numbers: Array,
        Y: Array,
        weights: Array | None,
    ) -> list[tuple[Array, Array, float]]:
        """What the workers make of the rows of each block; begun again when they have ended."""
        watch = self._watch
        for again in range(_AGAIN + 1):
            try:
                if again:
                    self._model = watch.scatter([self._sent])[0]
                values = watch.scatter([self._step.vector.values.copy()])[0]
                futures = [
                    watch.client.submit(
                        gradient_of_rows,
                        self._blocks[block],
                        self._model,
                        values,
                        self._run,
                        numbers[places] - self._starts[block],
                        (Y[places], None if weights is None else weights[places]),
                        pure=False,
                    )
                    for block, places in parts
                ]
                return [watch.result(future, "a step of the training") for future in futures]
            except LOST:
                watch.look()
        raise ClusterError(
            f"{watch.where}: expected workers that live through a step, got {_AGAIN + 1} times "
            "none of those left that had the weights. They may need more memory than they have: "
            "take smaller blocks, or a smaller batch_size."
        )

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
        step = self.model._functions.step
        step.compute_by(RemoteObjective(step, self.model, self.watch, self.blocks, self.sizes))

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.model._reset_functions()  # from now on it trains here
