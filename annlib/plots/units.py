"""A model as its units and connections, a column a layer, as SVG.

Columns and bundles of connections of the same size are drawn once and used again, so that deep
models stay small.
"""

from __future__ import annotations

import math
from typing import Any

from annlib.plots.markup import FONT, Row, activation_name, colour, escape, rows_of, wrap

MOST = 16  # units that are all shown
_ENDS = 5  # units at each end of a longer column
_STEP, _RADIUS, _COLUMN = 14, 5, 104
_WIDE = 16  # columns beside each other
_STYLE = (
    f".annlib-units text{{fill:currentColor;font:11px {FONT};text-anchor:middle}}"
    ".annlib-units .t{font-weight:600}.annlib-units .s{opacity:.75}"
    # What is used again inherits from the use, and no rule reaches into it.
    ".annlib-units .c{text-anchor:middle}"
    ".annlib-units .e{stroke:currentColor;stroke-opacity:.22;fill:none;stroke-width:.8}"
)


def units_svg(model: Any) -> str:
    """The SVG; of a column of more than 16 units the ends with "⋮" between."""
    shape = model._network.expected_input_shape()
    first = None if shape is None else math.prod(shape[1:])
    columns: list[tuple[int | None, str, str, str, Any]] = [
        (first, "#848d97", "input", _amount(first, ""), None)
    ]
    for row in rows_of(model, inside=False):
        layer, count = row.layer, _count(row)
        amount = _amount(count, _what(layer))
        columns.append((count, colour(layer), str(layer.name), amount, layer))
    used: dict[str, str] = {}
    middle = 8 + max((places(column[0])[-1] for column in columns if column[0]), default=0)
    bottom = 2 * middle
    parts = []

    def draw(column: tuple[int | None, str, str, str, Any], x: int, top: float) -> None:
        count, shade, name, amount, _ = column
        used.setdefault(f"annlib-c{_shown(count)}", _column(f"annlib-c{_shown(count)}", count))
        parts.append(
            f'<use class="c" href="#annlib-c{_shown(count)}" x="{x}" y="{top + middle:g}" '
            f'fill="{shade}"/>'
            f'<text class="t" x="{x}" y="{top + bottom + 16:g}">{escape(name, 14)}</text>'
            f'<text class="s" x="{x}" y="{top + bottom + 31:g}">{escape(amount, 17)}</text>'
        )

    for index, column in enumerate(columns):
        # Each line but the first begins with the column that the one above ended with.
        line, place = divmod(max(index - 1, 0), _WIDE - 1)
        place += index > 0
        x, top = _COLUMN // 2 + place * _COLUMN, line * (bottom + 56)
        if line and place == 1:
            draw(columns[index - 1], x - _COLUMN, top)
        before, count = columns[index - 1][0], column[0]
        if index and count is not None and before is not None:
            full = any(len(parameter.shape) > 1 for parameter in column[-1]._parameters)
            straight = not full and before == count
            bundle = f"annlib-{'s' if straight else 'e'}{_shown(before)}-{_shown(count)}"
            used.setdefault(bundle, _bundle(bundle, before, count, straight=straight))
            y = top + middle
            parts.append(f'<use class="e" href="#{bundle}" x="{x - _COLUMN}" y="{y:g}"/>')
        draw(column, x, top)
    width, height = min(len(columns), _WIDE) * _COLUMN, top + bottom + 38
    defs = f"<defs>{''.join(used.values())}</defs>"
    title = f"The units of {model.name}"
    return wrap("annlib-units", title, (width, height), _STYLE, defs + "".join(parts))


def _count(row: Row) -> int | None:
    if row.after is not None:
        sizes = [size for size in row.after[1:] if size is not None]
        return math.prod(sizes)
    return getattr(row.layer, "units", None)


def _what(layer: Any) -> str:
    own = activation_name(layer)
    return own or ("" if layer._parameters or hasattr(layer, "units") else type(layer).__name__)


def _amount(count: int | None, what: str) -> str:
    number = "?" if count is None else f"{count:,}"
    return f"{number} · {what}" if what else number


def _shown(count: int | None) -> str:
    """What columns that look alike have in common."""
    if count is None:
        return "x"
    return str(count) if count <= MOST else "n"


def places(count: int | None) -> list[float]:
    """How far the units that are shown lie below the middle of the picture.

    >>> places(2), len(places(16)), len(places(17))
    ([-7.0, 7.0], 16, 10)
    """
    if count is None:
        return []
    if count <= MOST:
        return [_STEP * (index - (count - 1) / 2) for index in range(count)]
    ends = [_STEP * (index + 1.2) for index in range(_ENDS)]
    return [-end for end in reversed(ends)] + ends


def _column(name: str, count: int | None) -> str:
    units = "".join(f'<circle cy="{y:g}" r="{_RADIUS}"/>' for y in places(count))
    dots = ""
    if count is None or count > MOST:
        sign = "?" if count is None else "⋮"
        dots = f'<text y="5">{sign}</text>'
    return f'<g id="{name}">{units}{dots}</g>'


def _bundle(name: str, before: int, after: int, *, straight: bool) -> str:
    left, right = places(before), places(after)
    pairs = (
        zip(left, right, strict=True)
        if straight
        else ((one, other) for one in left for other in right)
    )
    lines = "".join(f"M{_RADIUS} {one:g}L{_COLUMN - _RADIUS} {other:g}" for one, other in pairs)
    return f'<path id="{name}" d="{lines}"/>'
