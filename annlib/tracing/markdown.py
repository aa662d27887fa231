"""A trace in Markdown, with its equations in TeX as GitHub and others show it.

They stand in blocks of code of the kind "math": between dollars Markdown would take backslashes and
underscores for its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from annlib.tracing.data import TraceData
from annlib.tracing.equation import Equation
from annlib.tracing.equation_text import printable
from annlib.tracing.latex import formulas


def markdown(trace: TraceData) -> str:
    """The whole document."""
    return "\n\n".join(_paragraphs(trace)) + "\n"


def _paragraphs(trace: TraceData) -> Iterator[str]:
    yield f"# Trace of {escape(trace.recording.model)}"
    yield escape(trace.headline)
    for remark in trace.recording.remarks:
        yield escape(remark)
    for title, sections in trace.phases():
        yield f"## {title}"
        for section, steps in sections:
            yield f"### {escape(section.name)}: {code(section.what)}"
            for step in steps:
                yield from _step(step, trace.digits)


def _step(step: Equation, digits: int) -> Iterator[str]:
    rebuilt = " (rebuilt)" if step.derived else ""
    line = f"**{escape(step.section or '—')}** {escape(step.title)}{rebuilt}"
    yield line + (f", {code(step.code)}" if step.code else "")
    for equation in formulas(step, digits):
        shown = equation.replace("<", r"\lt ").replace(">", r"\gt ")  # which are none of HTML's
        yield f"```math\n{shown}\n```"
    if step.note:
        yield escape(step.note)


def escape(text: str) -> str:
    """Any text as Markdown that shows it: neither markup nor HTML."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>&~$-])", r"\\\1", printable(text))


def code(text: str) -> str:
    """Any text as code, between more backticks than it has."""
    text = printable(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"
