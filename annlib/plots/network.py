"""plot_model: a model as an SVG of boxes and arrows, or of units and connections."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Literal

from annlib.core.checks import check_choice, check_flag, check_path
from annlib.core.errors import ConfigurationError, show
from annlib.core.files import atomic_write
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.markup import (
    FONT,
    Row,
    activation_name,
    colour,
    count_text,
    escape,
    on_white,
    require_model,
    rows_of,
    shape_text,
    wrap,
)
from annlib.plots.rendering import png_of
from annlib.plots.units import units_svg

_LETTER, _LINE, _GAP, _PAD = 7.0, 17, 26, 12
_MANY = 16  # boxes below each other, before there is a second column
_STYLE = (
    f".annlib-net text{{fill:currentColor;font:12px {FONT}}}"
    ".annlib-net .t{font-weight:600}"
    ".annlib-net .s{opacity:.75}"
    ".annlib-net .b{fill:currentColor;fill-opacity:.05;stroke:currentColor;stroke-opacity:.35}"
    ".annlib-net .a{stroke:currentColor;stroke-opacity:.6;fill:none}"
    ".annlib-net .h{fill:currentColor;fill-opacity:.6}"
)


class Drawing(str):
    """The text of an SVG; a notebook shows the picture.

    Examples
    --------
    >>> from annlib import Sequential, layers, plots
    >>> drawing = plots.plot_model(Sequential([layers.Dense(3)]), to_file=None)
    >>> isinstance(drawing, Drawing), drawing.startswith("<svg")
    (True, True)
    """

    def _repr_html_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<SVG of {len(self):,} characters>"


@with_short_tracebacks
def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] | None = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: Literal["TB", "LR"] = "TB",
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    show_units: bool = False,
) -> Drawing:
    """Draw a model as SVG, which annlib writes itself: neither Graphviz nor Matplotlib is needed.

    The arguments are Keras', ``show_units`` excepted. Colours follow the reader's light or dark
    theme, in a PNG they are those of a light one. Many layers are put in several columns, or rows.
    Shapes and numbers that are not known before the model is built show as ``?``.

    Parameters
    ----------
    model : Sequential
    to_file : path, optional
        A file ending in ``.svg``, or in ``.png`` where CairoSVG, rsvg-convert, Inkscape or resvg
        is installed; None writes none.
    show_shapes : bool
        Output shapes and numbers of parameters.
    show_dtype : bool
    show_layer_names : bool
    rankdir : {"TB", "LR"}
        From top to bottom, or from left to right.
    show_layer_activations : bool
    show_trainable : bool
        Mark the layers that are frozen.
    show_units : bool
        Instead of boxes the units with their connections; of more than 16 in a layer the ends.

    Returns
    -------
    Drawing
        The SVG's text, which a notebook shows as the picture.

    Raises
    ------
    ConfigurationError
        If the file has another ending, or there is nothing that makes PNG.

    Examples
    --------
    >>> from annlib import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(3, "relu"), layers.Dense(1)])
    >>> svg = plot_model(model, to_file=None, show_shapes=True)
    >>> svg[:18], "(None, 3)" in svg
    ('<svg xmlns="http:/', True)
    """
    check_choice(rankdir, "plot_model", "rankdir", ("TB", "LR"))
    require_model(model, "plot_model")
    for name, flag in (
        ("show_shapes", show_shapes),
        ("show_dtype", show_dtype),
        ("show_layer_names", show_layer_names),
        ("show_layer_activations", show_layer_activations),
        ("show_trainable", show_trainable),
        ("show_units", show_units),
    ):
        check_flag(flag, "plot_model", name)
    path = None if to_file is None else Path(check_path(to_file, "plot_model", "to_file"))
    if path is not None and path.suffix.lower() not in (".svg", ".png"):
        raise ConfigurationError(
            f"plot_model: expected to_file with the ending .svg or .png, got "
            f"{show(os.fspath(path))}. Other formats can be made of the SVG in any browser."
        )
    if show_units:
        svg = units_svg(model)
    else:
        texts = [_of_input(model, show_shapes, show_dtype)]
        for row in rows_of(model):
            lines = [type(row.layer).__name__]
            if show_layer_names:
                lines[0] = f"{row.layer.name} ({lines[0]})"
            lines[0] = "↳ " * row.depth + lines[0]
            activation = activation_name(row.layer)
            if show_layer_activations and activation:
                lines.append(activation)
            lines += _shapes(row) if show_shapes else []
            lines += [model.dtype] if show_dtype else []
            lines += ["frozen"] if show_trainable and not row.layer.trainable else []
            texts.append((colour(row.layer), lines))
        svg = _boxes(model, texts, down=rankdir == "TB")
    if path is not None:
        is_png = path.suffix.lower() == ".png"
        atomic_write(path, png_of(on_white(svg), "plot_model", path) if is_png else svg.encode())
    return Drawing(svg)


def _of_input(model: Any, show_shapes: bool, show_dtype: bool) -> tuple[str, list[str]]:
    shape = [shape_text(model._network.expected_input_shape())] if show_shapes else []
    return "#848d97", ["Input", *shape, *([model.dtype] if show_dtype else [])]


def _shapes(row: Row) -> list[str]:
    count = count_text(row.layer)
    params = [] if count == "0" else [f"{count} parameter{'s' * (count != '1')}"]
    return [shape_text(row.after), *params]


def _boxes(model: Any, texts: list[tuple[str, list[str]]], *, down: bool) -> str:
    """Boxes of one size with their lines of text, and an arrow from each to the next; many of them
    in several columns, or rows.
    """
    cut = [(shade, [escape(line, 48) for line in lines]) for shade, lines in texts]
    width = round(max(len(line) for _, lines in texts for line in lines[:48]) * _LETTER) + 2 * _PAD
    width = min(width, round(48 * _LETTER) + 2 * _PAD)
    heights = [len(lines) * _LINE + _PAD for _, lines in cut]
    tallest = max(heights)
    length, breadth = (tallest, width) if down else (width, tallest)
    # As many in one as make the picture square, but one alone until there are many.
    square = math.sqrt(len(cut) * (breadth + 2 * _GAP) / (length + _GAP))
    columns = -(-len(cut) // max(_MANY if down else _MANY // 2, math.ceil(square)))
    each = -(-len(cut) // columns)
    parts: list[str] = []
    along, furthest, before = 1, 1, (0, 0)
    for index, ((shade, lines), height) in enumerate(zip(cut, heights, strict=True)):
        column, place = divmod(index, each)
        along = along if place else 1
        across = 1 + column * (breadth + 2 * _GAP)
        x, y = (across, along) if down else (along, across)
        middle = x + width // 2, y + (0 if down else tallest // 2)
        top = y if down else y + (tallest - height) // 2
        if place:
            parts.append(_arrow(*before, across=not down))
        elif index:
            corner = across - _GAP
            to = (x, y + height // 2) if down else (middle[0], top)
            parts.append(_bend(before, corner, to, down=down))
        parts.append(
            f'<rect class="b" x="{x}" y="{top}" width="{width}" height="{height}" rx="6"/>'
            f'<rect x="{x}" y="{top}" width="4" height="{height}" rx="2" fill="{shade}"/>'
        )
        for line_number, line in enumerate(lines):
            kind = "s" if line_number else "t"
            baseline = top + _PAD // 2 + 13 + line_number * _LINE
            parts.append(
                f'<text class="{kind}" x="{x + width // 2}" y="{baseline}" '
                f'text-anchor="middle">{line}</text>'
            )
        before = (middle[0], y + height) if down else (x + width, middle[1])
        furthest = max(furthest, before[1] if down else before[0])
        along += (height if down else width) + _GAP
    # The way from the end of a column to the next one leads around it.
    ends = furthest + 1 + (_GAP // 2 if columns > 1 else 0)
    sides = ends, columns * (breadth + 2 * _GAP) - 2 * _GAP + 2
    size = (sides[1], sides[0]) if down else sides
    return wrap("annlib-net", f"The layers of {model.name}", size, _STYLE, "".join(parts))


def _arrow(x: int, y: int, *, across: bool) -> str:
    """From here to the next box, downwards or ``across``."""
    turn = f' transform="rotate(-90 {x} {y})"' if across else ""
    tip = y + _GAP - 2
    return (
        f'<g{turn}><path class="a" d="M{x} {y + 2}V{tip - 6}"/>'
        f'<path class="h" d="M{x - 4} {tip - 7}h8l-4 7z"/></g>'
    )


def _bend(start: tuple[int, int], corner: int, to: tuple[int, int], *, down: bool) -> str:
    """From the end of a column to the side of the first box of the next one, around a corner."""
    (x, y), (to_x, to_y), half = start, to, _GAP // 2 - 2
    if down:
        line = f"M{x} {y + 2}V{y + half}H{corner}V{to_y}H{to_x - 8}"
        head = f"M{to_x - 9} {to_y - 4}v8l7-4z"
    else:
        line = f"M{x + 2} {y}H{x + half}V{corner}H{to_x}V{to_y - 8}"
        head = f"M{to_x - 4} {to_y - 9}h8l-4 7z"
    return f'<g><path class="a" d="{line}"/><path class="h" d="{head}"/></g>'
