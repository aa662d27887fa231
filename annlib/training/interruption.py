"""Graceful Ctrl-C: the first stops after the current step, the second immediately."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

from annlib.callbacks import History

_SAID = b"\nInterrupted: training ends after this step. Once more ends it at once.\n"


class Interruption:
    """While it is entered, whether the user has asked to stop.

    Handlers of signals can be set in the main thread alone; in others, and where Ctrl-C is ignored
    or left to the system, it is what it was. Of two runs, one within the other, both are asked.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                self._before = before
                with contextlib.suppress(ValueError):  # the main thread of another interpreter
                    signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        # Who has set another handler in the meantime keeps it.
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._before)

    def ask(self) -> None:
        """Ask this run to end, and those around it."""
        self.asked = True
        outer = getattr(self._before, "__self__", None)
        if isinstance(outer, Interruption):
            outer.ask()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.ask()
            with contextlib.suppress(OSError):  # without a terminal
                os.write(2, _SAID)  # print may be in the middle of something
            return
        # First, for what it calls may raise wherever the run is, at its very end as well.
        signal.signal(signal.SIGINT, self._before)
        self._before(number, frame)


@contextlib.contextmanager
def interruptible(history: History) -> Iterator[Interruption]:
    """In this context the first Ctrl-C asks the run to end, and is noted in its history."""
    interruption = Interruption()
    try:
        with interruption:
            yield interruption
    finally:  # when no more can come
        history.interrupted |= interruption.asked
