"""EarlyStopping: the end of training when it no longer helps."""

from __future__ import annotations

import math
from typing import Any

from annlib.callbacks.base import Logs, register
from annlib.callbacks.monitor import Mode, MonitorCallback, say
from annlib.core.checks import check_count, check_flag, check_number, check_verbosity
from annlib.core.states import check_array, check_real, check_wholes, refuse


@register("early_stopping")
class EarlyStopping(MonitorCallback):
    """Stop when ``monitor`` has not improved for ``patience`` epochs.

    Better means better than the best so far by more than ``min_delta``.

    Parameters
    ----------
    monitor : str
        A key of the logs: ``"val_loss"``, ``"accuracy"``, ...
    min_delta : float, any number
        Its size counts, not its sign.
    patience : int, at least 0
        0 stops at the first epoch that does not improve.
    verbose : {0, 1, 2, "auto"}
        Anything but 0 prints a line when it stops or restores.
    mode : {"auto", "min", "max"}
        ``auto`` takes the metric's own direction; a name without one is an error.
    baseline : float, any number, optional
        The value to beat: epochs count as waiting until one is better than it.
    restore_best_weights : bool
        At the end of training take the weights of the best epoch, whether it stopped early or not
        (Keras 3's meaning).
    start_from_epoch : int, at least 0
        The first epoch that counts.

    Attributes
    ----------
    stopped_epoch : int
        The epoch after which it stopped, 0 if it did not.
    best_epoch : int
        The epoch of the best value.
    best : float
        The best value of ``monitor``.

    Raises
    ------
    ConfigurationError
        If an argument is none of these; and when training begins, if the logs will never have
        ``monitor`` or nothing says which way it is better.

    Examples
    --------
    At a rate of 0 nothing ever improves on the first epoch:

    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers, optimizers
    >>> x = np.arange(8.0).reshape(8, 1)
    >>> model = Sequential([layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(optimizers.SGD(0.0), "mse")
    >>> stopping = callbacks.EarlyStopping(monitor="loss", patience=3)
    >>> history = model.fit(x, x, epochs=100, verbose=0, shuffle=False, callbacks=[stopping])
    >>> history.epoch, stopping.best_epoch, stopping.best
    ([0, 1, 2, 3], 0, 17.5)
    """

    adds_logs = ()
    state_attributes = ("_wait", "_best_weights", "best", "best_epoch", "stopped_epoch")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        where = "EarlyStopping"
        super().__init__(monitor, mode, min_delta)
        self.patience = check_count(patience, where, "patience", 0)
        self.verbose = check_verbosity(verbose, where)
        if baseline is not None:
            check_number(baseline, where, "baseline")
        self.baseline = baseline
        self.restore_best_weights = check_flag(restore_best_weights, where, "restore_best_weights")
        self.keeps_weights = self.restore_best_weights
        self.start_from_epoch = check_count(start_from_epoch, where, "start_from_epoch", 0)
        self._reset()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._reset()

    def _reset(self) -> None:
        self._wait = 0
        self._best_weights: Any = None
        self.best = math.nan
        self.best_epoch = 0
        self.stopped_epoch = 0

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        place, weights = "state of EarlyStopping", state["_best_weights"]
        check_wholes(state, ("_wait", "best_epoch", "stopped_epoch"), place)
        check_real(state["best"], f"{place}.best")
        if weights is not None:
            own = self.model.weights
            if not isinstance(weights, list) or len(weights) != len(own):
                raise refuse(f"{place}._best_weights", f"{len(own)} arrays", weights)
            for one, like in zip(weights, own, strict=True):
                check_array(one, like, f"{place}._best_weights")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self.start_from_epoch:
            return
        current = self.monitored(logs)
        if current is None:
            return
        self._wait += 1
        if self.better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._best_weights = self.model.get_weights()
            if self.baseline is None or self.better(current, self.baseline):
                self._wait = 0
        elif self._wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch:
            say(self.verbose, f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self._best_weights is not None:
            say(self.verbose, f"Restoring the weights of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self._best_weights)
            if (history := getattr(self.model, "history", None)) is not None:
                history.restored_epoch = self.best_epoch
