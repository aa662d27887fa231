"""How the insides of a network develop: a line a layer by step, or the spread of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import is_number, items_of, to_rows
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.axes import COLOURS, one_axes, plain, spans_decades, whole_numbers

_NAMED = 12  # layers that have a place in the legend
_DARK, _LIGHT = 0.0, 0.85  # viridis up to where its yellow is lost on white


@with_short_tracebacks
def plot_layers(
    steps: Sequence[float],
    values: Array,
    names: Sequence[str],
    label: str,
    ax: Any = None,
    usual: tuple[float, float] | None = None,
) -> Any:
    """Draw a line for each layer by step; the deeper the layer, the lighter.

    Parameters
    ----------
    steps : sequence of int, (n,)
    values : array, (n, layers)
    names : sequence of str
    label : str
        What is drawn.
    ax : Axes, optional
    usual : tuple of float, optional
        A range to shade, where values usually lie.

    Returns
    -------
    Axes

    Raises
    ------
    ConfigurationError
        If ``ax`` is no Axes of Matplotlib, or another argument is none of these.
    ShapeError
        If there is not a value for each step and each of the names.
    DataError
        If the values are no numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> values = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> ax = plot_layers([0, 10], values, ["dense", "dense_1"], "size", ax=Figure().subplots())
    >>> [line.get_ydata().tolist() for line in ax.lines]
    [[1.0, 3.0], [2.0, 4.0]]
    """
    where = "plots.plot_layers"
    steps, label = _steps(steps, where), _label(label, where)
    texts = items_of(names)
    if texts is None:
        raise ConfigurationError(f"{where}: expected names as a list, got {show(names)}.")
    values = _by_step(values, len(steps), len(texts), where, "values", "the layers' names")
    if usual is not None:
        usual = _range(usual, where)
    ax = one_axes(ax, where, figsize=(6.8, 3.8))
    from matplotlib import colormaps

    colours = colormaps["viridis"](np.linspace(_DARK, _LIGHT, len(names)))
    marker = "." if len(steps) == 1 else ""
    for series, name, colour in zip(np.transpose(values), names, colours, strict=True):
        ax.plot(steps, series, label=plain(name), color=colour, marker=marker)
    if usual is not None:
        ax.axhspan(*usual, color=COLOURS[-1], alpha=0.12, linewidth=0, label="usual")
    if usual is not None or spans_decades(values, 30.0):
        ax.set_yscale("log")
    _finish(ax, label)
    if len(names) > _NAMED:
        _scale(ax, names)
    elif names:
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    return ax


def _scale(ax: Any, names: Sequence[str]) -> None:
    """In the place of a long legend: first and last layer at the ends of a bar of colours."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    shades = ListedColormap(colormaps["viridis"](np.linspace(_DARK, _LIGHT, 256)))
    scale = ScalarMappable(Normalize(0, len(names) - 1), shades)
    bar = ax.figure.colorbar(scale, ax=ax, ticks=[0, len(names) - 1], label="layer")
    bar.ax.set_yticklabels([plain(names[0]), plain(names[-1])], fontsize="small")
    bar.ax.invert_yaxis()


@with_short_tracebacks
def plot_spread(steps: Sequence[float], quantiles: Array, label: str, ax: Any = None) -> Any:
    """Draw how many numbers are spread, by step: the median, and what half and 90 % lie within.

    Parameters
    ----------
    steps : sequence of int, (n,)
    quantiles : array, (n, 7)
        Least, 5 %, 25 %, 50 %, 75 %, 95 % and largest.
    label : str
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ConfigurationError
        If ``ax`` is no Axes of Matplotlib, or another argument is none of these.
    ShapeError
        If there are not 7 quantiles a step.
    DataError
        If they are no numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> quantiles = np.array([[-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0], [-6, -4, -2, 0, 2, 4, 6]])
    >>> ax = plot_spread([0, 10], quantiles, "weights", ax=Figure().subplots())
    >>> ax.lines[0].get_ydata().tolist()
    [0.0, 0.0]
    """
    where = "plots.plot_spread"
    steps, label = _steps(steps, where), _label(label, where)
    quantiles = _by_step(quantiles, len(steps), 7, where, "quantiles", "least to largest")
    ax = one_axes(ax, where, figsize=(6.8, 3.8))
    low, p5, p25, middle, p75, p95, high = np.transpose(quantiles)
    colour = COLOURS[0]
    ax.plot(steps, middle, color=colour, label="median", marker="." if len(steps) == 1 else "")
    ax.fill_between(steps, p25, p75, color=colour, alpha=0.35, linewidth=0, label="half")
    for edges, label_of_band in (((p5, p25), "90 %"), ((p75, p95), "_90 %")):
        ax.fill_between(steps, *edges, color=colour, alpha=0.15, linewidth=0, label=label_of_band)
    for edge, name in ((low, "all"), (high, "_all")):
        ax.plot(steps, edge, color=colour, linewidth=0.8, linestyle=":", label=name)
    _finish(ax, label)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    return ax


def _steps(steps: Any, where: str) -> list[Any]:
    found = items_of(steps)
    if not found or not all(map(is_number, found)):
        raise ConfigurationError(
            f"{where}: expected steps as a list of at least one number, got {show(steps)}."
        )
    return found


def _label(label: Any, where: str) -> str:
    if not isinstance(label, str):
        raise ConfigurationError(f"{where}: expected label as text, got {show(label)}.")
    return label


def _range(usual: Any, where: str) -> tuple[float, float]:
    ends = items_of(usual) or ()
    if len(ends) != 2 or not all(map(is_number, ends)):
        raise ConfigurationError(
            f"{where}: expected usual as a tuple (low, high) of numbers, got {show(usual)}."
        )
    return ends[0], ends[1]


def _by_step(values: Any, steps: int, count: int, where: str, name: str, what: str) -> Array:
    """The numbers, (steps, count); raises ``ShapeError``."""
    array = to_rows(values, where, name)
    if array.shape != (steps, count):
        raise ShapeError(
            f"{where}: expected {name} of shape {(steps, count)}, a row for each step with {count} "
            f"numbers, {what}, got {array.shape}."
        )
    return array


def _finish(ax: Any, label: str) -> None:
    ax.set_xlabel("step")
    ax.set_ylabel(plain(label))
    whole_numbers(ax.xaxis)
    ax.grid(visible=True, alpha=0.25)
