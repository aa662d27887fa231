"""Names of arguments and attributes that are not there: which were meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, ParamSpec, TypeVar

from annlib.core.errors import ArgumentError, MissingAttributeError, ReadOnlyError, quote, show
from annlib.core.suggestion import suggest

P = ParamSpec("P")
R = TypeVar("R")


def check_call(
    function: Callable[..., Any],
    where: str,
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    known: Iterable[str] | None = None,
    *,
    method: bool = True,
) -> None:
    """Raise ``ArgumentError`` if a function cannot be called so, naming the near argument.

    ``known`` are its arguments by name, if there are more than those of its own signature; of a
    ``method`` the first of the positional arguments is ``self``.

    >>> def fit(self, x, epochs=1): ...
    >>> check_call(fit, "fit", (None, 1), {"nb_epoch": 3})
    Traceback (most recent call last):
        ...
    annlib.core.errors.ArgumentError: fit: expected known arguments, got "nb_epoch". Did you mean \
"epochs"? Known: x, epochs.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **keywords)
    except TypeError:
        of = type(arguments[0]) if method and "." in where else None  # no constructor
        parameters = list(signature.parameters.values())[method:]
        said = _misfit(parameters, where, len(arguments) - method, keywords, known, of)
        raise ArgumentError(f"{where}: {said}") from None


def _found_in(cls: type, name: str) -> str:
    """Where an argument belongs that a method does not have: to the constructor, or to compile."""
    from annlib.core.other_names import meant_by  # a table that only errors need

    for what, written in ((cls, cls.__name__), (getattr(cls, "compile", None), "compile")):
        if what is None:
            continue
        known = [n for n in inspect.signature(what).parameters if n != "self"]
        meant = name if name in known else meant_by("argument", name, known).strip('"')
        if meant:
            return f"It is an argument of {written}({meant}=...)."
    return ""


def _misfit(
    parameters: list[inspect.Parameter],
    where: str,
    given: int,
    keywords: Mapping[str, Any],
    known: Iterable[str] | None,
    elsewhere: type | None,
) -> str:
    """What does not fit about a call with so many arguments by position, and others by name."""
    own = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    names = [p.name for p in own] if known is None else list(known)
    others = known is None and any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in () if others else keywords:
        if name not in names:
            hint = suggest(name, names, "argument")
            if elsewhere and "Did you" not in hint:
                hint = _found_in(elsewhere, name) or hint
            return f"expected known arguments, got {quote(name)}. {hint}"
    by_position = [p.name for p in own if p.kind is not p.KEYWORD_ONLY]
    if given > len(by_position):
        rest = "Pass others by name" if len(names) > len(by_position) else "Leave others out"
        many = f"{len(by_position)} argument{'s' * (len(by_position) != 1)}"
        listed = f" ({', '.join(by_position)})" if by_position else ""
        return f"expected at most {many} by position{listed}, got {given}. {rest}."
    for name in by_position[:given]:
        if name in keywords:
            return f"expected {name} once, got it by position and by name. Leave one out."
    lacking = [p.name for p in own if p.default is p.empty and p.name not in keywords]
    lacking = [name for name in lacking if name not in by_position[:given]]
    present = [*by_position[:given], *(f"{name}=..." for name in [*keywords, *lacking])]
    example = ", ".join(present)
    return f"expected {' and '.join(lacking)}, got no such argument. Write {where}({example})."


def naming_arguments(where: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator of methods: a call that does not fit says which argument was meant."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def named(*arguments: P.args, **keywords: P.kwargs) -> R:
            try:
                return method(*arguments, **keywords)
            except TypeError:
                check_call(method, where, arguments, keywords)
                raise

        return named

    return decorate


class CalledOtherwise:
    """An attribute of an object elsewhere, which has another name here: who asks for it or sets it
    is told that.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __set_name__(self, owner: type, elsewhere: str) -> None:
        self.elsewhere = elsewhere

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self
        raise MissingAttributeError(functools.partial(without_attribute, owner, self.elsewhere))

    def __set__(self, owner: Any, value: Any) -> NoReturn:
        raise ReadOnlyError(
            f"{type(owner).__name__}.{self.elsewhere}: expected the name {self.name}, got "
            f"{self.elsewhere}, which nothing reads. Write .{self.name} = {show(value)}."
        )


def without_attribute(owner: Any, name: str) -> str:
    """What an error says of an attribute that an object does not have."""
    cls = type(owner)
    plain = f"'{cls.__name__}' object has no attribute '{name}'"
    if name.startswith("_"):
        return plain
    from annlib.core.other_names import instead_of  # a table that only errors need

    public = [known for known in dir(owner) if not known.startswith("_") and known != name]
    way = instead_of(name, public) or suggest(name, public, "argument")
    return f"{cls.__name__}.{name}: expected a known attribute, got none: {plain}. {way}"
