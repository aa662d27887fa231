"""Layers, losses and whatever else has a configuration, as Keras writes them and as annlib does.

Both have the same names for classes and arguments. So nothing here knows a layer: a part's own
constructor says which arguments it has, and what only the other side has may pass where it has its
default there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from annlib.core.config import Configurable, is_own
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import AnnlibError, ConfigurationError, quote, show
from annlib.core.registry import FAMILIES, Registry

#: Keras' arguments that are no part of what a layer or a metric computes.
_APART = ("name", "dtype", "trainable")
Defaults = Mapping[str, Mapping[str, Any]]


def keras_module(family: str) -> str:
    """Where Keras has the parts of a family, below ``keras``."""
    return "optimizers.schedules" if family == "schedule" else FAMILIES[family].plural


# -- from Keras ------------------------------------------------------------------------------------


def from_keras_config(given: Any, family: str, where: str, defaults: Defaults) -> Any:
    """A part in Keras' serialized form as a name, or as a configuration of annlib's.

    Parameters
    ----------
    given : dict, str or None
        As ``keras.saving.serialize_keras_object`` gives it.
    family : str
        Which kind of part it is.
    where : str
        Its place, for errors.
    defaults : mapping
        By Keras' class name the defaults of its arguments.

    Raises
    ------
    ConfigurationError
        If it is a class or a function of the user's, or has what annlib does not have.
    """
    if not isinstance(given, dict):
        return given
    name, config = given.get("class_name"), given.get("config")
    module = str(given.get("module"))
    if name == "__lambda__" or not isinstance(name, str) or not isinstance(config, dict):
        function = config if isinstance(config, str) else name
        raise ConfigurationError(
            f"{where}: expected Keras' own {family}, got the function {quote(function)}. Write it "
            f"as a class derived from annlib.{FAMILIES[family].plural}."
            f"{FAMILIES[family].base.__name__}."
        )
    if ">" in str(given.get("registered_name")) or module.partition(".")[0] != "keras":
        raise ConfigurationError(
            f"{where}: expected Keras' own {family}, got {quote(name)}, a class of its own. Write "
            f"it as a class derived from annlib.{FAMILIES[family].plural}."
            f"{FAMILIES[family].base.__name__}, and make the model with it."
        )
    registry = FAMILIES[family]
    if family == "activation" and not _has(registry, name):
        registry = FAMILIES["layer"]  # a layer as an activation: a model puts it behind
    cls = registry.find(name, where)
    return {"class_name": cls.__name__, "config": _own_config(config, cls, where, defaults)}


def _own_config(
    config: Mapping[str, Any], cls: type[Configurable], where: str, defaults: Defaults
) -> dict[str, Any]:
    """The arguments of annlib's class from those of Keras'."""
    known, found = {*constructor_arguments(cls), *cls._one_value}, {}
    theirs = defaults.get(cls.__name__, {})
    for key, value in config.items():
        if key == "dtype" or (key in _APART and key not in known):
            continue
        if key in known:
            found[key] = _own_value(value, key, f"{where}, {key}", defaults)
        elif key not in theirs or value != theirs[key]:
            usual = f"{key}={show(theirs[key])}" if key in theirs else f"no {key}"
            raise ConfigurationError(
                f"{where}: expected {usual}, since annlib's {cls.__name__} has no such argument, "
                f"got {show(value)}."
            )
    return found


def _own_value(value: Any, key: str, where: str, defaults: Defaults) -> Any:
    """An argument's value; objects in it are those of the family that Keras' module names."""
    if isinstance(value, list | tuple):
        return [_own_value(item, key, where, defaults) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {k: _own_value(item, k, where, defaults) for k, item in value.items()}
    kind = value["class_name"]
    if kind == "__tuple__":
        return [_own_value(item, key, where, defaults) for item in value["items"]]
    if kind in ("__tensor__", "__numpy__"):
        return value["config"]["value"]
    module = str(value.get("module"))
    families = {f"keras.{keras_module(name)}": name for name in FAMILIES_OF_KERAS}
    family = families.get(module, "layer")
    family = next((name for name in FAMILIES_OF_KERAS if key.endswith(name)), family)
    return from_keras_config(value, family, where, defaults)


def _has(registry: Registry[Any], name: str) -> bool:
    return any(cls.__name__ == name for cls in registry)


#: Those whose parts stand in configurations of others.
FAMILIES_OF_KERAS = (
    *("activation", "constraint", "initializer", "layer", "loss", "metric", "optimizer"),
    *("regularizer", "schedule"),
)


def keras_defaults(given: Any, keras: Any) -> dict[str, dict[str, Any]]:
    """By class the defaults of the arguments of every part in a serialized object of Keras'."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(given, dict):
        name = given.get("class_name")
        if isinstance(name, str) and isinstance(given.get("config"), dict):
            for family in FAMILIES_OF_KERAS:
                cls = keras_class(keras, family, name)
                if cls is not None:
                    found.setdefault(name, {}).update(defaults_of(cls))
        for item in given.values():
            _merge(found, keras_defaults(item, keras))
    elif isinstance(given, list | tuple):
        for item in given:
            _merge(found, keras_defaults(item, keras))
    return found


def _merge(found: dict[str, dict[str, Any]], more: Mapping[str, dict[str, Any]]) -> None:
    for name, arguments in more.items():
        found.setdefault(name, {}).update(arguments)


def keras_class(keras: Any, family: str, name: str) -> Any:
    """Keras' class of this name, or None."""
    place = keras
    for part in keras_module(family).split("."):
        place = getattr(place, part)
    found = getattr(place, name, None)
    return found if isinstance(found, type) else None


def defaults_of(cls: type) -> dict[str, Any]:
    """The arguments of a class, and of its bases as far as it hands them on; their
    defaults, None of those that are required.
    """
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base is object or "__init__" not in vars(base):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters
        for name, parameter in parameters.items():
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                required = parameter.default is parameter.empty
                found.setdefault(name, None if required else parameter.default)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    found.pop("self", None)
    return found


# -- to Keras --------------------------------------------------------------------------------------


def to_keras_config(part: Any, family: str, where: str, keras: Any) -> Any:
    """A part as Keras reads it: a name, or a configuration in its serialized form.

    Raises
    ------
    ConfigurationError
        If it is a class of the user's, or Keras does not have it or one of its arguments.
    """
    if not isinstance(part, Configurable):
        return part
    if not is_own(type(part)):
        raise ConfigurationError(
            f"{where}: expected one of Keras' {FAMILIES[family].plural}, got "
            f"{type(part).__name__}, a class of your own. Write it for Keras, and make the model "
            "with it there."
        )
    plain = family == "activation" and part._is_default()
    if plain and _takes_x_alone(getattr(keras.activations, part._names[0], None)):
        return part._names[0]
    family_there = "layer" if family == "activation" else family
    cls = keras_class(keras, family_there, type(part).__name__)
    if cls is None:
        raise ConfigurationError(
            f"{where}: expected one of Keras' {FAMILIES[family].plural}, got {show(part)}. Keras "
            "has none of this name with these arguments."
        )
    known, config = defaults_of(cls), {}
    for name, parameter in constructor_arguments(type(part)).items():
        value = part._arguments()[name]
        if value is None is known.get(name):
            continue
        if name in known:
            config[name] = _keras_value(value, f"{where}, {name}", keras)
        elif name not in _OF_THE_MODEL and value != parameter.default:
            raise ConfigurationError(
                f"{where}: expected {name}={show(parameter.default)}, since Keras' "
                f"{cls.__name__} has no such argument, got {show(value)}."
            )
    return {
        "module": f"keras.{keras_module(family_there)}",
        "class_name": cls.__name__,
        "config": config,
        "registered_name": None,
    }


def _takes_x_alone(function: Any) -> bool:
    """Whether Keras has this function, and calls it by its name."""
    if function is None:
        return False
    _, *others = inspect.signature(function).parameters.values()
    return all(one.default is not one.empty for one in others)


#: Arguments of layers that a model says in another way.
_OF_THE_MODEL = ("input_shape", "input_dim")


def _keras_value(value: Any, where: str, keras: Any) -> Any:
    if isinstance(value, Configurable):
        return to_keras_config(value, _family_of(value), where, keras)
    if isinstance(value, list | tuple):
        return [_keras_value(item, where, keras) for item in value]
    if isinstance(value, dict):
        return {key: _keras_value(item, where, keras) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if callable(value):
        raise ConfigurationError(
            f"{where}: expected what a configuration can hold, got {show(value)}, a function."
        )
    return value


def _family_of(part: Configurable) -> str:
    return next(f for f in FAMILIES_OF_KERAS if isinstance(part, FAMILIES[f].base))


def making(where: str, make: Callable[[], Any]) -> Any:
    """What Keras makes of a configuration; its errors name the place."""
    try:
        return make()
    except AnnlibError:
        raise
    except Exception as error:  # whatever Keras says
        raise ConfigurationError(
            f"{where}: expected what Keras makes of its configuration, got "
            f"{type(error).__name__}: {show(str(error))}"
        ) from error
