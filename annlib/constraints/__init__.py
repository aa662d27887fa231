"""Limits that parameters satisfy after each update."""

from typing import TYPE_CHECKING

from annlib.constraints.base import Constraint, get, register, registry
from annlib.constraints.norms import MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from annlib.core.namespaces import show_public_names

if TYPE_CHECKING:  # which show_public_names finds in the registry, as in Keras
    max_norm = MaxNorm
    min_max_norm = MinMaxNorm
    non_neg = NonNeg
    unit_norm = UnitNorm

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
