"""The names of regularizers as types: what an argument takes that stands for a regularizer.

A type checker and an editor know names only as text in types; a test holds them to the registry.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from annlib.regularizers.base import Regularizer

RegularizerName: TypeAlias = Literal[
    "l1",
    "l2",
    "orthogonal_regularizer",
    "ridge",
]

#: A name, an object, a class, a penalty with its gradient, or a configuration.
RegularizerLike: TypeAlias = (
    RegularizerName
    | Regularizer
    | type[Regularizer]
    | tuple[Callable[..., Any], Callable[..., Any]]
    | Mapping[str, Any]
)
