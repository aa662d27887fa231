"""History: what ``fit`` returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.callbacks.base import Callback, Logs, register


@register("history")
class History(Callback):
    """The logs of every epoch.

    Attributes
    ----------
    history : dict of str to list of float
        By name: ``loss``, the metrics, and the same of the validation data with ``val_``. A metric
        of several numbers has an array for each epoch.
    epoch : list of int
        The epochs' numbers, from 0.
    interrupted : bool
        Whether the run was ended by Ctrl-C.
    """

    remembers = ("history", "epoch")

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.interrupted = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history = {}
        self.epoch = []
        self.interrupted = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            number = value.item() if isinstance(value, np.generic) else value
            self.history.setdefault(key, []).append(number)
