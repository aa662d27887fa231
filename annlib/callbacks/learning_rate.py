"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from annlib.callbacks.base import Callback, Logs, register
from annlib.callbacks.monitor import Mode, MonitorCallback, say
from annlib.core.checks import (
    check_count,
    check_number,
    check_verbosity,
    is_number,
    positional_arguments,
)
from annlib.core.errors import ConfigurationError, show
from annlib.core.registry import FAMILIES
from annlib.core.states import check_real, check_wholes


class _RateCallback(Callback):
    """Sets the learning rate, and reports that of the epoch in its logs, as Keras does."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        # An optimizer whose rate cannot be set (it has a schedule) says so before the first epoch.
        self.model.optimizer.learning_rate = self.rate

    @property
    def rate(self) -> float:
        """The learning rate of the model's optimizer."""
        return float(self.model.optimizer.learning_rate)

    def report(self, logs: Logs | None) -> None:
        """Add the rate to the logs, so that History has it.

        Parameters
        ----------
        logs : dict, or None
            Of an epoch.
        """
        if logs is not None:
            logs["learning_rate"] = self.rate


@register("learning_rate_scheduler")
class LearningRateScheduler(_RateCallback):
    """At the start of each epoch, rate <- schedule(epoch, rate).

    Parameters
    ----------
    schedule : callable
        Of the epoch (from 0) and the present rate, or of the epoch alone; returns the new rate.
        A schedule of ``annlib.schedules`` counts epochs here.
    verbose : {0, 1, 2, "auto"}
        Anything but 0 prints a line an epoch.

    Raises
    ------
    ConfigurationError
        If ``schedule`` is no callable, or returns no number of at least 0.
    TypeError
        If the optimizer was made with a schedule, which sets the rate itself.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers, optimizers
    >>> x = np.zeros((4, 1))
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile(optimizers.SGD(0.8), "mse")
    >>> halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 2 else rate / 2)
    >>> history = model.fit(x, x, epochs=4, verbose=0, callbacks=[halve])
    >>> history.history["learning_rate"]
    [0.8, 0.8, 0.4, 0.2]
    """

    adds_logs = ("learning_rate",)

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if isinstance(schedule, dict):  # what get_config gave
            schedule = FAMILIES["schedule"].get(schedule, "LearningRateScheduler.schedule")
        if not callable(schedule) or not _takes(schedule, 1, 2):
            raise ConfigurationError(
                f"LearningRateScheduler: expected a schedule (epoch, rate) -> rate, got "
                f"{show(schedule)}."
            )
        self.schedule = schedule
        self.verbose = check_verbosity(verbose, type(self).__name__)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        # Not by trying both, as Keras does: that would hide a TypeError of the schedule's own.
        alone = not _takes(self.schedule, 2)
        rate = self.schedule(epoch) if alone else self.schedule(epoch, self.rate)
        if not is_number(rate) or not 0 <= rate < math.inf:
            raise ConfigurationError(
                f"LearningRateScheduler: expected schedule({epoch}, ...) to return a number >= 0, "
                f"got {show(rate)}."
            )
        self.model.optimizer.learning_rate = float(rate)
        say(self.verbose, f"Epoch {epoch + 1}: learning rate {float(rate):g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.report(logs)


def _takes(function: Callable[..., Any], *counts: int) -> bool:
    """Whether it can be called with one of these numbers of arguments."""
    least, most = positional_arguments(function)
    return any(least <= count <= most for count in counts)


@register("reduce_lr_on_plateau")
class ReduceLROnPlateau(MonitorCallback, _RateCallback):
    """rate <- max(factor rate, min_lr) when ``monitor`` has not improved for ``patience`` epochs.

    Parameters
    ----------
    monitor : str
        A key of the logs.
    factor : float, in [0, 1)
    patience : int, at least 0
        The epochs without improvement after which it acts.
    verbose : {0, 1, 2, "auto"}
        Anything but 0 prints a line when it acts.
    mode : {"auto", "min", "max"}
        ``auto`` takes the metric's own direction.
    min_delta : float, any number
        Better means better than the best so far by more than this; its sign does not count.
    cooldown : int, at least 0
        After a reduction so many epochs do not count.
    min_lr : float, at least 0

    Attributes
    ----------
    best : float
        The best value of ``monitor``.

    Raises
    ------
    ConfigurationError
        If an argument is none of these; and when training begins, if the logs will never have
        ``monitor`` or nothing says which way it is better.
    TypeError
        When it is to act, if the optimizer was made with a schedule, which sets the rate itself.

    Examples
    --------
    A loss that is 0 does not improve any more:

    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers, optimizers
    >>> x = np.zeros((4, 1))
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile(optimizers.SGD(0.8), "mse")
    >>> reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2)
    >>> history = model.fit(x, x, epochs=6, verbose=0, callbacks=[reduce])
    >>> history.history["learning_rate"]
    [0.8, 0.8, 0.8, 0.4, 0.4, 0.2]
    """

    adds_logs = ("learning_rate",)
    state_attributes = ("_wait", "_cooling", "best")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        where = "ReduceLROnPlateau"
        super().__init__(monitor, mode, min_delta)
        self.factor = check_number(factor, where, "factor", "[0, 1)")
        self.patience = check_count(patience, where, "patience", 0)
        self.verbose = check_verbosity(verbose, type(self).__name__)
        self.cooldown = check_count(cooldown, where, "cooldown", 0)
        self.min_lr = check_number(min_lr, where, "min_lr", "[0, inf)")
        self._reset()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._reset()

    def _reset(self) -> None:
        self._wait = 0
        self._cooling = 0
        self.best = math.nan

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        check_wholes(state, ("_wait", "_cooling"), "state of ReduceLROnPlateau")
        check_real(state["best"], "state of ReduceLROnPlateau.best")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.report(logs)
        current = self.monitored(logs)
        if current is None:
            return
        if self._cooling:
            self._cooling -= 1
        if self.better(current, self.best):
            self.best, self._wait = current, 0
        elif not self._cooling:
            self._wait += 1
            if self._wait >= self.patience and self.rate > self.min_lr:
                rate = max(self.rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = rate
                say(self.verbose, f"Epoch {epoch + 1}: learning rate reduced to {rate:g}")
                self._wait, self._cooling = 0, self.cooldown
