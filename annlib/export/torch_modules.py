"""Layers as PyTorch's modules, with their weights.

Its conventions are others: a kernel is transposed, ``momentum`` is the share of the new value, an
axis is called ``dim``; and a layer has no activation: that is a module behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from annlib import layers
from annlib.activations import Activation
from annlib.core.arrays import Array, BatchShape
from annlib.core.errors import ConfigurationError, show
from annlib.layers import Layer

#: What PyTorch calls activations and their arguments, where it calls them otherwise.
NAMES = {"hardsilu": "hardswish"}
ARGUMENTS = {
    "Softmax": {"axis": "dim"},
    "LogSoftmax": {"axis": "dim"},
    "GLU": {"axis": "dim"},
    "HardShrink": {"threshold": "lambd"},
    "SoftShrink": {"threshold": "lambd"},
    "Threshold": {"default_value": "value"},
}


class _Out(NamedTuple):
    """A layer that leaves, with the shapes of what goes in and comes out."""

    torch: Any
    layer: Any
    shape: BatchShape
    after: BatchShape
    where: str


def modules_of(
    torch: Any, layer: Layer, shape: BatchShape, after: BatchShape, where: str
) -> Iterator[Any]:
    """The modules that compute what a layer does."""
    make = _OUT.get(type(layer))
    if make is None:
        raise ConfigurationError(
            f"{where}: expected a layer that torch.nn has, got {type(layer).__name__}. What does "
            "nothing to predictions can be left out (Sequential of the other layers); scale and "
            "encode inputs in front."
        )
    yield from make(_Out(torch, layer, shape, after, where))


def _fill(module: Any, **arrays: Array) -> Any:
    """The module with these numbers as its parameters and buffers."""
    state = module.state_dict()
    new = {
        name: state[name].new_tensor(np.array(array)).reshape(state[name].shape)
        for name, array in arrays.items()
    }
    module.load_state_dict({**state, **new})
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name in arrays)  # what the layer does not have, stays
    return module


def _dense(at: _Out) -> Iterator[Any]:
    module = at.torch.nn.Linear(
        at.shape[-1], at.layer.units, bias=at.layer.use_bias, dtype=at.torch.float64
    )
    bias = {"bias": at.layer.bias} if at.layer.use_bias else {}
    yield _fill(module, weight=at.layer.kernel.T, **bias)
    yield from _activation(at.torch, at.layer.activation, f"{at.where}, activation")


def _batch_normalization(at: _Out) -> Iterator[Any]:
    axis = at.layer.axis if isinstance(at.layer.axis, int) else None
    place = None if axis is None else axis % len(at.shape)
    if place != 1 or len(at.shape) > 3 or getattr(at.layer, "renorm", False):
        raise ConfigurationError(
            f"{at.where}: expected a BatchNormalization along axis 1, without renorm, got "
            f"{at.layer!r} for input {at.shape}."
        )
    module = at.torch.nn.BatchNorm1d(
        at.shape[1], eps=at.layer.epsilon, momentum=1 - at.layer.momentum, dtype=at.torch.float64
    )
    affine = {"weight": at.layer.gamma} if at.layer.scale else {}
    affine |= {"bias": at.layer.beta} if at.layer.center else {}
    yield _fill(
        module, running_mean=at.layer.moving_mean, running_var=at.layer.moving_variance, **affine
    )


def _row_axes(layer: Any, shape: BatchShape, where: str) -> list[int]:
    """The sizes that a row's normalization spans, of the last axes."""
    given = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    axes = sorted(axis % len(shape) for axis in given)
    if axes != [*range(len(shape) - len(axes), len(shape))]:
        raise ConfigurationError(
            f"{where}: expected the last axes, as torch.nn normalizes, got axis {show(layer.axis)} "
            f"for input {shape}."
        )
    return [int(shape[axis] or 0) for axis in axes]


def _layer_normalization(at: _Out) -> Iterator[Any]:
    sizes = _row_axes(at.layer, at.shape, at.where)
    module = at.torch.nn.LayerNorm(sizes, eps=at.layer.epsilon, dtype=at.torch.float64)
    affine = {"weight": at.layer.gamma} if at.layer.scale else {}
    affine |= {"bias": at.layer.beta} if at.layer.center else {}
    yield _fill(module, **affine)


def _rms_normalization(at: _Out) -> Iterator[Any]:
    sizes = _row_axes(at.layer, at.shape, at.where)
    module = at.torch.nn.RMSNorm(sizes, eps=at.layer.epsilon, dtype=at.torch.float64)
    yield _fill(module, weight=at.layer.scale)


def _dropout(at: _Out) -> Iterator[Any]:
    if at.layer.noise_shape is not None:
        raise ConfigurationError(
            f"{at.where}: expected noise_shape=None, as torch.nn has it, got "
            f"{show(at.layer.noise_shape)}."
        )
    yield getattr(at.torch.nn, type(at.layer).__name__)(float(at.layer.rate))


def _embedding(at: _Out) -> Iterator[Any]:
    module = at.torch.nn.Embedding(at.layer.input_dim, at.layer.output_dim, dtype=at.torch.float64)
    yield _fill(module, weight=at.layer.embeddings)


def _reshape(at: _Out) -> Iterator[Any]:
    if len(at.shape) != 2:
        yield at.torch.nn.Flatten()
    if len(at.after) != 2:
        yield at.torch.nn.Unflatten(1, at.after[1:])


def _prelu(at: _Out) -> Iterator[Any]:
    alpha = at.layer.alpha
    if alpha.shape[0] not in (1, at.shape[1]) or alpha.size != alpha.shape[0]:
        raise ConfigurationError(
            f"{at.where}: expected one alpha, or one for each place of axis 1, as torch.nn has "
            f"them, got {alpha.shape}."
        )
    yield _fill(at.torch.nn.PReLU(alpha.size, dtype=at.torch.float64), weight=alpha)


def _of_activation(at: _Out) -> Iterator[Any]:
    yield from [*_activation(at.torch, at.layer.activation, at.where)] or _nothing(at)


def _nothing(at: _Out) -> Iterator[Any]:
    yield at.torch.nn.Identity()


def _flatten(at: _Out) -> Iterator[Any]:
    yield at.torch.nn.Flatten()


def _activation(torch: Any, activation: Activation, where: str) -> Iterator[Any]:
    """The module of an activation; none of the identity."""
    name = type(activation).__name__
    given = activation._arguments()
    if name == "Linear":
        return
    if name == "ReLU":
        slope, top, threshold = (given[n] for n in ("negative_slope", "max_value", "threshold"))
        if threshold == 0 and (top is None or (top == 6 and slope == 0)):
            if top is not None:
                yield torch.nn.ReLU6()
            else:
                yield torch.nn.LeakyReLU(slope) if slope else torch.nn.ReLU()
            return
    elif (cls := _class_of(torch, name)) is not None:
        names = ARGUMENTS.get(name, {})
        arguments = {names.get(key, key): value for key, value in given.items()}
        if name == "GELU":
            arguments = {"approximate": "tanh" if given["approximate"] else "none"}
        yield cls(**arguments)
        return
    raise ConfigurationError(
        f"{where}: expected an activation that torch.nn has, got {show(activation)}."
    )


def _class_of(torch: Any, name: str) -> Any:
    """PyTorch's class of an activation of annlib's; None without one."""
    wanted = NAMES.get(name.lower(), name.lower())
    found = [key for key in torch.nn.modules.activation.__all__ if key.lower() == wanted]
    return getattr(torch.nn, found[0]) if found else None


_OUT: dict[type[Layer], Callable[[_Out], Iterator[Any]]] = {
    layers.Dense: _dense,
    layers.Activation: _of_activation,
    layers.ReLU: _of_activation,
    layers.LeakyReLU: _of_activation,
    layers.ELU: _of_activation,
    layers.Softmax: _of_activation,
    layers.PReLU: _prelu,
    layers.BatchNormalization: _batch_normalization,
    layers.LayerNormalization: _layer_normalization,
    layers.RMSNormalization: _rms_normalization,
    layers.Dropout: _dropout,
    layers.AlphaDropout: _dropout,
    layers.Embedding: _embedding,
    layers.Flatten: _flatten,
    layers.Reshape: _reshape,
    layers.Identity: _nothing,
}
