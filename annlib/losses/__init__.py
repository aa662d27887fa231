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
from annlib.losses.base import Loss, LossOfVectors, MeanOverOutputs, register, registry
from annlib.losses.block_crossentropy import BlockCrossentropy
from annlib.losses.cosine import CosineSimilarity
from annlib.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    resolve_crossentropy,
)
from annlib.losses.deviance import Gamma, Tweedie
from annlib.losses.divergence import KLDivergence, Poisson
from annlib.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from annlib.losses.function import LossFunctionWrapper, get
from annlib.losses.generalized_crossentropy import CategoricalGeneralizedCrossEntropy
from annlib.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from annlib.losses.likelihood import HalfPoissonDeviance, SumBinaryCrossentropy
from annlib.losses.quantile import Quantile
from annlib.losses.squared_error import (
    HalfSumSquaredError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)

__all__ = [
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
    "LossFunctionWrapper",
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
    "get",
    "register",
    "registry",
    "resolve_crossentropy",
]

show_public_names(__name__)
