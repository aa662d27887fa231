"""Curves by epoch: of one run, training and validation together, and of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_known, is_number, items_of, to_array
from annlib.core.errors import ConfigurationError, show
from annlib.plots.axes import COLOURS, many_axes, one_axes, plain, spans_decades, whole_numbers

_FEW = 30  # points that are marked one by one


class Curve(NamedTuple):
    """A quantity's values, (n,) or (n, several), and the epochs of which they are."""

    epochs: Array
    values: Array


def curves_of(record: Any, where: str) -> dict[str, Curve]:
    """The curves of a History by name, of an estimator, or of a dictionary of lists; what is no
    number is left out.

    Raises
    ------
    ConfigurationError
        If it is none of them, or has no curve.
    """
    history = getattr(record, "history", getattr(record, "history_", record))
    if not isinstance(history, Mapping):
        raise ConfigurationError(
            f"{where}: expected a History, as fit returns it, got {show(record)}."
        )
    known = getattr(record, "epochs_of", {})
    curves = {}
    for name, measured in history.items():
        values = items_of(measured)
        if values and all(is_number(value) or np.ndim(value) == 1 for value in values):
            epochs = known.get(name) or getattr(record, "epoch", None) or range(len(values))
            curve = Curve(np.array(epochs[: len(values)]), np.array(values, float))
            curves[_of_quantity(name, history)] = curve
    if not curves:
        raise ConfigurationError(
            f"{where}: expected a History with at least one epoch, got none. Call fit first."
        )
    return curves


def _of_quantity(name: Any, history: Mapping[str, Any]) -> Any:
    """A curve's name, with ``val_`` in front where it is that of another on validation rows.

    >>> _of_quantity("first_val_loss", {"first_loss": [1], "first_val_loss": [2]})
    'val_first_loss'
    """
    before, cut, after = str(name).partition("_val_")
    own = f"{before}_{after}"
    return f"val_{own}" if cut and own in history else name


def quantities(curves: Mapping[str, Any]) -> list[str]:
    """What was measured, the loss first: training and validation are one quantity.

    >>> quantities({"accuracy": 0, "loss": 0, "val_accuracy": 0, "val_loss": 0})
    ['loss', 'accuracy']
    """
    names = dict.fromkeys(name.removeprefix("val_") for name in curves)
    return sorted(names, key=lambda name: name != "loss")


def plot_history(history: Any, metrics: str | Sequence[str] | None = None, ax: Any = None) -> Any:
    """Draw loss and metrics by epoch, a quantity an Axes, training and validation together.

    What falls by two decades or more gets a logarithmic axis.

    Parameters
    ----------
    history : History, or dict of str to list, or estimator
        Of a fitted estimator its ``history_``, with a line at the epoch whose weights it has.
    metrics : str or list of str, optional
        The quantities, by their names without ``val_``. Without it all, on a single ``ax`` the
        loss.
    ax : Axes or array of Axes, (quantities,), optional

    Returns
    -------
    Axes, or ndarray of Axes, (quantities,)
        One for each quantity.

    Raises
    ------
    UnknownNameError
        If a quantity was not measured; the message names those that were.
    ConfigurationError
        If it is no History or has no epoch yet, or ``ax`` is no Axes of Matplotlib.

    Examples
    --------
    >>> import matplotlib.figure
    >>> ax = matplotlib.figure.Figure().subplots()
    >>> ax = plot_history({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]}, ax=ax)
    >>> [line.get_ydata().tolist() for line in ax.lines]
    [[0.9, 0.5], [1.0, 0.7]]
    """
    where = "History.plot"
    curves = curves_of(history, where)
    known = quantities(curves)
    single = ax is not None and np.ndim(to_array(ax, where, "ax", object)) == 0
    if metrics is None:
        names = known[:1] if single else known
    else:
        names = [metrics] if isinstance(metrics, str) else items_of(metrics) or [metrics]
    for name in names:
        check_known(name, where, "metrics that were measured", known)
    size = (5.2 * min(len(names), 3), 3.4 * -(-len(names) // 3))
    axes = many_axes(ax, len(names), where, columns=3, figsize=size)
    for name, one in zip(names, axes, strict=True):
        draw_quantity(one, curves, name)
        if (best := _best_epoch(history, name)) is not None:
            one.axvline(best + 1, color="#666666", linewidth=1, linestyle=":", label="kept")
            one.legend(frameon=False)
    return axes[0] if len(names) == 1 else axes


def _best_epoch(record: Any, name: str) -> int | None:
    """The epoch whose weights an estimator has: of all of it, or of the part that a curve is of."""
    by_part = getattr(record, "best_epochs_", None)
    if by_part is None:
        return getattr(record, "best_epoch_", None)
    return next((int(best) for part, best in by_part.items() if name.startswith(f"{part}_")), None)


def draw_quantity(ax: Any, curves: Mapping[str, Curve], name: str) -> None:
    """One quantity by epoch: training solid, validation dashed."""
    drawn = []
    for key, label, colour, style in (
        (name, "training", COLOURS[0], "-"),
        (f"val_{name}", "validation", COLOURS[1], "--"),
    ):
        if key in curves:
            draw_curve(ax, curves[key], label, color=colour, linestyle=style)
            drawn.append(curves[key].values)
    finish(ax, name, drawn)


def draw_curve(ax: Any, curve: Curve, label: str, **style: Any) -> None:
    """A line; of a quantity of several numbers one for each, of which the first is named."""
    marker = "." if len(curve.epochs) <= _FEW else ""
    columns = curve.values.reshape(len(curve.epochs), -1).T
    for index, values in enumerate(columns):
        # A label that begins with an underscore is no entry of the legend.
        named = plain(label if not index else f"_{label} {index}")
        shade = {"alpha": 1 - 0.7 * index / len(columns)}
        ax.plot(curve.epochs + 1, values, label=named, marker=marker, **shade, **style)


def finish(ax: Any, name: str, drawn: Sequence[Array]) -> None:
    """Titles, ticks and legend."""
    everything = np.concatenate([np.ravel(values) for values in drawn])
    # An accuracy rises from small values too, but its small ones are not what matters.
    falls = any(np.ravel(values)[-1] < np.ravel(values)[0] for values in drawn)
    if falls and spans_decades(everything):
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel(plain(name.replace("_", " ")))
    whole_numbers(ax.xaxis)
    ax.grid(visible=True, alpha=0.25)
    ax.legend(frameon=False)


def compare_histories(histories: Mapping[str, Any], metric: str = "loss", ax: Any = None) -> Any:
    """Draw one quantity of several runs: a colour a run, training solid and validation dashed.

    Parameters
    ----------
    histories : dict of str to History
    metric : str
        The quantity, without ``val_``; runs without it are left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If the quantity was not measured; the message names those that were.
    ConfigurationError
        If it is no dict of histories, or ``ax`` is no Axes of Matplotlib.

    Examples
    --------
    >>> import matplotlib.figure
    >>> ax = matplotlib.figure.Figure().subplots()
    >>> ax = compare_histories({"adam": {"loss": [2, 1]}, "sgd": {"loss": [2, 1.5]}}, ax=ax)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['adam', 'sgd']
    """
    where = "plots.compare_histories"
    if not isinstance(histories, Mapping) or not histories:
        raise ConfigurationError(
            f"{where}: expected a dictionary of histories by name, got {show(histories)}."
        )
    runs = {name: curves_of(history, where) for name, history in histories.items()}
    known = list(dict.fromkeys(q for curves in runs.values() for q in quantities(curves)))
    check_known(metric, where, "metric as what was measured", known)
    ax = one_axes(ax, where, figsize=(6.4, 4.0))
    drawn = []
    validated = False
    for index, (run, curves) in enumerate(runs.items()):
        colour = COLOURS[index % len(COLOURS)]
        # Beyond the palette the strokes tell runs of one colour apart.
        width = 1.5 + index // len(COLOURS)
        for key, label, style in ((metric, str(run), "-"), (f"val_{metric}", "", "--")):
            if key in curves:
                draw_curve(
                    ax,
                    curves[key],
                    label or f"_{run}, validation",
                    color=colour,
                    linestyle=style,
                    linewidth=width,
                )
                drawn.append(curves[key].values)
                validated = validated or not label
    finish(ax, metric, drawn)
    if validated:
        ax.set_title("solid: training, dashed: validation", fontsize="small", loc="right")
    return ax
