"""The names of activations as types: what an argument takes that stands for an activation.

A type checker and an editor know names only as text in types; a test holds them to the registry.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from annlib.activations.base import Activation

ActivationName: TypeAlias = Literal[
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "identity",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

#: A name, an object, a class, a function with its derivative, or a configuration.
ActivationLike: TypeAlias = (
    ActivationName
    | Activation
    | type[Activation]
    | tuple[Callable[..., Any], Callable[..., Any]]
    | Mapping[str, Any]
)
