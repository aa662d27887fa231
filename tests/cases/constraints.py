"""The cases of constraints. Those that are not ``idempotent`` move further at each call."""

from annlib import constraints
from cases.row import Row

CONSTRAINTS = [
    Row(constraints.NonNeg),
    Row(constraints.MaxNorm),
    Row(constraints.MaxNorm, 0.5, axis=1),
    Row(constraints.MaxNorm, 1, [0, 1]),
    Row(constraints.MinMaxNorm),
    Row(constraints.MinMaxNorm, 0.5, 0.8, axis=-1),
    Row(constraints.MinMaxNorm, max_value=2.0, rate=0.25).where(idempotent=False),
    Row(constraints.UnitNorm),
    Row(constraints.UnitNorm, axis=[1]),
]
