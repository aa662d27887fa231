"""What the callbacks share that watch one value of the logs, or say what they do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

from annlib.callbacks.base import Callback, Logs, Run
from annlib.core.checks import check_choice, check_number, is_number
from annlib.core.errors import ConfigurationError, show
from annlib.core.suggestion import suggest
from annlib.core.terminal import write_line
from annlib.core.tracebacks import warn_user

Mode = Literal["auto", "min", "max"]


class MonitorCallback(Callback):
    """Base class: better means better than the best so far by more than ``min_delta``.

    Parameters
    ----------
    monitor : str
        A key of the logs: ``"val_loss"``, ``"accuracy"``, ...
    mode : {"auto", "min", "max"}
        ``auto`` takes the metric's own direction; a name without one is an error.
    min_delta : float, any number
        Its size counts, not its sign.

    Raises
    ------
    ConfigurationError
        If an argument is none of these; and when training begins, if the logs will never have
        ``monitor`` or nothing says which way it is better.

    Examples
    --------
    >>> class Best(MonitorCallback):
    ...     def on_train_begin(self, logs=None):
    ...         super().on_train_begin(logs)
    ...         self.best = float("nan")
    ...
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         value = self.monitored(logs)
    ...         if value is not None and self.better(value, self.best):
    ...             self.best = value
    >>> import numpy as np
    >>> from annlib import Sequential, layers
    >>> x = np.arange(8.0).reshape(8, 1)
    >>> model = Sequential([layers.Dense(1)], seed=0)
    >>> model.compile("adam", "mse")
    >>> best = Best("loss")
    >>> history = model.fit(x, x, epochs=5, verbose=0, callbacks=[best])
    >>> best.best == min(history.history["loss"])
    True
    """

    def __init__(
        self, monitor: str = "val_loss", mode: Mode = "auto", min_delta: float = 0.0
    ) -> None:
        where = type(self).__name__
        if not isinstance(monitor, str) or not monitor:
            raise ConfigurationError(
                f'{where}: expected monitor as a name of the logs, such as "val_loss", got '
                f"{show(monitor)}."
            )
        self.monitor = monitor
        self.mode: Mode = check_choice(mode, where, "mode", ("auto", "min", "max"))
        self.min_delta = abs(check_number(min_delta, where, "min_delta"))
        self._sign = 0  # 1 if more is better, -1 if less is
        self._warned = False

    def check_run(self, run: Run) -> None:
        self.check_monitor(run)

    def check_monitor(self, run: Run, *, of_batches: bool = False) -> None:
        """Refuse a run whose logs can never have what is watched.

        Parameters
        ----------
        run : Run
        of_batches : bool
            The logs of batches instead of those of epochs.

        Raises
        ------
        ConfigurationError
            If they cannot.
        """
        if not run.lacks(self.monitor, of_batches=of_batches):
            return
        known = list(run.metrics) if of_batches else run.names
        hint = suggest(self.monitor, known)
        if not of_batches and self.monitor.removeprefix("val_") in run.metrics:
            hint = "Pass validation data, or monitor one of these."
        raise ConfigurationError(
            f"{type(self).__name__}: expected a monitor that the logs will have "
            f'({", ".join(known)}), got "{self.monitor}". {hint}'
        )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._sign = self._direction()
        self._warned = False

    def monitored(self, logs: Logs | None) -> float | None:
        """The value in these logs; None if they do not have it, with a warning the first time.

        Parameters
        ----------
        logs : dict of str to float, or None

        Returns
        -------
        float or None

        Raises
        ------
        ConfigurationError
            If the value is not one number.
        """
        logs = logs or {}
        where = type(self).__name__
        if self.monitor not in logs:
            if not self._warned:
                self._warned = True
                warn_user(
                    f'{where}: expected "{self.monitor}" in the logs, got '
                    f"{', '.join(logs) or 'none'}. Pass validation data, or monitor one of these."
                )
            return None
        value = logs[self.monitor]
        if not is_number(value):
            raise ConfigurationError(
                f'{where}: expected one number as "{self.monitor}", got {show(value)}. Monitor '
                "another value, or let the metric average over classes or thresholds."
            )
        return float(value)

    def better(self, value: float, than: float) -> bool:
        """Whether it is an improvement; any number improves on NaN, which means none so far.

        Parameters
        ----------
        value, than : float

        Returns
        -------
        bool
        """
        if math.isnan(than):
            return not math.isnan(value)
        # In this order, which decides where the difference is min_delta but for rounding.
        return bool(self._sign * value - self.min_delta > self._sign * than)

    def _direction(self) -> int:
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        known = directions(self.model.metrics)
        direction = known.get(self.monitor.removeprefix("val_"))
        if direction is None:
            names = [name for name, way in known.items() if way is not None]
            raise ConfigurationError(
                f"{type(self).__name__}: expected a monitor whose direction is known, or "
                f'mode="min" or mode="max", got "{self.monitor}" and mode="auto". '
                f"{suggest(self.monitor, [*names, *(f'val_{name}' for name in names)])}"
            )
        return 1 if direction == "up" else -1


def directions(metrics: Iterable[Any]) -> dict[str, str | None]:
    """Which way the loss and each metric is better, by name: "up", "down" or None."""
    return {"loss": "down"} | {metric.name: metric.direction for metric in metrics}


def say(verbose: Any, text: str) -> None:
    """Print a line if ``verbose`` is set; a progress bar makes room for it."""
    if verbose:
        write_line(text)
