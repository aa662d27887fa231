"""How the insides of a network develop: a line a layer by step, or the spread of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.plots.axes import COLOURS, one_axes, plain, spans_decades, whole_numbers

_NAMED = 12  # layers that have a place in the legend
_DARK, _LIGHT = 0.0, 0.85  # viridis up to where its yellow is lost on white


def plot_layers(
    steps: Sequence[int],
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
        If ``ax`` is no Axes of Matplotlib.
    ValueError
        If there are not as many rows of values as steps.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> values = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> ax = plot_layers([0, 10], values, ["dense", "dense_1"], "size", ax=Figure().subplots())
    >>> [line.get_ydata().tolist() for line in ax.lines]
    [[1.0, 3.0], [2.0, 4.0]]
    """
    ax = one_axes(ax, "plots.plot_layers", figsize=(6.8, 3.8))
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


def plot_spread(steps: Sequence[int], quantiles: Array, label: str, ax: Any = None) -> Any:
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
        If ``ax`` is no Axes of Matplotlib.
    ValueError
        If there are not 7 quantiles a step.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> quantiles = np.array([[-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0], [-6, -4, -2, 0, 2, 4, 6]])
    >>> ax = plot_spread([0, 10], quantiles, "weights", ax=Figure().subplots())
    >>> ax.lines[0].get_ydata().tolist()
    [0.0, 0.0]
    """
    ax = one_axes(ax, "plots.plot_spread", figsize=(6.8, 3.8))
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


def _finish(ax: Any, label: str) -> None:
    ax.set_xlabel("step")
    ax.set_ylabel(plain(label))
    whole_numbers(ax.xaxis)
    ax.grid(visible=True, alpha=0.25)
