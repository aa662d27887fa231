"""Progress on stdout: a tqdm bar an epoch, a plain line an epoch, or one bar for all epochs."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from annlib.callbacks.base import Callback, Logs, register
from annlib.core.checks import check_verbosity, is_number
from annlib.core.terminal import for_stdout, write_line

# Ten redraws a second look live and cost nothing that can be measured.
_INTERVAL = 0.1
_FORMAT = "{desc} {n_fmt}/{total_fmt} {bar:10} {elapsed}<{remaining}{postfix}"
# Of a terminal, as it is opened.
_WIDTH = 80
_ENDLESS = "{desc} {n_fmt} batches {elapsed}{postfix}"


class Line:
    """One line of progress: a live bar where stdout can show one, and a plain line at the end.

    Parameters
    ----------
    label : str
    steps : int or None
    live : bool
        Whether a bar is wanted at all.
    """

    def __init__(self, label: str, steps: int | None, live: bool) -> None:
        self.label = label
        self.started = self.drawn = time.perf_counter()
        self.bar = _new_bar(label, steps) if live else None

    def update(self, done: int, logs: Callable[[], Logs]) -> None:
        """Redraw if the last time is long enough ago."""
        if self.bar is not None:
            now = time.perf_counter()
            if now - self.drawn >= _INTERVAL:
                self.drawn = now
                self._draw(done, logs())

    def finish(self, logs: Logs, done: int) -> None:
        """Put a plain line in the place of the bar, which no narrow terminal can cut off."""
        self.close()
        seconds = time.perf_counter() - self.started
        took = f"{seconds:.1f}s{f' {format_time(seconds / done)}/step' if done else ''}"
        line = " - ".join((self.label, took, *_values(logs)))
        write_line(line if len(line) <= _WIDTH else "  ".join((self.label, took, *_pairs(logs))))

    def _draw(self, done: int, logs: Logs) -> None:
        assert self.bar is not None, "only a bar is drawn"
        self.bar.set_postfix_str(for_stdout(" - ".join(_values(logs))), refresh=False)
        self.bar.n = done
        self.bar.refresh()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


class _Progress(Callback):
    reads_batch_logs = False
    adds_logs = ()

    def __init__(self, verbose: int = 1) -> None:
        self.verbose = check_verbosity(verbose, type(self).__name__)
        self._line: Line | None = None

    def _begin(self, label: str, measures: bool = True) -> None:
        self._done, self._measures = 0, measures
        self._line = Line(label, self.params["steps"], live=self.verbose == 1)

    def _advance(self, batch: int) -> None:
        self._done = batch + 1
        if self._line is not None:
            self._line.update(self._done, self._logs)

    def _logs(self) -> Logs:
        return self.model.get_metrics_result() if self._measures else {}

    def _finish(self, logs: Logs | None) -> None:
        if self._line is not None:
            self._line.finish(logs or {}, self._done)
            self._line = None

    def on_exception(self, error: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_line": None}


@register("progress_bar")
class ProgressBar(_Progress):
    """Live loss and metrics of ``fit`` on stdout, redrawn at most ten times a second.

    Parameters
    ----------
    verbose : {1, 2}
        1 is a bar an epoch where stdout is a terminal or a notebook, and a plain line elsewhere;
        2 is one plain line an epoch.

    Raises
    ------
    ConfigurationError
        If ``verbose`` is none of these.

    Examples
    --------
    What ``fit`` makes of its own ``verbose``:

    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers
    >>> x = np.zeros((4, 1))
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(x, x, epochs=2, verbose=0, callbacks=[callbacks.ProgressBar(verbose=2)])
    Epoch 1/2 ... loss: 0.0000
    Epoch 2/2 ... loss: 0.0000
    """

    adds_logs = ()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._advance(batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()  # of an epoch that did not come to its end


@register("evaluation_bar")
class EvaluationBar(_Progress):
    """Live loss and metrics of one ``evaluate`` or ``predict``, redrawn as those of ``fit`` are.

    Parameters
    ----------
    verbose : {1, 2}
        1 is a bar where stdout is a terminal or a notebook, and a plain line elsewhere; 2 is one
        plain line.

    Raises
    ------
    ConfigurationError
        If ``verbose`` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers
    >>> x = np.zeros((4, 1))
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> model.evaluate(x, x, verbose=0, callbacks=[callbacks.EvaluationBar(verbose=2)])
    Evaluate ... loss: 0.0000
    0.0
    """

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._begin("Evaluate")

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._advance(batch)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin("Predict", measures=False)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._advance(batch)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)


class EpochBar(Callback):
    """One bar for all epochs, with the last loss and the last score."""

    reads_batch_logs = False
    adds_logs = ()
    _bar: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return
        self._bar = tqdm(total=self.params["epochs"], unit="epoch")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._bar is None:
            return
        shown = {
            name: "-" if name != "loss" and _is_nan(value) else f"{value:.4g}"
            for name, value in (logs or {}).items()
        }
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_exception(self, error: BaseException) -> None:
        self.on_train_end()


def _shown(logs: Logs) -> dict[str, str]:
    """Values by their names; a metric that is not defined for what came so far is a dash."""
    diverged = _is_nan(logs.get("loss"))
    return {
        key: "-" if _is_nan(value) and not diverged else format_value(value)
        for key, value in logs.items()
    }


def _values(logs: Logs) -> list[str]:
    return [f"{key}: {value}" for key, value in _shown(logs).items()]


def _pairs(logs: Logs) -> list[str]:
    """The same in fewer columns: the validation's value behind that of training.

    >>> _pairs({"loss": 0.5, "lr": 0.1, "val_loss": 0.25})
    ['loss 0.5000 val 0.2500', 'lr 0.1000']
    """
    shown = _shown(logs)
    pairs = []
    for key, value in shown.items():
        if key.removeprefix("val_") not in shown or not key.startswith("val_"):
            other = shown.get(f"val_{key}")
            pairs.append(f"{key} {value}" + (f" val {other}" if other is not None else ""))
    return pairs


def format_time(seconds: float) -> str:
    """Seconds in the unit that suits them, as Keras prints those of a step.

    >>> format_time(2.5), format_time(0.0123), format_time(0.00012)
    ('2s', '12ms', '120us')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.0f}{unit}"
    return f"{seconds * 1e6:.0f}us"


def _is_nan(value: Any) -> bool:
    return is_number(value) and math.isnan(value)


def format_value(value: Any) -> str:
    """Four decimals, or scientific below a thousandth, as Keras prints; of many numbers the ends,
    and what is no number as it is.

    >>> format_value(0.98765), format_value(0.00012345), format_value(np.array([0.5, 1.0]))
    ('0.9877', '1.2345e-04', '[0.5000 1.0000]')
    """
    if np.ndim(value):
        numbers = [format_value(number) for number in np.ravel(value).tolist()]
        return f"[{' '.join([*numbers[:3], '...', numbers[-1]] if len(numbers) > 6 else numbers)}]"
    if not is_number(value):
        return str(value)
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.4e}"


def _new_bar(label: str, steps: int | None) -> Any:
    """A tqdm bar of the kind that fits, or None where only plain lines do, or tqdm is not there."""
    if find_spec("tqdm") is None:
        return None
    bar_format = _FORMAT if steps else _ENDLESS
    if in_notebook():
        if _has_widgets():
            from tqdm.notebook import tqdm as notebook_bar

            return notebook_bar(total=steps, desc=label, leave=False, bar_format=bar_format)
    elif not sys.stdout.isatty():
        return None
    from tqdm import tqdm

    # The interval is ours: tqdm's own would redraw on its clock as well.
    return tqdm(
        total=steps,
        desc=label,
        bar_format=bar_format,
        file=sys.stdout,
        mininterval=float("inf"),
        dynamic_ncols=True,
        leave=False,
    )


def in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


def _has_widgets() -> bool:
    from importlib.util import find_spec

    return find_spec("ipywidgets") is not None
