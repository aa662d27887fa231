"""What an estimator's docstring shares with others', and where its HTML links to."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, metadata
from textwrap import indent
from typing import TypeVar

from annlib.core.tracebacks import ShortTracebacks

C = TypeVar("C", bound=type)


def documented(**texts: str) -> Callable[[C], C]:
    """A class decorator: the texts in the lines ``{name}`` that a docstring leaves for them."""

    def text_of(line: re.Match[str]) -> str:
        return indent(texts[line[2]], line[1])

    def decorate(cls: C) -> C:
        if cls.__doc__ is not None:  # there is none under python -OO
            cls.__doc__ = re.sub(r"^( *)\{(\w+)\}$", text_of, cls.__doc__, flags=re.MULTILINE)
        return cls

    return decorate


class Documented(ShortTracebacks):
    """To inherit from, before ``BaseEstimator``: links to annlib's documentation, not to another's.

    The address is the project's own "Documentation" in its package metadata; without one there is
    no link.
    """

    def _get_doc_link(self) -> str:
        try:
            urls = metadata("annlib").get_all("Project-URL") or []
        except PackageNotFoundError:  # run from a folder, not installed
            return ""
        for entry in urls:
            label, _, address = entry.partition(", ")
            if label == "Documentation":
                return f"{address}#{type(self).__name__}"
        return ""
