"""Metrics: by name in ``compile``, or on their own.

>>> from annlib import metrics
>>> metric = metrics.SparseCategoricalAccuracy()
>>> metric.update_state([0, 1], [[0.9, 0.1], [0.8, 0.2]])
>>> metric.result()
0.5
"""

from annlib.core.namespaces import show_public_names
from annlib.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    resolve_accuracy,
)
from annlib.metrics.auc import AUC
from annlib.metrics.base import MeanMetricWrapper, MeanOverRows, Metric, get, register, registry
from annlib.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    TrueNegatives,
    TruePositives,
)
from annlib.metrics.correlation import ConcordanceCorrelation, PearsonCorrelation
from annlib.metrics.divergence import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from annlib.metrics.errors import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
)
from annlib.metrics.fscore import F1Score, FBetaScore
from annlib.metrics.hinge import CategoricalHinge, Hinge, SquaredHinge
from annlib.metrics.operating_point import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from annlib.metrics.precision import Precision, Recall
from annlib.metrics.r2 import R2Score
from annlib.metrics.running import Mean, Sum
from annlib.metrics.top_k import SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanMetricWrapper",
    "MeanOverRows",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "get",
    "register",
    "registry",
    "resolve_accuracy",
]

show_public_names(__name__)
