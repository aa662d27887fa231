"""A whole trace as aligned text for a terminal."""

from __future__ import annotations

from annlib.tracing.data import TraceData
from annlib.tracing.equation_text import Style, printable, section_lines


def trace_text(trace: TraceData, style: Style) -> str:
    """The trace, as ``print`` shows it."""
    heading = printable(f"Trace of {trace.recording.model}: {trace.headline}")
    lines = [_ruled(heading, "═", style)]
    for remark in trace.recording.remarks:
        lines += ["", *style.wrapped(remark)]
    lines.append("")
    for title, sections in trace.phases():
        lines += [_ruled(title, "─", style), ""]
        for section, steps in sections:
            lines += section_lines(section.name, section.what, steps, style)
    return "\n".join(lines).rstrip()


def _ruled(title: str, rule: str, style: Style) -> str:
    title = style.spelt(title)
    return style.spelt(f"{rule * 2} {title} {rule * max(0, style.width - len(title) - 4)}")
