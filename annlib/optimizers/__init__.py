"""Optimizers: by name in ``compile``, or as an object.

>>> from annlib import optimizers
>>> optimizers.Adam(learning_rate=0.01, clipnorm=1.0)
Adam(learning_rate=0.01, clipnorm=1.0)
"""

from annlib.optimizers.adam import Adam
from annlib.optimizers.base import Optimizer, get, register, registry
from annlib.optimizers.rmsprop import RMSprop
from annlib.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "get", "register", "registry"]
