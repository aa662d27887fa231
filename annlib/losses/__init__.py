"""Losses: by name in ``compile``, or as a function of targets and predictions.

>>> from annlib import losses
>>> losses.get("mse")([[1.0]], [[3.0]])
4.0
"""

from annlib.core.namespaces import show_public_names
from annlib.losses.absolute_error import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
)
from annlib.losses.base import Loss, LossOfVectors, register, registry
from annlib.losses.binary_crossentropy import BinaryCrossentropy
from annlib.losses.block_crossentropy import BlockCrossentropy
from annlib.losses.cosine import CosineSimilarity
from annlib.losses.crossentropy import (
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    resolve_crossentropy,
)
from annlib.losses.deviance import Gamma, Tweedie
from annlib.losses.divergence import KLDivergence, Poisson
from annlib.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from annlib.losses.function import LossFunctionWrapper, get
from annlib.losses.functions import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    LossFunction,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    cosine_similarity,
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
from annlib.losses.generalized_crossentropy import CategoricalGeneralizedCrossEntropy
from annlib.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from annlib.losses.likelihood import HalfPoissonDeviance, SumBinaryCrossentropy
from annlib.losses.outputs import LossOfOutputs, MeanOverOutputs
from annlib.losses.quantile import Quantile
from annlib.losses.squared_error import (
    HalfSumSquaredError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)

__all__ = [
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "BlockCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Gamma",
    "HalfPoissonDeviance",
    "HalfSumSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunction",
    "LossFunctionWrapper",
    "LossOfOutputs",
    "LossOfVectors",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanOverOutputs",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "Quantile",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "SumBinaryCrossentropy",
    "Tweedie",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "cosine_similarity",
    "get",
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
    "poisson",
    "register",
    "registry",
    "resolve_crossentropy",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

show_public_names(__name__)
