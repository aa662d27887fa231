"""History: what ``fit`` returns."""

from __future__ import annotations

from annlib.callbacks.base import Callback, Logs, register


@register("history")
class History(Callback):
    """The logs of every epoch.

    Attributes
    ----------
    history : dict of str to list of float
        By name: ``loss``, the metrics, and the same of the validation data with ``val_``.
    epoch : list of int
        The epochs' numbers, from 0.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history = {}
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
