"""The rules of a configuration: it is the constructor, and everything else follows from it."""

from __future__ import annotations

import copy
import io
import json
import pickle
import sys
from types import FunctionType
from typing import Any, TypeVar

from annlib.core.checks import check_instance
from annlib.core.config import Configurable
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError
from annlib.core.registry import FAMILIES, custom_object_scope
from annlib.core.tracebacks import with_short_tracebacks
from annlib.saving.serializable import functions_of
from annlib.testing.rules import Rules, expected_error

T = TypeVar("T")

rules: Rules[Configurable] = Rules()


@with_short_tracebacks
def check_config(thing: Configurable) -> None:
    """Check that an object's configuration is its constructor, through JSON and back.

    What a layer, loss, optimizer or callback needs so that models that hold it can be saved,
    cloned and copied. Objects inside it must be of registered classes; functions of which it has
    the names are found by them.

    Parameters
    ----------
    thing : Configurable
        A layer, loss, activation, optimizer, callback, metric, ...

    Raises
    ------
    AssertionError
        With the first rule that is broken, and how.

    Examples
    --------
    >>> from annlib import layers
    >>> check_config(layers.Dense(3, activation="relu"))
    >>> class Scale(layers.Layer):
    ...     def __init__(self, by, **keywords):
    ...         super().__init__(**keywords)
    ...         self.factor = by
    >>> check_config(Scale(2.0))
    Traceback (most recent call last):
        ...
    AssertionError: Scale breaks the rule "the constructor stores every argument under its name":
    expected attributes of these names, got none for by
    """
    check_instance(thing, Configurable, "check_config", "thing")
    rules.check(type(thing).__name__, lambda: thing)


def copies(thing: T) -> dict[str, T]:
    """Copies of an object by every way there is to copy one."""
    return {"copy.deepcopy": copy.deepcopy(thing), "pickle": _through_pickle(thing)}


def _through_pickle(thing: T) -> T:
    """A copy by pickle; classes and functions that pickle would not find (those of a test function)
    stay themselves.
    """
    unfindable: list[Any] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, part: Any) -> int | None:
            if not isinstance(part, type | FunctionType) or part is getattr(
                sys.modules.get(part.__module__), part.__qualname__, None
            ):
                return None
            unfindable.append(part)
            return len(unfindable) - 1

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, number: int) -> Any:
            return unfindable[number]

    stream = io.BytesIO()
    Pickler(stream).dump(thing)
    stream.seek(0)
    copied: T = Unpickler(stream).load()
    return copied


def through_json(config: Any) -> Any:
    """The configuration as a file would give it back."""
    return json.loads(json.dumps(config, allow_nan=False))


@rules.add("the constructor stores every argument under its name")
def stored(thing: Configurable) -> None:
    arguments = constructor_arguments(type(thing))
    missing = [name for name in arguments if not hasattr(thing, name)]
    assert not missing, f"expected attributes of these names, got none for {', '.join(missing)}"
    config = thing.get_config()
    assert config.keys() == arguments.keys(), (
        f"expected the constructor's arguments {list(arguments)} in get_config, got {list(config)}"
    )


@rules.add("the configuration makes the same object again, through JSON")
def made_again(thing: Configurable) -> None:
    config = through_json(thing.get_config())
    with custom_object_scope(functions_of(thing, "check_config")):
        again = type(thing).from_config(through_json(config))
        assert type(again) is type(thing), f"from_config made a {type(again).__name__}"
        _same(through_json(again.get_config()), config)
        _same(repr(again), repr(thing))
        for family in FAMILIES.values():
            if type(thing) in set(family):
                found = family.get({"class_name": type(thing).__name__, "config": config})
                _same(repr(found), repr(thing))


@rules.add("an unknown argument is an error that names the class")
def unknown_refused(thing: Configurable) -> None:
    config, wrong = thing.get_config(), "no_argument_has_this_name"
    message = expected_error(
        lambda: type(thing).from_config({**config, wrong: 1}), ConfigurationError, "from_config"
    )
    assert type(thing).__name__ in message, f"the error says only: {message}"
    expected_error(lambda: type(thing)(**config, **{wrong: 1}), Exception, "an unknown keyword")


@rules.add("copies have the configuration")
def copied(thing: Configurable) -> None:
    for way, other in copies(thing).items():
        assert other is not thing, f"{way} gave the object itself"
        assert type(other) is type(thing), f"{way} gave a {type(other).__name__}"
        _same(other.get_config(), thing.get_config())


def _same(found: Any, expected: Any) -> None:
    assert found == expected, f"expected {expected}, got {found}"
