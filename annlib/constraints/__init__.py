"""Limits that parameters satisfy after each update."""

from annlib.constraints.base import Constraint, get, register, registry
from annlib.constraints.norms import MaxNorm, NonNeg

__all__ = ["Constraint", "MaxNorm", "NonNeg", "get", "register", "registry"]
