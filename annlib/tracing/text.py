"""A whole trace as aligned text for a terminal."""

from __future__ import annotations

from annlib.tracing.data import TraceData
from annlib.tracing.equation_text import WIDTH, printable, section_lines, wrapped


def trace_text(trace: TraceData) -> str:
    """The trace, as ``print`` shows it."""
    lines = [_ruled(printable(f"Trace of {trace.recording.model}: {trace.headline}"), "═")]
    for remark in trace.recording.remarks:
        lines += ["", *wrapped(remark)]
    lines.append("")
    for title, sections in trace.phases():
        lines += [_ruled(title, "─"), ""]
        for section, steps in sections:
            lines += section_lines(section.name, section.what, steps, trace.digits)
    return "\n".join(lines).rstrip()


def _ruled(title: str, rule: str) -> str:
    return f"{rule * 2} {title} {rule * max(0, WIDTH - len(title) - 4)}"
