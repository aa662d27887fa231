"""A trace as a page that folds: equations in MathML, numbers in brackets, no script, no network.

All colours follow the text colour of the page around it, so that it is readable on light and dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from annlib.core.arrays import Array
from annlib.formulas import as_mathml
from annlib.tracing.data import TraceData
from annlib.tracing.equation import OPERATORS, Equation, element, plain
from annlib.tracing.equation_text import printable
from annlib.tracing.numbers import cells, is_scalar
from annlib.tracing.sections import Section

#: A layer's part of at most so many numbers is shown unfolded, as the first one always is.
_OPEN = 600
#: The most rows and columns that are shown; a fold has all of them.
_SIDE = 8
#: The most numbers of a matrix that a fold has.
_MOST = 4096
#: What is in a legend: signs, and what they say.
_LEGEND = (
    (r"\{X\}", "a column, one row of the batch on its side"),
    ("[W]", "a matrix; below a symbol its rows × columns"),
    (r"\leftarrow", "becomes"),
    (r"\oplus\;\ominus\;\circledast\;\oslash", "plus, minus, times, by: number by number"),
    (r"[W]\{X\}", "a product of matrices"),
    (r"D_{E,Z}", "the derivative of E by Z"),
    (r"\sum_r", "over the rows of the batch"),
    (r"\text{rebuilt}", "derived: the engine never forms it"),
)

_STYLE = """
.annlib-trace{--dim:color-mix(in srgb,currentColor 62%,transparent);
--line:color-mix(in srgb,currentColor 16%,transparent);
--tint:color-mix(in srgb,currentColor 4%,transparent);--accent:hsl(212 80% 55%);
color:var(--jp-content-font-color1,var(--vscode-editor-foreground,inherit));
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;max-width:72rem}
.annlib-trace code,.annlib-trace .n{font:12px/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,
monospace}
.annlib-trace h3{font-size:1.25rem;margin:.2rem 0}
.annlib-trace h4{margin:1.2rem 0 .4rem;font-size:.8rem;letter-spacing:.1em;text-transform:uppercase;
color:var(--accent)}
.annlib-trace p{margin:.2rem 0;color:var(--dim)}
.annlib-trace details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;
overflow:hidden}
.annlib-trace summary{cursor:pointer;padding:.45rem .8rem;background:var(--tint)}
.annlib-trace summary code{color:var(--dim);margin-left:.6rem}
.annlib-trace .s{display:grid;grid-template-columns:7.5rem minmax(0,1fr);column-gap:.8rem;
padding:.7rem .8rem;border-top:1px solid var(--line)}
.annlib-trace .t{font-size:.78rem;color:var(--dim);line-height:1.35}
.annlib-trace .t b{display:block;color:var(--accent);font-weight:600}
.annlib-trace .k{display:flex;flex-wrap:wrap;gap:.1rem 1.6rem;margin:.6rem 0;padding:.4rem .8rem;
border:1px solid var(--line);border-radius:8px;color:var(--dim);font-size:.82rem}
.annlib-trace .k>span{display:flex;gap:.5em;align-items:baseline}
.annlib-trace .t i{display:inline-block;font-style:normal;border:1px solid var(--line);
border-radius:4px;padding:0 .35em;margin-top:.25em}
.annlib-trace .e{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;align-items:baseline;
justify-content:space-between;overflow:auto hidden}
.annlib-trace math{font-size:1.12em;font-family:"STIX Two Math","Cambria Math","Latin Modern Math",
"DejaVu Math TeX Gyre",math}
.annlib-trace .l{color:var(--dim);font-size:.82rem;display:flex;flex-wrap:wrap;gap:.2rem 1.8rem;
align-items:center;margin-top:.35rem}
.annlib-trace .l math{math-style:normal;font-size:1.1em}
.annlib-trace .r{display:flex;flex-wrap:wrap;align-items:center;gap:.35rem;margin-top:.55rem;
overflow:auto hidden;padding:.15rem 0}
.annlib-trace .g{display:inline-flex;align-items:center;gap:.35rem}
.annlib-trace .r>small{color:var(--dim);min-width:3rem}
.annlib-trace .s details{border:0;margin:.3rem 0 0;border-radius:0}
.annlib-trace .s summary{background:none;padding:0;color:var(--dim);font-size:.78rem}
.annlib-trace .a{max-height:70vh;overflow:auto;margin:.3rem 0}
.annlib-trace .a .n{display:block;width:max-content;margin:.2rem 0}
.annlib-trace .n{white-space:pre;display:inline-block;position:relative;padding:.1em .75em;
font-variant-numeric:tabular-nums}
.annlib-trace .m{border:1.5px solid;border-block:0;border-radius:2px;
background:linear-gradient(currentColor 0 0) 0 0/5px 1.5px,
linear-gradient(currentColor 0 0) 100% 0/5px 1.5px,
linear-gradient(currentColor 0 0) 0 100%/5px 1.5px,
linear-gradient(currentColor 0 0) 100% 100%/5px 1.5px;background-repeat:no-repeat}
.annlib-trace .v{padding:.1em 1em}
.annlib-trace .v::before,.annlib-trace .v::after{content:"";position:absolute;inset:0 auto 0 2px;
width:7px;background:radial-gradient(circle at 100% 100%,
#0000 2.4px,currentColor 2.7px 3.8px,#0000 4.1px) 2.6px 0/4px 4px,
radial-gradient(circle at 100% 0,
#0000 2.4px,currentColor 2.7px 3.8px,#0000 4.1px) 2.6px 100%/4px 4px,
radial-gradient(circle at 0 0,
#0000 2.4px,currentColor 2.7px 3.8px,#0000 4.1px) 0 calc(50% - 2px)/4px 4px,
radial-gradient(circle at 0 100%,
#0000 2.4px,currentColor 2.7px 3.8px,#0000 4.1px) 0 calc(50% + 2px)/4px 4px,
linear-gradient(currentColor 0 0) 2.7px 4px/1.2px calc(50% - 8px),
linear-gradient(currentColor 0 0) 2.7px calc(100% - 4px)/1.2px calc(50% - 8px);
background-repeat:no-repeat}
.annlib-trace .v::after{inset:0 2px 0 auto;transform:scaleX(-1)}
@media(max-width:600px){.annlib-trace .s{grid-template-columns:minmax(0,1fr);row-gap:.4rem}
.annlib-trace .t b{display:inline;margin-right:.6em}
.annlib-trace .t br{display:none}
.annlib-trace .t i{margin:0 0 0 .6em}
.annlib-trace .r>small{flex-basis:100%}}
"""


def page(trace: TraceData) -> str:
    """A whole document."""
    title = escape(printable(f"Trace of {trace.recording.model}"))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        "<style>:root{color-scheme:light dark}body{margin:1.5rem auto;padding:0 1rem;"
        f"max-width:72rem}}</style></head><body>{fragment(trace)}</body></html>\n"
    )


def fragment(trace: TraceData) -> str:
    """What a notebook shows."""
    return "".join(_parts(trace))


def _parts(trace: TraceData) -> Iterator[str]:
    recording = trace.recording
    yield f'<div class="annlib-trace"><style>{_STYLE}</style>'
    yield f"<h3>Trace of {_text(recording.model)}</h3>"
    yield f"<p>{_text(trace.headline)}, <code>{_text(repr(recording.optimizer))}</code></p>"
    for remark in recording.remarks:
        yield f"<p>{_text(remark)}</p>"
    yield '<div class="k">'
    for sign, meaning in _LEGEND:
        yield f"<span><math>{element(sign)}</math>{_text(meaning)}</span>"
    yield "</div>"
    first, known = True, set[bytes]()
    for title, sections in trace.phases():
        yield f"<h4>{title}</h4>"
        for section, steps in sections:
            yield from _card(section, steps, trace.digits, known, first=first)
            first = False
    yield "</div>"


def _card(
    section: Section, steps: list[Equation], digits: int, known: set[bytes], *, first: bool
) -> Iterator[str]:
    numbers = sum(operand.array.size for step in steps for operand in step.operands)
    is_open = first or numbers <= _OPEN
    yield f"<details{' open' * is_open}><summary><b>{_text(section.name)}</b>"
    yield f"<code>{_text(section.what)}</code></summary>"
    for step in steps:
        yield from _step(step, digits, known)
    yield "</details>"


def _step(step: Equation, digits: int, known: set[bytes]) -> Iterator[str]:
    yield f'<div class="s"><div class="t"><b>{_text(step.section or "—")}</b>{_text(step.title)}'
    yield "<br><i>rebuilt</i>" if step.derived else ""
    yield f'</div><div><div class="e">{step.mathml}<code>{_text(step.code)}</code></div>'
    definition = "".join(as_mathml(line, display=False) for line in step.definition)
    yield f'<div class="l"><span>{_text(step.shape_equation)}</span>{definition}</div>'
    for row in step.shown:
        yield _row(step, row, digits, _SIDE)
    if step.more:
        yield f'<div class="r"><small>⋮</small>{step.more}</div>'
    yield from _all_numbers(step, digits, known)
    yield f"<p>{_text(step.note)}</p>" if step.note else ""
    yield "</div></div>"


def _all_numbers(step: Equation, digits: int, known: set[bytes]) -> Iterator[str]:
    """A fold with the matrices of which something is left out, each once a page."""
    found: list[tuple[str, int, Array]] = []
    for operand in step.operands:
        for row in step.shown if operand.by_row else range(1):
            matrix = operand.of(row)
            alike = matrix[:1] if (matrix == matrix[:1]).all() else matrix  # copies of one row
            keys = {_key(alike), _key(alike.T)}
            if max(matrix.shape) > _SIDE and known.isdisjoint(keys):
                known |= keys
                found.append((operand.symbol, row, matrix))
    fits = [part for part in found if part[2].size <= _MOST]
    if fits:
        names = ", ".join(dict.fromkeys(plain(symbol) for symbol, _, _ in fits))
        yield f"<details><summary>all of {_text(names)}</summary>"
        for symbol, row, matrix in fits:
            label = f" r = {row + 1}" if step.lines > 1 else ""
            numbers = _matrix(symbol, matrix, digits, _MOST)
            yield f'<div class="a"><math>{element(symbol)}</math>{label}{numbers}</div>'
        yield "</details>"
    if len(fits) < len(found):
        where = f'trace["{step.layer}"]["{step.symbol}"].operands'
        yield f"<p>More numbers than a page has room for: <code>{_text(where)}</code></p>"


def _key(matrix: Array) -> bytes:
    return repr(matrix.shape).encode() + matrix.tobytes()


def _row(step: Equation, row: int, digits: int, side: int) -> str:
    """The equation in numbers; what belongs to an operator stays on its line."""
    label = f"<small>r = {row + 1}</small>" if step.lines > 1 else ""
    groups = [""]
    for term in step.terms(row):
        if isinstance(term, tuple):
            groups[-1] += _matrix(*term, digits, side)
        elif term in OPERATORS:
            groups += [""] * (term != "←")
            groups[-1] += f"<span>{term}</span>"
        else:
            groups[-1] += f"<math>{element(term)}</math>"
    spans = "".join(f'<span class="g">{group}</span>' for group in groups)
    return f'<div class="r">{label}{spans}</div>'


def _matrix(symbol: str, matrix: Array, digits: int, side: int) -> str:
    gap = "  " if side == _SIDE else " "
    table = "\n".join(gap.join(line) for line in cells(matrix, digits, side, side))
    kind = "" if is_scalar(symbol) else " m" if symbol.startswith("[") else " v"
    return f'<span class="n{kind}">{table}</span>'


def _text(text: str) -> str:
    return escape(printable(text))
