"""Configuration is the constructor: one small base class for every plug-in.

A class stores each constructor argument under its name; everything else follows from the
signature: ``get_config``, ``from_config``, ``repr``, ``clone`` and equality. No class writes them
by hand, so none can forget an argument.
"""

from __future__ import annotations

import functools
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np

from annlib.core.arguments import check_call, without_attribute
from annlib.core.arrays import DTYPES
from annlib.core.constructors import Documentation, Signature, constructor_arguments
from annlib.core.errors import (
    ArgumentError,
    ConfigurationError,
    MissingAttributeError,
    ReadOnlyError,
    quote,
    show,
)
from annlib.core.suggestion import suggest
from annlib.core.tracebacks import shorten, with_short_tracebacks


def refuse_unknown(where: str, unknown: Iterable[str], cls: type) -> None:
    """Raise for keyword arguments that the constructor of ``cls`` does not have."""
    known = constructor_arguments(cls)
    for name in unknown:
        raise ArgumentError(
            f"{where}: expected known arguments, got {quote(name)}. "
            f"{suggest(str(name), known, 'argument')}"
        )


def snake_case(name: str) -> str:
    """``GlorotUniform`` as ``glorot_uniform``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class Changes:
    """How often an attribute of a part that computes was set after it was made, in this process.

    Whoever has made something of the attributes of many parts sees by it when to look again.
    """

    count = 0


changes = Changes()


class Configurable:
    """Base class of objects that their constructor arguments describe completely.

    Two are equal when class and arguments are; run state (what training changes) does not count.
    Layers, optimizers, callbacks and metrics are compared by identity instead.

    Once an object is made, the arguments of annlib's own constructors stay: what was built of them
    would not follow. Those that are read anew each time can be set, with the constructor's check.
    Arguments that only a class of the user's has are the user's to set.

    >>> from annlib import layers
    >>> layer = layers.Dropout(0.5)
    >>> layer.rate = 0.1
    >>> layer.rate = 2
    Traceback (most recent call last):
        ...
    annlib.core.errors.ConfigurationError: Dropout: expected rate as a number in [0, 1], got 2.
    """

    __signature__ = Signature()

    #: The names of the class; automatic names and ``repr`` use the first.
    _names: ClassVar[tuple[str, ...]] = ()
    #: Whether these names are registered, so that a string can stand for a default object.
    _registered: ClassVar[bool] = False
    #: Whether the argument None means an object of this class (the identity, as an activation).
    _default_for_none: ClassVar[bool] = False

    #: An example of each argument that is required, to explain the class by its name.
    example_arguments: ClassVar[Mapping[str, Any]] = {}

    #: Methods that Keras calls and that do nothing here alone, each with the one that annlib calls;
    #: and how to write that.
    _keras_methods: ClassVar[Mapping[str, str]] = {}
    _extending: ClassVar[str] = ""

    #: The attributes of arguments that are not stored under their names.
    _stored_as: ClassVar[Mapping[str, str]] = {}

    #: The arguments that can be set afterwards, since whatever uses them reads them anew.
    _settable: ClassVar[tuple[str, ...]] = ()
    #: What the constructor makes of its arguments, and stays as they do.
    _derived: ClassVar[tuple[str, ...]] = ()
    #: What to do instead of setting one of the others: the end of the error.
    _instead: ClassVar[str] = "Make a new object with other arguments."
    #: The attributes that are not simply set once the object is made; found with the first one.
    _guarded: ClassVar[frozenset[str]] = frozenset()
    #: Whether it counts in ``changes`` that an attribute was set: of annlib's own parts of a
    #: network, which compute by their attributes alone.
    _watched: ClassVar[bool] = False
    #: Whether the object is made: false while its constructor runs.
    _made: bool = False
    #: Whether every constructor of the family takes ``dtype``, which must be that of the model.
    _takes_dtype: ClassVar[bool] = False
    #: The one it was given: no argument like others, since the model has it.
    _dtype: str | None = None
    #: Keras' arguments that have one value here: that value, and what to do for another.
    _one_value: ClassVar[Mapping[str, tuple[Any, str]]] = {}

    @with_short_tracebacks
    def __init__(self) -> None:
        """Made of nothing, unless a class has a constructor of its own."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if not cls.__name__.isprintable():  # summaries and repr show it
            raise ConfigurationError(f"expected a printable name of a class, got {cls.__name__!r}.")
        # Not its base class' names: a subclass is another class until it is registered.
        cls._registered = False
        cls._watched = cls._watched and is_own(cls)
        if "_names" not in vars(cls):
            cls._names = (snake_case(cls.__name__),)
        doc = vars(cls)["__doc__"]  # none under python -OO
        if doc and (is_own(cls) or "**keywords" in doc):
            type.__setattr__(cls, "__doc__", Documentation(doc))
        if "__init__" in vars(cls):
            type.__setattr__(cls, "__init__", _completing(vars(cls)["__init__"]))

    if not TYPE_CHECKING:  # which would else take any attribute for one of the class

        def __setattr__(self, name: str, value: Any) -> None:
            if name in self._guarded and self._made:
                try:
                    value = self._checked(name, value)
                except Exception as error:
                    shorten(error)
                    raise
            if self._watched and self._made:
                changes.count += 1
            try:
                object.__setattr__(self, name, value)
            except AttributeError:
                if not isinstance(getattr(type(self), name, None), property):
                    raise
                raise ReadOnlyError(
                    f"{type(self).__name__}.{name}: expected no assignment, since it is made of "
                    f"other parts, got {_summary(value)}. {self._instead}"
                ) from None

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):  # a property, which has raised, and does again
                return object.__getattribute__(self, name)
            raise MissingAttributeError(functools.partial(without_attribute, self, name))

    def __delattr__(self, name: str) -> None:
        if name in self._guarded and self._made:
            self._refuse(name, "got it deleted")
        object.__delattr__(self, name)

    def _checked(self, name: str, value: Any) -> Any:
        """The value that a guarded attribute takes; raises where it stays as it is."""
        if value is getattr(self, name, _MISSING):  # what += has changed in place
            return value
        known = constructor_arguments(next(_own_classes(type(self))))
        if name not in known or not self._may_be_set(name):
            self._refuse(name, f"got {_summary(value)}")
        return getattr(self._made_with(**{name: value}), self._stored_as.get(name, name))

    def _made_with(self, **changes: Any) -> Any:
        """What annlib's own constructor makes of the present arguments, but for these."""
        owner, stored = next(_own_classes(type(self))), self._stored_as
        present = {n: getattr(self, stored.get(n, n)) for n in constructor_arguments(owner)}
        return owner(**present | changes)

    def _refuse(self, name: str, got: str) -> NoReturn:
        """Raise the error of a guarded attribute that stays as it is."""
        raise ReadOnlyError(
            f"{type(self).__name__}.{name}: expected no assignment, since what has been made of it "
            f"would not follow, {got}. {self._instead}"
        )

    @classmethod
    def _may_be_set(cls, argument: str) -> bool:
        return argument in cls._settable

    def _check_dtype(self, dtype: str, where: str) -> None:
        """Raise ``ConfigurationError`` if it was given another type than the model's."""
        if self._dtype not in (None, dtype):
            raise ConfigurationError(
                f"{where}: expected dtype={dtype!r}, as the model's, in {self!r}, got "
                f"{self._dtype!r}. A model has one type: leave it out, or make the model with "
                f"dtype={self._dtype!r}."
            )

    def _arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, as a call would pass them again."""
        stored = self._stored_as
        return {n: getattr(self, stored.get(n, n)) for n in constructor_arguments(type(self))}

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as values that JSON can hold.

        Returns
        -------
        dict of str to object
            By the argument's name; objects among them as ``{"class_name": ..., "config": ...}``.

        Raises
        ------
        ConfigurationError
            If an argument is a function, or something else that JSON cannot hold.

        Examples
        --------
        >>> from annlib import regularizers
        >>> regularizers.L2(0.1).get_config()
        {'l2': 0.1}
        """
        where = type(self).__name__
        return {
            name: serialize(value, f"{where}.{name}") for name, value in self._arguments().items()
        }

    def _named_functions(self) -> dict[str, Any]:
        """The functions among the arguments of which the configuration holds the names alone."""
        return {}

    @classmethod
    @with_short_tracebacks
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new object from what ``get_config`` gave.

        Parameters
        ----------
        config : dict of str to object
            The constructor's arguments by name; those with a default may be left out.

        Returns
        -------
        object
            Of this class, without run state.

        Raises
        ------
        ConfigurationError
            If it is no dict, or lacks an argument.
        ArgumentError
            For an argument that the constructor does not have.

        Examples
        --------
        >>> from annlib import regularizers
        >>> regularizers.L2.from_config({"l2": 0.1})
        L2(l2=0.1)
        """
        where = f"{cls.__name__}.from_config"
        if not isinstance(config, Mapping):
            raise ConfigurationError(f"{where}: expected config as a dict, got {show(config)}.")
        arguments = constructor_arguments(cls)
        unknown = config.keys() - arguments.keys() - cls._one_value.keys()
        refuse_unknown(f"{where}: config", sorted(unknown, key=str), cls)
        missing = [n for n, p in arguments.items() if p.default is p.empty and n not in config]
        if missing:
            raise ConfigurationError(
                f"{where}: expected config with {', '.join(missing)}, got {show(config)}."
            )
        return cls(**config)

    @with_short_tracebacks
    def clone(self) -> Self:
        """A new object with the same configuration and no run state.

        Returns
        -------
        object
            Of this class; objects among the arguments are cloned too.

        Examples
        --------
        >>> from annlib import layers
        >>> layer = layers.Dense(3, name="first")
        >>> layer.clone(), layer.clone() is layer
        (Dense(3, name='first'), False)
        """
        return type(self)(**{name: cloned(value) for name, value in self._arguments().items()})

    def _replace(self, **changes: Any) -> Self:
        """A new object of the same configuration but for these arguments."""
        own = {name: cloned(value) for name, value in self._arguments().items()}
        return type(self)(**own | changes)

    @classmethod
    def _refuse_keras_methods(cls, where: str) -> None:
        """Raise ``ConfigurationError`` for a class that overrides a method of Keras' alone.

        One that overrides the method which annlib calls as well may have both.
        """
        for name, called in cls._keras_methods.items():
            for base in cls.__mro__:
                if called in vars(base):
                    break
                if name in vars(base):
                    raise ConfigurationError(
                        f"{where}: expected {called} in {cls.__name__}, which annlib calls, got "
                        f"{name} alone, which Keras calls. {cls._extending}"
                    )

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

    def _written(self) -> dict[str, Any]:
        """The constructor's arguments by name, as ``repr`` writes them."""
        return self._arguments()

    def __repr__(self) -> str:
        parts = []
        arguments = constructor_arguments(type(self))
        for name, value in self._written().items():
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


_MISSING = object()


def _own_classes(cls: type) -> Iterator[type[Configurable]]:
    """The classes of annlib's own that ``cls`` derives from, the nearest first."""
    return (base for base in cls.__mro__ if is_own(base))


def is_own(cls: type) -> bool:
    """Whether a class is one of annlib's own, and none of the user's."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def _guarded_by(cls: type[Configurable]) -> frozenset[str]:
    """The attributes that are arguments of annlib's constructors of ``cls`` or derived from them,
    but for those that check themselves what they are set to.
    """
    arguments = [constructor_arguments(base) for base in _own_classes(cls)]
    return frozenset(
        name
        for name in chain(cls._derived, *arguments)
        if getattr(getattr(cls, name, None), "fset", None) is None
    )


def _completing(constructor: Callable[..., None]) -> Callable[..., None]:
    """The constructor, after which the object is made if it is that of the object's class."""

    @functools.wraps(constructor)
    def complete(self: Configurable, *arguments: Any, **keywords: Any) -> None:
        cls, last = type(self), type(self).__init__ is complete
        try:
            if last:
                self.__dict__.pop("_made", None)
                if cls._takes_dtype and "dtype" in keywords.keys() - constructor_arguments(cls):
                    self._dtype = _dtype_of_a_model(keywords.pop("dtype"), cls.__name__)
                for name in cls._one_value.keys() & keywords.keys():
                    _check_one_value(cls, name, keywords.pop(name))
            try:
                constructor(self, *arguments, **keywords)
            except TypeError:
                known = constructor_arguments(cls) if last else None
                check_call(constructor, cls.__name__, (self, *arguments), keywords, known)
                raise
        except Exception as error:
            shorten(error)
            raise
        if last:
            if "_guarded" not in vars(cls):
                cls._guarded = _guarded_by(cls)
            self.__dict__["_made"] = True

    return complete


def _dtype_of_a_model(dtype: Any, where: str) -> str | None:
    """The name of a type that a model may have, or None."""
    wrong = ConfigurationError(
        f"{where}: expected dtype as that of the model, {' or '.join(DTYPES)}, got "
        f"{show(dtype)}. Leave it out, and say it once: Sequential(..., dtype=...)."
    )
    try:
        name = None if dtype is None else np.dtype(dtype).name
    except Exception:  # also what an object's own methods raise
        raise wrong from None
    if name not in (None, *DTYPES):
        raise wrong
    return name


def _check_one_value(cls: type[Configurable], name: str, value: Any) -> None:
    only, instead = cls._one_value[name]
    if value is not None and not (type(value) is type(only) and value == only):
        raise ConfigurationError(
            f"{cls.__name__}: expected {name}={only!r}, got {show(value)}. {instead}"
        )


def _summary(value: Any) -> str:
    """A value in an error, an array by its shape."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return reprlib.repr(value)


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


def cloned(value: Any) -> Any:
    """A clone of a nested object; anything else unchanged."""
    if isinstance(value, Configurable):
        return value.clone()
    if isinstance(value, list | tuple):
        return type(value)(cloned(item) for item in value)
    if isinstance(value, dict):
        return {key: cloned(item) for key, item in value.items()}
    return value


def _short(value: Any) -> str:
    if isinstance(value, Configurable) and value._registered and value._is_default():
        return repr(value._names[0])
    return repr(value)
