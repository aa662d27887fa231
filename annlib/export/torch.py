"""PyTorch's ``nn.Sequential`` in and out, with its weights.

PyTorch is imported in ``to_torch`` and ``from_torch`` alone. Its conventions are others: a kernel
is transposed, ``momentum`` is the share of the new value, an axis is called ``dim``; and a layer
there has no activation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from annlib import activations, layers
from annlib.activations import Activation
from annlib.core.arrays import DTYPES, Array, BatchShape
from annlib.core.checks import check_instance, check_shape
from annlib.core.config import constructor_arguments
from annlib.core.errors import ConfigurationError, UnknownNameError, quote, show
from annlib.core.packages import missing
from annlib.layers import Layer
from annlib.models import Sequential

#: What PyTorch calls activations and their arguments, where it calls them otherwise.
_NAMES = {"hardsilu": "hardswish"}
_ARGUMENTS = {
    "Softmax": {"axis": "dim"},
    "LogSoftmax": {"axis": "dim"},
    "GLU": {"axis": "dim"},
    "HardShrink": {"threshold": "lambd"},
    "SoftShrink": {"threshold": "lambd"},
    "Threshold": {"default_value": "value"},
}


def _torch(where: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise missing(where, "PyTorch", "torch", error) from None
    return torch


# -- to PyTorch ------------------------------------------------------------------------------------


def to_torch(model: Sequential) -> Any:
    """The model as an ``nn.Sequential``, with its weights, in the state of evaluation.

    Parameters
    ----------
    model : Sequential
        Built: with weights.

    Returns
    -------
    torch.nn.Sequential
        Its modules have the names of the layers; an activation inside of a layer is a module
        behind it, ``<layer>_activation``. Frozen layers need no gradient.

    Raises
    ------
    ConfigurationError
        If ``torch.nn`` has no module for a layer or an activation; the message says which.
    NotBuiltError
        Before the model has weights.
    ImportError
        Without PyTorch.

    Notes
    -----
    While training, PyTorch's ``BatchNorm1d`` keeps the unbiased variance, Keras and annlib the
    variance that they divide by. Regularizers and constraints are no part of modules.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3, "softmax")])
    >>> to_torch(model)  # doctest: +SKIP
    Sequential(
      (dense): Linear(in_features=4, out_features=3, bias=True)
      (dense_activation): Softmax(dim=-1)
    )
    """
    where = "to_torch"
    check_instance(model, Sequential, where, "model")
    shape: BatchShape = model.input_shape
    torch = _torch(where)
    modules: OrderedDict[str, Any] = OrderedDict()
    with model._evaluating():
        for layer in model.layers:
            place = f"{where}, layer {quote(layer.name)}"
            after = layer.compute_output_shape(shape)
            for index, module in enumerate(_modules(torch, layer, shape, after, place)):
                behind = "activation" if hasattr(layer, "activation") else index
                name = f"{layer.name}_{behind}" if index else str(layer.name)
                modules[name.replace(".", "_")] = module
                if not layer._effective_trainable:
                    module.requires_grad_(requires_grad=False)
            shape = after
    return torch.nn.Sequential(modules).to(getattr(torch, model.dtype)).eval()


class _Out(NamedTuple):
    """A layer that leaves, with the shapes of what goes in and comes out."""

    torch: Any
    layer: Any
    shape: BatchShape
    after: BatchShape
    where: str


class _In(NamedTuple):
    """A module that comes in, with the shape of its input."""

    module: Any
    shape: BatchShape
    where: str


def _modules(
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
    yield from _activation(at.torch, at.layer.activation, at.where)


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
        names = _ARGUMENTS.get(name, {})
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
    wanted = _NAMES.get(name.lower(), name.lower())
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


# -- from PyTorch ----------------------------------------------------------------------------------


def from_torch(module: Any, input_shape: Any = None) -> Sequential:
    """An ``nn.Sequential`` of PyTorch's as a model, with its weights.

    Parameters
    ----------
    module : torch.nn.Sequential
        Of ``Linear``, activations, ``BatchNorm1d``, ``LayerNorm``, ``RMSNorm``, ``Dropout``,
        ``AlphaDropout``, ``Embedding``, ``Flatten``, ``Unflatten``, ``Identity``, and of such
        ``nn.Sequential``. An activation behind a ``Linear`` becomes that of the ``Dense``.
    input_shape : tuple of int, optional
        The shape of one row, where the first modules do not say it: codes for an ``Embedding``.

    Returns
    -------
    Sequential
        Not compiled: a module has neither loss nor optimizer.

    Raises
    ------
    ConfigurationError
        For a module without a counterpart, or an argument of one; the message says which, and
        where.
    ImportError
        Without PyTorch.

    Examples
    --------
    >>> from torch import nn  # doctest: +SKIP
    >>> from_torch(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))).layers
    ... # doctest: +SKIP
    [Dense(8, activation='relu'), Dense(1)]
    """
    where = "from_torch"
    torch = _torch(where)
    if not isinstance(module, torch.nn.Module):
        raise ConfigurationError(
            f"{where}: expected an nn.Sequential of PyTorch's, got {show(module)}. A state_dict "
            "has the weights alone: load it into its modules first."
        )
    children = [*_children(torch, module, where)]
    for place, child in children:
        if type(child).__name__ not in _IN:
            _activation_class(child, f"{where}, module {quote(place)}")
    shape = None if input_shape is None else check_shape(input_shape, where, "input_shape")
    first = shape or _row_shape(torch, [child for _, child in children], where)
    types = {str(p.dtype).removeprefix("torch.") for p in module.parameters()} or {"float32"}
    if len(types) > 1 or not types <= {*DTYPES}:
        raise ConfigurationError(
            f"{where}: expected parameters of one type, {' or '.join(DTYPES)}, got "
            f"{', '.join(sorted(types))}. Call module.float() first."
        )
    model = Sequential([layers.Input(first)], dtype=types.pop())
    weights: list[Array] = []
    for place, child in children:
        after: BatchShape = model.compute_output_shape((None, *first))
        made, arrays = _layer(child, after, f"{where}, module {quote(place)}")
        last = place.rpartition(".")[2]
        name = last if last.isidentifier() and last == place else None
        if isinstance(made, Activation):
            behind = model.layers[-1] if model.layers else None
            if isinstance(behind, layers.Dense) and behind.activation == activations.Linear():
                model.pop()
                model.add(behind._replace(activation=made))
                continue
            made = layers.Activation(made)
        if name is not None:
            made = made._replace(name=name)
        if frozen := [p for p in child.parameters() if not p.requires_grad]:
            made.trainable = len(frozen) < len([*child.parameters()])
        model.add(made)
        weights += arrays
    model.build()
    model.set_weights(weights)
    return model


def _children(torch: Any, module: Any, where: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """The modules in their order, those of an ``nn.Sequential`` one by one, with their places."""
    if not isinstance(module, torch.nn.Sequential):
        if not type(module).__module__.startswith("torch."):
            raise ConfigurationError(
                f"{where}: expected an nn.Sequential, got {type(module).__name__}"
                f"{f' as {quote(path)}' if path else ''}, a class of its own, whose forward may be "
                "anything. Pass the nn.Sequential that is in it."
            )
        yield path or type(module).__name__, module
        return
    seen: set[int] = set()
    for name, child in module._modules.items():
        place = f"{path}.{name}" if path else name
        if id(child) in seen and any(True for _ in child.parameters()):
            raise ConfigurationError(
                f"{where}: expected each module once, got {quote(place)} again "
                f"({type(child).__name__}). A layer has one place: make a second one."
            )
        seen.add(id(child))
        yield from _children(torch, child, where, place)


def _row_shape(torch: Any, children: list[Any], where: str) -> tuple[int, ...]:
    """The shape of a row that the first modules take."""
    nn, width = torch.nn, None
    for child in children:
        if isinstance(child, nn.Linear):
            if width is None:
                return (child.in_features,)
            return (child.in_features // width,)
        if isinstance(child, nn.BatchNorm1d) and width is None:
            return (child.num_features,)
        if isinstance(child, nn.LayerNorm | nn.RMSNorm) and width is None:
            return tuple(child.normalized_shape)
        if isinstance(child, nn.Embedding):
            width = child.embedding_dim
        elif isinstance(child, nn.Unflatten) or (isinstance(child, nn.Flatten) and width is None):
            break
    raise ConfigurationError(
        f"{where}: expected modules of which the first say the shape of a row, got "
        f"{', '.join(type(child).__name__ for child in children[:3]) or 'none'}. Pass "
        "input_shape=(n,), that of a row."
    )


def _layer(child: Any, shape: BatchShape, where: str) -> tuple[Any, list[Array]]:
    """The layer or the activation that computes what a module does, and its weights."""
    read = _IN.get(type(child).__name__)
    if read is not None:
        return read(_In(child, shape, where))
    return _from_activation(child, shape, where), []


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
    layer = layers.BatchNormalization(
        axis=1 if len(at.shape) > 2 else -1,
        momentum=1 - at.module.momentum,
        epsilon=at.module.eps,
        center=at.module.affine,
        scale=at.module.affine,
    )
    affine = [_array(at.module.weight), _array(at.module.bias)] if at.module.affine else []
    return layer, [*affine, _array(at.module.running_mean), _array(at.module.running_var)]


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
    kind = (
        "float64"
        if at.module.weight is None
        else str(at.module.weight.dtype).removeprefix("torch.")
    )
    epsilon = float(np.finfo(kind).eps) if at.module.eps is None else at.module.eps
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
    name = next((here for here, there in _NAMES.items() if there == theirs), theirs)
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
        _require(child.beta == 1, where, "beta=1", child)
    elif theirs == "GELU":
        return cls(approximate=child.approximate == "tanh")  # type: ignore[call-arg]  # GELU has it
    names = _ARGUMENTS.get(cls.__name__, {})
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
