"""One equation of a trace as aligned text for a terminal: its symbols, and below its numbers."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from annlib.core.arrays import Array
from annlib.core.terminal import for_stdout, to_ascii
from annlib.formulas import as_text
from annlib.tracing.equation import OPERATORS, Equation, plain
from annlib.tracing.numbers import cells, is_scalar

#: The longest line, where the terminal has room for it.
WIDTH = 100
#: The shortest that is made for a narrow one.
_LEAST = 60
_INDENT = "      "
#: The most rows and columns of a matrix; a page shows more (``numbers.MOST``).
_SIDE = 8

Block = list[str]


class Style(NamedTuple):
    """How text is laid out: digits, the longest line, and whether in ASCII alone."""

    digits: int = 5
    width: int = WIDTH
    ascii: bool = False

    def spelt(self, text: str) -> str:
        """A word or line with the signs that there are."""
        return to_ascii(text) if self.ascii else text

    def wrapped(self, text: str, indent: int = 2, further: int | None = None) -> list[str]:
        """Lines of at most ``width``, indented; by ``further`` from the second on."""
        first, others = " " * indent, " " * (indent if further is None else further)
        return textwrap.wrap(
            self.spelt(text),
            self.width,
            initial_indent=first,
            subsequent_indent=others,
            break_on_hyphens=False,
        )


def for_terminal(make: Callable[[Style], str], digits: int) -> str:
    """A text as wide as the terminal, and in the signs that stdout has."""
    width = WIDTH
    if sys.stdout and sys.stdout.isatty():
        width = max(_LEAST, min(WIDTH, shutil.get_terminal_size().columns))
    text = make(Style(digits, width))
    return text if for_stdout(text) == text else make(Style(digits, width, ascii=True))


def section_lines(name: str, what: str, steps: Iterable[Equation], style: Style) -> Iterator[str]:
    """A heading and the equations below it, each with an empty line behind."""
    yield from style.wrapped(printable(f"{name}  ·  {what}"), 2, 6)
    yield ""
    for step in steps:
        yield from step_lines(step, style)
        yield ""


def printable(text: str) -> str:
    """Text without control characters."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def step_lines(step: Equation, style: Style) -> Iterator[str]:
    """Section, equation, shapes and code; definition; the numbers; the note."""
    marks = "   (rebuilt)" if step.derived else ""
    section = style.spelt(f"{step.section or '—':<17}")
    equation, room = style.spelt(f"{step.text}{marks}"), style.width - 22
    if len(equation) <= room:
        yield f"    {section} {equation}"
    else:
        yield f"    {section}".rstrip()
        yield from style.wrapped(equation, 6, 8)
    shapes_and_code = style.spelt(f"{step.shape_equation}    {step.code}").rstrip()
    if len(shapes_and_code) <= room:
        yield f"{'':22}{shapes_and_code}"
    else:
        yield from style.wrapped(step.shape_equation, 22)
        yield from style.wrapped(step.code, 22)
    for line in step.definition:
        yield from style.wrapped(as_text(line), 22)
    yield ""
    for row in step.shown:
        label = f"r={row + 1}" if step.lines > 1 else ""
        if row and step.result.of(row).shape[0] > 1:
            yield ""
        yield from _numbers(step, row, label, style)
    if step.more:
        yield style.spelt(f"{_INDENT}⋮  {step.more}")
    yield from style.wrapped(step.note, 6)


def _numbers(step: Equation, row: int, label: str, style: Style) -> Iterator[str]:
    """The equation with numbers for symbols, in several bands where it is too wide for one.

    A band begins with an operator, if what follows that fits into one.
    """
    first = f"{label:<4} " if label else ""
    room = style.width - len(_INDENT)
    bands: list[list[Block]] = [[[first]]]
    for group in _groups(step, row, style, room - len(first)):
        fits = _length([[first], *group]) <= room
        for part in [group] if fits else _pieces(group):
            if _length([*bands[-1], *part]) > room:
                bands.append([[" " * len(first)]])
            bands[-1] += part
    for band in bands:
        for line in side_by_side(band):
            yield f"{_INDENT}{line}".rstrip()


def _groups(step: Equation, row: int, style: Style, room: int) -> Iterator[list[Block]]:
    """The blocks of an operator and of what it is of; those of the arrow with the result."""
    group: list[Block] = []
    terms = step.terms(row)
    for term, after in zip(terms, [*terms[1:], ")"], strict=True):
        if isinstance(term, tuple):
            block = [style.spelt(line) for line in _matrix(*term, style.digits, room)]
        elif term in OPERATORS:
            if term != "←":
                yield group
                group = []
            block = [style.spelt(f" {term} ")]
        else:
            word = style.spelt(plain(term))
            number = word[-1].isalnum() and (isinstance(after, tuple) or after == "(")
            block = [word + " " * number]
        group.append(block)
    yield group


def _pieces(group: list[Block]) -> Iterator[list[Block]]:
    """A group that is too wide in pieces, of which an operator or arrow begins one."""
    held: list[Block] = []
    for block in group:
        held.append(block)
        if len(block) > 1 or not (block[0].startswith(" ") and block[0].endswith(" ")):
            yield held
            held = []
    if held:
        yield held


def _length(blocks: list[Block]) -> int:
    return sum(len(block[0]) for block in blocks)


def _matrix(symbol: str, matrix: Array, digits: int, room: int) -> Block:
    if is_scalar(symbol):
        return [cells(matrix, digits)[0][0]]
    width = max(len(c) for c in cells(matrix[:8, :8], digits)[0]) + 2
    fits = min(_SIDE, (room - 6) // width)
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
