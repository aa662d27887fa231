"""The running loss and metrics over the batches of an epoch or an evaluation."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

from annlib.core.arrays import Array
from annlib.core.states import check_alike, check_keys, check_real
from annlib.data import Batch
from annlib.metrics import Metric


class RunningMetrics:
    """The mean of the batches' losses, weighted by their denominators, and the metrics.

    Parameters
    ----------
    names : sequence of str
        What the metrics are reported as.
    metrics : sequence of Metric
    unweighted : int, optional
        How many of them, the first ones, take every row alike; without it all do.
    """

    def __init__(
        self, names: Sequence[str], metrics: Sequence[Metric], unweighted: int | None = None
    ) -> None:
        self.names = list(names)
        self.metrics = list(metrics)
        count = len(self.metrics) if unweighted is None else unweighted
        self._plain, self._weighted = self.metrics[:count], self.metrics[count:]
        self.reset()

    def reset(self) -> None:
        """Begin again without batches."""
        self._total, self._weight = 0.0, 0.0
        for metric in self.metrics:
            metric.reset_state()

    def update(self, loss: float, weight: float, batch: Batch, prediction: Array) -> None:
        """Take in a batch; ``weight`` is what it counts in the mean loss: its rows, or the sum of
        their weights.
        """
        self._total += loss * weight
        self._weight += weight
        for metric in self._plain:
            metric.update_state(batch.y, prediction)
        for metric in self._weighted:
            metric.update_state(batch.y, prediction, batch.weights)

    def mark_diverged(self) -> None:
        """Count a batch whose loss is not finite: loss and metrics become NaN."""
        self._total = math.nan
        self._weight = self._weight or 1.0

    def results(self) -> dict[str, Any]:
        """Loss and metrics since the last reset, the loss first; numbers, or arrays of them."""
        loss = self._total / self._weight if self._weight else 0.0
        values = [metric.result() for metric in self.metrics]
        if math.isnan(loss):  # 0, the metrics of no rows, would look like the best
            values = [value * math.nan for value in values]
        return {"loss": loss, **dict(zip(self.names, values, strict=True))}

    def get_state(self) -> dict[str, Any]:
        """The sums that the running values are computed from."""
        metrics = [metric.get_state() for metric in self.metrics]
        return {"total": self._total, "share": self._weight, "metrics": metrics}

    def check_state(self, state: Any) -> None:
        """Raise ``ModelFormatError`` unless ``get_state`` could have given this."""
        check_keys(state, ("total", "share", "metrics"), "tally")
        for name in ("total", "share"):
            check_real(state[name], f"tally.{name}")
        check_alike(state["metrics"], [metric.get_state() for metric in self.metrics], "tally")
        for metric, stored in zip(self.metrics, state["metrics"], strict=True):
            check_keys(stored, metric.get_state(), f"state of {metric.name}")
            trial = copy.deepcopy(metric)
            trial.set_state(copy.deepcopy(stored))
            trial.result()

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``get_state`` gave."""
        self._total, self._weight = state["total"], state["share"]
        for metric, own in zip(self.metrics, state["metrics"], strict=True):
            metric.set_state(own)
