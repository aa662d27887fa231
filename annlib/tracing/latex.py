"""A trace in LaTeX: each equation in symbols, and below it in numbers; all of it in ASCII."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from annlib.core.arrays import Array
from annlib.core.terminal import to_ascii
from annlib.formulas import symbols
from annlib.tracing.data import TraceData
from annlib.tracing.equation import OPERATORS, Equation, operator_names
from annlib.tracing.equation_text import printable
from annlib.tracing.numbers import cells, is_scalar

#: The most rows and columns of a matrix.
_SIDE = 8
#: About as many characters of numbers fit on a line of a page.
_LINE = 90

#: A character of a typewriter font by its number: some encodings have no command for it.
_SPECIAL = (
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {c: rf"{{\ttfamily\char{ord(c)}}}" for c in "`\"'"}
    | {
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "—": "---",
        "\N{EN DASH}": "--",
        "…": r"\ldots{}",
    }
)
_MATHS = (
    {
        character: rf"\{name}"
        for table in (symbols.LETTERS, symbols.OPERATORS, symbols.PREFIXES)
        for name, character in table.items()
        if not character.isascii() and len(name) > 1
    }
    | {
        c: f"^{{{tex}}}"
        for tex, c in zip("0123456789+-=()niTt", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀᵗ", strict=True)
    }
    | {character: f"_{{{tex}}}" for tex, character in symbols.SUBSCRIPTS.items()}
    | {
        "−": "-",
        "√": r"\surd",
        "‖": r"\Vert",
        "∗": "*",
        "Φ": r"\Phi",
        "φ": r"\phi",
        "ε": r"\varepsilon",
    }
)
#: Marks on letters, and letters that are none with a mark.
_ACCENTS = dict(
    zip(
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
        ("`", "'", "^", "~", "=", "u", ".", '"', "r", "H", "v", "c", "k"),
        strict=True,
    )
)
_LETTERS = dict(
    zip(
        "ßæÆœŒøØłŁıÅå",
        ("ss", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "i", "AA", "aa"),
        strict=True,
    )
)
_EXPONENT = re.compile(r"e(-?\d+)")


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
    yield step.latex
    yield from map(operator_names, step.definition)
    for row in step.shown:
        yield _numbers(step, row, digits)
    if step.more:
        yield rf"\vdots \quad \text{{{step.more}}}"


def _numbers(step: Equation, row: int, digits: int) -> str:
    """The equation in numbers, in several lines where it is too long for one."""
    label = rf"r = {row + 1}: \quad " if step.lines > 1 else ""
    groups, widths = [""], [len(label)]
    for term in step.terms(row):
        if isinstance(term, tuple):
            part, width = _matrix(*term, digits)
        elif term in OPERATORS:
            part, width = OPERATORS[term], 2
            groups, widths = groups + [""] * (term != "←"), widths + [0] * (term != "←")
        else:
            part, width = operator_names(term), len(term)
        groups[-1] += f" {part}"
        widths[-1] += width
    if sum(widths) <= _LINE or len(groups) == 1:
        return label + "".join(groups).strip()
    lines, length = [label + "&" + groups[0]], widths[0]
    for group, width in zip(groups[1:], widths[1:], strict=True):
        if length + width > _LINE:
            lines.append(r"&\quad" + group)
            length = width
        else:
            lines[-1] += group
            length += width
    return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"


def _matrix(symbol: str, matrix: Array, digits: int) -> tuple[str, int]:
    """A matrix in TeX, and about how wide it is in characters."""
    table = cells(matrix, digits, _SIDE, _SIDE)
    lines = r" \\ ".join(" & ".join(map(_cell, line)) for line in table)
    width = sum(map(len, table[0])) + 2 * len(table[0])
    if is_scalar(symbol):
        return lines, width
    kind = "bmatrix" if symbol.startswith("[") else "Bmatrix"
    return rf"\begin{{{kind}}} {lines} \end{{{kind}}}", width


def _cell(text: str) -> str:
    text = text.strip()
    known = {"⋮": r"\vdots", "⋯": r"\cdots", "⋱": r"\ddots"}
    known |= {"nan": r"\mathrm{nan}", "inf": r"\infty", "-inf": r"-\infty"}
    return known.get(text) or _EXPONENT.sub(r"\\mathrm{e}{\1}", text)


def escape(text: str) -> str:
    """Any text as LaTeX that prints it, in ASCII."""
    text, line, before = unicodedata.normalize("NFC", printable(text)), "", ""
    for c in text:
        line += "{}" * (c == before and c in "-,")  # two of which would become one
        line += _SPECIAL.get(c) or (c if c.isascii() else _other(c))
        before = c
    return line


def _other(character: str) -> str:
    """A character that is none of ASCII's."""
    if character in _MATHS:
        return f"${_MATHS[character]}$"
    if character in _LETTERS:
        return rf"\{_LETTERS[character]}{{}}"
    letter, *marks = list(unicodedata.normalize("NFD", character))
    if letter.isascii() and letter.isalpha() and len(marks) == 1 and marks[0] in _ACCENTS:
        return rf"\{_ACCENTS[marks[0]]}{{{letter}}}"
    plain = to_ascii(character)
    return rf"U+{ord(character):04X}" if plain.startswith("\\") else escape(plain)
