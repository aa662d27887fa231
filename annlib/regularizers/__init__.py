"""Penalties that are added to the loss."""

from annlib.regularizers.base import Regularizer, get, register, registry
from annlib.regularizers.norms import L1, L1L2, L2

__all__ = ["L1", "L1L2", "L2", "Regularizer", "get", "register", "registry"]
