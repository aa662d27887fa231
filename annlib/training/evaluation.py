"""A network at rest, tried on batches with targets."""

from __future__ import annotations

import copy

import numpy as np

from annlib.data import Batch
from annlib.network.network import Network
from annlib.training.compiled import Compiled
from annlib.training.objective import Objective
from annlib.training.processes import Communicator, RowsOfBatch


class Evaluation:
    """A compiled network with the memory to test it batch by batch; changes nothing of either.

    It has metrics of its own, so that an evaluation in the middle of an epoch leaves the epoch's
    running values alone. With a communicator other processes may have other rows of the batches.
    """

    def __init__(
        self, network: Network, compiled: Compiled, communicator: Communicator | None = None
    ) -> None:
        self.objective = Objective(network, compiled.require_loss())
        self.metrics = compiled.running_metrics(copy.deepcopy(compiled.metrics))
        self._rows: RowsOfBatch | None = None
        if communicator is not None:
            self._rows = RowsOfBatch(communicator, network.dtype)
            for _, work in self.objective.passes.steps:
                work.divide(self._rows)

    def test(self, batch: Batch) -> None:
        """Take a batch into the running loss and metrics."""
        X, Y, weights = batch
        assert Y is not None, "checked in evaluate"
        with np.errstate(all="ignore"):
            if self._rows is None:
                loss = self.objective.value(X, Y, weights)
            else:
                loss = self._rows.value(self.objective, X, Y, weights)
            loss += sum(self.objective.penalties())
        self.metrics.update(loss, batch, self.objective.loss)

    def clear(self) -> None:
        """Drop references to the user's data; the buffers stay."""
        self.objective.clear()
