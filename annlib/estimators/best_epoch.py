"""Which epoch of a training was the best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from annlib.callbacks import Callback, EarlyStopping, History


class BestEpoch(NamedTuple):
    """The best epoch by a value of the logs: the greatest score, or the least loss."""

    by: str
    value: float
    epoch: int

    def better(self, other: BestEpoch | None) -> BestEpoch:
        """An earlier one by the same value if that was as good, or else itself."""
        if other is None or other.by != self.by:
            return self
        worse = self.value >= other.value if _is_loss(self.by) else self.value <= other.value
        return other if worse else self


def find_best(
    history: History, callbacks: Iterable[Callback], scores: Sequence[str], first: int = 0
) -> BestEpoch | None:
    """The best epoch of one training; None if there is no finite value.

    An ``EarlyStopping`` knows it. Otherwise the first that is there decides: a score of these
    names, the loss on validation data, the loss.

    Parameters
    ----------
    history : History
    callbacks : iterable of Callback
    scores : sequence of str
        What the logs call them.
    first : int
        What the first epoch of the history counts as beyond its own number.
    """
    for callback in callbacks:
        if isinstance(callback, EarlyStopping) and np.isfinite(callback.best):
            return BestEpoch(callback.monitor, callback.best, first + callback.best_epoch)
    for name in (*scores, "val_loss", "loss"):
        values = np.array(history.history.get(name, []), float)
        known = np.flatnonzero(np.isfinite(values))
        if len(known):
            of_known = values[known]
            place = known[of_known.argmin() if _is_loss(name) else of_known.argmax()]
            return BestEpoch(name, float(values[place]), first + history.epochs_of[name][place])
    return None


def _is_loss(name: str) -> bool:
    return name in ("loss", "val_loss")
