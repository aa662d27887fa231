"""What a fit says on stdout: scikit-learn's lines, or one tqdm bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annlib.callbacks import Callback

Logs = dict[str, float]


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
