"""Configuration is the constructor: one small base class for every plug-in.

A class stores each constructor argument under its name; everything else follows from the
signature: ``get_config``, ``from_config``, ``repr``, ``clone`` and equality. No class writes them
by hand, so none can forget an argument.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any, ClassVar, Self

import numpy as np

from annlib.core.errors import ConfigurationError, quote, show


def suggest(name: Any, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: the nearest known one, and all of them,
    or of many the dozen that are most like it.

    >>> suggest("rleu", ["relu", "tanh"])
    'Did you mean "relu"? Known: relu, tanh.'
    """
    from difflib import SequenceMatcher

    name = name if isinstance(name, str) else ""

    def letters(name: str) -> str:
        return name[:100].replace("_", "").lower()  # a file may have a name of millions of letters

    def likeness(other: str) -> float:
        mine, theirs = letters(name), letters(other)
        swapped = sorted(mine) == sorted(theirs)  # "adma" is more like "adam" than like "adamax"
        return 1.0 if swapped else SequenceMatcher(None, mine, theirs).ratio()

    names = list(dict.fromkeys(known))
    ranked = sorted(names, key=likeness, reverse=True)
    hint = f'Did you mean "{ranked[0]}"? ' if names and likeness(ranked[0]) >= 0.6 else ""
    if len(names) > 30:
        names = [*ranked[:12], f"and {len(names) - 12} more"]
    return f"{hint}Known: {', '.join(names) or 'none'}."


def constructor_arguments(cls: type) -> Mapping[str, inspect.Parameter]:
    """The constructor's arguments by name; ``**keywords`` stand for those of the next base, and
    ``**unknown`` for those that are refused.
    """
    if cls in _ARGUMENTS:
        return _ARGUMENTS[cls]
    arguments: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                arguments.setdefault(parameter.name, parameter)
        if not any(p.kind is p.VAR_KEYWORD and p.name != "unknown" for p in parameters):
            break
    _ARGUMENTS[cls] = arguments
    return arguments


# Read once a class: inspect is slow.
_ARGUMENTS: dict[type, Mapping[str, inspect.Parameter]] = {}


def refuse_unknown(where: str, unknown: Iterable[str], cls: type) -> None:
    """Raise for keyword arguments that the constructor of ``cls`` does not have."""
    known = constructor_arguments(cls)
    for name in unknown:
        raise ConfigurationError(
            f"{where}: expected known arguments, got {quote(name)}. {suggest(str(name), known)}"
        )


def snake_case(name: str) -> str:
    """``GlorotUniform`` as ``glorot_uniform``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class Configurable:
    """Base class of objects that their constructor arguments describe completely.

    Two are equal when class and arguments are; run state (what training changes) does not count.
    Layers, optimizers, callbacks and metrics are compared by identity instead.
    """

    #: The names of the class; automatic names and ``repr`` use the first.
    _names: ClassVar[tuple[str, ...]] = ()
    #: Whether these names are registered, so that a string can stand for a default object.
    _registered: ClassVar[bool] = False
    #: Whether the argument None means an object of this class (the identity, as an activation).
    _default_for_none: ClassVar[bool] = False

    #: An example of each argument that is required, to explain the class by its name.
    example_arguments: ClassVar[Mapping[str, Any]] = {}

    #: The attributes of arguments that are not stored under their names.
    _stored_as: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        # Not its base class' names: a subclass is another class until it is registered.
        cls._registered = False
        if "_names" not in vars(cls):
            cls._names = (snake_case(cls.__name__),)

    def _arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, as a call would pass them again."""
        stored = self._stored_as
        return {n: getattr(self, stored.get(n, n)) for n in constructor_arguments(type(self))}

    def get_config(self) -> dict[str, Any]:
        """The arguments as values that JSON can hold; nested objects as class name and config."""
        where = type(self).__name__
        return {
            name: serialize(value, f"{where}.{name}") for name, value in self._arguments().items()
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object from what ``get_config`` gave."""
        where = f"{cls.__name__}.from_config"
        if not isinstance(config, Mapping):
            raise ConfigurationError(f"{where}: expected config as a dict, got {show(config)}.")
        arguments = constructor_arguments(cls)
        unknown = config.keys() - arguments.keys()
        refuse_unknown(f"{where}: config", sorted(unknown, key=str), cls)
        missing = [n for n, p in arguments.items() if p.default is p.empty and n not in config]
        if missing:
            raise ConfigurationError(
                f"{where}: expected config with {', '.join(missing)}, got {show(config)}."
            )
        return cls(**config)

    def clone(self) -> Self:
        """A new object with the same configuration and no run state."""
        return type(self)(**{name: _cloned(value) for name, value in self._arguments().items()})

    def _replace(self, **changes: Any) -> Self:
        """A new object of the same configuration but for these arguments."""
        own = {name: _cloned(value) for name, value in self._arguments().items()}
        return type(self)(**own | changes)

    @classmethod
    def _holds(cls, fact: str) -> bool:
        """Whether what the class, or a base class, says of itself under this name is true of it:
        no class below that one writes a method of its own.
        """
        for base in cls.__mro__:
            if fact in vars(base):
                return True
            if any(_is_method(*entry) for entry in vars(base).items()):
                return False
        return False

    def _is_default(self) -> bool:
        """Whether every argument has its default value, so that the name alone describes it."""
        arguments = constructor_arguments(type(self))
        return all(_equals(v, arguments[name].default) for name, v in self._arguments().items())

    def __repr__(self) -> str:
        parts = []
        arguments = constructor_arguments(type(self))
        for name, value in self._arguments().items():
            parameter = arguments[name]
            if parameter.default is parameter.empty:
                parts.append(_short(value))
            elif not _equals(value, parameter.default):
                parts.append(f"{name}={_short(value)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        theirs = other._arguments()
        return all(_equals(value, theirs[name]) for name, value in self._arguments().items())

    def __hash__(self) -> int:
        return hash(type(self))


def _is_method(name: str, value: Any) -> bool:
    return not name.startswith("__") and isinstance(
        value, FunctionType | classmethod | staticmethod | property
    )


def serialize(value: Any, where: str) -> Any:
    """``value`` as JSON can hold it; raises ``ConfigurationError`` for a function and the like."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Configurable):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, list | tuple):
        return [serialize(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): serialize(item, where) for key, item in value.items()}
    raise ConfigurationError(
        f"{where}: expected a value that a configuration can hold, got {show(value)}. "
        "Make it a class with its arguments in the constructor, and register it."
    )


def _equals(value: Any, other: Any) -> bool:
    """Equality that compares arrays, and a registered name with its default object."""
    if isinstance(value, Configurable) and isinstance(other, str):
        return value._registered and other in value._names and value._is_default()
    if other is None and isinstance(value, Configurable):
        return value._default_for_none
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(value, other)
    return bool(value == other)


def _cloned(value: Any) -> Any:
    """A clone of a nested object; anything else unchanged."""
    if isinstance(value, Configurable):
        return value.clone()
    if isinstance(value, list | tuple):
        return type(value)(_cloned(item) for item in value)
    return value


def _short(value: Any) -> str:
    if isinstance(value, Configurable) and value._registered and value._is_default():
        return repr(value._names[0])
    return repr(value)
