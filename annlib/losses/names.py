"""The names of losses as types: what an argument takes that stands for a loss.

A type checker and an editor know names only as text in types; a test holds them to the registry.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from annlib.losses.base import Loss
from annlib.losses.functions import LossFunction

LossName: TypeAlias = Literal[
    "bce",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "block_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "ce",
    "cosine_similarity",
    "crossentropy",
    "gamma",
    "half_poisson_deviance",
    "half_sum_squared_error",
    "hinge",
    "huber",
    "huber_loss",
    "kl_divergence",
    "kld",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pinball",
    "poisson",
    "quantile",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "sum_binary_crossentropy",
    "tweedie",
]

#: A name, an object, a class, a function with its gradient, or a configuration.
LossLike: TypeAlias = (
    LossName
    | Loss
    | type[Loss]
    | LossFunction
    | tuple[Callable[..., Any], Callable[..., Any]]
    | Mapping[str, Any]
)
