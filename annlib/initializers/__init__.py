"""Initial values of parameters."""

from annlib.core.namespaces import show_public_names
from annlib.initializers.base import Initializer, get, register, registry
from annlib.initializers.constants import Constant, Identity, Ones, Zeros
from annlib.initializers.orthogonal import Orthogonal
from annlib.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
    "register",
    "registry",
]

show_public_names(__name__, registry.attribute)  # Keras' names in lower case: he_normal
