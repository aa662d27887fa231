"""A trace in LaTeX: the equations, and below each the same with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from annlib.core.arrays import Array
from annlib.tracing.equation import OPERATORS, Equation
from annlib.tracing.numbers import ROWS, cells, is_scalar
from annlib.tracing.text import PHASES, headline, printable

if TYPE_CHECKING:
    from annlib.tracing.trace import Trace

#: The most columns that amsmath's matrices have, and rows that fit on a page.
_COLUMNS, _ROWS = 10, 20

_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
}


def latex(trace: Trace) -> str:
    """The body of a document."""
    return "\n".join(_lines(trace)) + "\n"


def _lines(trace: Trace) -> Iterator[str]:
    yield rf"\section*{{Trace of {escape(trace.recording.model)}}}"
    yield escape(headline(trace)) + r"\par"
    for remark in trace.recording.remarks:
        yield escape(remark)
    for title, phase in PHASES:
        chapters = trace.chapters if phase != "backward" else trace.chapters[::-1]
        found = [chapter for chapter in chapters if getattr(chapter, phase)]
        if found:
            yield rf"\subsection*{{{title}}}"
        for chapter in found:
            what = escape(chapter.what)
            yield rf"\subsubsection*{{{escape(chapter.name)}: \texttt{{{what}}}}}"
            for step in getattr(chapter, phase):
                yield from _step(step, trace.digits)


def _step(step: Equation, digits: int) -> Iterator[str]:
    rebuilt = " (rebuilt)" if step.rebuilt else ""
    yield rf"\paragraph{{{escape(step.section)}}} {escape(step.title)}{rebuilt}"
    if step.code:
        yield rf"\hfill\texttt{{{escape(step.code)}}}"
    for line in (step.latex, *step.definition, *numbers(step, digits)):
        yield rf"\[ {line} \]"
    if step.note:
        yield escape(step.note)


def numbers(step: Equation, digits: int) -> Iterator[str]:
    """The equation of each row in numbers, in TeX."""
    for row in range(min(step.lines, ROWS)):
        label = rf"r = {row + 1}: \quad " if step.lines > 1 else ""
        yield label + " ".join(
            _matrix(*piece, digits) if isinstance(piece, tuple) else OPERATORS.get(piece, piece)
            for piece in step.pieces(row)
        )
    if step.lines > ROWS:
        yield rf"\vdots \quad \text{{{step.lines - ROWS} more rows}}"


def _matrix(symbol: str, matrix: Array, digits: int) -> str:
    table = cells(matrix, digits, _ROWS, _COLUMNS)
    lines = r" \\ ".join(" & ".join(cell.strip() for cell in line) for line in table)
    for character, command in (("⋮", r"\vdots"), ("⋯", r"\cdots"), ("⋱", r"\ddots")):
        lines = lines.replace(character, command)
    if is_scalar(symbol):
        return lines
    kind = "bmatrix" if symbol.startswith("[") else "Bmatrix"
    return rf"\begin{{{kind}}} {lines} \end{{{kind}}}"


def escape(text: str) -> str:
    """Any text as LaTeX that prints it."""
    return "".join(_SPECIAL.get(c, c) for c in printable(text))
