"""From what a user writes for a metric to a metric."""

from __future__ import annotations

from typing import Any

from annlib.core.config import Configurable
from annlib.losses import Loss, LossFunction
from annlib.metrics.base import MeanMetricWrapper, Metric, RunningMean, registry
from annlib.metrics.functions import MetricFunction
from annlib.metrics.mean_loss import MeanLoss


def get(identifier: Any, where: str = "metrics.get") -> Metric | None:
    """The metric of that name, or the object itself; a plain function is averaged over rows.

    None is none, as in Keras. A function of ``annlib.metrics`` or ``annlib.losses`` is the metric
    of which it gives one number a row.
    """
    return None if identifier is None else metric_of(identifier, where)


def metric_of(identifier: Any, where: str = "metrics.get") -> Metric:
    """``get`` where there must be one."""
    if isinstance(identifier, MetricFunction):
        return identifier.cls()
    if isinstance(identifier, LossFunction):
        return _mean_of(identifier)
    part = isinstance(identifier, Configurable) and not isinstance(identifier, Loss)
    if callable(identifier) and not (part or isinstance(identifier, type)):
        return MeanMetricWrapper(identifier)
    if isinstance(identifier, dict) and identifier.keys() == {"class_name", "config"}:
        name = identifier["class_name"]
        if isinstance(name, str) and name == MeanMetricWrapper.__name__:
            return MeanMetricWrapper.from_config(identifier["config"])
    return registry.get(identifier, where)


def _mean_of(function: LossFunction) -> Metric:
    """The mean of a loss over rows: the metric that is just that, if there is one."""
    for cls in registry:
        if (
            issubclass(cls, MeanLoss)
            and (cls.rows, cls.result) == (MeanLoss.rows, RunningMean.result)
            and cls.loss in function.cls._names
        ):
            return cls()
    return MeanMetricWrapper(function.cls(reduction="none"), function.__name__)
