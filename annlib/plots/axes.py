"""Where a figure is drawn: on the axes given, or on new ones; and colours that all can tell apart.

Nothing here shows or closes a figure or changes a default: that is the user's.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from annlib.core.checks import to_array
from annlib.core.errors import ConfigurationError, show
from annlib.core.packages import missing

#: The palette of Okabe and Ito (2008), from which no common colour blindness takes the contrasts;
#: without its yellow, which is lost on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")


#: As many shapes, for those who cannot tell the colours apart; of another number than these, so
#: that the two together repeat late.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def distinct_colours(count: int) -> list[Any]:
    """So many colours: of the palette as far as it goes, else of a larger one."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    from matplotlib import colormaps

    shades = colormaps["tab20" if count <= 20 else "turbo"]
    places = range(count) if count <= 20 else np.linspace(0, 1, count)
    return [tuple(shade) for shade in shades(places).tolist()]


def plain(text: Any) -> str:
    r"""A name as Matplotlib shows it to the letter: between dollars it would look for a formula.

    >>> plain("profit in $ and US$"), plain(3)
    ('profit in \\$ and US\\$', '3')
    """
    return str(text).replace("$", r"\$")


def cut(text: Any, most: int = 28) -> str:
    """A name as it is, or of a longer one the beginning and the end, in which names often differ.

    >>> cut("petal length"), cut("petal length", 8)
    ('petal length', 'petal…th')
    """
    letters = str(text)
    end = (most - 1) // 3
    return letters if len(letters) <= most else f"{letters[: most - 1 - end]}…{letters[-end:]}"


def legend_beside(ax: Any, **how: Any) -> None:
    """A legend to the right of the axes, where it covers nothing."""
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, **how)


def require_matplotlib(where: str) -> None:
    """Raise ``ImportError`` with what to install, if Matplotlib is not there."""
    if find_spec("matplotlib") is None:
        raise missing(where, "Matplotlib", "annlib[plot]", ImportError("there is none"))


def _subplots(where: str, *grid: int, **figure: Any) -> Any:
    """The axes of a new figure, which pyplot knows and a notebook therefore shows."""
    require_matplotlib(where)
    import matplotlib.pyplot as plt

    return plt.subplots(*grid, layout="constrained", **figure)[1]


def one_axes(ax: Any, where: str, **figure: Any) -> Any:
    """``ax``, or the axes of a new figure made with these arguments."""
    if ax is None:
        return _subplots(where, **figure)
    if isinstance(ax, type) or not hasattr(ax, "transData"):
        raise ConfigurationError(f"{where}: expected ax as a Matplotlib Axes, got {show(ax)}.")
    return ax


def many_axes(ax: Any, count: int, where: str, columns: int | None = None, **figure: Any) -> Any:
    """``count`` axes as a vector: those given, or of a new figure with so many columns.

    What a new figure has beyond ``count`` to fill its last row is blank.
    """
    if ax is None:
        columns = min(count, columns or count)
        rows = -(-count // columns)
        grid = _subplots(where, rows, columns, squeeze=False, **figure)
        for blank in grid.flat[count:]:
            blank.axis("off")
        return grid.ravel()[:count]
    axes = np.ravel(to_array(ax, where, "ax", object))
    if len(axes) < count:
        raise ConfigurationError(
            f"{where}: expected ax as {count} Matplotlib Axes, got {len(axes)}. Make them with "
            f"plt.subplots(1, {count}), or leave ax out."
        )
    return np.array([one_axes(each, where) for each in axes[:count]], object)


def whole_numbers(axis: Any) -> None:
    """Ticks at whole numbers only: there is no epoch 2.5."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def spans_decades(values: Any, least: float = 100.0) -> bool:
    """Whether all of these are positive, and the largest is ``least`` times the smallest.

    >>> spans_decades([10, 1, 0.01]), spans_decades([2, 1]), spans_decades([100, 1, 0])
    (True, False, False)
    """
    numbers = np.ravel(np.asarray(values, float))
    numbers = numbers[np.isfinite(numbers)]
    return bool(numbers.size) and bool(0 < least * numbers.min() <= numbers.max())
