"""Losses: by name in ``compile``, or as a function of targets and predictions.

>>> from annlib import losses
>>> losses.get("mse")([[1.0]], [[3.0]])
4.0
"""

from annlib.losses.base import Loss, get, register, registry
from annlib.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from annlib.losses.squared_error import HalfSumSquaredError, MeanSquaredError

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "HalfSumSquaredError",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
    "register",
    "registry",
]
