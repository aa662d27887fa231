"""A network at rest, tried on batches with targets."""

from __future__ import annotations

import copy

import numpy as np

from annlib.data import Batch
from annlib.network.network import Network
from annlib.training.compiled import Compiled
from annlib.training.objective import Objective


class Evaluation:
    """A compiled network with the memory to test it batch by batch; changes nothing of either.

    It has metrics of its own, so that an evaluation in the middle of an epoch leaves the epoch's
    running values alone.
    """

    def __init__(self, network: Network, compiled: Compiled) -> None:
        self.objective = Objective(network, compiled.require_loss())
        self.metrics = compiled.running_metrics(copy.deepcopy(compiled.metrics))

    def test(self, batch: Batch) -> None:
        """Take a batch into the running loss and metrics."""
        X, Y, weights = batch
        assert Y is not None, "checked in evaluate"
        with np.errstate(all="ignore"):
            loss = self.objective.value(X, Y, weights)
            loss += sum(self.objective.penalties())
        self.metrics.update(loss, batch, self.objective.loss)

    def clear(self) -> None:
        """Drop references to the user's data; the buffers stay."""
        self.objective.clear()
