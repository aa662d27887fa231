"""Limits that parameters satisfy after each update."""

from annlib.constraints.base import Constraint, get, register, registry
from annlib.constraints.norms import MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from annlib.core.namespaces import show_public_names

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "get",
    "register",
    "registry",
]

show_public_names(__name__, registry.attribute)  # Keras' names in lower case: max_norm
