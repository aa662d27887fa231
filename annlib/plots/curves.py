"""Curves by epoch: of one run, training and validation together, and of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_known, is_number, items_of, to_array
from annlib.core.errors import ConfigurationError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.axes import (
    COLOURS,
    MARKERS,
    cut,
    distinct_colours,
    legend_beside,
    many_axes,
    one_axes,
    plain,
    spans_decades,
    whole_numbers,
)

_FEW = 30  # points that are marked one by one
_BESIDE = 6  # runs of which the legend stands beside the curves, whoever made the axes
_RATE, _SECONDS = "learning_rate", "seconds"


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


@with_short_tracebacks
def plot_history(history: Any, metrics: str | Sequence[str] | None = None, ax: Any = None) -> Any:
    """Draw loss and metrics by epoch, a quantity an Axes, training and validation together.

    What falls by two decades or more gets a logarithmic axis. A ring is at the best epoch of the
    validation, or without one of the training, where it is known which way is better; a dotted line
    at the epoch whose weights were restored. The first Axes says how long the run took, and a new
    figure has the learning rate, too, if it changed.

    Parameters
    ----------
    history : History, or dict of str to list, or estimator
        Of a fitted estimator its ``history_``, with a line at the epoch whose weights it has.
    metrics : str or list of str, optional
        The quantities, by their names without ``val_``; of a History also ``"learning_rate"`` and
        ``"seconds"``. Without it all that were measured, on a single ``ax`` the loss.
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
    known, more = quantities(curves), _course_of(history)
    single = ax is not None and np.ndim(to_array(ax, where, "ax", object)) == 0
    if metrics is None:
        names = known[:1] if single else known
    else:
        names = [metrics] if isinstance(metrics, str) else items_of(metrics) or [metrics]
    for name in names:
        check_known(name, where, "metrics that were measured", [*known, *(more.keys() - known)])
    with_rate = ax is None and metrics is None and _RATE not in known and _changes(more)
    drawn = [*names, *[_RATE] * with_rate]
    size = (5.2 * min(len(drawn), 3), 3.4 * -(-len(drawn) // 3))
    axes = many_axes(ax, len(drawn), where, columns=3, figsize=size)
    for name, one in zip(drawn, axes, strict=True):
        draw_quantity(one, {**more, **curves}, name)
        _mark_best(one, history, curves, name)
        if (restored := _kept_epoch(history, name)) is not None:
            label = "restored" if hasattr(history, "restored_epoch") else "kept"
            one.axvline(restored + 1, color="#808080", linewidth=1.2, linestyle=":", label=label)
            one.legend(frameon=False)
        if name in (_RATE, _SECONDS):
            one.get_legend().remove()
    if _SECONDS in more and _SECONDS not in names:
        _say_seconds(axes[0], more[_SECONDS].values)
    return axes[0] if len(names) == 1 else axes[: len(names)]


def _course_of(record: Any) -> dict[str, Curve]:
    """Learning rate and seconds by epoch, as far as a History knows them."""
    epochs = np.array(getattr(record, "epoch", []))
    found = {}
    for name, attribute in ((_RATE, "learning_rates"), (_SECONDS, "seconds")):
        values = np.array(getattr(record, attribute, []), float)
        if len(values) == len(epochs) and np.isfinite(values).any():
            found[name] = Curve(epochs, values)
    return found


def _changes(course: Mapping[str, Curve]) -> bool:
    """Whether the learning rate did not stay what it was."""
    return _RATE in course and bool(np.ptp(course[_RATE].values[~np.isnan(course[_RATE].values)]))


def _say_seconds(ax: Any, seconds: Array) -> None:
    epochs = f"{len(seconds):,} epoch{'s' * (len(seconds) > 1)}"
    took = f"{epochs} in {format_seconds(float(np.nansum(seconds)))}"
    ax.set_title(took, fontsize="small", loc="left")


def format_seconds(seconds: float) -> str:
    """Seconds as people say them.

    >>> format_seconds(0.0123), format_seconds(12.3), format_seconds(754), format_seconds(7520)
    ('0.012 s', '12 s', '12 min 34 s', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def best_point(
    curves: Mapping[str, Curve], name: str, direction: str | None
) -> tuple[int, float] | None:
    """The best epoch of a quantity and its value: of the validation, else of the training; None if
    nobody knows which way is better, or nothing is a number.
    """
    curve = curves.get(f"val_{name}", curves.get(name))
    if curve is None or direction is None or curve.values.ndim > 1:
        return None
    values = np.where(np.isfinite(curve.values), curve.values, np.nan)
    if np.isnan(values).all():
        return None
    at = int(np.nanargmax(values) if direction == "up" else np.nanargmin(values))
    return int(curve.epochs[at]), float(values[at])


def mark_point(ax: Any, epoch: int, value: float, colour: Any) -> None:
    """A ring around the best point, above the curves."""
    ax.scatter([epoch + 1], [value], s=70, facecolors="none", edgecolors=[colour], zorder=4)


def _mark_best(ax: Any, record: Any, curves: Mapping[str, Curve], name: str) -> None:
    way = getattr(record, "directions", {}).get(name, "down" if name.endswith("loss") else None)
    if (best := best_point(curves, name, way)) is not None:
        epoch, value = best
        mark_point(ax, epoch, value, COLOURS[1 if f"val_{name}" in curves else 0])
        ax.set_title(f"best {value:.4g}, epoch {epoch + 1}", fontsize="small", loc="right")


def _kept_epoch(record: Any, name: str) -> int | None:
    """The epoch whose weights were restored, by a callback or by an estimator: of all of it, or of
    the part that a curve is of.
    """
    kept = getattr(record, "restored_epoch", getattr(record, "best_epoch_", None))
    by_part = getattr(record, "best_epochs_", {})
    kept = next((best for part, best in by_part.items() if name.startswith(f"{part}_")), kept)
    return None if kept is None else int(kept)


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
    style = {"marker": "." if len(curve.epochs) <= _FEW else "", **style}
    columns = curve.values.reshape(len(curve.epochs), -1).T
    for index, values in enumerate(columns):
        # A label that begins with an underscore is no entry of the legend.
        named = plain(label if not index else f"_{label} {index}")
        shade = {"alpha": 1 - 0.7 * index / len(columns)}
        ax.plot(curve.epochs + 1, values, label=named, **shade, **style)


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
    epochs = np.concatenate([np.asarray(line.get_xdata(), float) for line in ax.lines])
    first, last = epochs.min(), epochs.max()
    room = min(0.05 * (last - first), 0.9) or 0.5  # there is no epoch 0
    ax.set_xlim(first - room, last + room)
    ax.grid(visible=True, alpha=0.25)
    ax.legend(frameon=False)


@with_short_tracebacks
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
    runs = {name: c for name, c in runs.items() if {metric, f"val_{metric}"} & c.keys()}
    beside = ax is None or len(runs) > _BESIDE
    size = (6.4 + (1.6 if beside else 0), min(max(4.0, 1.2 + 0.2 * len(runs)), 9.0))
    ax = one_axes(ax, where, figsize=size)
    drawn = []
    for index, (run, curves) in enumerate(runs.items()):
        for key, validation in ((metric, False), (f"val_{metric}", True)):
            if key in curves:
                label = f"_{run}, validation" if validation and metric in curves else cut(run, 40)
                draw_curve(ax, curves[key], label, **_look(index, len(runs), curves[key]))
                ax.lines[-1].set_linestyle("--" if validation else "-")
                drawn.append(curves[key].values)
    finish(ax, metric, drawn)
    if beside:
        legend_beside(ax, fontsize="small", ncols=1 + (len(runs) - 1) // 40)
    if any(f"val_{metric}" in curves for curves in runs.values()):
        ax.set_title("solid: training, dashed: validation", fontsize="small", loc="right")
    return ax


def _look(index: int, count: int, curve: Curve) -> dict[str, Any]:
    """Colour, width and marks of a run among so many: no two look alike, in grey neither."""
    every = max(1, len(curve.epochs) // 8)
    return {
        "color": distinct_colours(count)[index],
        "linewidth": 1.5 + index // len(COLOURS) * 0.3,
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 4,
        "markevery": (index // len(MARKERS) % every, every),
    }
