"""How far a fit is: a bar over all epochs of all packs, or a line for each."""

from __future__ import annotations

import math
import sys
import threading
from collections import Counter
from typing import Any, Self


class Progress:
    """A bar with the loss on rows held out (1), a line an epoch (2), or nothing (0)."""

    def __init__(self, verbose: int, epochs: int) -> None:
        self.verbose, self.epochs = verbose, epochs
        self._bar: Any = None
        self._done: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self.verbose == 1:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self.epochs, unit="epoch", file=sys.stdout)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def tell(self, kind: str, loss: float) -> None:
        """An epoch of a pack is done, with this loss on rows held out; NaN if there are none."""
        with self._lock:
            self._done[kind] += 1
            judged = "" if math.isnan(loss) else f" - val_loss: {loss:.4f}"
            if self._bar is not None:
                self._bar.update()
                self._bar.set_postfix_str(f"{kind}{judged}")
            elif self.verbose:
                sys.stdout.write(f"{kind} - epoch {self._done[kind]}{judged}\n")
