"""Graceful Ctrl-C: the first stops after the current step, the second immediately, in whichever run
it lands. And SIGTERM, where the run is to be written to a file before the process ends.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

from annlib.callbacks import History

_SAID = b"\nInterrupted: training ends after this step. Once more ends it at once.\n"
# So many seconds after the first, one is the second of a user who wants all to end: in the next fit
# of a loop or of a search as well.
_SOON = 3.0
_first = [-math.inf]
# What shells report of a process that SIGTERM has ended: 128 and its number.
_TERMINATED = 128 + 15
_SAID_OF_TERMINATION = b"\nTerminated: after this step the run is written to its backup file.\n"


class Interruption:
    """While it is entered, whether the user has asked to stop.

    Handlers of signals can be set in the main thread alone; in others, and where Ctrl-C is ignored
    or left to the system, it is what it was. Of two runs, one within the other, both are asked. A
    handler of the user's own is called as well, each time.

    Attributes
    ----------
    asked : bool
        By either signal.
    insisted : bool
        By a second Ctrl-C.
    terminated : bool
        By SIGTERM, so that the process is to end with the run.

    Raises
    ------
    SystemExit
        When it is left, after a SIGTERM.
    """

    def __init__(self) -> None:
        self.asked = self.insisted = self.terminated = False
        self._before: Any = None
        self._process = 0  # that heeds SIGTERM

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
        if self._process and signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._before)
        if self.terminated:  # however the run has ended
            raise SystemExit(_TERMINATED)

    def heed_termination(self) -> None:
        """Take SIGTERM for a question, too, where nobody else has asked for it: from now on there
        is something to do before the process ends.
        """
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._process = os.getpid()
            with contextlib.suppress(ValueError):  # the main thread of another interpreter
                signal.signal(signal.SIGTERM, self._terminate)

    def ask(self) -> None:
        """Ask this run to end, and those around it."""
        self.asked = True
        outer = getattr(self._before, "__self__", None)
        if isinstance(outer, Interruption):
            outer.ask()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.asked and now - _first[0] > _SOON:
            _first[0] = now
            self.ask()
            _say(_SAID)
            if (own := self._users_handler()) is not None:
                own(number, frame)
            return
        self.asked = self.insisted = True
        # First, for what it calls may raise wherever the run is, at its very end as well.
        signal.signal(signal.SIGINT, self._before)
        self._before(number, frame)

    def _users_handler(self) -> Any:
        """What was there before all runs, unless that is Python's."""
        before = self._before
        while isinstance(run := getattr(before, "__self__", None), Interruption):
            before = run._before
        return None if before is signal.default_int_handler else before

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        # The second ends the process at once, as without a handler.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() != self._process:  # of a fork, such as a worker that loads data
            signal.raise_signal(signal.SIGTERM)
        self.terminated = True
        self.ask()
        innermost = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
        if isinstance(innermost, Interruption):  # of a run within this one
            innermost.ask()
        _say(_SAID_OF_TERMINATION)


def _say(text: bytes) -> None:
    with contextlib.suppress(OSError):  # without a terminal
        os.write(2, text)  # print may be in the middle of something


@contextlib.contextmanager
def interruptible(history: History) -> Iterator[Interruption]:
    """In this context the first Ctrl-C asks the run to end, and is noted in its history."""
    interruption = Interruption()
    try:
        with interruption:
            yield interruption
    finally:  # when no more can come
        history.interrupted |= interruption.asked
