"""What an estimator's docstring shares with others', and where its HTML links to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, metadata
from textwrap import indent
from typing import Any, TypeVar

from annlib.core.tracebacks import ShortTracebacks, with_short_tracebacks

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
    """To inherit from, before ``BaseEstimator``: links to annlib's reference, not to another's.

    Its address is in the environment variable ``ANNLIB_DOCS_URL``, or the project's own
    "Documentation" in its package metadata; without one there is no link, and none for a class of
    one's own.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__init__" in vars(cls) and cls.__module__.partition(".")[0] == "annlib":
            type.__setattr__(cls, "__init__", with_short_tracebacks(vars(cls)["__init__"]))

    def _get_doc_link(self) -> str:
        address = os.environ.get("ANNLIB_DOCS_URL") or _published()
        root, *package = type(self).__module__.split(".")
        if not address or root != "annlib":
            return ""
        return f"{address.rstrip('/')}/api/{package[0]}/{type(self).__name__}.html"


def _published() -> str:
    """The address in the package metadata."""
    try:
        urls: list[str] = metadata("annlib").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a folder, not installed
        return ""
    return dict(entry.partition(", ")[::2] for entry in urls).get("Documentation", "")
