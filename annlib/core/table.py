"""Small tables, as aligned text and as HTML that is readable on light and on dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_CELL = "padding:.2em .9em .2em 0;text-align:left;vertical-align:top;background:none;border:none"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns below each other, numbers to the right.

    >>> print(text_table(["name", "n"], [["a", "10"], ["long", "9"]]))
      name   n
      a     10
      long   9
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    right = [_is_numeric(column) for column in zip(*rows, strict=True)] or [False] * len(widths)
    return "\n".join(
        "  "
        + "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in the colours of the page; every text is escaped."""
    head = "".join(f'<th style="{_CELL};opacity:.65">{escape(cell)}</th>' for cell in header)
    body = "".join(
        '<tr style="background:none">'
        + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    style = "border-collapse:collapse;color:inherit;margin:.3em 0;font-family:sans-serif"
    return f'<table style="{style}"><tr style="background:none">{head}</tr>{body}</table>'


def _is_numeric(column: Sequence[str]) -> bool:
    return all(cell[:1].isdigit() or cell[:1] in ("-", "−", "") for cell in column)
