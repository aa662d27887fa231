"""Penalties that are added to the loss."""

from typing import TYPE_CHECKING

from annlib.core.namespaces import show_public_names
from annlib.regularizers.base import Regularizer, get, register, registry
from annlib.regularizers.norms import L1, L1L2, L2
from annlib.regularizers.orthogonal import OrthogonalRegularizer
from annlib.regularizers.ridge import Ridge

if TYPE_CHECKING:  # which show_public_names finds in the registry, as in Keras
    l1 = L1
    l1_l2 = L1L2
    l2 = L2
    orthogonal_regularizer = OrthogonalRegularizer
    ridge = Ridge

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "Ridge",
    "get",
    "register",
    "registry",
]

show_public_names(__name__, registry.attribute)  # Keras' names in lower case: l2
