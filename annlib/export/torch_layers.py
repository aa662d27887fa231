"""PyTorch's modules as layers and activations, with their weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from annlib import activations, layers
from annlib.activations import Activation
from annlib.core.arrays import Array, BatchShape
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError, UnknownNameError, show
from annlib.export.torch_modules import ARGUMENTS, NAMES


class _In(NamedTuple):
    """A module that comes in, with the shape and the type of its input."""

    module: Any
    shape: BatchShape
    dtype: str
    where: str


def layer_of(child: Any, shape: BatchShape, dtype: str, where: str) -> tuple[Any, list[Array]]:
    """The layer or the activation that computes what a module does, and its weights."""
    read = _IN.get(type(child).__name__)
    if read is not None:
        return read(_In(child, shape, dtype, where))
    return _from_activation(child, shape, where), []


def check_known(child: Any, where: str) -> None:
    """Raise ``ConfigurationError`` for a module that is no layer and no activation of annlib's."""
    if type(child).__name__ not in _IN:
        _activation_class(child, where)


def _array(tensor: Any) -> Array:
    values: Array = tensor.detach().cpu().numpy()
    return values


def _require(fine: bool, where: str, expected: str, got: Any) -> None:
    if not fine:
        raise ConfigurationError(f"{where}: expected {expected}, got {show(got)}.")


def _from_linear(at: _In) -> tuple[Any, list[Array]]:
    _require(
        at.shape[-1] == at.module.in_features, at.where, f"in_features={at.shape[-1]}", at.module
    )
    bias = [] if at.module.bias is None else [_array(at.module.bias)]
    layer = layers.Dense(at.module.out_features, use_bias=bool(bias))
    return layer, [_array(at.module.weight).T, *bias]


def _from_batch_norm(at: _In) -> tuple[Any, list[Array]]:
    _require(at.module.track_running_stats, at.where, "track_running_stats=True", at.module)
    _require(at.module.momentum is not None, at.where, "momentum as a number", at.module)
    arrays = [at.module.weight, at.module.bias]
    layer = layers.BatchNormalization(
        axis=1 if len(at.shape) > 2 else -1,
        momentum=1 - at.module.momentum,
        epsilon=at.module.eps,
        scale=arrays[0] is not None,
        center=arrays[1] is not None,
    )
    arrays += [at.module.running_mean, at.module.running_var]
    return layer, [_array(one) for one in arrays if one is not None]


def _last_axes(at: _In) -> Any:
    sizes = tuple(at.module.normalized_shape)
    _require(at.shape[-len(sizes) :] == sizes, at.where, f"the last axes of {at.shape}", at.module)
    return -1 if len(sizes) == 1 else [*range(-len(sizes), 0)]


def _from_layer_norm(at: _In) -> tuple[Any, list[Array]]:
    arrays = [at.module.weight, at.module.bias]
    layer = layers.LayerNormalization(
        axis=_last_axes(at),
        epsilon=at.module.eps,
        scale=arrays[0] is not None,
        center=arrays[1] is not None,
    )
    return layer, [_array(one) for one in arrays if one is not None]


def _from_rms_norm(at: _In) -> tuple[Any, list[Array]]:
    epsilon = float(np.finfo(at.dtype).eps) if at.module.eps is None else at.module.eps
    layer = layers.RMSNormalization(_last_axes(at), epsilon)
    ones = np.ones(tuple(at.module.normalized_shape))
    return layer, [ones if at.module.weight is None else _array(at.module.weight)]


def _from_embedding(at: _In) -> tuple[Any, list[Array]]:
    _require(at.module.max_norm is None, at.where, "max_norm=None", at.module)
    _require(at.module.padding_idx is None, at.where, "padding_idx=None", at.module)
    return layers.Embedding(at.module.num_embeddings, at.module.embedding_dim), [
        _array(at.module.weight)
    ]


def _from_prelu(at: _In) -> tuple[Any, list[Array]]:
    alpha = _array(at.module.weight)
    _require(alpha.size in (1, at.shape[1]), at.where, f"1 or {at.shape[1]} parameters", at.module)
    shared = [*range(1 if alpha.size == 1 else 2, len(at.shape))]
    layer = layers.PReLU(shared_axes=shared or None)
    return layer, [alpha.reshape([alpha.size] + [1] * (len(at.shape) - 2))]


def _from_dropout(at: _In) -> tuple[Any, list[Array]]:
    return getattr(layers, type(at.module).__name__)(at.module.p), []


def _from_flatten(at: _In) -> tuple[Any, list[Array]]:
    ends = at.module.start_dim, at.module.end_dim
    _require(
        ends in ((1, -1), (1, len(at.shape) - 1)), at.where, "start_dim=1, end_dim=-1", at.module
    )
    return layers.Flatten(), []


def _from_unflatten(at: _In) -> tuple[Any, list[Array]]:
    fine = len(at.shape) == 2 and at.module.dim in (1, -1)
    _require(fine, at.where, f"dim=1, of rows of shape {at.shape[1:]}", at.module)
    return layers.Reshape(tuple(at.module.unflattened_size)), []


def _activation_class(child: Any, where: str) -> type[Activation]:
    """The class of an activation in annlib; raises for what is none."""
    theirs = type(child).__name__.lower()
    name = next((here for here, there in NAMES.items() if there == theirs), theirs)
    try:
        return activations.registry.find(name)
    except UnknownNameError:
        raise ConfigurationError(
            f"{where}: expected a module that annlib has, got {type(child).__name__}. annlib has "
            "dense networks: rows of numbers in chains of layers."
        ) from None


def _from_activation(child: Any, shape: BatchShape, where: str) -> Activation:
    """The activation of this module, with its arguments."""
    theirs, cls = type(child).__name__, _activation_class(child, where)
    if theirs == "Hardtanh":
        _require((child.min_val, child.max_val) == (-1, 1), where, "limits -1 and 1", child)
    elif theirs == "Softplus":
        # Beyond it PyTorch has the identity, which at 20 is 2e-9 away.
        _require(child.beta == 1 and child.threshold >= 20, where, "beta=1, threshold=20", child)
    elif theirs == "GELU":
        return cls(approximate=child.approximate == "tanh")  # type: ignore[call-arg]  # GELU has it
    names = ARGUMENTS.get(cls.__name__, {})
    known = {here: names.get(here, here) for here in constructor_arguments(cls)}
    given = {here: getattr(child, there) for here, there in known.items() if there in vars(child)}
    if "axis" in given and given["axis"] is None:
        given["axis"] = 1 if len(shape) == 2 else -1  # what PyTorch takes, with a warning
    return cls(**given)


def _from_identity(_: _In) -> tuple[Any, list[Array]]:
    return layers.Identity(), []


#: By the names of PyTorch's classes, which is not loaded before it is needed.
_IN: dict[str, Callable[[_In], tuple[Any, list[Array]]]] = {
    "Linear": _from_linear,
    "BatchNorm1d": _from_batch_norm,
    "LayerNorm": _from_layer_norm,
    "RMSNorm": _from_rms_norm,
    "Embedding": _from_embedding,
    "PReLU": _from_prelu,
    "Dropout": _from_dropout,
    "AlphaDropout": _from_dropout,
    "Flatten": _from_flatten,
    "Unflatten": _from_unflatten,
    "Identity": _from_identity,
}
