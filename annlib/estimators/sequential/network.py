"""A network for data of a shape: a default one, a copy of the user's, or what a function builds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from annlib import layers
from annlib.activations.names import ActivationLike, ActivationName
from annlib.core.errors import ConfigurationError, show
from annlib.core.random_streams import seeds_from
from annlib.core.suggestion import suggest
from annlib.estimators.nested import changed, changed_layers, keyword_defaults
from annlib.models import Sequential
from annlib.optimizers import Optimizer


def default_network(
    n_features_in: int,
    n_outputs: int,
    output_activation: ActivationName,
    units: int | None = None,
    depth: int = 2,
    activation: ActivationLike | layers.Layer = "relu",
    dropout: float = 0.0,
) -> Sequential:
    """Hidden layers of one width, and the output layer that the targets need.

    Parameters
    ----------
    n_features_in, n_outputs, output_activation
        What the data are.
    units : int, optional
        Of each hidden layer; without it 32 to 128, about twice what goes in and comes out.
    depth : int
        How many hidden layers.
    activation : str or Activation
    dropout : float, in [0, 1)
        After each hidden layer.

    Examples
    --------
    >>> [layer.units for layer in default_network(20, 3, "softmax").layers]
    [64, 64, 3]
    """
    if units is None:
        units = 32
        while units < 128 and units < 2 * (n_features_in + n_outputs):
            units *= 2
    stack: list[layers.Layer] = []
    for _ in range(depth):
        stack.append(layers.Dense(units, activation, kernel_initializer="he_normal"))
        if dropout:
            stack.append(layers.Dropout(dropout))
    return Sequential([*stack, layers.Dense(n_outputs, output_activation)])


def build_network(
    model: Sequential | Callable[..., Sequential],
    shape: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    seed: int | None,
    dtype: str,
    names: tuple[str, ...],
    where: str,
) -> tuple[Sequential, Mapping[str, Any]]:
    """A network of its own for rows of this shape, and what the model was compiled with.

    It has the weights that the model has already, but for those of another shape or with another
    initializer than in the model, by ``changes``: these are new, as all are of an unbuilt model.

    Parameters
    ----------
    model : Sequential or function
        A function gets what it asks for by name of ``shape`` and ``changes``.
    shape : dict
        What the data are: ``n_features_in``, ``n_outputs``, ...
    changes : dict
        Arguments of the function, or of the model's layers as ``dense__units``.
    seed : int, optional
        Without one, the model's own counts, if it was given one or has weights by it.
    dtype : {"float32", "float64"}
    names : tuple of str
        Of the features, if they have some.
    where : str

    Returns
    -------
    model : Sequential
        Not compiled.
    compiled : dict
        Arguments of ``compile``; empty if it was not called.

    Raises
    ------
    ConfigurationError
        If an argument is unknown or missing, or what is built is no ``Sequential``.
    ShapeError
        If the model was built for rows of another shape.
    """
    if not isinstance(model, Sequential):
        with nullcontext() if seed is None else seeds_from(seed):
            model, changes = _call(model, shape, changes, where), {}
    rows = (None, shape["n_features_in"])
    if model.built:
        model.build(rows)  # which raises for rows that it cannot take
    if seed is None and (model.built or not model._network.streams.seed_was_drawn):
        seed = model.seed
    made = type(model)
    if "layers" not in inspect.signature(made).parameters:
        raise ConfigurationError(
            f"{where}: expected a model whose class takes layers, got {made.__name__}, which "
            "makes its own. Pass Sequential(model.layers), or give the class an argument layers."
        )
    fresh = made(changed_layers(model, changes, f"{where}: model"), seed=seed, dtype=dtype)
    fresh._network.build(rows, names or None)
    for new, old in zip(fresh.layers, model.layers, strict=True):
        _take_weights(new, old)
    return fresh, compiled_before(model)


def compiled_before(model: Sequential) -> Mapping[str, Any]:
    """The arguments that a model was compiled with, with an optimizer that has not made a step."""
    if model._compiled is None:
        return {}
    given = model._compiled.given
    optimizer: Optimizer = given["optimizer"]
    set_since = optimizer._rate is not optimizer._configured_rate
    rate = {"learning_rate": optimizer._next_rate} if set_since else {}
    return {**given, "optimizer": changed(optimizer.clone(), rate, "optimizer")}


def _take_weights(new: layers.Layer, old: layers.Layer) -> None:
    """Copy the weights that a layer has, where they are declared in the new one as they were."""
    declared, before, own = _declared(new), _declared(old), new._values()
    for name, values in old._values().items():
        if declared.get(name) == before[name]:
            own[name][...] = values


def _declared(layer: layers.Layer) -> dict[str, Any]:
    """The shape and the initializer of each parameter."""
    # Declared is a method of the initializer, and methods of equal objects are not equal.
    return {
        p.name: (p.shape, getattr(p.initializer, "__self__", p.initializer))
        for p in layer._parameters
    }


def _call(
    function: Callable[..., Any], shape: Mapping[str, Any], changes: Mapping[str, Any], where: str
) -> Sequential:
    wanted = keyword_defaults(function)
    for name in changes:
        if name not in wanted or name in shape:
            known = [each for each in wanted if each not in shape]
            raise ConfigurationError(
                f"{where}: expected an argument of the function model, got model__{name}. "
                f"{suggest(name, known)}"
            )
    given = {name: shape[name] for name in wanted if name in shape} | dict(changes)
    missing = [n for n, d in wanted.items() if n not in given and d is _EMPTY]
    if missing:
        raise ConfigurationError(
            f"{where}: expected a function model that asks for {', '.join(shape)} or arguments "
            f"with a default, got {', '.join(missing)}. Pass model__{missing[0]}=..."
        )
    built = function(**given)
    if not isinstance(built, Sequential):
        raise ConfigurationError(
            f"{where}: expected a function model that returns a Sequential, got {show(built)}."
        )
    return built


_EMPTY = keyword_defaults(lambda x: None)["x"]
