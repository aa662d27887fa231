"""Checks that every part of a model can be rebuilt from its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annlib.core.config import Configurable, serialize
from annlib.core.errors import ConfigurationError, ModelFormatError, UnknownNameError, show
from annlib.core.registry import FAMILIES, Registry, custom_object_scope
from annlib.layers import Layer
from annlib.network.network import Network
from annlib.training.compiled import Compiled


def check_serializable(network: Network, compiled: Compiled | None) -> None:
    """Raise ``ConfigurationError`` for the first part of a model that no file can hold.

    Each part is made again from its configuration, as loading will do it.
    """
    for layer in network.layers:
        _check_layer(layer, f'Sequential.save, layer "{layer.name}"')
    functions_of(network.layers, "Sequential.save, layers")
    if compiled is None:
        return
    for what, value in compiled.given.items():
        for part in value if isinstance(value, list) else [value]:
            check_part(part, f"Sequential.save, {what}")
    excluded = any(part.policy.excluded for part in compiled.optimizer._parts())
    if excluded and not network.built:
        raise ConfigurationError(
            "Sequential.save: expected a built model, since exclude_from_weight_decay means "
            "parameters by what their names match, got one without weights. Build it first: "
            "model.build((None, n_features))."
        )


def configured(value: Any, where: str) -> Any:
    """``serialize``, with the place in front of its error."""
    try:
        return serialize(value, where)
    except AttributeError as error:
        raise ConfigurationError(
            f"{where}: expected every constructor argument as an attribute of its name, got "
            f"{error}. Store it: self.units = units."
        ) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _check_layer(layer: Layer, where: str) -> None:
    """``check_part`` of a layer, whose weights must be those that its arguments make."""
    rebuilt = check_part(layer, where)
    if layer.built and layer._built_shape is not None:
        rebuilt._declare(layer._built_shape)
        own, made = ({p.name: p.shape for p in one._parameters} for one in (layer, rebuilt))
        if own != made:
            raise ConfigurationError(
                f"{where}: expected arguments that make the weights it has, {own}, got {layer!r}, "
                f"which makes {made}. Set the arguments back, or make a new layer with these."
            )


def check_part(part: Any, where: str) -> Any:
    """Raise unless ``part``, a name or an object, is the same after its configuration is read;
    return what was read.
    """
    if not isinstance(part, Configurable):
        return configured(part, where)
    config, parts = configured(part, where), list(parts_of(part))
    check_names(config, where)
    for one in parts:
        check_name(one, _family(one), where)
    known = {type(one).__name__: type(one) for one in parts} | functions_of(part, where)
    with custom_object_scope(known):
        try:
            rebuilt = _family(part).get(config)
        except Exception as error:  # of the user's own constructor
            raise ConfigurationError(
                f"{where}: expected a class that its configuration makes again, got {part!r} and "
                f"{type(error).__name__}: {error}"
            ) from error
    same = [type(one) for one in parts_of(rebuilt)] == [type(one) for one in parts]
    if not same or serialize(rebuilt, where) != config:
        raise ConfigurationError(
            f"{where}: expected a class that its configuration makes again, got {part!r}, which "
            f"becomes {rebuilt!r}. Store each constructor argument as it was given, and take "
            "objects by the get of their family: self.inner = annlib.layers.get(inner)."
        )
    return rebuilt


def check_name(part: Configurable, family: Registry[Any], where: str) -> None:
    """Raise if a class of the user's goes by the name of another."""
    name = type(part).__name__
    try:
        known = family.find(name)
    except UnknownNameError:
        return  # for custom_objects
    same = [(cls.__module__, cls.__qualname__) for cls in (known, type(part))]
    if same[0] != same[1]:  # and not one class that a notebook's cell has defined twice
        raise ConfigurationError(
            f"{where}: expected a class with a name of its own, got {type(part)!r}, while "
            f'"{name}" is {known!r}. Name it otherwise.'
        )


def _family(part: Configurable) -> Any:
    """The registry that a part would be found in."""
    return next(family for family in FAMILIES.values() if isinstance(part, family.base))


def parts_of(value: Any) -> Iterator[Configurable]:
    """An object and all that are arguments of it, theirs too."""
    if isinstance(value, Configurable):
        yield value
        value = value._arguments()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from parts_of(item)


def functions_of(value: Any, where: str) -> dict[str, Any]:
    """The functions inside of an object, or of all of a list, by the names that a file has of them.

    Raises
    ------
    ConfigurationError
        If two of them go by one name.
    """
    named: dict[str, Any] = {}
    for part in parts_of(value):
        for name, function in part._named_functions().items():
            if named.setdefault(name, function) is not function:
                raise ConfigurationError(
                    f'{where}: expected functions whose names differ, got two of name "{name}". '
                    "A file holds their names alone: call one otherwise."
                )
    return named


def checked_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a user keeps beside a model; raises ``ConfigurationError`` if JSON brings it back as
    something else.
    """
    import json

    where, hint = "Sequential.save, metadata", "Arrays: array.tolist(); dates: as text."
    try:
        read = json.loads(json.dumps(metadata, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{where}: expected what JSON can hold, got {show(metadata)} ({error}). {hint}"
        ) from None
    if read != _as_lists(metadata):
        raise ConfigurationError(
            f"{where}: expected what JSON gives back as it is, got {show(metadata)}, which becomes "
            f"{show(read)}. Keys are texts."
        )
    return metadata


def _as_lists(value: Any) -> Any:
    """``value`` with lists in the place of tuples, as JSON has them."""
    if isinstance(value, dict):
        return {key: _as_lists(item) for key, item in value.items()}
    return [_as_lists(item) for item in value] if isinstance(value, list | tuple) else value


def check_names(value: Any, where: str) -> None:
    """Refuse texts with control characters, which play tricks on a terminal."""
    if isinstance(value, str) and not value.isprintable():
        raise ModelFormatError(f"{where}: expected printable texts, got {show(value)}.")
    if isinstance(value, dict):
        for key, item in value.items():
            check_names([key, item], where)
    if isinstance(value, list):
        for item in value:
            check_names(item, where)
