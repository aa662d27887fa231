"""Metrics as functions of targets and predictions: one number a row.

Those that are losses, too, are the functions of ``annlib.losses``.

>>> from annlib import metrics
>>> metrics.binary_accuracy([[1, 0], [0, 0]], [[0.9, 0.8], [0.1, 0.2]])
array([0.5, 1. ])
"""

from __future__ import annotations

from typing import Any

import numpy as np

import annlib.metrics.hinge  # noqa: F401  # first: the function takes the module's place
from annlib.core.arrays import Array
from annlib.core.config import refuse_unknown
from annlib.core.constructors import OfFunction, constructor_arguments
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.losses.functions import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    kld,
    kullback_leibler_divergence,
    log_cosh,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from annlib.metrics.accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from annlib.metrics.base import MeanOverRows, arrays_of
from annlib.metrics.correlation import ConcordanceCorrelation, PearsonCorrelation
from annlib.metrics.top_k import SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy

__all__ = [
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "MetricFunction",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_cosh",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pearson_correlation",
    "poisson",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]


@OfFunction("name", "dtype")
class MetricFunction:
    """The metric of each row, as Keras' functions give it; in ``compile`` the class of that name.

    Parameters
    ----------
    cls : type of MeanOverRows
        The class, whose arguments but for its name the function takes behind y_true and y_pred.

    Raises
    ------
    ConfigurationError
        If ``cls`` is no such class.

    Examples
    --------
    >>> accuracy = MetricFunction(BinaryAccuracy)
    >>> accuracy([[1, 0], [0, 0]], [[0.4, 0.8], [0.1, 0.2]], threshold=0.3)
    array([0.5, 1. ])
    """

    def __init__(self, cls: type[MeanOverRows]) -> None:
        if not isinstance(cls, type) or not issubclass(cls, MeanOverRows):
            raise ConfigurationError(
                f"MetricFunction: expected cls as a class of metrics that are means over rows, got "
                f"{show(cls)}."
            )
        self.cls = cls
        self.__name__ = cls._names[0]

    @with_short_tracebacks
    def __call__(self, y_true: Any, y_pred: Any, *arguments: Any, **keywords: Any) -> Array:
        """The metric of each row, (n,).

        Parameters
        ----------
        y_true : array_like
            Targets of the prediction's shape, or labels (n,) for a sparse metric.
        y_pred : array_like, (n, units)
        *arguments, **keywords
            Those of the class but for its name: ``binary_accuracy(y, p, threshold=0.3)``.

        Returns
        -------
        ndarray, (n,)
            The metric of each row, not averaged.

        Raises
        ------
        ShapeError, DataError
            As the metric itself.
        """
        Y, A = arrays_of(y_true, y_pred, self.__name__)
        if not A.size or Y.shape[:1] != A.shape[:1]:
            raise ShapeError(
                f"{self.__name__}: expected targets and predictions of one length, at least 1, got "
                f"shapes {Y.shape} and {A.shape}."
            )
        names = [name for name in constructor_arguments(self.cls) if name != "name"]
        if len(arguments) > len(names):
            raise ConfigurationError(
                f"{self.__name__}: expected at most {len(names)} arguments after y_pred "
                f"({', '.join(names) or 'none'}), got {len(arguments)}."
            )
        refuse_unknown(self.__name__, sorted(keywords.keys() - {*names}), self.cls)
        metric = self.cls(**dict(zip(names, arguments, strict=False)), **keywords)
        values = metric.rows(Y, A, metric.work)
        return values.astype(A.dtype if A.dtype.char in "fd" else np.float32)

    def __repr__(self) -> str:
        return f"<function metrics.{self.__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return MetricFunction, (self.cls,)


binary_accuracy = MetricFunction(BinaryAccuracy)
categorical_accuracy = MetricFunction(CategoricalAccuracy)
concordance_correlation = MetricFunction(ConcordanceCorrelation)
pearson_correlation = MetricFunction(PearsonCorrelation)
sparse_categorical_accuracy = MetricFunction(SparseCategoricalAccuracy)
sparse_top_k_categorical_accuracy = MetricFunction(SparseTopKCategoricalAccuracy)
top_k_categorical_accuracy = MetricFunction(TopKCategoricalAccuracy)
