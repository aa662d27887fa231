"""What a check-up finds: sentences with what to do, and a report of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Literal

from annlib.core.terminal import Printed

Severity = Literal["error", "warning", "note"]

_MARKS = {"error": "✗", "warning": "!", "note": "·"}
#: Red and amber that stand out from black as from white.
_COLOURS = {"error": "#d64545", "warning": "#c98a1b", "note": "inherit"}


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Parameters
    ----------
    severity : {"error", "warning", "note"}
        What keeps a model from learning, what likely does it harm, what is good to know.
    check : str
        The check that found it: ``"input scale"``, ``"gradients"``, ...
    message : str
        What was found, in a sentence.
    advice : str
        What to do about it; empty for some notes.

    Attributes
    ----------
    severity, check, message, advice : str
        The same.

    Examples
    --------
    >>> Finding("warning", "input scale", "columns of x are large.", "Scale them.").sentence
    'Columns of x are large.'
    """

    severity: Severity
    check: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.check}: {self.sentence} {self.advice}".rstrip()

    @property
    def sentence(self) -> str:
        """The message with a capital."""
        return self.message[:1].upper() + self.message[1:]


class CheckReport(Printed):
    """What ``checkup`` returns; true if there is neither an error nor a warning.

    Parameters
    ----------
    findings : sequence of Finding
    checks : sequence of str
        The checks that were made.

    Attributes
    ----------
    findings : list of Finding
        The worst first.
    checks : list of str
        The checks that were made.

    Examples
    --------
    >>> large = Finding("warning", "input scale", "columns of x are large.", "Scale them.")
    >>> report = CheckReport([large], ["data", "input scale"])
    >>> report
    Check-up: 1 warning in 2 checks
      ! input scale     Columns of x are large. Scale them.
      looked at and fine: data
    >>> report.ok, "input scale" in report, report.alarms == [large]
    (False, True, True)
    """

    def __init__(self, findings: Sequence[Finding], checks: Sequence[str]) -> None:
        self.findings = sorted(findings, key=lambda found: list(_MARKS).index(found.severity))
        self.checks = list(checks)

    @property
    def alarms(self) -> list[Finding]:
        """The errors and warnings."""
        return [found for found in self.findings if found.severity != "note"]

    @property
    def ok(self) -> bool:
        """Whether there are none."""
        return not self.alarms

    def __bool__(self) -> bool:
        return self.ok

    def __contains__(self, check: str) -> bool:
        """Whether there is an error or warning of that check."""
        return any(found.check == check for found in self.alarms)

    @property
    def title(self) -> str:
        """How many of which: ``1 error and 2 warnings in 12 checks``."""
        counts = []
        for kind in ("error", "warning"):
            n = sum(found.severity == kind for found in self.findings)
            if n:
                counts.append(f"{n} {kind}{'s' * (n > 1)}")
        n = len(self.checks)
        return f"{' and '.join(counts) or 'nothing wrong'} in {n} check{'s' * (n > 1)}"

    def __repr__(self) -> str:
        lines = [f"Check-up: {self.title}"]
        for found in self.findings:
            mark = f"  {_MARKS[found.severity]} {found.check:<15} "
            text = wrap(f"{found.sentence} {found.advice}".rstrip(), 98 - len(mark)) or [""]
            lines += [mark + text[0], *(" " * len(mark) + line for line in text[1:])]
        passed = [check for check in self.checks if not any(f.check == check for f in self.alarms)]
        if passed:
            lines += wrap(
                f"looked at and fine: {', '.join(passed)}",
                98,
                initial_indent="  ",
                subsequent_indent="    ",
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cell = "padding:.25em .8em .25em 0;vertical-align:top;text-align:left;background:none"
        rows = "".join(
            f'<tr style="background:none"><td style="{cell};border:none;font-weight:600;'
            f'color:{_COLOURS[found.severity]}">{found.severity}</td>'
            f'<td style="{cell};border:none;white-space:nowrap">{escape(found.check)}</td>'
            f'<td style="{cell};border:none">{escape(found.sentence)} '
            f"<em>{escape(found.advice)}</em></td></tr>"
            for found in self.findings
        )
        return (
            '<div style="font-family:sans-serif;font-size:14px;color:inherit">'
            f"<strong>Check-up: {escape(self.title)}</strong>"
            f'<table style="border-collapse:collapse;color:inherit;margin:.3em 0">{rows}</table>'
            f'<div style="opacity:.65">looked at: {escape(", ".join(self.checks))}</div></div>'
        )
