"""Small tables, as aligned text and as HTML that is readable on light and on dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_CELL = "padding:.2em .9em .2em 0;text-align:left;vertical-align:top;background:none;border:none"


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> str:
    """Columns below each other, numbers to the right.

    What is wider than ``width`` goes on below, in a table that begins with the first column again.

    >>> print(text_table(["name", "n"], [["a", "10"], ["long", "9"]]))
      name   n
      a     10
      long   9
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    right = [_is_numeric(column) for column in zip(*rows, strict=True)] or [False] * len(widths)
    ends = [2 + sum(widths[: k + 1]) + 2 * k for k in range(len(widths))]
    if width is not None and ends[-1] > width and len(widths) > 2:
        fits = max(2, sum(end <= width for end in ends))
        parts = (
            text_table(*_columns(header, rows, columns), width)
            for columns in (range(fits), [0, *range(fits, len(widths))])
        )
        return "\n\n".join(parts) if fits < len(widths) else text_table(header, rows)
    return "\n".join(
        "  "
        + "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]
) -> tuple[list[str], list[list[str]]]:
    return [header[k] for k in columns], [[row[k] for k in columns] for row in rows]


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], mark: str = "") -> str:
    """A table in the colours of the page; every text is escaped, and what ends with the mark is
    bold.
    """
    head = "".join(f'<th style="{_CELL};opacity:.65">{escape(cell)}</th>' for cell in header)
    body = "".join(
        '<tr style="background:none">'
        + "".join(f'<td style="{_CELL}{_bold(cell, mark)}">{escape(cell)}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    style = "border-collapse:collapse;color:inherit;margin:.3em 0;font-family:sans-serif"
    return f'<table style="{style}"><tr style="background:none">{head}</tr>{body}</table>'


def _bold(cell: str, mark: str) -> str:
    return ";font-weight:bold" if mark and cell.endswith(mark) else ""


def _is_numeric(column: Sequence[str]) -> bool:
    return all(cell[:1].isdigit() or cell[:1] in ("-", "−", "") for cell in column)
