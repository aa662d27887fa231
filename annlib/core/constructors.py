"""What a constructor takes, with what it passes on to those of its bases: by name, as a signature
and in the docstring. No class repeats what a base class says of an argument.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

_SECTION = re.compile(r"^(?=[A-Z]\w+(?: \w+)*\n-{3,}$)", re.MULTILINE)
_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_TITLE = "Parameters\n----------\n"


C = TypeVar("C", bound=type)


def constructor_arguments(cls: type) -> Mapping[str, inspect.Parameter]:
    """The constructor's arguments by name; ``**keywords`` stand for those of the next base, and
    ``**unknown`` for those that are refused.
    """
    if cls in _ARGUMENTS:
        return _ARGUMENTS[cls]
    arguments: dict[str, inspect.Parameter] = {}
    for parameters in _constructors(cls):
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                arguments.setdefault(parameter.name, parameter)
    _ARGUMENTS[cls] = arguments
    return arguments


# Read once a class: inspect is slow.
_ARGUMENTS: dict[type, Mapping[str, inspect.Parameter]] = {}


def _constructors(cls: type) -> Iterator[list[inspect.Parameter]]:
    """What the constructor takes, and each to which the last one passes its ``**keywords`` on."""
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        yield parameters
        if not any(p.kind is p.VAR_KEYWORD and p.name != "unknown" for p in parameters):
            break


class Signature:
    """``cls.__signature__`` with every argument by its name, for ``help`` and editors; made when it
    is asked for. Objects have none: their signature is that of their call.
    """

    def __get__(self, instance: Any, cls: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        kind = inspect.Parameter
        by_position: dict[str, inspect.Parameter] = {}
        by_name: dict[str, inspect.Parameter] = {}
        passes_on = True  # what is passed by position
        for constructor in _constructors(cls):
            for parameter in constructor:
                name = parameter.name
                if parameter.kind in _VARIABLE or name in by_position or name in by_name:
                    continue
                if passes_on and parameter.kind is not kind.KEYWORD_ONLY:
                    by_position[name] = parameter.replace(kind=kind.POSITIONAL_OR_KEYWORD)
                else:
                    by_name[name] = parameter.replace(kind=kind.KEYWORD_ONLY)
            passes_on = passes_on and any(p.kind is kind.VAR_POSITIONAL for p in constructor)
        if getattr(cls, "_takes_dtype", False) and "dtype" not in by_position:
            by_name["dtype"] = kind("dtype", kind.KEYWORD_ONLY, default=None, annotation="Any")
        given = sorted(by_position.values(), key=lambda p: p.default is not p.empty)
        return inspect.Signature([*given, *by_name.values()])


class CallSignature(Signature):
    """The same; and of an object its call, which takes the constructor's arguments, too, and has
    the object's own where they are left out: ``leaky_relu(x, negative_slope=0.3)``.
    """

    def __get__(self, instance: Any, cls: type) -> inspect.Signature:
        signature = super().__get__(None, cls)
        if instance is None:
            return signature
        present = instance._arguments()
        theirs = [p.replace(default=present[n]) for n, p in signature.parameters.items()]
        return _called_with(theirs, cls)


def _called_with(arguments: list[inspect.Parameter], cls: type[Any]) -> inspect.Signature:
    """The signature of an object's call with these arguments for its ``*values, **arguments``."""
    call = inspect.signature(cls.__call__)
    own = [p for p in call.parameters.values() if p.kind not in _VARIABLE][1:]
    return call.replace(parameters=[*own, *arguments])


class Documentation:
    """``cls.__doc__`` with what base classes say of the arguments that are passed on to them, in
    place of an entry ``**keywords``, and of errors if it says nothing itself; made when it is asked
    for.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __get__(self, instance: Any, cls: type) -> str:
        before, entries, after = _parted(self.text)
        entries.pop("**keywords", None)
        bases = [_parted(text) for base in cls.__mro__[1:] if (text := _text_of(base))]
        names = Signature().__get__(None, cls).parameters
        for name in names:
            found = (known[name] for _, known, _ in bases if name in known)
            if name not in entries and (entry := next(found, None)):
                entries[name] = entry
        entries = {name: entries[name] for name in [*names, *entries] if name in entries}
        if not _section("Raises", after):
            theirs = (_section("Raises", below) for *_, below in bases)
            errors = next(filter(None, theirs), "")
            after = f"{errors.rstrip()}\n\n{after}" if errors else after
        written = "".join(dict.fromkeys(entries.values()))  # one may be for several names
        text = f"{before}{_TITLE}{written}\n{after}" if written else before + after
        type.__setattr__(cls, "__doc__", text.rstrip() + "\n")
        return cls.__doc__ or ""


def _text_of(cls: type) -> str | None:
    found = vars(cls).get("__doc__")
    return found.text if isinstance(found, Documentation) else found


def _parted(docstring: str) -> tuple[str, dict[str, str], str]:
    """A docstring: what is above its parameters, the entry of each of these, what is below."""
    before, *sections = _SECTION.split(inspect.cleandoc(docstring) + "\n")
    at = next((i for i, each in enumerate(sections) if each.startswith(_TITLE)), None)
    if at is None:
        return f"{before.rstrip()}\n\n", {}, "".join(sections)
    entries: dict[str, str] = {}
    for entry in _ENTRY.split(sections[at].removeprefix(_TITLE)):
        names = entry.partition("\n")[0].partition(" : ")[0]
        entries |= {name.strip(): f"{entry.rstrip()}\n" for name in names.split(",")}
    entries.pop("", None)
    return "".join([before, *sections[:at]]), entries, "".join(sections[at + 1 :])


def _section(title: str, text: str) -> str:
    """A section of a docstring, if it has this one."""
    return next((each for each in _SECTION.split(text) if each.startswith(f"{title}\n-")), "")


class OfFunction:
    """A class decorator for functions made of a class, their ``cls``: each has the signature and
    the docstring of its call, with the arguments of that class but for these names.
    """

    def __init__(self, *without: str) -> None:
        self.without = without

    def __call__(self, made: C) -> C:
        type.__setattr__(made, "__signature__", _FunctionSignature(self.without))
        if made.__doc__:
            type.__setattr__(made, "__doc__", _FunctionDocumentation(made.__doc__, self.without))
        return made


class _FunctionSignature(Signature):
    def __init__(self, without: tuple[str, ...]) -> None:
        self.without = without

    def __get__(self, function: Any, made: type) -> inspect.Signature:
        if function is None:
            return super().__get__(None, made)
        theirs = inspect.signature(function.cls).parameters.items()
        return _called_with([p for name, p in theirs if name not in self.without], made)


class _FunctionDocumentation:
    def __init__(self, text: str, without: tuple[str, ...]) -> None:
        self.text = text
        self.without = without

    def __get__(self, function: Any, made: type) -> str | None:
        if function is None:
            return self.text
        if not function.cls.__doc__:
            return None
        before, theirs, after = _parted(function.cls.__doc__)
        _, own, result = _parted(made.__call__.__doc__ or "")
        entries = {n: e for n, e in (own | theirs).items() if n not in self.without}
        written = "".join(dict.fromkeys(e for n, e in entries.items() if not n.startswith("*")))
        returns = _section("Returns", result).rstrip()
        return f"{before}{_TITLE}{written}\n{returns}\n\n{after}".rstrip() + "\n"
