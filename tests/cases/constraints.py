"""The cases of constraints."""

from annlib import constraints
from cases.row import Row

CONSTRAINTS = [
    Row(constraints.NonNeg),
    Row(constraints.MaxNorm),
    Row(constraints.MaxNorm, 0.5, axis=1),
]
