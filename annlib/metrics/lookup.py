"""From what a user writes for a metric to a metric."""

from __future__ import annotations

from typing import Any

from annlib.core.config import Configurable
from annlib.core.tracebacks import with_short_tracebacks
from annlib.losses import Loss, LossFunction
from annlib.metrics.base import MeanMetricWrapper, Metric, RunningMean, registry
from annlib.metrics.functions import MetricFunction
from annlib.metrics.mean_loss import MeanLoss


@with_short_tracebacks
def get(identifier: Any, where: str = "metrics.get") -> Metric | None:
    """The metric that an argument stands for.

    Parameters
    ----------
    identifier : str, Metric, Loss, type, dict, callable or None
        A registered name, an object or what ``get_config`` gave. A plain function of targets and
        predictions is averaged over rows; one of ``annlib.metrics`` or ``annlib.losses`` is the
        metric of which it gives one number a row. None is none, as in Keras.
    where : str
        What a message begins with.

    Returns
    -------
    Metric or None

    Raises
    ------
    UnknownNameError
        For a name that is not registered; the message has the nearest.
    ConfigurationError
        For anything else.

    Examples
    --------
    >>> get("auc")([0, 1], [0.2, 0.7])
    1.0
    >>> from annlib import losses
    >>> get(losses.mse)
    MeanSquaredError()
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
