"""PyTorch's ``nn.Sequential`` in and out, with its weights.

PyTorch is imported in ``to_torch`` and ``from_torch`` alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from annlib import activations, layers
from annlib.activations import Activation
from annlib.core.arrays import DTYPES, Array, BatchShape
from annlib.core.checks import check_instance, check_shape
from annlib.core.errors import ConfigurationError, quote, show
from annlib.core.packages import missing
from annlib.core.tracebacks import with_short_tracebacks
from annlib.export.torch_layers import check_known, layer_of
from annlib.export.torch_modules import modules_of
from annlib.models import Sequential


def _torch(where: str) -> Any:
    try:
        import torch
    except ImportError as error:
        raise missing(where, "PyTorch", "torch", error) from None
    return torch


@with_short_tracebacks
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
            for index, module in enumerate(modules_of(torch, layer, shape, after, place)):
                behind = "activation" if hasattr(layer, "activation") else index
                name = f"{layer.name}_{behind}" if index else str(layer.name)
                modules[name.replace(".", "_")] = module
                if not layer._effective_trainable:
                    module.requires_grad_(requires_grad=False)
            shape = after
    return torch.nn.Sequential(modules).to(getattr(torch, model.dtype)).eval()


@with_short_tracebacks
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
    shape = None if input_shape is None else check_shape(input_shape, where, "input_shape")
    # Before PyTorch is loaded, which takes seconds.
    torch = _torch(where) if hasattr(module, "named_modules") else None
    if torch is None or not isinstance(module, torch.nn.Module):
        raise ConfigurationError(
            f"{where}: expected module as an nn.Sequential of PyTorch's, got {show(module)}. A "
            "state_dict has the weights alone: load it into its modules first."
        )
    children = [*_children(torch, module, where)]
    for place, child in children:
        check_known(child, f"{where}, module {quote(place)}")
    found = [child for _, child in children]
    if not found:
        raise ConfigurationError(f"{where}: expected an nn.Sequential of modules, got none in it.")
    first = _row_shape(torch, found, where) if shape is None else shape
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
        made, arrays = layer_of(child, after, model.dtype, f"{where}, module {quote(place)}")
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
