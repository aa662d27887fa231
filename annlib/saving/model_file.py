"""Whole models on disk: the container's kind "model", from which training continues to the bit.

The header holds ``config`` (layers, seed, dtype, name), ``class_name`` and ``arguments`` of the
model where its class is no plain ``Sequential``, ``shape`` (of a row, None before it is built),
``layers`` (of each its name, whether it learns, the shape it was built for),
``streams`` (where each random generator stands), ``feature_names`` (of a frame that it has learned
from, otherwise left out), ``metadata`` (the user's own, if there is any) and ``compiled``: the
arguments of ``compile``,
which parameters do not decay, and what the optimizer has been through. Tensors are
``layers/<index>/<parameter>`` and ``optimizer/<row of its state>``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from reprlib import repr as show  # a file's own words: short, escaped, never deep
from typing import Any, BinaryIO

import numpy as np

from annlib.core.arrays import DTYPES, Array
from annlib.core.checks import check_shape
from annlib.core.config import refuse_unknown
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError, ModelFormatError
from annlib.core.files import check_file
from annlib.core.foreign import check_suffix
from annlib.layers import Input, Layer
from annlib.layers import get as get_layer
from annlib.network.network import Network
from annlib.optimizers import Optimizer
from annlib.saving import container
from annlib.saving.function_metrics import distinguish
from annlib.saving.limits import check_header
from annlib.saving.serializable import check_serializable, configured
from annlib.training.compiled import Compiled

# Letters of an error, which may have a file's own words in it.
_LONGEST = 500


def write(
    header: dict[str, Any],
    tensors: dict[str, Array],
    path: str | os.PathLike[str] | BinaryIO,
    overwrite: bool = True,
) -> None:
    """Write what ``describe`` gave; see ``Sequential.save``."""
    file = check_file(path, "Sequential.save", overwrite=overwrite)
    if isinstance(file, str):
        check_suffix(file, "Sequential.save")
    container.write(file, "model", header, tensors)


def describe(
    network: Network, compiled: Compiled | None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """A network and its compiled configuration as a file's header and its tensors.

    Raises
    ------
    ConfigurationError
        If a part of it can be no part of a file; the message says what to do.
    """
    where = "Sequential.save"
    check_serializable(network, compiled)
    header: dict[str, Any] = {
        "config": {key: configured(value, where) for key, value in network.arguments().items()},
        "shape": list(network.input_shape[1:]) if network.built else None,
        "layers": [_mark(layer) for layer in network.layers],
        "streams": network.streams.state(),
        "compiled": None,
    }
    tensors = {
        f"layers/{index}/{name}": value
        for index, layer in enumerate(network.layers)
        for name, value in layer._values().items()
    }
    if compiled is not None:
        optimizer, built = compiled.optimizer, False
        given = compiled.given.items()
        header["compiled"] = {key: configured(value, where) for key, value in given}
        distinguish(compiled, header["compiled"])
        header["compiled"]["undecayed"] = []
        if network.built:
            paths = [entry.path for entry in network.vector.entries]
            header["compiled"]["undecayed"] = [p for p in paths if not optimizer._decays(p)]
            # State of another layout is dropped at the next step.
            built = optimizer.matches_layout(network.vector) and not network.trained_elsewhere()
        run = optimizer.get_state()
        header["compiled"]["run"] = {**run, "built": built, "calls": run["calls"] if built else 0}
        if built:
            arrays = optimizer.state_arrays().values()
            tensors |= {f"optimizer/{index}": array for index, array in enumerate(arrays)}
    if network.feature_names is not None:
        header["feature_names"] = list(network.feature_names)
    check_header(header)
    return header, tensors


def _mark(layer: Layer) -> dict[str, Any]:
    """What a layer has become in its model."""
    shape = layer._built_shape if layer.built else None
    mark: dict[str, Any] = {
        "name": layer.name,
        "learns": layer._effective_trainable,
        "shape": shape and list(shape[1:]),
    }
    if layer._held:
        mark["layers"] = [_mark(inner) for inner in layer._held]
    return mark


@contextlib.contextmanager
def refusing(path: str) -> Iterator[None]:
    """Turn what goes wrong with the content of a file into the one error."""
    try:
        yield
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}, {error}") from None
    except OSError:
        raise
    except Exception as error:  # whatever a constructor makes of arguments that it has not known
        said = str(error)
        said = said if len(said) < _LONGEST else f"{said[:_LONGEST]} ..."
        raise ModelFormatError(
            f"{path}: expected a model of known classes and their arguments, got a file for which "
            f"{type(error).__name__} says: {said} Pass classes of your own as custom_objects."
        ) from error


def restore_network(
    header: Mapping[str, Any], tensors: Mapping[str, Array], network: Network | None = None
) -> Network:
    """The network that ``describe`` described.

    Parameters
    ----------
    header, tensors
        Of a file; ``check_header`` has seen the header.
    network : Network, optional
        One that the class of a model has made: to be brought to where the file's was.
    """
    config, marks = header["config"], list(header["layers"])
    if network is None:
        unknown = sorted(config.keys() - constructor_arguments(Network).keys())
        refuse_unknown("Sequential.from_config", unknown, Network)
        network = Network(**{**config, "layers": ()})
        for part in config["layers"]:
            layer = get_layer(_object(part, "layer"))
            if not isinstance(layer, Input):
                layer._auto_name = _name(marks[len(network.layers)]["name"])
            network.append(layer)
    else:
        check_made_again(network, config)
        network.streams.reseed(config["seed"])
    pairs = [*_marked(network.layers, marks)]
    for layer, mark in reversed(pairs):  # those inside of another before it
        if mark["shape"] is not None:
            layer._declare((None, *check_shape(mark["shape"], "file", "shape")))
    values = checked_weights(network, tensors)
    for layer, mark in pairs:
        _require(type(mark["learns"]), bool, "the type of learns")
        layer._effective_trainable = mark["learns"]
    for layer, own in zip(network.layers, values, strict=True):
        if own:
            # Bound before the layout: the layout takes these values over, and draws none.
            layer._attach(own, {})
    if header["shape"] is not None:
        _require([layer.built for layer in network.layers], [True] * len(marks), "built layers")
        made = network.built
        network.build((None, *check_shape(header["shape"], "file", "shape")))
        if made:
            network.convert(network.dtype)  # its vector takes over the values bound above
        types = {str(value.dtype) for own in values for value in own.values()}
        _require(types or {network.dtype}, {network.dtype}, "types")
    network.streams.restore(header["streams"])
    if (names := header.get("feature_names")) is not None:
        found = [type(names), {*map(type, names)}, (None, len(names))]
        _require(found, [list, {str}, network.input_shape], "feature_names")
        network.learn_names(tuple(names))
    return network


def _marked(layers: Sequence[Layer], marks: Any) -> Iterator[tuple[Layer, Any]]:
    """Each layer with its mark, and after it those inside of it."""
    _require([mark["name"] for mark in marks], [layer.name for layer in layers], "names")
    for layer, mark in zip(layers, marks, strict=True):
        yield layer, mark
        if layer._held:
            yield from _marked(layer._held, mark["layers"])


def check_made_again(network: Network, config: Mapping[str, Any]) -> None:
    """Raise ``ConfigurationError`` unless a class made the network of this configuration."""
    made = {key: configured(value, "file") for key, value in network.arguments().items()}
    for part in ("layers", "dtype"):
        if made[part] != config[part]:
            raise ConfigurationError(
                f"expected a class whose constructor makes its {part} again from its arguments, "
                f"got {show(made[part])} instead of {show(config[part])}. Make all layers in "
                "__init__, from arguments that are stored under their names."
            )


def _object(config: Any, what: str) -> Any:
    """The configuration of an object, and not a name, which is only for people."""
    if not isinstance(config, dict):
        raise ModelFormatError(f"file: expected a configuration as {what}, got {show(config)}.")
    return config


def _name(name: Any) -> str:
    """A name that a layer can have."""
    if not isinstance(name, str) or not name or "/" in name:
        raise ModelFormatError(f"file: expected a name of a layer, got {show(name)}.")
    return name


def _require(found: Any, expected: Any, what: str) -> None:
    if found != expected:
        raise ModelFormatError(
            f"file: expected {what} {show(expected)}, as the layers have, got {show(found)}."
        )


def checked_weights(
    network: Network, tensors: Mapping[str, Array], others: tuple[str, ...] = ("optimizer/",)
) -> list[dict[str, Array]]:
    """The tensors of each layer by parameter; raises if they are not the network's, one for one,
    but for those whose names begin like ``others``.
    """
    shapes = {
        f"layers/{index}/{p.name}": p.shape
        for index, layer in enumerate(network.layers)
        for p in layer._parameters
    }
    odd = sorted(shapes.keys() ^ {key for key in tensors if not key.startswith(others)})
    if odd:
        raise ModelFormatError(
            f"file: expected the weights of its layers, got a misfit, {show(odd[0])}."
        )
    for key, shape in shapes.items():
        if tensors[key].shape != shape or tensors[key].dtype not in DTYPES:
            raise ModelFormatError(
                f"file: expected floating-point numbers of shape {shape} as {show(key)}, got "
                f"{tensors[key].dtype} of {tensors[key].shape}."
            )
    return [
        {p.name: tensors[f"layers/{index}/{p.name}"] for p in layer._parameters}
        for index, layer in enumerate(network.layers)
    ]


def restore_compiled(given: Mapping[str, Any], network: Network) -> Compiled:
    """The compiled configuration that ``describe`` described, with an optimizer yet to be set."""
    arguments = dict(given)
    undecayed = arguments.pop("undecayed")
    paths = [entry.path for entry in network.vector.entries] if network.built else []
    # As describe has them: each once, in the order of the parameters.
    few = isinstance(undecayed, list) and len(undecayed) <= len(paths)
    known = [path for path in paths if path in undecayed] if few else []
    _require(undecayed, known, "undecayed parameters")
    arguments.pop("run")
    _object(arguments["optimizer"], "optimizer")
    compiled = Compiled(**arguments)
    if undecayed:
        compiled.optimizer.exclude_from_weight_decay(var_list=undecayed)
    return compiled


def check_optimizer(
    network: Network, optimizer: Optimizer, run: Mapping[str, Any], tensors: Mapping[str, Array]
) -> list[tuple[Array, Array]]:
    """The arrays that the optimizer remembers, each with that of the file; raises unless the file's
    are what it could have written.
    """
    rows = [key for key in tensors if key.startswith("optimizer/")]
    own: Any = []
    _require(type(run["built"]), bool, "the type of built")
    least = len(optimizer.state_names) + len(optimizer.policy.state_names)
    if run["built"] and len(rows) >= least:  # else no memory is made for them
        network.vector.allocate_gradients()
        optimizer.build(network.vector)
        own = list(optimizer.state_arrays().values())
    names = [f"optimizer/{index}" for index in range(len(own))]
    fits = sorted(names) == sorted(rows) and (run["built"] is False or len(rows) >= least)
    fits = fits and all(
        (tensors[name].shape, tensors[name].dtype) == (array.shape, array.dtype)
        for name, array in zip(names, own, strict=True)
    )
    if not fits:
        found = [(tensors[key].shape, str(tensors[key].dtype)) for key in rows]
        raise ModelFormatError(
            f"file: expected {len(own) or least} vectors of optimizer state, of the model's "
            f"trainable weights, got {found}."
        )
    optimizer.check_state(run)
    return [(array, tensors[name]) for name, array in zip(names, own, strict=True)]


def restore_optimizer(
    network: Network, optimizer: Optimizer, run: Mapping[str, Any], tensors: Mapping[str, Array]
) -> None:
    """Bring the optimizer to where it stood; all is checked first."""
    pairs = check_optimizer(network, optimizer, run, tensors)
    optimizer.set_state(run)
    for layer in network.scheduled_layers():
        layer._follow(max(optimizer.steps - 1, 0))
    for array, stored in pairs:
        np.copyto(array, stored)


def restore_state(
    network: Network,
    optimizer: Optimizer,
    header: Mapping[str, Any],
    tensors: Mapping[str, Array],
) -> None:
    """Set a built and compiled network to a state that was checked, of the same configuration."""
    restore_optimizer(network, optimizer, header["compiled"]["run"], tensors)
    for index, layer in enumerate(network.layers):
        for name, own in layer._values().items():
            np.copyto(own, tensors[f"layers/{index}/{name}"])
    network.streams.reseed(header["config"]["seed"])
    network.streams.restore(header["streams"])
