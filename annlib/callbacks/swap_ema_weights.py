"""SwapEMAWeights: evaluate the averages of the weights instead of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.callbacks.base import Callback, Logs, Run, register
from annlib.core.arrays import Array
from annlib.core.checks import check_flag
from annlib.core.errors import ConfigurationError, show
from annlib.core.states import check_array
from annlib.core.tracebacks import warn_user


@register("swap_ema_weights")
class SwapEMAWeights(Callback):
    """The model has the averaged weights while it is tested or predicts, and then its own again.

    For an optimizer with ``use_ema=True``, whose averages stay in the model after ``fit``.

    Parameters
    ----------
    swap_on_epoch : bool
        Have the averages from the end of an epoch to the start of the next as well, so that
        callbacks after this one (``ModelCheckpoint``) save them.

    Raises
    ------
    ConfigurationError
        If the argument is no truth value; and when training or a test begins, if the optimizer
        keeps no averages.

    Examples
    --------
    With a momentum of 1 the averages stay the weights after the first step, whatever is learnt:

    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers, optimizers
    >>> x = np.arange(8.0).reshape(8, 1)
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.SGD(0.01, use_ema=True, ema_momentum=1.0), "mse")
    >>> swap = callbacks.SwapEMAWeights()
    >>> history = model.fit(x, x, validation_data=(x, x), epochs=3, verbose=0, callbacks=[swap])
    >>> [round(loss, 2) for loss in history.history["loss"]]
    [17.5, 7.39, 3.12]
    >>> [round(loss, 2) for loss in history.history["val_loss"]]
    [7.39, 7.39, 7.39]
    """

    adds_logs = ()
    state_attributes = ("_own",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = check_flag(swap_on_epoch, "SwapEMAWeights", "swap_on_epoch")
        #: The weights while the model has the averages.
        self._own: Array | None = None

    def check_run(self, run: Run) -> None:
        order = list(run.callbacks)
        for other in order:
            first = order.index(other) < order.index(self)
            # Of files of the raw weights nobody knows whether they are meant.
            wrong = first if self.swap_on_epoch else hasattr(other, "restore_best_weights")
            if other.keeps_weights and not other.wraps_others and wrong:
                warn_user(
                    f"SwapEMAWeights: expected before {type(other).__name__}, with "
                    "swap_on_epoch=True, so that it keeps the averages, which the validation has "
                    "tried; as they stand it keeps the weights that are not averaged."
                )

    def _take_averages(self) -> None:
        self._check()
        averages = self.model.optimizer.averages
        if self._own is None and averages is not None:
            weights = self._weights()
            self._own = weights.copy()
            np.copyto(weights, averages)

    def _give_back(self) -> None:
        if self._own is not None:
            np.copyto(self._weights(), self._own)
            self._own = None

    def _weights(self) -> Array:
        """The numbers in the model that are averaged."""
        vector = self.model.vector
        weights: Array = vector.values[: vector.n_trainable]
        return weights

    def _check(self) -> None:
        optimizer = self.model.optimizer
        if optimizer is None or not optimizer.use_ema:
            raise ConfigurationError(
                f"SwapEMAWeights: expected an optimizer with use_ema=True, got {show(optimizer)}, "
                "which keeps no averages."
            )

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        if state["_own"] is not None:
            check_array(state["_own"], self._weights(), "state of SwapEMAWeights._own")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._check()
        self._own = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._give_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._take_averages()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._own = None  # fit ends with the averages

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._take_averages()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._give_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._take_averages()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._give_back()

    def on_exception(self, error: BaseException) -> None:
        self._give_back()
