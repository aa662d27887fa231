"""One equation of a trace as aligned text for a terminal: its symbols, and below its numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from annlib.core.arrays import Array
from annlib.formulas import as_text
from annlib.tracing.equation import OPERATORS, Equation, plain
from annlib.tracing.numbers import cells, is_scalar

WIDTH = 100
_INDENT = "      "
#: The most rows and columns of a matrix; a page shows more (``numbers.MOST``).
_SIDE = 8

Block = list[str]


def section_lines(name: str, what: str, steps: Iterable[Equation], digits: int) -> Iterator[str]:
    """A heading and the equations below it, each with an empty line behind."""
    yield from wrapped(printable(f"{name}  ·  {what}"), 2, 6)
    yield ""
    for step in steps:
        yield from step_lines(step, digits)
        yield ""


def printable(text: str) -> str:
    """Text without control characters."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def step_lines(step: Equation, digits: int) -> Iterator[str]:
    """Section, equation, shapes and code; definition; the numbers; the note."""
    marks = "   (rebuilt)" if step.derived else ""
    yield from wrapped(f"{step.section or '—':<17} {step.text}{marks}", 4, 22)
    shapes_and_code = f"{step.shape_equation}    {step.code}".rstrip()
    if len(shapes_and_code) <= WIDTH - 22:
        yield f"{'':22}{shapes_and_code}"
    else:
        yield from wrapped(step.shape_equation, 22)
        yield from wrapped(step.code, 22)
    for line in step.definition:
        yield from wrapped(as_text(line), 22)
    yield ""
    for row in step.shown:
        label = f"r={row + 1}" if step.lines > 1 else ""
        if row and step.result.of(row).shape[0] > 1:
            yield ""
        yield from _numbers(step, row, digits, label)
    if step.more:
        yield f"{_INDENT}⋮  {step.more}"
    yield from wrapped(step.note, 6)


def _numbers(step: Equation, row: int, digits: int, label: str) -> Iterator[str]:
    """The equation with numbers for symbols, in several bands where it is too wide for one."""
    first = f"{label:<4} " if label else ""
    bands: list[list[Block]] = [[[first]]]
    for term in step.terms(row):
        if isinstance(term, tuple):
            block = _matrix(*term, digits)
        else:
            block = [f" {term} " if term in OPERATORS else plain(term)]
        if sum(len(one[0]) for one in [*bands[-1], block]) > WIDTH - len(_INDENT):
            bands.append([[" " * len(first)]])
        bands[-1].append(block)
    for band in bands:
        for line in side_by_side(band):
            yield f"{_INDENT}{line}".rstrip()


def _matrix(symbol: str, matrix: Array, digits: int) -> Block:
    if is_scalar(symbol):
        return [cells(matrix, digits)[0][0]]
    width = max(len(c) for c in cells(matrix[:8, :8], digits)[0]) + 2
    fits = min(_SIDE, (WIDTH - 12) // width)
    columns = matrix.shape[1] if matrix.shape[1] <= fits else min(_SIDE - 2, fits)
    table = cells(matrix, digits, _SIDE, columns)
    return bracketed(["  ".join(line) for line in table], symbol.startswith(r"\{"))


def bracketed(lines: list[str], braces: bool) -> Block:
    """Lines between brackets as high as they are: braces for a vector (2.1)."""
    left, right = (
        _tall(len(lines), "⎧⎨⎩⎪{" if braces else "⎡⎢⎣⎢["),
        _tall(len(lines), "⎫⎬⎭⎪}" if braces else "⎤⎥⎦⎥]"),
    )
    return [f"{a} {line} {b}" for a, line, b in zip(left, lines, right, strict=True)]


def _tall(height: int, parts: str) -> list[str]:
    top, middle, bottom, side, single = list(parts)
    if height == 1:
        return [single]
    column = [top, *[side] * (height - 2), bottom]
    if height > 2:
        column[(height - 1) // 2] = middle
    return column


def side_by_side(blocks: list[Block]) -> Iterator[str]:
    """Blocks of lines in a row, each centered."""
    height = max(map(len, blocks))
    padded = []
    for block in blocks:
        above = (height - len(block)) // 2
        blank = " " * len(block[0])
        padded.append([blank] * above + block + [blank] * (height - len(block) - above))
    for lines in zip(*padded, strict=True):
        yield "".join(lines)


def wrapped(text: str, indent: int = 2, further: int | None = None) -> list[str]:
    """Text in lines of at most ``WIDTH``, indented; by ``further`` from the second on."""
    first, others = " " * indent, " " * (indent if further is None else further)
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )
