"""Runs side by side: the best epoch of each, as a table, a frame or curves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from textwrap import wrap
from typing import Any, Literal, NamedTuple

import numpy as np

from annlib.core.checks import check_choice, check_known
from annlib.core.errors import ConfigurationError, show
from annlib.core.packages import needed
from annlib.core.registry import FAMILIES
from annlib.core.table import html_table, text_table
from annlib.core.terminal import Printed
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.axes import cut, plain
from annlib.plots.curves import Curve, compare_histories, curves_of, mark_point

_WHERE = "compare"
_WIDTH, _MARK = 78, " *"

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

    @property
    def text(self) -> str:
        """As people read it: epochs count from 1."""
        return f"{self.value:.4g} (epoch {self.epoch + 1})"


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
    seconds : dict of str to float
        How long each run took; NaN where its History does not know.
    winners : dict of str to str
        By quantity the run with the best value of all; None of one run alone, and of a quantity of
        which nobody knows which way is better.
    settings : dict of str to dict of str to object
        By run, what it was made of where the runs differ: ``comparison.settings["adam"]``.

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
        self.seconds = {name: _seconds(history) for name, history in self.histories.items()}
        self.settings = _differences(self.histories)
        self.winners = {name: self._winner(name) for name in self.quantities}

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
        """What is the same in all runs, or known of none, has no column."""
        columns = {
            "run": [cut(run, 24) for run in self.best],
            "epochs": list(map(str, self._epochs.values())),
        }
        if not all(map(np.isnan, self.seconds.values())):
            known = self.seconds.values()
            columns["seconds"] = ["" if np.isnan(each) else f"{each:.3g}" for each in known]
        for name in self.quantities:
            found = [own.get(name) for own in self.best.values()]
            if self._direction(name) is not None:
                winner = self.winners[name]
                columns[f"best {name}"] = [
                    each.text + _MARK * (run == winner) if each else ""
                    for run, each in zip(self.best, found, strict=True)
                ]
            columns[f"last {name}"] = [f"{each.last:.4g}" if each else "" for each in found]
        for name in dict.fromkeys(key for own in self.settings.values() for key in own):
            columns[name] = [_short(own.get(name, "")) for own in self.settings.values()]
        return list(columns), list(map(list, zip(*columns.values(), strict=True)))

    def _winner(self, name: str) -> str | None:
        way = self._direction(name)
        found = {run: best[name].value for run, best in self.best.items() if name in best}
        found = {run: value for run, value in found.items() if not np.isnan(value)}
        if way is None or not found or len(self.best) < 2:
            return None
        return (max if way == "up" else min)(found, key=found.__getitem__)

    def _notes(self) -> list[str]:
        marked = any(winner is not None for winner in self.winners.values())
        return [*([f"{_MARK.strip()} the best of all runs"] if marked else []), self._hint]

    def __repr__(self) -> str:
        table = text_table(*self._table(), width=_WIDTH)
        notes = (f"  {line}" for note in self._notes() for line in wrap(note, _WIDTH - 2))
        return "\n".join([table, *notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes() if note)
        return html_table(*self._table(), mark=_MARK) + notes

    def to_frame(self) -> Any:
        """A pandas ``DataFrame``: a row a run; its epochs and seconds, for each quantity its best
        value, the epoch of that and the last value, and its settings that are not those of all.
        Needs pandas.

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
              epochs  seconds  loss  loss epoch  loss last
        run
        adam       3      NaN   0.4           1        0.5
        sgd        2      NaN   0.8           1        0.8
        """
        with needed("Comparison.to_frame", "pandas", "pandas"):
            from pandas import DataFrame, Index
        rows = []
        for run, best in self.best.items():
            row: dict[str, Any] = {"epochs": self._epochs[run], "seconds": self.seconds[run]}
            for name, found in best.items():
                row |= {
                    name: found.value,
                    f"{name} epoch": found.epoch,
                    f"{name} last": found.last,
                }
            rows.append(row | self.settings[run])
        return DataFrame(rows, index=Index(list(self.best), name="run"))

    def plot(self, metric: str = "loss", ax: Any = None) -> Any:
        """Draw one quantity of all runs, training solid and validation dashed, and a ring around
        the best value of all.

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
        ax = compare_histories(self.histories, metric, ax)
        watched = f"val_{metric}" if f"val_{metric}" in self.quantities else metric
        if (winner := self.winners[watched]) is not None:
            best = self.best[winner][watched]
            mark_point(ax, best.epoch, best.value, ax.xaxis.label.get_color())  # that of texts
            said = f"best: {cut(winner, 24)}, {best.value:.4g} in epoch {best.epoch + 1}"
            ax.set_title(plain(said), fontsize="small", loc="left")
        return ax


@with_short_tracebacks
def compare(
    histories: Mapping[str, Any], *, directions: Mapping[str, Direction] | None = None
) -> Comparison:
    """Set runs side by side: the best value of each quantity, and in which epoch it was; the last
    value, the seconds, and what the runs were made of where they differ.

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
      run   epochs  best loss        last loss
      adam       3  0.4 (epoch 2) *        0.5
      sgd        2  0.8 (epoch 2)          0.8
      * the best of all runs
    """
    return Comparison(histories, directions)


def _seconds(history: Any) -> float:
    known = np.array(getattr(history, "seconds", []), float)
    return float(np.nansum(known)) if np.isfinite(known).any() else math.nan


def _differences(histories: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of each run that not all of those have that know theirs."""
    known = {name: getattr(history, "settings", {}) for name, history in histories.items()}
    told = [settings for settings in known.values() if settings]
    names = dict.fromkeys(key for settings in told for key in settings)
    differ = [key for key in names if len({repr(own.get(key)) for own in told}) > 1]
    for part in ("loss", "optimizer"):
        # Parts of one class differ in arguments, and of others the arguments say nothing.
        alike = len({str(own.get(part)).partition("(")[0] for own in told}) == 1
        differ = [k for k in differ if k != part] if alike else differ
        differ = differ if alike else [k for k in differ if not k.startswith(f"{part} ")]
    return {
        name: {key: settings[key] for key in differ if key in settings}
        for name, settings in known.items()
    }


def _short(value: Any) -> str:
    return cut(f"{value:.4g}" if isinstance(value, float) else value, 36)


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
