"""A trace in Markdown, with its equations in TeX between dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from annlib.tracing.equation import Equation
from annlib.tracing.latex import numbers
from annlib.tracing.text import PHASES, headline, printable

if TYPE_CHECKING:
    from annlib.tracing.trace import Trace


def markdown(trace: Trace) -> str:
    """The whole document."""
    return "\n\n".join(_paragraphs(trace)) + "\n"


def _paragraphs(trace: Trace) -> Iterator[str]:
    yield f"# Trace of {escape(trace.recording.model)}"
    yield escape(headline(trace))
    for remark in trace.recording.remarks:
        yield escape(remark)
    for title, phase in PHASES:
        chapters = trace.chapters if phase != "backward" else trace.chapters[::-1]
        found = [chapter for chapter in chapters if getattr(chapter, phase)]
        if found:
            yield f"## {title}"
        for chapter in found:
            yield f"### {escape(chapter.name)}: {code(chapter.what)}"
            for step in getattr(chapter, phase):
                yield from _step(step, trace.digits)


def _step(step: Equation, digits: int) -> Iterator[str]:
    rebuilt = " (rebuilt)" if step.rebuilt else ""
    line = f"**{escape(step.section or '—')}** {escape(step.title)}{rebuilt}"
    yield line + (f", {code(step.code)}" if step.code else "")
    for equation in (step.latex, *step.definition, *numbers(step, digits)):
        yield f"$$ {equation} $$"
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
