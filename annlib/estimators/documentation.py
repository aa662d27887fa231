"""What an estimator's docstring shares with others', where its HTML links to, and what it says
of an attribute that it does not have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, metadata
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar

from annlib.core.errors import MissingAttributeError
from annlib.core.suggestion import suggest
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

    if not TYPE_CHECKING:  # which would else take any attribute for one of the class

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):  # one that depends, which has raised, and does again
                return object.__getattribute__(self, name)
            raise MissingAttributeError(partial(_without, self, name))

    def _get_doc_link(self) -> str:
        address = os.environ.get("ANNLIB_DOCS_URL") or _published()
        root, *package = type(self).__module__.split(".")
        if not address or root != "annlib":
            return ""
        return f"{address.rstrip('/')}/api/{package[0]}/{type(self).__name__}.html"


def _without(estimator: Any, name: str) -> str:
    """What an error says of an attribute that an estimator does not have."""
    cls = type(estimator).__name__
    plain = f"'{cls}' object has no attribute '{name}'"
    if name.startswith("_"):
        return plain
    found = name in _ELSEWHERE
    public = [known for known in dir(estimator) if not known.startswith("_") and known != name]
    hint = _ELSEWHERE[name] if found else suggest(name, public, "argument")
    if name.endswith("_") and not any(known.endswith("_") for known in vars(estimator)):
        hint = "What ends with _ is there after fit: call fit first."
    return f"{cls}.{name}: expected a known attribute, got none: {plain}. {hint}"


_OPTIONS = "They are arguments of the constructor: loss, optimizer, metrics and the like."
#: What to do without what Keras' models have.
_ELSEWHERE = {
    "evaluate": "Write score(X, y).",
    "compile": _OPTIONS,
    "history": "After fit it is history_.",
    "model": "After fit it is model_.",
    "layers": "After fit they are model_.layers.",
    "load": "Write annlib.load_estimator(path).",
    "predict_classes": "Write predict(X).",
    "get_weights": "After fit write model_.get_weights().",
}


def _published() -> str:
    """The address in the package metadata."""
    try:
        urls: list[str] = metadata("annlib").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a folder, not installed
        return ""
    return dict(entry.partition(", ")[::2] for entry in urls).get("Documentation", "")
