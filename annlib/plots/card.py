"""A model as a page in a notebook: its units, and a folding card for each layer.

Plain HTML: no script, nothing from the network.
"""

from __future__ import annotations

from typing import Any

from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.markup import (
    FONT,
    Row,
    activation_name,
    colour,
    count_text,
    escape,
    require_model,
    rows_of,
    shape_text,
)
from annlib.plots.units import units_svg

#: The bytes that a page takes at most, and the layers of longer models that are shown.
_MOST, _FIRST, _LAST = 40_000, 40, 20
_STYLE = (
    f".annlib-model{{font:13px {FONT};line-height:1.45;max-width:100%}}"
    ".annlib-model .p{overflow-x:auto;margin:6px 0}"
    ".annlib-model details{border-left:4px solid;border-radius:4px;margin:3px 0;"
    "background:rgba(128,128,128,.1)}"
    ".annlib-model summary{display:flex;flex-wrap:wrap;gap:0 1em;padding:3px 10px;cursor:pointer}"
    ".annlib-model summary::before{content:'▸'}"
    ".annlib-model details[open] summary::before{content:'▾'}"
    ".annlib-model summary b{min-width:11em;max-width:90%;overflow-wrap:anywhere}"
    ".annlib-model .g{flex:1 0 auto}.annlib-model summary i{white-space:nowrap}"
    ".annlib-model i{font-style:normal;opacity:.75}"
    ".annlib-model span{min-width:8em}"
    ".annlib-model dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1.2em;"
    "margin:0;padding:2px 10px 6px 24px;overflow-wrap:anywhere}"
    ".annlib-model dt{opacity:.75}.annlib-model dd{margin:0}"
)


@with_short_tracebacks
def model_html(model: Any) -> str:
    """The page of a model; what is not known before it is built shows as ``?``.

    Parameters
    ----------
    model : Sequential

    Returns
    -------
    str
        HTML that needs nothing beside it.

    Raises
    ------
    ConfigurationError
        If it is no ``Sequential``.

    Examples
    --------
    >>> from annlib import Sequential, layers
    >>> html = model_html(Sequential([layers.Dense(3, "relu", name="<b>")]))
    >>> "&lt;b&gt;" in html, "<b>&lt;b&gt;</b>" in html, "<script" in html
    (True, True, False)
    """
    require_model(model, "model_html")
    rows = list(rows_of(model))
    long = len(rows) > _FIRST + _LAST
    # What is dropped first where a page would be too long.
    for arguments, picture in ((True, not long), (False, not long), (False, False)):
        page = _page(model, rows, arguments=arguments, picture=picture)
        if len(page.encode()) <= _MOST:
            break
    return page


def _page(model: Any, rows: list[Row], *, arguments: bool, picture: bool) -> str:
    cards = [_card(row, arguments=arguments) for row in rows]
    if (left_out := len(cards) - _FIRST - _LAST) > 0:
        cards[_FIRST:-_LAST] = [f"<div><i>⋮ {left_out:,} more layers ⋮</i></div>"]
    units = f'<div class="p">{units_svg(model)}</div>' if picture and rows else ""
    return (
        f'<div class="annlib-model"><style>{_STYLE}</style>'
        f"<div><b>{escape(model.name, 60)}</b> <i>{escape(_facts(model))}</i></div>"
        f"{units}{''.join(cards)}</div>"
    )


def _facts(model: Any) -> str:
    total = f"{model.count_params():,}" if model.built else "?"
    facts = [f"{total} parameters", model.dtype, f"seed {model.seed}"]
    if model.compiled:
        loss = getattr(model.loss, "name", None) or "no loss"
        facts.append(f"compiled with {type(model.optimizer).__name__} and {loss}")
    else:
        facts.append("not compiled")
    if not model.layers:
        facts.append("no layers")
    return "Sequential, " + ", ".join(facts)


def _card(row: Row, *, arguments: bool) -> str:
    layer = row.layer
    kind = " ".join([type(layer).__name__, *filter(None, [activation_name(layer)])])
    shapes = f"{shape_text(row.before)} → {shape_text(row.after)}"
    frozen = "" if layer.trainable else ", frozen"
    facts = _arguments(layer) if arguments else ""
    indent = f";margin-left:{24 * row.depth}px" if row.depth else ""
    return (
        f'<details style="border-left-color:{colour(layer)}{indent}"><summary>'
        f"<b>{escape(layer.name, 60)}</b><span>{escape(kind, 60)}</span>"
        f'<i class="g">{escape(shapes)}</i><i>{count_text(layer)} parameters{frozen}</i>'
        f"</summary>{facts}</details>"
    )


def _arguments(layer: Any) -> str:
    """The weights with their shapes, and how the layer was made."""
    pairs = [(p.name, str(p.shape)) for p in layer._parameters]
    pairs.append(("made by", repr(layer)))
    content = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value, 300)}</dd>" for name, value in pairs
    )
    return f"<dl>{content}</dl>"
