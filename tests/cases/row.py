"""A row of a table of cases."""

from __future__ import annotations

import copy
from typing import Any


class Row:
    """A class, the arguments to make an object of it, and facts that the contracts need."""

    def __init__(self, cls: type, *arguments: Any, **keywords: Any) -> None:
        self.cls = cls
        self.arguments = arguments
        self.keywords = keywords

    def where(self, **facts: Any) -> Row:
        """The same row with these facts as attributes."""
        self.__dict__.update(facts)
        return self

    def make(self) -> Any:
        # Layers inside of a layer are its own, and so are optimizers of another.
        inner = list, dict
        own = [copy.deepcopy(each) if isinstance(each, inner) else each for each in self.arguments]
        return self.cls(*own, **self.keywords)

    def __repr__(self) -> str:
        parts = [_text(argument) for argument in self.arguments]
        parts += [f"{key}={_text(value)}" for key, value in self.keywords.items()]
        return f"{self.cls.__name__}({', '.join(parts)})"


def _text(value: Any) -> str:
    """A value in a test's name, which must be the same in every process: a function by name."""
    return str(getattr(value, "__name__", value))
