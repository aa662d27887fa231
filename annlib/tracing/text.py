"""A trace as aligned text for a terminal: each equation, and below it the same in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from annlib.core.arrays import Array
from annlib.formulas import as_text
from annlib.tracing.equation import OPERATORS, Equation, plain
from annlib.tracing.numbers import ROWS, cells, is_scalar

if TYPE_CHECKING:
    from annlib.tracing.chapters import Chapter
    from annlib.tracing.trace import Trace

WIDTH = 100
_INDENT = "      "
#: The most rows and columns of a matrix; a page shows more (``numbers.MOST``).
_SIDE = 8

Block = list[str]


def trace_text(trace: Trace) -> str:
    """The whole trace."""
    recording = trace.recording
    lines = [_ruled(printable(f"Trace of {recording.model}: {headline(trace)}"), "═")]
    for remark in recording.remarks:
        lines += ["", *_wrapped(remark)]
    lines.append("")
    for title, phase in PHASES:
        chapters = trace.chapters if phase != "backward" else trace.chapters[::-1]
        if any(getattr(chapter, phase) for chapter in chapters):
            lines += [_ruled(title, "─"), ""]
        for chapter in chapters:
            steps = getattr(chapter, phase)
            if steps:
                lines += [*_title(chapter), ""]
            for step in steps:
                lines += [*step_lines(step, trace.digits), ""]
    return "\n".join(lines).rstrip()


#: What the parts of a trace are called, and where a chapter has them.
PHASES = (("Forward", "forward"), ("Backward", "backward"), ("Update", "update"))


def headline(trace: Trace) -> str:
    """Rows, type, loss and optimizer in one line."""
    recording, n = trace.recording, trace.rows
    rows = "one row" if n == 1 else f"{n} rows"
    return f"{rows}, {recording.dtype}, loss {recording.total_loss:.{trace.digits}g}"


def chapter_text(chapter: Chapter) -> str:
    """One layer's part."""
    lines = [*_title(chapter), ""]
    for step in chapter:
        lines += [*step_lines(step, 5), ""]
    return "\n".join(lines).rstrip()


def printable(text: str) -> str:
    """Text without control characters."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def step_lines(step: Equation, digits: int) -> Iterator[str]:
    """Section, equation, code and law; definition; the numbers; the note."""
    marks = "   (rebuilt)" if step.rebuilt else ""
    yield from _wrapped(f"{step.section or '—':<17} {step.text}{marks}", 4, 22)
    law_and_code = f"{step.law}    {step.code}".rstrip()
    if len(law_and_code) <= WIDTH - 22:
        yield f"{'':22}{law_and_code}"
    else:
        yield from _wrapped(step.law, 22)
        yield from _wrapped(step.code, 22)
    for line in step.definition:
        yield from _wrapped(as_text(line), 22)
    yield ""
    for row in range(min(step.lines, ROWS)):
        label = f"r={row + 1}" if step.lines > 1 else ""
        if row and step.result.of(row).shape[0] > 1:
            yield ""
        yield from _numbers(step, row, digits, label)
    if step.lines > ROWS:
        yield f"{_INDENT}⋮  {step.lines - ROWS} more rows"
    yield from _wrapped(step.note, 6)


def _numbers(step: Equation, row: int, digits: int, label: str) -> Iterator[str]:
    """The equation with numbers for symbols, in several bands where it is too wide for one."""
    first = f"{label:<4} " if label else ""
    bands: list[list[Block]] = [[[first]]]
    for piece in step.pieces(row):
        if isinstance(piece, tuple):
            block = _matrix(*piece, digits)
        else:
            block = [f" {piece} " if piece in OPERATORS else plain(piece)]
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


def _tall(height: int, pieces: str) -> list[str]:
    top, middle, bottom, piece, single = list(pieces)
    if height == 1:
        return [single]
    column = [top, *[piece] * (height - 2), bottom]
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


def _title(chapter: Chapter) -> list[str]:
    return _wrapped(printable(f"{chapter.name}  ·  {chapter.what}"), 2, 6)


def _wrapped(text: str, indent: int = 2, further: int | None = None) -> list[str]:
    import textwrap

    first, others = " " * indent, " " * (indent if further is None else further)
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )


def _ruled(title: str, rule: str) -> str:
    return f"{rule * 2} {title} {rule * max(0, WIDTH - len(title) - 4)}"
