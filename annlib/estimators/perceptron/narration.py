"""What a fit says: scikit-learn's lines on stdout, or one tqdm bar; and its warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from annlib.callbacks import Callback
from annlib.callbacks.base import Logs

#: Where no user's line is.
_INSIDE = ("annlib.", "sklearn.callback.")


def narrator(verbose: Any) -> Callable[[str], None]:
    """What prints a line, or does not."""
    if verbose and verbose != "tqdm":
        return print
    return lambda line: None


class EpochBar(Callback):
    """One bar for all epochs, with the last loss and the last score."""

    reads_batch_logs = False
    _bar: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(total=self.params["epochs"], unit="epoch")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        shown = {name: f"{value:.4g}" for name, value in (logs or {}).items()}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._bar.close()

    def on_exception(self, error: BaseException) -> None:
        if self._bar is not None:
            self._bar.close()


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the nearest line that is neither annlib's nor of a decorator of scikit-learn's."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def warn_if_cut_off(optimizer: Any, done: int, epochs: int) -> None:
    """Say that a training has ended at ``max_iter``, and not by its rule."""
    if optimizer.full_batch:
        if optimizer.status in (0, 99):
            return
        text = (
            f"lbfgs failed to converge after {done} iteration(s) (status={optimizer.status}):\n"
            f"{optimizer.message}\n"
        )
        if done == epochs:
            text += (
                f"\nIncrease the number of iterations to improve the convergence "
                f"(max_iter={epochs})."
            )
        text += (
            "\nYou might also want to scale the data as shown in:\n"
            "    https://scikit-learn.org/stable/modules/preprocessing.html"
        )
        warn(text, ConvergenceWarning)
    elif done == epochs:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization "
            "hasn't converged yet.",
            ConvergenceWarning,
        )
