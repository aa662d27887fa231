"""Penalties that are added to the loss."""

from annlib.core.namespaces import show_public_names
from annlib.regularizers.base import Regularizer, get, register, registry
from annlib.regularizers.norms import L1, L1L2, L2
from annlib.regularizers.orthogonal import OrthogonalRegularizer
from annlib.regularizers.ridge import Ridge

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
