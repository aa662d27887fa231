"""Initial values of parameters."""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:  # which show_public_names finds in the registry, as in Keras
    constant = Constant
    glorot_normal = GlorotNormal
    glorot_uniform = GlorotUniform
    he_normal = HeNormal
    he_uniform = HeUniform
    identity = Identity
    identity_initializer = Identity
    lecun_normal = LecunNormal
    lecun_uniform = LecunUniform
    normal = RandomNormal
    one = Ones
    ones = Ones
    orthogonal = Orthogonal
    orthogonal_initializer = Orthogonal
    random_normal = RandomNormal
    random_uniform = RandomUniform
    truncated_normal = TruncatedNormal
    uniform = RandomUniform
    variance_scaling = VarianceScaling
    zero = Zeros
    zeros = Zeros

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
