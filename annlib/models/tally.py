"""What the batches of a run add up to: the running loss and metrics."""

from __future__ import annotations

from collections.abc import Sequence

from annlib.core.arrays import Array
from annlib.data import Batch
from annlib.metrics import Metric


class Tally:
    """The mean of the batches' losses, each by what it was divided by, and the metrics.

    Parameters
    ----------
    names : sequence of str
        What the metrics are reported as.
    metrics : sequence of Metric
    """

    def __init__(self, names: Sequence[str], metrics: Sequence[Metric]) -> None:
        self.names = list(names)
        self.metrics = list(metrics)
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self._total, self._share = 0.0, 0.0
        for metric in self.metrics:
            metric.reset_state()

    def add(self, loss: float, share: float, batch: Batch, prediction: Array) -> None:
        """Take in a batch; ``share`` is its part in the mean loss: its rows, or their weights."""
        self._total += loss * share
        self._share += share
        for metric in self.metrics:
            metric.update_state(batch.y, prediction)

    def results(self) -> dict[str, float]:
        """Loss and metrics since the last reset, the loss first."""
        loss = self._total / self._share if self._share else 0.0
        values = [metric.result() for metric in self.metrics]
        return {"loss": loss, **dict(zip(self.names, values, strict=True))}
