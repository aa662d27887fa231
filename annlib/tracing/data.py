"""What a trace holds, and the order in which every form of it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from annlib.activations import Activation
from annlib.core.arrays import Array
from annlib.tracing.equation import Equation
from annlib.tracing.recording import Recording
from annlib.tracing.sections import Section

#: The phases of a step: their headings, and the attributes of a section that have the equations.
PHASES = (("Forward", "forward"), ("Backward", "backward"), ("Update", "update"))


class TraceData:
    """A recorded step and the equations that it consists of.

    Parameters
    ----------
    recording : Recording
    sections : list of Section
        Of each layer, and of the loss.
    activations : dict of str to (Activation, array)
        By the layers' names: the function, and {Z} of all rows, (n, N).
    """

    def __init__(
        self,
        recording: Recording,
        sections: list[Section],
        activations: dict[str, tuple[Activation, Array]],
    ) -> None:
        self.recording, self.sections, self.activations = recording, sections, activations
        self.digits = 5

    @property
    def rows(self) -> int:
        """How many rows were traced."""
        return len(self.recording.x)

    @property
    def headline(self) -> str:
        """Rows, type and loss in one line."""
        rows = "one row" if self.rows == 1 else f"{self.rows} rows"
        loss = f"{self.recording.total_loss:.{self.digits}g}"
        return f"{rows}, {self.recording.dtype}, loss {loss}"

    def phases(self) -> Iterator[tuple[str, list[tuple[Section, list[Equation]]]]]:
        """Each phase that has equations: its heading, and by sections what it computes in order.

        Yields
        ------
        heading, list of (Section, list of Equation)
        """
        for title, phase in PHASES:
            sections = self.sections[::-1] if phase == "backward" else self.sections
            found = [(section, steps) for section in sections if (steps := getattr(section, phase))]
            if found:
                yield title, found
