"""Ctrl-C as a wish: the first ends a run at the next step, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, Self

_SAID = b"\nInterrupted: training ends after this step. Once more ends it at once.\n"


class Interruption:
    """While it is entered, whether the user has asked to stop.

    Handlers of signals can be set in the main thread alone; in others Ctrl-C is what it was.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):  # and not ignored, or set by something that is not Python
                self._before = before
                signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self._before(number, frame)
            return
        self.asked = True
        os.write(2, _SAID)  # print may be in the middle of something
