"""Types for annotations: the names that annlib's arguments take, and what else stands for a part.

>>> from annlib.typing import LossName
>>> names: list[LossName] = ["mse", "mae", "huber"]

``LossName`` and the others are what a type checker holds names to; ``LossLike`` and the others are
all that an argument takes: a name, an object, a class, functions, a configuration.
"""

from annlib.activations.names import ActivationLike, ActivationName
from annlib.constraints.names import ConstraintLike, ConstraintName
from annlib.initializers.names import InitializerLike, InitializerName
from annlib.losses.names import LossLike, LossName
from annlib.metrics.names import MetricLike, MetricName, MetricsLike
from annlib.optimizers.names import OptimizerLike, OptimizerName
from annlib.regularizers.names import RegularizerLike, RegularizerName

__all__ = [
    "ActivationLike",
    "ActivationName",
    "ConstraintLike",
    "ConstraintName",
    "InitializerLike",
    "InitializerName",
    "LossLike",
    "LossName",
    "MetricLike",
    "MetricName",
    "MetricsLike",
    "OptimizerLike",
    "OptimizerName",
    "RegularizerLike",
    "RegularizerName",
]
