"""Metrics: by name in ``compile``, or on their own.

>>> from annlib import metrics
>>> metric = metrics.SparseCategoricalAccuracy()
>>> metric.update_state([0, 1], [[0.9, 0.1], [0.8, 0.2]])
>>> metric.result()
0.5
"""

from annlib.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    resolve_accuracy,
)
from annlib.metrics.base import MeanMetricWrapper, MeanOverRows, Metric, get, register, registry
from annlib.metrics.errors import MeanAbsoluteError, MeanSquaredError

__all__ = [
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanOverRows",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "get",
    "register",
    "registry",
    "resolve_accuracy",
]
