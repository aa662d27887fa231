"""A curve as a small SVG, readable on light and on dark."""

from __future__ import annotations

from html import escape

import numpy as np

from annlib.core.arrays import Array
from annlib.formulas.curve import Curve

Number = float | Array

WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 24, 34
#: Blue and orange that stand out from black as from white.
COLOURS = ("#3d8fd1", "#e07b39", "#2ea87e")
DASHES = ("", ' stroke-dasharray="5 3"', ' stroke-dasharray="1 3"')


def as_svg(curve: Curve) -> str:
    """The curve as an ``<svg>`` element without a script or a font of its own."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    span = curve.high - curve.low or 1.0
    across = float(curve.x[-1] - curve.x[0]) or 1.0

    def x_of(x: Array | float) -> Array:
        return np.asarray(LEFT + (right - LEFT) * (x - curve.x[0]) / across)

    def y_of(y: Array | float) -> Array:
        return np.asarray(bottom - (bottom - TOP) * (y - curve.low) / span)

    title = escape(f"{', '.join(curve.lines)} over {curve.xlabel}")
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    font = 'font-family="sans-serif" font-size="11" fill="currentColor"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img">',
        f"<title>{title}</title>",
        _line(LEFT, bottom, right, bottom, 0.5),
        _line(LEFT, TOP, LEFT, bottom, 0.5),
    ]
    if curve.low < 0 < curve.high:
        parts.append(_line(LEFT, y_of(0.0), right, y_of(0.0), 0.25))
    if curve.x[0] < 0 < curve.x[-1]:
        parts.append(_line(x_of(0.0), TOP, x_of(0.0), bottom, 0.25))
    zero = [0.0] * (min(-curve.low, curve.high) > 0.08 * span)
    ticks = [(y_of(y) + 4, f"{y:.3g}") for y in (curve.low, *zero, curve.high)]
    parts += [_text(LEFT - 4, y, label, "end") for y, label in ticks]
    ends = ((curve.x[0], "start"), (curve.x[-1], "end"))
    parts += [_text(x_of(x), bottom + 14, f"{x:g}", anchor) for x, anchor in ends]
    parts.append(_text((LEFT + right) / 2, bottom + 28, curve.xlabel, "middle"))
    for index, (name, values) in enumerate(curve.lines.items()):
        stroke = f'fill="none" stroke="{COLOURS[index]}" stroke-width="1.8"{DASHES[index]}'
        inside = (values >= curve.low - span / 1e6) & (values <= curve.high + span / 1e6)
        for run in _runs(inside):
            points = zip(x_of(curve.x[run]), y_of(values[run]), strict=True)
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline {stroke} points="{path}"/>')
        start = LEFT + 6 + 110 * index
        parts.append(f'<line {stroke} x1="{start}" y1="12" x2="{start + 20}" y2="12"/>')
        parts.append(_text(start + 26, 16, name, "start"))
    return "".join(parts) + "</svg>"


def _runs(inside: Array) -> list[slice]:
    """The stretches where it is true, of two points at least."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [slice(start, stop) for start, stop in pairs if stop - start > 1]


def _line(x1: Number, y1: Number, x2: Number, y2: Number, shade: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" '
        f'stroke-opacity="{shade}"/>'
    )


def _text(x: Number, y: Number, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
