"""The attributes of a package: ``dir`` lists ``__all__``, an unknown name gets a suggestion."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from annlib.core.errors import MissingAttributeError
from annlib.core.registry import FAMILIES
from annlib.core.suggestion import suggest


def show_public_names(package: str, find: Callable[[str], Any] | None = None) -> None:
    """Let ``dir(package)`` list ``__all__`` only, and let the error for an unknown attribute name
    the nearest one. A package calls it with its ``__name__``.

    ``find`` gives the value of further attributes by their names, or None: what is loaded when it
    is first asked for. A type checker sees none of this, so it still finds misspelt names itself.
    Names of Keras that are out of scope are classes that say so when they are used.
    """
    module = sys.modules[package]

    def __getattr__(name: str) -> Any:  # noqa: N807  # what Python calls it in a module
        value = find(name) if find is not None else None
        if value is None and not name.startswith("__"):
            from annlib.core.out_of_scope import stand_in  # a table that only errors need

            value = stand_in(package, name)
        if value is not None:
            return value
        plain = f"module '{package}' has no attribute '{name}'"
        if name.startswith("__"):
            raise MissingAttributeError(plain)
        raise MissingAttributeError(
            f"{package}: expected a known name, got none: {plain}. "
            f"{_suggestion(package, name, module.__all__)}"
        )

    vars(module).update(__getattr__=__getattr__, __dir__=lambda: sorted(module.__all__))


def _suggestion(package: str, name: str, public: list[str]) -> str:
    """The end of the error about an unknown name in a package: a public name that is near, or the
    class of the family that is called so elsewhere.
    """
    registry = next((each for each in FAMILIES.values() if each.package == package), None)
    if registry is None:
        modules = (sys.modules.get(f"{package}.{each}") for each in public)
        for module in modules:
            if module is not None and name in getattr(module, "__all__", ()):
                return f"Did you mean {module.__name__}.{name}?"
        return suggest(name, public)
    return suggest(
        name, public, registry.family, {n: c.__name__ for c in registry for n in c._names}
    )
