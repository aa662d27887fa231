"""The running loss and metrics over the batches of an epoch or an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import plain_number
from annlib.core.sample_weights import by_row
from annlib.core.states import check_keys, check_real, refuse
from annlib.data import Batch
from annlib.metrics import Metric
from annlib.training.fused_loss import FusedLoss


class RunningMetrics:
    """The mean of the batches' losses, weighted by their denominators, and the metrics.

    Parameters
    ----------
    names : sequence of str
        What the metrics are reported as.
    metrics : sequence of Metric
    unweighted : int, optional
        How many of them, the first ones, take every row alike; without it all do.
    linked : sequence of bool, optional
        Of each, whether it takes the prediction after the link of the loss.
    """

    def __init__(
        self,
        names: Sequence[str],
        metrics: Sequence[Metric],
        unweighted: int | None = None,
        linked: Sequence[bool] = (),
    ) -> None:
        self.names = list(names)
        self.metrics = list(metrics)
        count = len(self.metrics) if unweighted is None else unweighted
        self._any_linked = any(linked)
        taken = list(zip(self.metrics, linked or (False,) * len(self.metrics), strict=True))
        self._plain, self._weighted = taken[:count], taken[count:]
        self.reset()

    def reset(self) -> None:
        """Begin again without batches."""
        self._total, self._weight = 0.0, 0.0
        for metric in self.metrics:
            metric.reset_state()

    def update(self, loss: float, batch: Batch, part: FusedLoss) -> None:
        """Take in a batch with its loss, penalties included, and where the loss was computed."""
        weight = part.denominator  # its rows, or the sum of their weights
        self._total += loss * weight
        self._weight += weight
        if not self.metrics:
            return
        prediction = part.prediction
        linked = part.linked if self._any_linked else prediction
        Y, there = part.targets()
        counted = () if there is None else (there,)
        for metric, takes_linked in self._plain:
            metric.update_state(Y, linked if takes_linked else prediction, *counted)
        weights = batch.weights
        if there is not None:
            if weights is not None:
                np.multiply(there, by_row(weights, there.ndim), out=there)
            weights = there
        for metric, takes_linked in self._weighted:
            metric.update_state(Y, linked if takes_linked else prediction, weights)

    def mark_diverged(self) -> None:
        """Count a batch whose loss is not finite: loss and metrics become NaN."""
        self._total = math.nan
        self._weight = self._weight or 1.0

    def results(self) -> dict[str, Any]:
        """Loss and metrics since the last reset, the loss first; numbers, or arrays of them."""
        loss = self._total / self._weight if self._weight else 0.0
        values = [plain_number(metric.result()) for metric in self.metrics]
        if math.isnan(loss):  # 0, the metrics of no rows, would look like the best
            values = [value * math.nan for value in values]
        return {"loss": loss, **dict(zip(self.names, values, strict=True))}

    def undefined(self, results: Mapping[str, Any]) -> dict[str, str]:
        """Which of these results, by name, are NaN, and what they have no value for."""
        if math.isnan(results["loss"]):
            return {}
        return {
            name: metric.undefined_for
            for name, metric in zip(self.names, self.metrics, strict=True)
            if metric.undefined_for and np.isnan(results[name]).any()
        }

    def get_state(self) -> dict[str, Any]:
        """The sums that the running values are computed from."""
        metrics = [metric.get_state() for metric in self.metrics]
        return {"total": self._total, "share": self._weight, "metrics": metrics}

    def check_state(self, state: Any) -> None:
        """Raise ``ModelFormatError`` unless ``get_state`` could have given this."""
        check_keys(state, ("total", "share", "metrics"), "tally")
        for name in ("total", "share"):
            check_real(state[name], f"tally.{name}")
        if not isinstance(state["metrics"], list) or len(state["metrics"]) != len(self.metrics):
            raise refuse("tally.metrics", f"{len(self.metrics)} states", state["metrics"])
        for metric, stored in zip(self.metrics, state["metrics"], strict=True):
            metric.check_state(stored)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from what ``get_state`` gave."""
        self._total, self._weight = state["total"], state["share"]
        for metric, own in zip(self.metrics, state["metrics"], strict=True):
            metric.set_state(own)
