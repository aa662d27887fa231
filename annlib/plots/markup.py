"""What HTML and SVG of a model have in common: its layers as text, escaped, and their colours."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, NamedTuple

from annlib.core.arrays import BatchShape
from annlib.core.errors import ConfigurationError, show

_DARK_INK, _LIGHT_INK = "#1f2328", "#e6edf3"
#: On a page the text has the colour of the page's own, whatever theme that or the system has; a
#: file of its own is the root of its document, and light or dark as its reader's system is.
_THEME = (
    ".{kind}:root{{color-scheme:light dark;color:" + _DARK_INK + "}}"
    "@media(prefers-color-scheme:dark){{.{kind}:root{{color:" + _LIGHT_INK + "}}}}"
)
FONT = "system-ui,-apple-system,'Segoe UI',sans-serif"

#: By what a layer does; they stand out from white and from black.
_LEARNS, _NORMALIZES, _RANDOM, _FUNCTION, _OTHER = (
    "#2f81f7",
    "#1a9e77",
    "#d9822b",
    "#b565c9",
    "#848d97",
)


class Row(NamedTuple):
    """A layer with the shapes of its input and output, None before they are known."""

    layer: Any
    depth: int
    before: BatchShape | None
    after: BatchShape | None


def require_model(model: Any, where: str) -> None:
    """Raise unless it is a ``Sequential``."""
    if isinstance(model, type) or not hasattr(model, "_network"):
        raise ConfigurationError(f"{where}: expected model as a Sequential, got {show(model)}.")


def rows_of(model: Any, inside: bool = True) -> Iterator[Row]:
    """The layers of a model in their order; those inside of one, of a greater depth, after it."""
    for row in model._network.shapes():
        if inside or not row[1]:
            yield Row(*row)


def escape(text: Any, most: int | None = None) -> str:
    r"""Text as XML and HTML can hold it, with what no font has replaced, and its end cut off.

    >>> escape("a<b\0"), escape("a long name", 6)
    ('a&lt;b\ufffd', 'a lon…')
    """
    letters = "".join(c if c.isprintable() else "\ufffd" for c in str(text))
    if most is not None and len(letters) > most:
        letters = letters[: most - 1] + "…"
    return html.escape(letters)


def wrap(kind: str, title: str, size: tuple[float, float], style: str, content: str) -> str:
    """A whole SVG with this class, title, width and height."""
    width, height = size
    style += _THEME.format(kind=kind)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" role="img" '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
        f"<title>{escape(title)}</title>"
        f"<style>{style}</style>{content}</svg>"
    )


def on_white(svg: str) -> str:
    """The SVG on a white page of its own, whatever theme its reader has."""
    start, end, rest = svg.partition("</style>")
    page = '<rect width="100%" height="100%" fill="#ffffff"/>'
    # Programs that know no classes of the root read its attributes.
    start = start.replace("<svg ", f'<svg color="{_DARK_INK}" ', 1).replace(_LIGHT_INK, _DARK_INK)
    return f"{start}{end}{page}{rest}"


def shape_text(shape: BatchShape | None) -> str:
    """A shape, or "?".

    >>> shape_text((None, 3)), shape_text(None)
    ('(None, 3)', '?')
    """
    return "?" if shape is None else str(tuple(shape))


def count_text(layer: Any) -> str:
    """The number of a layer's parameters, or "?"."""
    return "?" if layer._built_shape is None else f"{layer.count_params():,}"


def activation_name(layer: Any) -> str:
    """The name of the activation that a layer has, or nothing."""
    activation = getattr(layer, "activation", None)
    if activation is None or getattr(activation, "_default_for_none", False):
        return ""
    return str((getattr(activation, "_names", None) or [type(activation).__name__])[0])


def colour(layer: Any) -> str:
    """The colour of what a layer does: learn a matrix, normalize, draw by chance, be a function."""
    if layer.random:
        return _RANDOM
    if "ormalization" in type(layer).__name__:
        return _NORMALIZES
    if layer._parameters or hasattr(layer, "units"):
        return _LEARNS
    return _FUNCTION if activation_name(layer) else _OTHER
