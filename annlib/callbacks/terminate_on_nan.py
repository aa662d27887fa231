"""TerminateOnNaN: the end of training at a loss that is not finite."""

from __future__ import annotations

import math

from annlib.callbacks.base import Callback, Logs, register
from annlib.callbacks.monitor import say
from annlib.core.checks import check_flag


@register("terminate_on_nan")
class TerminateOnNaN(Callback):
    """Stop when the loss is NaN or infinite, without an error and with the last good weights.

    Without it ``fit`` raises ``DivergenceError``, which says in which layer it arose.

    Parameters
    ----------
    raise_error : bool
        Leave ``fit`` to raise.

    Raises
    ------
    ConfigurationError
        If the argument is no truth value.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers, optimizers
    >>> x = np.ones((4, 1))
    >>> model = Sequential([layers.Dense(1)], seed=0)
    >>> model.compile(optimizers.SGD(1e30), "mse")
    >>> history = model.fit(x, x, epochs=9, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    Batch 1: the loss is nan, training ends
    >>> bool(np.isfinite(model.get_weights()[0]).all())
    True
    """

    _fixed = ("raise_error",)
    adds_logs = ()

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = check_flag(raise_error, "TerminateOnNaN", "raise_error")
        self.handles_divergence = self.reads_batch_logs = not raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            say(1, f"Batch {batch + 1}: the loss is {loss}, training ends")
            self.model.stop_training = True
