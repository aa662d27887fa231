"""Runs side by side: the best epoch of each, as a table, a frame or curves."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Literal, NamedTuple

import numpy as np

from annlib.core.checks import check_choice, check_known
from annlib.core.errors import ConfigurationError, show
from annlib.core.registry import FAMILIES
from annlib.core.table import html_table, text_table
from annlib.core.terminal import Printed
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.curves import Curve, compare_histories, curves_of

_WHERE = "compare"

Direction = Literal["up", "down"]


class Best(NamedTuple):
    """The best value of a quantity in a run, its epoch, and the last value; of a quantity of which
    nobody knows which way is better, the last value twice.

    Parameters
    ----------
    value : float, any number
    epoch : int, at least 0
        Counted from 0, as in a History.
    last : float, any number

    Examples
    --------
    >>> from annlib import compare
    >>> compare({"adam": {"loss": [0.9, 0.4, 0.5]}}).best["adam"]["loss"]
    Best(value=0.4, epoch=1, last=0.5)
    """

    value: float
    epoch: int
    last: float


class Comparison(Printed):
    """What ``compare`` returns; prints as a table, a row a run.

    Parameters
    ----------
    histories : dict of str to History
    directions : dict of str to {"up", "down"}, optional
        As for ``compare``.

    Attributes
    ----------
    best : dict of str to dict of str to Best
        By run and quantity: ``comparison.best["adam"]["val_loss"].epoch``.
    histories : dict of str to History

    Raises
    ------
    ConfigurationError
        As for ``compare``.

    Examples
    --------
    >>> from annlib import compare
    >>> runs = compare({"adam": {"loss": [0.9, 0.4, 0.5]}, "sgd": {"loss": [1.0, 0.8]}})
    >>> runs.quantities, runs.best["sgd"]["loss"].value
    (['loss'], 0.8)
    """

    def __init__(
        self, histories: Mapping[str, Any], directions: Mapping[str, Direction] | None = None
    ) -> None:
        if not isinstance(histories, Mapping) or not histories:
            raise ConfigurationError(
                f"{_WHERE}: expected a dict of name to History, got "
                f"{show(histories)}. "
                'Write compare({"adam": history, "sgd": other}).'
            )
        if not isinstance(directions, Mapping | None):
            raise ConfigurationError(
                f"{_WHERE}: expected directions as a dict of name to direction, got "
                f"{show(directions)}."
            )
        for name, way in (directions or {}).items():
            check_choice(way, _WHERE, f'directions["{name}"]', ("up", "down"))
        self.histories = dict(histories)
        self._directions: dict[str, str] = {}
        for history in histories.values():
            self._directions |= getattr(history, "directions", {})
        self._directions |= directions or {}
        self.best: dict[str, dict[str, Best]] = {}
        self._epochs: dict[str, int] = {}
        for name, history in self.histories.items():
            curves = curves_of(history, _WHERE)
            single = {key: curve for key, curve in curves.items() if curve.values.ndim == 1}
            self.best[name] = {
                key: _best(self._direction(key), curve) for key, curve in single.items()
            }
            self._epochs[name] = max(len(curve.epochs) for curve in curves.values())

    @property
    def quantities(self) -> list[str]:
        """All that was measured in some run, losses first."""
        names = dict.fromkeys(key for best in self.best.values() for key in best)
        return sorted(names, key=lambda name: not name.endswith("loss"))

    def _direction(self, name: str) -> str | None:
        """Which way a quantity is better: as it was said, as its run knew it, or by its name."""
        for each in (name, name.removeprefix("val_")):
            if each in self._directions:
                return self._directions[each]
        return known_direction(name)

    @property
    def _hint(self) -> str:
        """What to do about quantities of which only the last value can be shown."""
        unknown = [name for name in self.quantities if self._direction(name) is None]
        given = ", ".join(f'"{name}": "up"' for name in unknown)
        return f"For the best of these, not the last: directions={{{given}}}." if unknown else ""

    def _table(self) -> tuple[list[str], list[list[str]]]:
        names = self.quantities
        rows = []
        for run, best in self.best.items():
            cells = [
                f"{best[name].value:.4g} (epoch {best[name].epoch + 1})" if name in best else ""
                for name in names
            ]
            rows.append([run, str(self._epochs[run]), *cells])
        return ["run", "epochs", *map(self._title, names)], rows

    def _title(self, name: str) -> str:
        return f"{'last' if self._direction(name) is None else 'best'} {name}"

    def __repr__(self) -> str:
        return "\n  ".join(filter(None, (text_table(*self._table()), self._hint)))

    def _repr_html_(self) -> str:
        return html_table(*self._table()) + (f"<p>{escape(self._hint)}</p>" if self._hint else "")

    def to_frame(self) -> Any:
        """A table: a row a run; for each quantity its best value, the epoch of that and the last
        value.

        Returns
        -------
        DataFrame, (runs, columns)

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from annlib import compare
        >>> compare({"adam": {"loss": [0.9, 0.4, 0.5]}, "sgd": {"loss": [1.0, 0.8]}}).to_frame()
              epochs  loss  loss epoch  loss last
        run
        adam       3   0.4           1        0.5
        sgd        2   0.8           1        0.8
        """
        try:
            from pandas import DataFrame, Index
        except ImportError:
            raise ImportError(
                "Comparison.to_frame: expected the package pandas, got none installed. "
                "pip install pandas."
            ) from None
        rows = []
        for run, best in self.best.items():
            row: dict[str, Any] = {"epochs": self._epochs[run]}
            for name, found in best.items():
                row |= {
                    name: found.value,
                    f"{name} epoch": found.epoch,
                    f"{name} last": found.last,
                }
            rows.append(row)
        return DataFrame(rows, index=Index(list(self.best), name="run"))

    def plot(self, metric: str = "loss", ax: Any = None) -> Any:
        """Draw one quantity of all runs, training solid and validation dashed.

        Parameters
        ----------
        metric : str
            Without ``val_``.
        ax : Axes, optional

        Returns
        -------
        Axes

        Raises
        ------
        UnknownNameError
            If the quantity was not measured; the message names those that were.
        ConfigurationError
            If ``ax`` is no Axes of Matplotlib.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from annlib import compare
        >>> runs = compare({"adam": {"loss": [0.9, 0.4, 0.5]}, "sgd": {"loss": [1.0, 0.8]}})
        >>> ax = runs.plot("loss", ax=Figure().subplots())
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['adam', 'sgd']
        """
        known = [name.removeprefix("val_") for name in self.quantities]
        check_known(metric, _WHERE, "a metric that was measured", known)
        return compare_histories(self.histories, metric, ax)


@with_short_tracebacks
def compare(
    histories: Mapping[str, Any], *, directions: Mapping[str, Direction] | None = None
) -> Comparison:
    """Set runs side by side: the best value of each quantity, and in which epoch it was.

    Which way a metric is better a History knows, and the metric's class by a registered name. Of
    anything else the last value is shown, unless ``directions`` says.

    Parameters
    ----------
    histories : dict of str to History
        What ``fit`` returned, by a name for each run.
    directions : dict of str to {"up", "down"}, optional
        Which way a quantity is better, by its name without ``val_``.

    Returns
    -------
    Comparison
        Prints as a table; ``best``, ``to_frame`` and ``plot``.

    Raises
    ------
    ConfigurationError
        If something in the dict is no History, or a direction neither up nor down.

    Examples
    --------
    >>> compare({"adam": {"loss": [0.9, 0.4, 0.5]}, "sgd": {"loss": [1.0, 0.8]}})
      run   epochs  best loss
      adam       3  0.4 (epoch 2)
      sgd        2  0.8 (epoch 2)
    """
    return Comparison(histories, directions)


def _best(direction: str | None, curve: Curve) -> Best:
    values = curve.values
    if np.isnan(values).all():
        return Best(float("nan"), int(curve.epochs[-1]), float("nan"))
    if direction is None:
        return Best(float(values[-1]), int(curve.epochs[-1]), float(values[-1]))
    at = int(np.nanargmax(values) if direction == "up" else np.nanargmin(values))
    return Best(float(values[at]), int(curve.epochs[at]), float(values[-1]))


def known_direction(name: str) -> str | None:
    """Which way the metric or loss of a registered name is better; None if nobody knows it.

    >>> known_direction("val_accuracy"), known_direction("val_loss"), known_direction("mine")
    ('up', 'down', None)
    """
    # The second metric of a name gets _1 behind it.
    name = name.removeprefix("val_").removeprefix("weighted_").rstrip("0123456789").rstrip("_")
    if name in ("accuracy", "acc"):  # fit takes the one that suits the targets
        return "up"
    for cls in FAMILIES["metric"]:
        if name in cls._names:
            return str(cls.direction) if cls.direction else None
    return "down" if name == "loss" or any(name in cls._names for cls in FAMILIES["loss"]) else None
