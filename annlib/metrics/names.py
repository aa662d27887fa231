"""The names of metrics as types: what an argument takes that stands for a metric.

A type checker and an editor know names only as text in types; a test holds them to the registry.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from annlib.metrics.base import Metric

MetricName: TypeAlias = Literal[
    "acc",
    "accuracy",
    "auc",
    "bce",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "ce",
    "concordance_correlation",
    "cosine_similarity",
    "crossentropy",
    "f1_score",
    "false_negatives",
    "false_positives",
    "fbeta_score",
    "hinge",
    "kl_divergence",
    "logcosh",
    "mae",
    "mape",
    "mean",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pearson_correlation",
    "poisson",
    "precision",
    "r2_score",
    "recall",
    "root_mean_squared_error",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "sum",
    "top_k_categorical_accuracy",
    "true_negatives",
    "true_positives",
]

#: A name, an object, a class, a function of (y_true, y_pred), or a configuration.
MetricLike: TypeAlias = MetricName | Metric | Callable[..., Any] | Mapping[str, Any]

#: One, several, or those of the one output in a list or by its name, as Keras takes them.
MetricsLike: TypeAlias = MetricLike | Sequence[MetricLike | Sequence[MetricLike]]
