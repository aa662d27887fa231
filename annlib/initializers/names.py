"""The names of initializers as types: what an argument takes that stands for an initializer.

A type checker and an editor know names only as text in types; a test holds them to the registry.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from annlib.core.arrays import Array
from annlib.initializers.base import Initializer

InitializerName: TypeAlias = Literal[
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "identity_initializer",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "one",
    "ones",
    "orthogonal",
    "orthogonal_initializer",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "zero",
    "zeros",
]

#: A name, an object, a class, a function of the shape, the values, or a configuration.
InitializerLike: TypeAlias = (
    InitializerName | Initializer | Callable[..., Any] | Array | Mapping[str, Any]
)
