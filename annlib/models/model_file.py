"""Whole models on disk: the container's kind "model", from which training goes on to the bit.

The header holds ``config`` (layers, seed, dtype, name), ``shape`` (of a row, None before the model
is built), ``layers`` (of each its name, whether it learns, the shape it was built for),
``streams`` (where each random generator stands) and ``compiled``: the arguments of ``compile``,
which parameters do not decay, and what the optimizer has been through. Tensors are
``layers/<index>/<parameter>`` and ``optimizer/<row of its state>``.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as show
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import DTYPES, Array
from annlib.core.checks import check_shape
from annlib.core.config import constructor_arguments
from annlib.core.errors import ModelFormatError
from annlib.core.registry import known_as
from annlib.layers import Input
from annlib.layers import get as get_layer
from annlib.models import container
from annlib.models.compilation import Compiled
from annlib.models.savable import check_names, configured, refuse_unsavable
from annlib.models.stack import Stack

if TYPE_CHECKING:
    from annlib.layers import Layer
    from annlib.models.learner import Learner

# What a file may have at most: more would take minutes to put together.
_MOST_LAYERS = 1000
_MOST_METRICS = 100
# The thresholds of all metrics of a file, times their labels, for which they take memory.
_MOST_COUNTED = 2**22
# Letters of an error, which may have a file's own words in it.
_LONGEST = 500


def save_model(model: Learner, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write layers, weights, and what training needs to go on; see ``Sequential.save``."""
    path = os.fsdecode(path)
    if not overwrite and Path(path).exists():
        raise FileExistsError(
            f"Sequential.save: expected a path where no file is, got {path}. Pass overwrite=True, "
            "or another path."
        )
    header, tensors = describe(model)
    container.write(path, "model", header, tensors)


def check_saving(model: Learner) -> None:
    """Raise what ``save_model`` would, and write nothing; see ``Sequential.check_saving``."""
    container.to_bytes("model", describe(model)[0], {})


def describe(model: Learner) -> tuple[dict[str, Any], dict[str, Array]]:
    """A model as what a file's header and its tensors can hold.

    Raises
    ------
    ConfigurationError
        If a part of it can be no part of a file; the message says what to do.
    """
    where = "Sequential.save"
    refuse_unsavable(model)
    arguments = {name: model._argument(name) for name in constructor_arguments(Stack)}
    header: dict[str, Any] = {
        "config": {name: configured(value, where) for name, value in arguments.items()},
        "shape": list(model.input_shape[1:]) if model.built else None,
        "layers": [_mark(layer) for layer in model.layers],
        "streams": model.streams.state(),
        "compiled": None,
    }
    tensors = {
        f"layers/{index}/{name}": value
        for index, layer in enumerate(model.layers)
        for name, value in layer.values().items()
    }
    if model.compiled:
        compiled = model.compiled_state()
        optimizer, built = compiled.optimizer, False
        given = compiled.given.items()
        header["compiled"] = {key: configured(value, where) for key, value in given}
        header["compiled"]["undecayed"] = []
        if model.built:
            paths = [entry.path for entry in model.vector.entries]
            header["compiled"]["undecayed"] = [p for p in paths if not optimizer.decays(p)]
            # What it remembers of another layout, it forgets at the next step.
            built = optimizer.fits(model.vector)
        run = optimizer.get_state()
        header["compiled"]["run"] = {**run, "built": built, "calls": run["calls"] if built else 0}
        if built:
            tensors |= {f"optimizer/{index}": row for index, row in enumerate(optimizer.state)}
    check_header(header)
    return header, tensors


def _mark(layer: Layer) -> dict[str, Any]:
    """What a layer has become in its model."""
    shape = layer.built_shape if layer.built else None
    return {"name": layer.name, "learns": layer.learns, "shape": shape and list(shape[1:])}


def read(
    path: str | os.PathLike[str], empty: Any, custom_objects: Mapping[str, type], compile: bool
) -> Any:
    """The model in a file; ``empty`` is the class of a model, see ``load_model``."""
    path = os.fsdecode(path)
    header, tensors = container.read(path, "model")
    with known_as(custom_objects), refusing(path):
        return restore(header, tensors, empty, compile)


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


def restore(header: Mapping[str, Any], tensors: dict[str, Array], empty: Any, compile: bool) -> Any:
    """The model that ``describe`` described."""
    check_header(header)
    config = dict(header["config"])
    stack, marks = config.pop("layers"), list(header["layers"])
    model = empty.from_config(config)
    for part in stack:
        layer = get_layer(_object(part, "layer"))
        if not isinstance(layer, Input):
            layer.automatic_name = _name(marks[len(model.layers)]["name"])
        model._append(layer)
    _require([mark["name"] for mark in marks], [layer.name for layer in model.layers], "names")
    for layer, mark in zip(model.layers, marks, strict=True):
        if mark["shape"] is not None:
            layer.declare((None, *check_shape(mark["shape"], "file", "shape")))
    values = checked_weights(model, tensors)
    for layer, mark, own in zip(model.layers, marks, values, strict=True):
        _require(type(mark["learns"]), bool, "the type of learns")
        layer.learns = mark["learns"]
        if mark["shape"] is not None:
            # Bound before the layout: the layout takes these values over, and draws none.
            layer.bind(own, {})
    if header["shape"] is not None:
        _require([layer.built for layer in model.layers], [True] * len(marks), "built layers")
        model.build((None, *check_shape(header["shape"], "file", "shape")))
        types = {str(value.dtype) for own in values for value in own.values()}
        _require(types or {model.dtype}, {model.dtype}, "types")
    model.streams.restore(header["streams"])
    if compile and header["compiled"] is not None:
        put_compiled(model, header["compiled"], tensors)
    return model


def check_header(header: Mapping[str, Any]) -> None:
    """Refuse what would cost time or memory out of proportion, or play tricks on a terminal."""
    check_names({key: header[key] for key in ("config", "layers", "compiled")}, "header")
    layers, compiled = header["config"]["layers"], header["compiled"] or {}
    found = [*compiled.get("metrics", ()), *compiled.get("weighted_metrics", ())]
    for what, most, count in (
        ("layers", _MOST_LAYERS, max(len(layers) - 1, len(header["layers"]))),
        ("metrics", _MOST_METRICS, len(found)),
        ("thresholds and labels of metrics", _MOST_COUNTED, sum(map(_counted, found))),
    ):
        if count > most:
            raise ModelFormatError(f"file: expected at most {most} {what}, got {count}.")


def _counted(metric: Any) -> int:
    """What a metric may take memory for: the product of all that it counts."""
    if isinstance(metric, dict):
        return math.prod(max(1, _counted(value)) for value in metric.values())
    return len(metric) if isinstance(metric, list) else abs(metric) if type(metric) is int else 1


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
    model: Any, tensors: Mapping[str, Array], others: tuple[str, ...] = ("optimizer/",)
) -> list[dict[str, Array]]:
    """The tensors of each layer by parameter; raises if they are not the model's, one for one, but
    for those whose names begin like ``others``.
    """
    shapes = {
        f"layers/{index}/{p.name}": p.shape
        for index, layer in enumerate(model.layers)
        for p in layer.parameters
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
        {p.name: tensors[f"layers/{index}/{p.name}"] for p in layer.parameters}
        for index, layer in enumerate(model.layers)
    ]


def put_compiled(model: Any, given: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
    """Compile as the model was, with the optimizer where it stood."""
    arguments = dict(given)
    run, undecayed = arguments.pop("run"), arguments.pop("undecayed")
    _object(arguments["optimizer"], "optimizer")
    compiled = Compiled(**arguments)
    if undecayed:
        compiled.optimizer.exclude_from_weight_decay(var_list=undecayed)
    model.adopt(compiled, anew=False)
    put_optimizer(model, run, tensors)


def put_optimizer(model: Any, run: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
    """Bring the optimizer to where it stood; all is checked first."""
    optimizer = model.optimizer
    rows = [key for key in tensors if key.startswith("optimizer/")]
    own: Any = []
    if run["built"]:
        model.vector.allocate_gradients()
        optimizer.build(model.vector)
        own = optimizer.state
    names = [f"optimizer/{index}" for index in range(len(own))]
    fits = sorted(names) == sorted(rows) and all(
        (tensors[name].shape, tensors[name].dtype) == (row.shape, row.dtype)
        for name, row in zip(names, own, strict=True)
    )
    if not fits:
        raise ModelFormatError(
            f"file: expected {len(own)} vectors of optimizer state, of the model's trainable "
            f"weights, got {[(tensors[key].shape, str(tensors[key].dtype)) for key in rows]}."
        )
    optimizer.set_state(run)
    for name, row in zip(names, own, strict=True):
        np.copyto(row, tensors[name])


def put_state(model: Any, header: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
    """Bring a built and compiled model of the same configuration to where the file's was."""
    values = checked_weights(model, tensors, ("optimizer/", "tally", "callbacks", "logs"))
    put_optimizer(model, header["compiled"]["run"], tensors)
    for layer, stored in zip(model.layers, values, strict=True):
        for name, own in layer.values().items():
            np.copyto(own, stored[name])
    model.streams.reseed(header["config"]["seed"])
    model.streams.restore(header["streams"])
    model.seed = model.streams.seed
