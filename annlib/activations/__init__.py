"""Activation functions: by name in a layer, or as a function of an array.

>>> from annlib import activations
>>> activations.relu([-1.0, 2.0])
array([0., 2.])
"""

from annlib.activations.base import Activation, get, register, registry
from annlib.activations.elementwise import Linear, ReLU, Sigmoid, Tanh
from annlib.activations.rowwise import Softmax

linear = Linear()
relu = ReLU()
sigmoid = Sigmoid()
tanh = Tanh()
softmax = Softmax()

__all__ = [
    "Activation",
    "Linear",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "get",
    "linear",
    "register",
    "registry",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
