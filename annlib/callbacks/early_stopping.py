"""EarlyStopping: the end of training when it no longer helps."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

from annlib.callbacks.base import Callback, Logs, register
from annlib.core.checks import check_count
from annlib.core.errors import ConfigurationError


@register("early_stopping")
class EarlyStopping(Callback):
    """Stop when ``monitor`` has not improved for ``patience`` epochs.

    Better means better than the best so far by more than ``min_delta``.

    Parameters
    ----------
    monitor : str
        A key of the logs: ``"val_loss"``, ``"accuracy"``, ...
    min_delta : float
    patience : int
        0 stops at the first epoch that does not improve.
    verbose : int
        1 prints a line when it stops or restores.
    mode : {"auto", "min", "max"}
        ``auto`` takes the metric's own direction; a name without one is an error.
    baseline : float, optional
        The value to beat: epochs count as waiting until one is better than it.
    restore_best_weights : bool
        At the end of training take the weights of the best epoch, whether it stopped early or not
        (Keras 3's meaning).
    start_from_epoch : int
        The first epoch that is looked at.

    Attributes
    ----------
    stopped_epoch, best_epoch : int
    best : float
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: Literal["auto", "min", "max"] = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ConfigurationError(
                f"EarlyStopping: expected mode auto, min or max, got {mode!r}."
            )
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.patience = check_count(patience, "EarlyStopping", "patience", 0)
        self.verbose = verbose
        self.mode: Literal["auto", "min", "max"] = mode
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def _reset(self) -> None:
        self._sign = 0  # 1 if more is better, -1 if less is; found at the first look
        self._wait = 0
        self._best_weights: Any = None
        self.best = math.nan
        self.best_epoch = 0
        self.stopped_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if epoch < self.start_from_epoch:
            return
        if self.monitor not in logs:
            warnings.warn(
                f'EarlyStopping: expected "{self.monitor}" in the logs, got '
                f"{', '.join(logs) or 'none'}. Pass validation data, or monitor one of these.",
                stacklevel=2,
            )
            return
        self._sign = self._sign or self._direction()
        current = logs[self.monitor]
        self._wait += 1
        if self._better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._best_weights = self.model.get_weights()
            if self.baseline is None or self._better(current, self.baseline):
                self._wait = 0
        elif self._wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self._best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self._best_weights)

    def _better(self, value: float, than: float) -> bool:
        if math.isnan(than):
            return not math.isnan(value)
        return self._sign * (value - than) > self.min_delta

    def _direction(self) -> int:
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return -1
        for metric in self.model.metrics:
            if metric.name == name and metric.direction is not None:
                return 1 if metric.direction == "up" else -1
        raise ConfigurationError(
            f'EarlyStopping: expected a monitor whose direction is known, got "{self.monitor}". '
            'Pass mode="min" or mode="max".'
        )
