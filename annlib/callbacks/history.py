"""History: what ``fit`` returns."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from html import escape
from reprlib import Repr
from typing import Any, NoReturn

import numpy as np

from annlib.callbacks.base import Callback, Logs, register
from annlib.callbacks.monitor import directions
from annlib.callbacks.progress import format_value
from annlib.core.checks import is_number
from annlib.core.config import Configurable
from annlib.core.errors import ArgumentError, show
from annlib.core.packages import needed
from annlib.core.states import check_keys, check_rising, refuse
from annlib.core.table import html_table, text_table
from annlib.core.tracebacks import with_short_tracebacks

#: ``repr`` that is never cut where two runs may differ, and never fails on a part of a user's.
_WHOLE = Repr()
_WHOLE.maxother = _WHOLE.maxstring = _WHOLE.maxlist = _WHOLE.maxtuple = _WHOLE.maxdict = 2000


@register("history")
class History(Callback):
    """The logs of every epoch; ``fit`` returns it.

    Attributes
    ----------
    history : dict of str to list of float
        By name: ``loss``, the metrics, and the same of the validation data with ``val_``. A metric
        of several numbers has a list of them for each epoch: ``json.dumps`` takes it all.
    epoch : list of int
        The epochs' numbers, from 0.
    epochs_of : dict of str to list of int
        By name, the epochs of its values: not every epoch is validated.
    directions : dict of str to {"up", "down"}
        Which way the loss and each metric is better, as far as it is known, by name.
    interrupted : bool
        Whether the run was ended by Ctrl-C.
    seconds : list of float
        How long each epoch took; NaN for those of before a run was resumed.
    learning_rates : list of float
        The optimizer's rate when each epoch began; NaN where there is none.
    restored_epoch : int, optional
        The epoch, from 0, whose weights ``EarlyStopping(restore_best_weights=True)`` has restored.
    settings : dict of str to str or number
        What the run was made of: layers, loss and optimizer with their arguments, batch size, ...

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers
    >>> x = np.zeros((4, 1))
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("sgd", "mse", metrics=["mae"])
    >>> history = model.fit(x, x, epochs=3, verbose=0, validation_split=0.5)
    >>> history.epoch, sorted(history.history), history.history["loss"]
    ([0, 1, 2], ['loss', 'mae', 'val_loss', 'val_mae'], [0.0, 0.0, 0.0])
    """

    @with_short_tracebacks
    def __getitem__(self, name: Any) -> NoReturn:
        raise ArgumentError(
            f"History: expected its dict to be read, got History[{show(name)}]. The dict is "
            f"history.history: write history.history[{show(name)}]."
        )

    adds_logs = ()
    state_attributes = ("history", "epoch", "epochs_of", "learning_rates")

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.epochs_of: dict[str, list[int]] = {}
        self.directions: dict[str, str] = {}
        self.batch_size: int | None = None
        self._begin()

    def _begin(self) -> None:
        self.interrupted = False
        self.seconds: list[float] = []
        self.learning_rates: list[float] = []
        self.restored_epoch: int | None = None
        self.settings: dict[str, Any] = {}
        self._started = math.nan
        self._rate = math.nan

    def set_state(self, state: Any) -> None:
        super().set_state(_with_rates(state))
        self.seconds = [math.nan] * len(self.epoch)

    def check_state(self, state: Any, done: range) -> None:
        state = _with_rates(state)
        super().check_state(state, done)
        place, values, epochs = "state of History", state["history"], state["epochs_of"]
        check_rising(state["epoch"], f"{place}.epoch", done.stop)
        rates = state["learning_rates"]
        if len(rates) != len(state["epoch"]) or not all(type(rate) is float for rate in rates):
            raise refuse(f"{place}.learning_rates", "a number for each epoch", rates)
        check_keys(epochs, values.keys(), f"{place}.epochs_of")
        for name, found in values.items():
            check_rising(epochs[name], f"{place}.epochs_of.{name}", done.stop)
            if not isinstance(found, list) or len(found) != len(epochs[name]):
                raise refuse(f"{place}.history.{name}", "a value for each epoch", found)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history = {}
        self.epoch = []
        self.epochs_of = {}
        known = directions(getattr(self.model, "metrics", ()))
        self.directions = {name: way for name, way in known.items() if way is not None}
        self.directions |= {f"val_{name}": way for name, way in self.directions.items()}
        self._begin()
        self.settings = _settings(self.model, self.batch_size)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._started = time.perf_counter()
        self._rate = _rate(self.model)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        self.seconds.append(time.perf_counter() - self._started)
        self.learning_rates.append(self._rate)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(_plain(value))
            self.epochs_of.setdefault(key, []).append(epoch)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """The best epoch, by the validation loss where there is one, and the last."""
        by = "val_loss" if "val_loss" in self.history else "loss"
        losses = [value for value in self.history.get(by, ()) if is_number(value)]
        rows = {f"last, {self.epoch[-1] + 1}": self.epoch[-1]}
        if losses and not np.isnan(losses).all():
            best = self.epochs_of[by][int(np.nanargmin(losses))]
            rows = {f"best by {by}, {best + 1}": best} | rows
        cells = [
            [label, *(self._value(name, epoch) for name in self.history)]
            for label, epoch in rows.items()
        ]
        return ["epoch", *self.history], cells

    def _value(self, name: str, epoch: int) -> str:
        epochs = self.epochs_of.get(name, self.epoch)
        return format_value(self.history[name][epochs.index(epoch)]) if epoch in epochs else ""

    def _repr_html_(self) -> str:
        return html_table(*self._table()) if self.epoch else escape(repr(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows without HTML."""
        printer.text(text_table(*self._table()) if self.epoch else repr(self))

    @with_short_tracebacks
    def plot(self, metrics: str | Sequence[str] | None = None, ax: Any = None) -> Any:
        """Draw loss and metrics by epoch, a quantity an Axes, training and validation together.

        Needs Matplotlib: ``pip install "annlib[plot]"``. What falls by two decades or more gets a
        logarithmic axis.

        Parameters
        ----------
        metrics : str or list of str, optional
            The quantities, by their names without ``val_``. Without it all, on a single ``ax``
            the loss.
        ax : Axes or array of Axes, (quantities,), optional

        Returns
        -------
        Axes, or ndarray of Axes, (quantities,)

        Raises
        ------
        UnknownNameError
            If a quantity was not measured; the message names those that were.
        ConfigurationError
            If there is no epoch yet, or ``ax`` is no Axes of Matplotlib.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> history = model.fit([[1.0], [2.0]], [1.0, 2.0], epochs=3, verbose=0)
        >>> [ax.get_ylabel() for ax in history.plot(["loss", "mae"], ax=Figure().subplots(1, 2))]
        ['loss', 'mae']
        """
        from annlib.plots.curves import plot_history

        return plot_history(self, metrics, ax)

    def to_frame(self) -> Any:
        """The logs as a pandas ``DataFrame``: a row an epoch, a column a name.

        NaN is where an epoch has no value. Needs pandas.

        Returns
        -------
        DataFrame, (epochs, names)

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> history = model.fit([[0.0]], [2.0], epochs=1, verbose=0)
        >>> history.to_frame()
               loss  mae
        epoch
        0       4.0  2.0
        """
        with needed("History.to_frame", "pandas", "pandas"):
            from pandas import DataFrame, Index, Series
        columns = {
            name: Series(values, self.epochs_of.get(name, self.epoch[: len(values)]))
            for name, values in self.history.items()
        }
        return DataFrame(columns, index=Index(self.epoch, name="epoch"))


def _with_rates(state: Any) -> Any:
    """The state, also one that was written before it had rates."""
    if not isinstance(state, dict) or not isinstance(state.get("epoch"), list):
        return state
    return {"learning_rates": [math.nan] * len(state["epoch"]), **state}


def _rate(model: Any) -> float:
    """The optimizer's rate, unless to ask for it could change what comes."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or optimizer.full_batch:
        return math.nan
    configured = optimizer._configured_rate
    known = not callable(configured) or isinstance(configured, Configurable)
    return float(optimizer.learning_rate) if known else math.nan


def _settings(model: Any, batch_size: int | None) -> dict[str, Any]:
    """What a run is made of, by name, as numbers and short texts."""
    found: dict[str, Any] = {"batch_size": batch_size}
    for name in ("seed", "dtype"):
        found[name] = getattr(model, name, None)
    for name in ("loss", "optimizer"):
        part = getattr(model, name, None)
        found[name] = part
        if isinstance(part, Configurable):
            found |= {f"{name} {key}": value for key, value in part._arguments().items()}
    found |= {f"layer {layer.name}": layer for layer in getattr(model, "layers", ())}
    return {
        name: value if isinstance(value, int | float) else _WHOLE.repr(value).strip("'")
        for name, value in found.items()
        if value is not None
    }


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy's as those of Python, in lists and dictionaries, too."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
