"""A model of Keras' in plain values and arrays: its layers in a chain, what it was compiled with,
and what its optimizer remembers. Nothing behind it needs Keras.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from annlib.core.errors import ConfigurationError, ModelFormatError, quote, show
from annlib.core.foreign import HEAD, recognized
from annlib.export.keras_parts import defaults_of, keras_defaults, making

_CHAIN = "annlib has chains of layers only, each of which gets the output of the one before."
#: The arguments of ``compile`` that both have.
COMPILED = ("optimizer", "loss", "metrics", "weighted_metrics")


def model_in_file(keras: Any, path: str, compile: bool) -> Any:
    """The model in a file, read by Keras, which runs nothing of it."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"from_keras: expected a file, got none at {path}.")
    with open(path, "rb") as file:
        head = file.read(HEAD)
    form = recognized(head)
    if head[8:9] == b"{" or (form is not None and not form.of_keras):
        got, into = (
            (
                "safetensors",
                "annlib.load_model(path) reads what annlib wrote, whatever it is called",
            )
            if form is None
            else (form.name, form.into)
        )
        raise ModelFormatError(
            f"from_keras: expected a file of Keras', got {got} in {path}. {into}."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Keras cannot restore is spoken below
            return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except Exception as error:  # whatever Keras makes of a file
        said = str(error).strip().partition("\n")[0]
        raise ModelFormatError(
            f"from_keras: expected a whole model that Keras reads with safe_mode=True, got {path}, "
            f"of which {type(error).__name__} says: {said[:300]} Weights alone (.weights.h5) are "
            "read by model.load_weights(path); for classes of your own load the model with Keras, "
            "custom_objects and all, and pass that."
        ) from error


def described(keras: Any, model: Any, where: str, compile: bool) -> dict[str, Any]:
    """A model in plain values and arrays: all that annlib's model is made of."""
    chain = [*_chain(keras, model, where)]
    layers = [_serialized(keras, layer, f'{where}, layer "{layer.name}"') for layer in chain]
    shape = _shape_of(model, where)
    weights = [[np.array(one) for one in layer.get_weights()] for layer in chain]
    description: dict[str, Any] = {
        "name": model.name,
        "layers": layers,
        "shape": shape,
        "weights": weights,
        "compiled": None,
        "defaults": keras_defaults(layers, keras),
    }
    if compile and getattr(model, "compiled", False):
        given = _compile_config(keras, model, where)
        description["compiled"] = given
        description["defaults"] |= keras_defaults(given, keras)
        description["variables"] = [v.path for layer in chain for v in layer.weights]
        description["optimizer"] = _optimizer_state(model.optimizer, chain)
    return description


def _serialized(keras: Any, layer: Any, where: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of functions, which are refused
        return making(where, lambda: keras.saving.serialize_keras_object(layer))


def _chain(keras: Any, model: Any, where: str) -> Iterator[Any]:
    """The layers in their order, those of models among them one by one, without the inputs."""
    if not type(model).__module__.startswith("keras."):
        raise ConfigurationError(
            f"{where}: expected a keras.Sequential, or keras.Model(inputs, outputs) of a chain, "
            f"got {type(model).__name__}, a class of its own. Make it of its layers: "
            "keras.Sequential([...])."
        )
    if isinstance(model, keras.Sequential):
        parts = model.layers
    elif hasattr(model, "operations"):
        parts = _parts_of_graph(keras, model, where)
    else:
        raise ConfigurationError(
            f"{where}: expected a chain of layers, got {show(model)}. {_CHAIN}"
        )
    for layer in parts:
        if isinstance(layer, keras.Model):
            yield from _chain(keras, layer, f'{where}, model "{layer.name}"')
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _parts_of_graph(keras: Any, model: Any, where: str) -> list[Any]:
    """The operations of a model that was made of inputs and outputs, which are a chain."""
    config = making(where, model.get_config)
    before, parts = None, []
    named = {operation.name: operation for operation in model.operations}
    for entry in config["layers"]:
        name, operation = entry["name"], named[entry["name"]]
        place = f"{where}, layer {quote(name)}"
        if not isinstance(operation, keras.layers.Layer):
            raise ConfigurationError(
                f"{place}: expected a layer, got the operation {type(operation).__name__}. Make it "
                f"a layer. {_CHAIN}"
            )
        sources: list[Any] = []
        for node in entry["inbound_nodes"]:
            sources += [*_sources([node["args"], node["kwargs"]])]
            if node["kwargs"].get("training") is not None:
                raise ConfigurationError(
                    f"{place}: expected a call without training, got training="
                    f"{show(node['kwargs']['training'])}. In annlib fit trains and predict does "
                    "not."
                )
        if sources != ([] if before is None else [before]):
            after = "no layer" if before is None else quote(before)
            raise ConfigurationError(
                f"{place}: expected the output of {after} and of nothing else, got "
                f"{', '.join(map(quote, sources)) or 'another input'}. {_CHAIN}"
            )
        before = name
        parts.append(operation)
    ends = {end[0] for end in _histories(config["output_layers"])}
    if ends != {before} or len(_histories(config["output_layers"])) != 1:
        raise ConfigurationError(
            f"{where}: expected one output, that of the last layer {quote(before)}, got "
            f"{', '.join(map(quote, sorted(map(str, ends))))}. {_CHAIN}"
        )
    return parts


def _sources(value: Any) -> Iterator[str]:
    """The names of the layers whose outputs are among the arguments of a call."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
        else:
            value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _sources(item)


def _histories(given: Any) -> list[Any]:
    """The outputs of a graph, each as a layer's name and two numbers."""
    if isinstance(given, dict):
        given = list(given.values())
    if given and isinstance(given[0], str):
        return [given]
    return [one for item in given for one in _histories(item)]


def _shape_of(model: Any, where: str) -> list[int | None] | None:
    """The shape of the input, None before it is known."""
    if not model.built:
        return None
    shape = getattr(model, "input_shape", None)
    if shape is None or isinstance(shape[0], list | tuple) or None in shape[1:]:
        raise ConfigurationError(
            f"{where}: expected a model with one input of known size, got shape {show(shape)}."
        )
    return [None, *map(int, shape[1:])]


def _compile_config(keras: Any, model: Any, where: str) -> dict[str, Any]:
    """What ``compile`` was given, of that what annlib's takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = making(f"{where}, compile", model.get_compile_config) or {}
    weights = given.get("loss_weights")
    if weights is not None and list(np.ravel(list(_values(weights)))) != [1.0]:
        raise ConfigurationError(
            f"{where}, compile: expected no loss_weights, got {show(weights)}. A factor of the "
            "loss is a sample_weight."
        )
    for loss, config in zip(_values(model.loss), _values(given.get("loss")), strict=False):
        # Keras leaves out of it what Huber, for one, was given.
        if isinstance(config, dict) and isinstance(config["config"], dict):
            numbers = getattr(loss, "_fn_kwargs", {})
            known = defaults_of(type(loss)).keys() - config["config"].keys()
            config["config"] |= {key: numbers[key] for key in known & numbers.keys()}
    metrics = getattr(model, "_compile_metrics", None)
    made_of = {
        "loss": (model.loss, keras.losses),
        "metrics": (getattr(metrics, "_user_metrics", None), keras.metrics),
        "weighted_metrics": (getattr(metrics, "_user_weighted_metrics", None), keras.metrics),
    }
    given |= {key: _named(given.get(key), *pair) for key, pair in made_of.items()}
    return {key: given.get(key) for key in COMPILED}


def _named(given: Any, made_of: Any, functions: Any) -> Any:
    """A serialized argument of ``compile`` with the names of Keras' own functions in their places;
    those of the user's, which may have the same names, stay.

    Parameters
    ----------
    given : object
    made_of : object
        The argument itself, of the same structure.
    functions : module
        Where Keras has functions of this kind.
    """
    if isinstance(given, list | tuple) and isinstance(made_of, list | tuple):
        pairs = zip(given, made_of, strict=True)
        return [_named(*pair, functions) for pair in pairs]
    if not isinstance(given, dict):
        return given
    if "class_name" not in given and isinstance(made_of, dict):
        return {key: _named(item, made_of.get(key), functions) for key, item in given.items()}
    name = given.get("config")
    own = isinstance(name, str) and getattr(functions, name, None) is made_of
    return name if own else given


def _values(given: Any) -> Iterator[Any]:
    """One part, or those of a list or of a dictionary by outputs."""
    if isinstance(given, dict) and "class_name" not in given:
        given = list(given.values())
    yield from given if isinstance(given, list | tuple) else [given]


def _optimizer_state(optimizer: Any, chain: list[Any]) -> dict[str, Any] | None:
    """What it remembers by the names of Keras' variables; None before its first step."""
    if optimizer is None or not optimizer.built:
        return None
    state = {name: np.array(one.numpy()) for name, one in state_variables(optimizer).items()}
    undecayed = []
    if getattr(optimizer, "weight_decay", None):
        excluded = [v for layer in chain for v in layer.weights]
        undecayed = [v.path for v in excluded if not optimizer._use_weight_decay(v)]
    return {"state": state, "undecayed": undecayed}


def state_variables(optimizer: Any) -> dict[str, Any]:
    """The variables of an optimizer of Keras' that is built, by their names."""
    prefix = f"{optimizer.name}/"
    named = {variable.path.removeprefix(prefix): variable for variable in optimizer.variables}
    # Adafactor's means over columns and rows have the parameter's last name alone, all layers' one.
    for kind in ("r", "c"):
        means = getattr(optimizer, f"_{kind}", ())
        for parameter, mean in zip(optimizer._trainable_variables, means, strict=False):
            if mean is not None:
                named[f"{parameter.path.replace('/', '_')}_{kind}"] = mean
    return named
