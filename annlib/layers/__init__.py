"""The layers: building blocks of a ``Sequential`` model.

>>> from annlib import layers
>>> layers.Dense(128, activation="relu")
Dense(128, activation='relu')
"""

from annlib.layers.activation import Activation
from annlib.layers.base import Layer, get, register, registry
from annlib.layers.batch_normalization import BatchNormalization
from annlib.layers.dense import Dense
from annlib.layers.dropout import Dropout
from annlib.layers.flatten import Flatten
from annlib.layers.input import Input
from annlib.layers.rescaling import Rescaling

__all__ = [
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "Layer",
    "Rescaling",
    "get",
    "register",
    "registry",
]
