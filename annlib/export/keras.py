"""Keras' models in and out: layers, weights, what ``compile`` was given, the optimizer's state.

Keras is imported in ``from_keras`` and ``to_keras`` alone, and with it the backend that it is
configured for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from annlib.core.arrays import DTYPES
from annlib.core.checks import check_flag, check_instance, check_path
from annlib.core.errors import ConfigurationError, quote, show
from annlib.core.packages import missing
from annlib.core.tracebacks import warn_user, with_short_tracebacks
from annlib.export.keras_description import COMPILED, described, model_in_file, state_variables
from annlib.export.keras_parts import (
    from_keras_config,
    making,
    to_keras_config,
)
from annlib.layers import Input
from annlib.layers import get as get_layer
from annlib.models import Sequential
from annlib.optimizers import Optimizer

_FAMILIES = {"optimizer": "optimizer", "loss": "loss"}
_NOT_COMPILED = "Or leave all of it out: compile=False."


@with_short_tracebacks
def from_keras(model: Any, *, compile: bool = True) -> Sequential:
    """A model of Keras' as one of annlib's, with its weights; it goes on training with the same
    numbers.

    Parameters
    ----------
    model : keras.Model or path
        A ``keras.Sequential`` or a ``keras.Model`` whose layers are a chain, models among them; or
        a ``.keras`` file or a whole model in an ``.h5`` file, which Keras reads with
        ``safe_mode=True``: nothing in it is run.
    compile : bool
        Whether to compile it as it was, with the state of its optimizer.

    Returns
    -------
    Sequential

    Raises
    ------
    ConfigurationError
        If the model is no chain, or a part of it is the user's own or has no counterpart; the
        message says which, and where.
    ModelFormatError
        If Keras cannot read the file.
    ImportError
        Without Keras.

    Notes
    -----
    Random streams are annlib's own: the next dropout and the next shuffle are others than in Keras.

    Examples
    --------
    >>> import keras  # doctest: +SKIP
    >>> theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    ... # doctest: +SKIP
    >>> from_keras(theirs).layers  # doctest: +SKIP
    [Dense(3, activation='softmax')]
    """
    where = "from_keras"
    check_flag(compile, where, "compile")
    path = check_path(model, where, "model") if isinstance(model, str | os.PathLike) else None
    # Before Keras is loaded, which takes seconds.
    if path is None and not hasattr(model, "get_compile_config"):
        raise _no_model(model, where)
    keras = _keras(where)
    if path is not None:
        model = model_in_file(keras, path, compile)
    elif not isinstance(model, keras.Model):
        raise _no_model(model, where)
    return from_description(described(keras, model, where, compile))


def _no_model(model: Any, where: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where}: expected a model of Keras' or the path of one, got {show(model)}."
    )


def _keras(where: str) -> Any:
    try:
        import keras
    except ImportError as error:
        raise missing(
            where, "Keras and a backend", "keras torch (or jax, or tensorflow)", error
        ) from None
    return keras


# -- annlib's model of a description ---------------------------------------------------------------


def from_description(description: Mapping[str, Any], where: str = "from_keras") -> Sequential:
    """The model that ``described`` has described."""
    defaults = description["defaults"]
    parts, dtypes = [], set()
    for given in description["layers"]:
        name = given["config"]["name"]
        place = f"{where}, layer {quote(name)}"
        config = from_keras_config(given, "layer", place, defaults)
        config["config"] |= {"name": name}
        parts.append(making(place, partial(get_layer, config)))
        dtypes.add(_dtype_of(given["config"].get("dtype")))
    floating = sorted(name for name in dtypes if "float" in name) or ["float32"]
    if len(floating) > 1 or floating[0] not in DTYPES:
        raise ConfigurationError(
            f"{where}: expected one type for all layers, {' or '.join(DTYPES)}, got "
            f"{', '.join(floating)}."
        )
    if (shape := description["shape"]) is not None:
        parts.insert(0, Input(tuple(shape[1:])))
    model = Sequential(parts, dtype=floating[0], name=description["name"])
    if shape is not None:
        model.set_weights([array for own in description["weights"] for array in own])
    if (given := description["compiled"]) is not None:
        _compile(model, given, where, defaults)
        if (remembered := description["optimizer"]) is not None:
            _restore(model, remembered, description["variables"], where)
    return model


def _dtype_of(given: Any) -> str:
    """The name of a layer's type, of a policy or of its configuration."""
    if isinstance(given, dict):
        given = given["config"]["name"]
    return str(given)


def _compile(model: Sequential, given: Mapping[str, Any], where: str, defaults: Any) -> None:
    place = f"{where}, compile"
    try:
        arguments = {
            key: _translated(given[key], _FAMILIES.get(key, "metric"), f"{place}, {key}", defaults)
            for key in COMPILED
        }
        making(place, lambda: model.compile(**arguments))
    except ConfigurationError as error:
        raise type(error)(f"{error} {_NOT_COMPILED}") from None


def _translated(given: Any, family: str, where: str, defaults: Any) -> Any:
    """One part, or those of a list or of a dictionary by outputs."""
    if isinstance(given, list | tuple):
        return [_translated(item, family, where, defaults) for item in given]
    if isinstance(given, dict) and "class_name" not in given:
        return {k: _translated(item, family, where, defaults) for k, item in given.items()}
    return from_keras_config(given, family, where, defaults)


def _restore(
    model: Sequential, remembered: Mapping[str, Any], variables: list[str], where: str
) -> None:
    """Bring the optimizer to where Keras' stood, or say that it begins anew."""
    optimizer, vector = model.optimizer, model.vector
    assert optimizer is not None, "compiled"
    variables = model._network.as_listed(variables)
    theirs = dict(zip(_paths(model), variables, strict=True))
    undecayed = [path for path, variable in theirs.items() if variable in remembered["undecayed"]]
    known = {entry.path for entry in vector.entries}
    if undecayed := [path for path in undecayed if path in known]:
        optimizer.exclude_from_weight_decay(var_list=undecayed)
    state = remembered["state"]
    steps = int(state.get("iteration", 0))
    if not steps:
        return
    vector.allocate_gradients()
    optimizer.build(vector)
    pairs = [*_places(optimizer, model, theirs)]
    lost = sorted(name for name, _, _ in pairs if name not in state)
    if lost:
        warn_user(
            f"{where}: expected {quote(lost[0])} in the state of Keras' optimizer after {steps} "
            "steps, got none (of an .h5 file Keras restores none): training goes on from the "
            "weights, with a new optimizer."
        )
        optimizer.reset()
        return
    for name, array, factor in pairs:
        np.multiply(state[name], factor, out=array, casting="same_kind")
    optimizer.set_state({"calls": steps, "learning_rate": None})


def _paths(model: Sequential) -> list[str]:
    """The paths of the parameters in the order of the layers, as Keras lists its variables."""
    return [f"{layer.name}/{p.name}" for layer in model.layers for p in layer._parameters]


def _places(
    optimizer: Optimizer, model: Sequential, theirs: Mapping[str, str]
) -> Iterator[tuple[str, Any, float]]:
    """Of each array of the state: Keras' name of it, the array, and what it is times Keras'."""
    arrays = optimizer.state_arrays()
    names = {**optimizer.policy.keras_state, **optimizer.keras_state}
    for entry in model.vector.entries:
        if not entry.trainable:
            continue
        stem = theirs[entry.path].replace("/", "_")
        for own, array in arrays.items():
            path, _, short = own.rpartition("/")
            factor = 1.0
            if own in optimizer.held_over:
                factor = 1 / (1 - getattr(optimizer, optimizer.held_over[own]))
            if path in ("", "policy"):
                part = array[entry.where].reshape(entry.parameter.shape)
                yield f"{stem}_{names.get(own, short)}", part, factor
            elif path == entry.path:
                yield f"{stem}_{names.get(short, short)}", array, factor


# -- to Keras --------------------------------------------------------------------------------------


@with_short_tracebacks
def to_keras(model: Sequential, *, compile: bool = True) -> Any:
    """The model as a ``keras.Sequential``, with its weights and what it was compiled with.

    Parameters
    ----------
    model : Sequential
        Built: with weights.
    compile : bool
        Whether to compile it as it was, with the state of its optimizer.

    Returns
    -------
    keras.Sequential

    Raises
    ------
    ConfigurationError
        If Keras does not have a layer or a part of ``compile``, or one of its arguments; the
        message says which, and where.
    NotBuiltError
        Before the model has weights, or has seen the data that say which crossentropy is meant.
    ImportError
        Without Keras.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3, "softmax")])
    >>> to_keras(model).save("model.keras")  # doctest: +SKIP
    """
    where = "to_keras"
    check_instance(model, Sequential, where, "model")
    check_flag(compile, where, "compile")
    shape = model.input_shape
    keras = _keras(where)
    with model._evaluating():
        made = _keras_layers(keras, model, where)
        theirs = keras.Sequential([keras.Input(shape[1:]), *made], name=model.name)
        for layer, other in zip(model.layers, made, strict=True):
            values = [*layer._values().values()]
            values += [variable.numpy() for variable in other.weights[len(values) :]]
            # And not by set_weights, after which Keras' Normalization has the old numbers.
            numbered = {str(i): value for i, value in enumerate(values)}
            place = f"{where}, layer {quote(layer.name)}"
            making(place, partial(other.load_own_variables, numbered))
    if compile and (compiled := model._compiled) is not None:
        place = f"{where}, compile"
        given = dict(compiled.given)
        if compiled.has_loss:
            given["loss"] = compiled.require_loss(place)
        try:
            arguments = {
                key: _keras_parts(
                    given[key], _FAMILIES.get(key, "metric"), f"{place}, {key}", keras
                )
                for key in COMPILED
            }
            making(place, lambda: theirs.compile(**arguments))
        except ConfigurationError as error:
            raise type(error)(f"{error} {_NOT_COMPILED}") from None
        _hand_over(model, theirs, where)
    return theirs


def _keras_layers(keras: Any, model: Sequential, where: str) -> list[Any]:
    made = []
    for layer in model.layers:
        place = f"{where}, layer {quote(layer.name)}"
        config = to_keras_config(layer, "layer", place, keras)
        config["config"] |= {"name": layer.name, "dtype": model.dtype}
        made.append(making(place, partial(keras.layers.deserialize, config)))
    return made


def _keras_parts(value: Any, family: str, where: str, keras: Any) -> Any:
    """A part of ``compile`` as Keras' object, or the name that stood for it."""
    if isinstance(value, list | tuple):
        return [_keras_parts(item, family, where, keras) for item in value]
    config = to_keras_config(value, family, where, keras)
    if not isinstance(config, dict):
        return config
    return making(where, lambda: keras.saving.deserialize_keras_object(config))


def _hand_over(model: Sequential, theirs: Any, where: str) -> None:
    """Bring Keras' optimizer to where the model's stands."""
    optimizer, other = model.optimizer, theirs.optimizer
    assert optimizer is not None, "compiled"
    variables = {
        f"{layer.name}/{parameter.name}": variable
        for layer, other in zip(model.layers, theirs.layers, strict=True)
        for parameter, variable in zip(layer._parameters, other.weights, strict=False)
    }
    undecayed = [e.path for e in model.vector.entries if not optimizer._decays(e.path)]
    if undecayed:
        other.exclude_from_weight_decay(var_list=[variables[path] for path in undecayed])
    if not callable(optimizer._configured_rate):
        other.learning_rate = float(optimizer.learning_rate)
    if not optimizer.steps or not optimizer.matches_layout(model.vector):
        return
    other.build(theirs.trainable_variables)
    state = state_variables(other)
    named = {path: variable.path for path, variable in variables.items()}
    pairs = [*_places(optimizer, model, named)]
    lost = sorted(name for name, _, _ in pairs if name not in state)
    if lost:
        warn_user(
            f"{where}: the state of {type(optimizer).__name__} after {optimizer.steps} steps stays "
            "behind, since Keras keeps another: training goes on from the weights, with a new "
            "optimizer."
        )
        return
    for name, array, factor in pairs:
        state[name].assign(np.asarray(array / factor, array.dtype))
    state["iteration"].assign(optimizer.steps)
    for attribute, number in optimizer.keras_numbers().items():
        getattr(other, attribute).assign(number)
