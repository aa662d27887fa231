"""A trace in LaTeX: each equation in symbols, and below it in numbers."""

from __future__ import annotations

from collections.abc import Iterator

from annlib.core.arrays import Array
from annlib.tracing.data import TraceData
from annlib.tracing.equation import OPERATORS, Equation
from annlib.tracing.equation_text import printable
from annlib.tracing.numbers import cells, is_scalar

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


def latex(trace: TraceData) -> str:
    """The body of a document."""
    return "\n".join(_lines(trace)) + "\n"


def _lines(trace: TraceData) -> Iterator[str]:
    yield rf"\section*{{Trace of {escape(trace.recording.model)}}}"
    yield escape(trace.headline) + r"\par"
    for remark in trace.recording.remarks:
        yield escape(remark)
    for title, sections in trace.phases():
        yield rf"\subsection*{{{title}}}"
        for section, steps in sections:
            what = escape(section.what)
            yield rf"\subsubsection*{{{escape(section.name)}: \texttt{{{what}}}}}"
            for step in steps:
                yield from _step(step, trace.digits)


def _step(step: Equation, digits: int) -> Iterator[str]:
    rebuilt = " (rebuilt)" if step.derived else ""
    yield rf"\paragraph{{{escape(step.section)}}} {escape(step.title)}{rebuilt}"
    if step.code:
        yield rf"\hfill\texttt{{{escape(step.code)}}}"
    for line in formulas(step, digits):
        yield rf"\[ {line} \]"
    if step.note:
        yield escape(step.note)


def formulas(step: Equation, digits: int) -> Iterator[str]:
    """The equation in symbols, its definition, and for each row in numbers; all in TeX."""
    yield from (step.latex, *step.definition)
    for row in step.shown:
        label = rf"r = {row + 1}: \quad " if step.lines > 1 else ""
        yield label + " ".join(
            _matrix(*term, digits) if isinstance(term, tuple) else OPERATORS.get(term, term)
            for term in step.terms(row)
        )
    if step.more:
        yield rf"\vdots \quad \text{{{step.more}}}"


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
