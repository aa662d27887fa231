"""The names of constraints as types: what an argument takes that stands for a constraint.

A type checker and an editor know names only as text in types; a test holds them to the registry.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from annlib.constraints.base import Constraint

ConstraintName: TypeAlias = Literal[
    "max_norm",
    "min_max_norm",
    "non_neg",
    "unit_norm",
]

#: A name, an object, a class, a function of the parameter, or a configuration.
ConstraintLike: TypeAlias = ConstraintName | Constraint | Callable[..., Any] | Mapping[str, Any]
