"""LivePlot: the curves of a run while it trains."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from annlib.callbacks.base import Callback, Logs, register
from annlib.callbacks.progress import in_notebook
from annlib.core.checks import is_number, items_of
from annlib.core.errors import ConfigurationError, show
from annlib.core.states import refuse

#: Epochs and values by name.
Points = dict[str, list[list[float]]]

#: At most two redraws a second, which together take a twentieth of the time.
_INTERVAL, _SHARE = 0.5, 0.05
#: What the first one is taken to cost, in seconds.
_GUESS = 0.1
_COLUMNS = 3


@register("live_plot")
class LivePlot(Callback):
    """Draw loss and metrics while ``fit`` runs: a panel a quantity, validation dashed.

    In a notebook one output of the cell shows them, and is redrawn in its place. With ``ax`` they
    are drawn there instead, in a notebook or not, and nothing is displayed; elsewhere it does
    nothing. There are at most two redraws a second, and each waits until all of them, itself
    included, take at most 5 % of the time (the first for about two seconds); only the last one,
    when ``fit`` ends, does not wait. No figure of pyplot's is made or closed.

    Needs Matplotlib: ``pip install "annlib[plot]"``.

    Parameters
    ----------
    metrics : str or list of str, optional
        The quantities, by their names without ``val_``. Without it all, or as many as ``ax`` has
        axes, the loss first.
    ax : Axes or array of Axes, (quantities,), optional
        Copies of the callback are without.

    Raises
    ------
    ConfigurationError
        If ``metrics`` is neither a name nor a list of names; and when training begins, if ``ax`` is
        no Axes of Matplotlib.

    Examples
    --------
    >>> LivePlot(metrics=["loss", "accuracy"])
    LivePlot(metrics=['loss', 'accuracy'])
    """

    reads_batch_logs = False
    adds_logs = ()
    state_attributes = ("_curves",)

    #: The clock, in seconds.
    clock: Callable[[], float] = staticmethod(time.perf_counter)

    def __init__(self, metrics: str | Sequence[str] | None = None, ax: Any = None) -> None:
        names = [metrics] if isinstance(metrics, str) else metrics
        if names is not None:
            names = items_of(names)
            if not names or not all(isinstance(name, str) for name in names):
                raise ConfigurationError(
                    f"LivePlot: expected metrics as a name or a list of names, got {show(metrics)}."
                )
        self.metrics: list[str] | None = names
        if ax is not None:
            from annlib.plots.axes import many_axes

            many_axes(ax, np.size(np.asarray(ax, object)), "LivePlot")
        self.ax = ax
        self._forget()

    def _forget(self) -> None:
        self._curves: Points = {}
        self._canvas: _Canvas | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._forget()
        if self.ax is not None:
            self._canvas = _Canvas()
        elif in_notebook():
            self._canvas = _Cell()
        self._started = self._drawn = self.clock()
        self._spent, self._cost = 0.0, _GUESS
        self._epoch = 0

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        for name, pair in state["_curves"].items():
            fine = isinstance(pair, list) and [type(one) for one in pair] == [list, list]
            fine = fine and len(pair[0]) == len(pair[1]) and all(map(is_number, pair[0] + pair[1]))
            if not fine:
                raise refuse(f"state of LivePlot.{name}", "epochs and as many values", pair)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        steps = self.params.get("steps")
        if self._canvas is not None and steps and self._is_due():
            self._draw(self._so_far((batch + 1) / steps))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            if is_number(value):
                epochs, values = self._curves.setdefault(name, [[], []])
                epochs.append(float(epoch))
                values.append(float(value))
        if self._canvas is not None and self._is_due():
            self._draw(self._curves)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._finish()

    def on_exception(self, error: BaseException) -> None:
        self._finish()

    def _finish(self) -> None:
        if self._canvas is not None and self._curves:
            self._draw(self._curves)
        self._canvas = None

    def _is_due(self) -> bool:
        now = self.clock()
        affordable = self._spent + self._cost <= _SHARE * (now - self._started)
        return affordable and now - self._drawn >= _INTERVAL

    def _so_far(self, share: float) -> Points:
        """The curves with the running values of this epoch, of which this share is done."""
        curves = dict(self._curves)
        for name, value in self.model.get_metrics_result().items():
            if is_number(value):
                epochs, values = curves.get(name, [[], []])
                # From the last epoch on its way to this one; there is none before the first.
                place = self._epoch - 1 + share if epochs else self._epoch
                curves[name] = [[*epochs, place], [*values, float(value)]]
        return curves

    def _draw(self, curves: Points) -> None:
        from annlib.plots.curves import Curve, draw_quantity, quantities

        begun = self.clock()
        drawn = {name: Curve(*map(np.array, pair)) for name, pair in curves.items()}
        names = [q for q in quantities(drawn) if self.metrics is None or q in self.metrics]
        if self.ax is not None:
            names = names[: np.size(np.asarray(self.ax, object))]
        assert self._canvas is not None, "asked before"
        if names:
            for name, ax in zip(names, self._canvas.axes(self.ax, len(names)), strict=True):
                ax.clear()
                draw_quantity(ax, drawn, name)
            self._canvas.show()
        self._drawn = self.clock()
        self._cost = self._drawn - begun
        self._spent += self._cost

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "ax": None, "_canvas": None}


class _Canvas:
    """The user's axes, which their own window or widget shows."""

    figure: Any = None

    def axes(self, given: Any, count: int) -> Any:
        from annlib.plots.axes import many_axes

        axes = many_axes(given, count, "LivePlot")
        self.figure = axes[0].figure
        return axes

    def show(self) -> None:
        self.figure.canvas.draw_idle()
        self.figure.canvas.flush_events()


class _Cell(_Canvas):
    """One output of a notebook's cell, with a figure that pyplot does not know."""

    def __init__(self) -> None:
        from annlib.plots.axes import require_matplotlib

        # Now, since the package may be missing, and to load is not to draw.
        require_matplotlib("LivePlot")
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure = Figure(layout="constrained")
        FigureCanvasAgg(self.figure)
        self._display: Any = None
        self._axes: Any = ()

    def axes(self, given: Any, count: int) -> Any:
        if len(self._axes) != count:
            columns = min(count, _COLUMNS)
            rows = -(-count // columns)
            self.figure.clear()
            self.figure.set_size_inches(4.6 * columns, 3.2 * rows)
            grid = self.figure.subplots(rows, columns, squeeze=False).ravel()
            for blank in grid[count:]:
                blank.axis("off")
            self._axes = grid[:count]
        return self._axes

    def show(self) -> None:
        from IPython.display import Image, display

        png = io.BytesIO()
        # Twice the pixels, for screens that have them.
        self.figure.savefig(png, format="png", dpi=144)
        picture = Image(png.getvalue(), width=int(self.figure.get_figwidth() * 72))
        if self._display is None:
            self._display = display(picture, display_id=True)
        else:
            self._display.update(picture)
