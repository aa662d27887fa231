"""One registry a plug-in family: from a name, a configuration or an object to an object.

A class is registered by one line above it, and so is a function of which files hold the name.
Names of classes match without regard to case and underscores, so Keras' ``"GlorotUniform"`` and
``"glorot_uniform"`` are one. The registry is closed: a file that
names a class gets it from here or an error, and nothing is ever imported because a file says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from importlib import import_module
from typing import Any, Generic, TypeVar

from annlib.core.config import Configurable, snake_case
from annlib.core.errors import ConfigurationError, UnknownNameError, quote, show
from annlib.core.suggestion import suggest
from annlib.core.tracebacks import with_short_tracebacks

_FAMILIES = (
    *("activation", "callback", "constraint", "initializer", "layer", "loss"),
    *("metric", "optimizer", "regularizer", "schedule"),
)


class _Families(dict[str, "Registry[Any]"]):
    def __missing__(self, family: str) -> Registry[Any]:
        if family not in _FAMILIES:
            raise KeyError(family)
        import_module(f"annlib.{_plural(family)}")
        return self[family]


def _plural(family: str) -> str:
    return "losses" if family == "loss" else f"{family}s"


#: Every family by its name, loaded when it is asked for.
FAMILIES: dict[str, Registry[Any]] = _Families()

# Further classes and functions by name, while a file is read.
_CUSTOM: ContextVar[Mapping[str, Any]] = ContextVar("custom", default={})  # noqa: B039  # never changed

T = TypeVar("T", bound=Configurable)
C = TypeVar("C", bound="type[Configurable] | Callable[..., Any]")


def check_custom_objects(given: Any, where: str) -> Mapping[str, Any]:
    """``custom_objects``, classes and functions by name; raises ``ConfigurationError``."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ConfigurationError(
            f"{where}: expected custom_objects as a dict of classes and functions by name, got "
            f"{show(given)}."
        )
    return given


@contextlib.contextmanager
def custom_object_scope(objects: Mapping[str, Any]) -> Iterator[None]:
    """A context in which these classes and functions are found by these names, in this thread only.

    Raises
    ------
    ConfigurationError
        If something in it is neither a function nor a class of annlib's kind.
    """
    for name, found in objects.items():
        known = issubclass(found, Configurable) if isinstance(found, type) else _is_function(found)
        if not known:
            raise ConfigurationError(
                f"custom_objects: expected classes derived from annlib's, or functions, got "
                f"{show(found)} as {quote(name)}. Pass the class, not an object of it."
            )
    token = _CUSTOM.set(objects)
    try:
        yield
    finally:
        _CUSTOM.reset(token)


def custom_function(name: str) -> Callable[..., Any] | None:
    """The function that ``custom_objects`` have under this name, if they have one."""
    found = _CUSTOM.get().get(name)
    return found if _is_function(found) else None


def _is_function(value: Any) -> bool:
    return callable(value) and not isinstance(value, type | Configurable)


def _same(one: Any, other: Any) -> bool:
    """Whether it is one class or function, perhaps defined again by a notebook's cell that ran
    twice.
    """
    places = [(getattr(x, "__module__", x), getattr(x, "__qualname__", x)) for x in (one, other)]
    return places[0] == places[1]


def _key(name: str) -> str:
    return name.replace("_", "").lower()


class Registry(Generic[T]):
    """The classes of one family, by name.

    >>> from annlib import initializers
    >>> initializers.get("he_normal")
    HeNormal()
    >>> initializers.get("he_norml")
    Traceback (most recent call last):
        ...
    annlib.core.errors.UnknownNameError: initializers.get: expected a known initializer, got \
"he_norml". Did you mean "he_normal"? Known: ...
    """

    def __init__(
        self, family: str, base: type[T], *, listed: bool = True, of_functions: bool = False
    ) -> None:
        self.family = family
        self.plural = _plural(family)
        self.base = base
        self.package = f"annlib.{self.plural}"
        self._classes: dict[str, type[T]] = {}
        #: Functions that files have the names of, in families with classes made of functions.
        self._functions: dict[str, Callable[..., Any]] | None = {} if of_functions else None
        if listed:
            FAMILIES[family] = self

    @with_short_tracebacks
    def register(self, *names: str) -> Callable[[C], C]:
        """Register a class, so that its name stands for it in ``get``, in models and in files.

        Of ``layers`` and ``metrics`` also functions: those of a ``Lambda``, and metrics that are
        functions. Files that have their names then find them.

        Parameters
        ----------
        *names : str
            One or several; case and underscores do not matter. By default the name of the class in
            snake case, or of the function.

        Returns
        -------
        callable
            A decorator, which gives the class or function back as it is.

        Raises
        ------
        ConfigurationError
            If a name is no text, or is taken by another class or function.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import activations
        >>> @activations.register("cube")
        ... class Cube(activations.Activation):
        ...     needs_input = True
        ...     def forward(self, Z, A, work):
        ...         np.power(Z, 3, out=A)
        ...     def backward(self, dA, Z, A, work):
        ...         dA *= 3 * Z**2
        >>> activations.get("cube")([2.0, -1.0])
        array([ 8., -1.])
        """
        for name in names:
            if not isinstance(name, str) or not name:
                raise ConfigurationError(
                    f"{self.plural}.register: expected names as text, got {show(name)}."
                )

        def decorate(cls: C) -> C:
            if not isinstance(cls, type):
                self._register_function(cls, names or (getattr(cls, "__name__", ""),))
                return cls
            if not issubclass(cls, Configurable):
                raise ConfigurationError(
                    f"{self.plural}.register: expected a class derived from annlib.{self.plural}."
                    f"{self.base.__name__}, got {show(cls)}."
                )
            cls._names = names or (snake_case(cls.__name__),)
            for name in (*cls._names, cls.__name__):
                taken = self._classes.get(_key(name))
                if taken is not None and not _same(taken, cls):
                    raise ConfigurationError(
                        f'{self.plural}.register: expected a free name, got "{name}", which is '
                        f"{taken.__name__}'s. Choose another."
                    )
            cls._registered = True
            for name in (*cls._names, cls.__name__):
                self._classes[_key(name)] = cls  # type: ignore[assignment]  # C is a subclass of T
            return cls

        return decorate

    def _register_function(self, function: Any, names: Sequence[str]) -> None:
        where = f"{self.plural}.register"
        if self._functions is None or not callable(function) or isinstance(function, Configurable):
            raise ConfigurationError(
                f"{where}: expected a class derived from annlib.{self.plural}."
                f"{self.base.__name__}, got {show(function)}."
            )
        for name in names:
            if not name.isidentifier():
                raise ConfigurationError(
                    f"{where}: expected a function with a name, got {show(function)}. Write it "
                    "with def, or pass a name."
                )
            taken = self._functions.get(name)
            if taken is not None and not _same(taken, function):
                raise ConfigurationError(
                    f"{where}: expected a free name, got {quote(name)}, which is that of "
                    f"{show(taken)}. Choose another."
                )
        self._functions |= dict.fromkeys(names, function)

    def function(self, name: str) -> Callable[..., Any] | None:
        """The function that goes by this name: in ``custom_objects``, or registered."""
        return custom_function(name) or (self._functions or {}).get(name)

    def function_name(self, function: Any) -> str:
        """What a file calls a function: the name that it is registered under, or else its own."""
        names = (name for name, known in (self._functions or {}).items() if known is function)
        return next(names, str(getattr(function, "__name__", "")))

    def __iter__(self) -> Iterator[type[T]]:
        return iter(dict.fromkeys(self._classes.values()))

    def attribute(self, name: str) -> type[T] | None:
        """The class with exactly this registered name, if there is one: ``regularizers.l2`` is
        ``regularizers.L2``, as in Keras.
        """
        return next((cls for cls in self if name in cls._names), None)

    def find(self, name: str, where: str = "") -> type[T]:
        """The class with this name; otherwise ``UnknownNameError`` lists similar names."""
        cls = self._classes.get(_key(name)) if isinstance(name, str) else None
        for known_name, custom in _CUSTOM.get().items():
            fits = isinstance(custom, type) and issubclass(custom, self.base)
            if fits and _key(known_name) == _key(str(name)):
                return custom  # type: ignore[no-any-return]  # which was looked at
        if cls is None:
            raise UnknownNameError(
                f"{where or self.plural + '.get'}: expected a known {self.family}, got "
                f"{quote(name)}. {self.suggest(name)}"
            )
        return cls

    def suggest(self, name: Any, *others: str) -> str:
        """The end of an error about an unknown name: what is near, beside these others."""
        known = [*others, *sorted(alias for cls in self for alias in cls._names)]
        from annlib.core.other_names import way_without  # a table that only errors need

        way = way_without(self.plural, name) if isinstance(name, str) else ""
        if isinstance(name, str):
            of = (r.family for r in FAMILIES.values() if r is not self and _key(name) in r._classes)
            family = next(of, "")
            article = "an" if family[:1] in "aeiou" else "a"
            way = f"That is the name of {article} {family}." if family else way
        return f"{way} {suggest(name, known, self.family)}".lstrip()

    @with_short_tracebacks
    def get(self, identifier: Any, where: str = "") -> T:
        """The object that an argument stands for: a name, a configuration, a class or an object.

        Parameters
        ----------
        identifier : str, dict, type or object
            A registered name, without regard to case and underscores; what ``get_config`` gave, as
            ``{"class_name": ..., "config": ...}``; a class, made with its defaults; or an object of
            the family, which is given back as it is.
        where : str, optional
            What a message begins with.

        Returns
        -------
        object
            Of the family whose package this is.

        Raises
        ------
        UnknownNameError
            For a name that is not registered; the message has the nearest.
        ConfigurationError
            For anything else that is none of these, and for arguments that the class refuses.

        Examples
        --------
        >>> from annlib import constraints
        >>> constraints.get("non_neg")
        NonNeg()
        >>> constraints.get({"class_name": "MaxNorm", "config": {"max_value": 3}})
        MaxNorm(max_value=3)
        """
        where = where or f"{self.plural}.get"
        if isinstance(identifier, self.base):
            identifier._refuse_keras_methods(where)
            return identifier
        if isinstance(identifier, str):
            return self._default(self.find(identifier, where), where)
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            identifier._refuse_keras_methods(where)
            return self._default(identifier, where)
        if isinstance(identifier, dict) and set(identifier) == {"class_name", "config"}:
            return self.find(identifier["class_name"], where).from_config(identifier["config"])
        raise ConfigurationError(
            f"{where}: expected a name, an object or a configuration "
            f'{{"class_name": ..., "config": ...}}, got {show(identifier)}. One of your own is '
            "a class "
            f"derived from annlib.{self.plural}.{self.base.__name__}."
        )

    def _default(self, cls: type[T], where: str) -> T:
        try:
            return cls()
        except TypeError as error:
            raise ConfigurationError(
                f"{where}: expected arguments for {cls.__name__}, got its name alone "
                f"({error}). Pass an object: {cls.__name__}(...)."
            ) from None
