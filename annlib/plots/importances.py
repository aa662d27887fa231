"""What columns do to predictions: to those of all rows together, and to single ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, is_missing, is_number
from annlib.core.errors import ConfigurationError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.axes import COLOURS, cut, many_axes, one_axes, plain

_UP, _DOWN = COLOURS[1], COLOURS[0]


@with_short_tracebacks
def feature_importances(model: Any, ax: Any = None, most: int = 20) -> Any:
    """Draw how important each column is to a fitted estimator, the largest on top.

    Parameters
    ----------
    model : estimator
        Fitted, with ``feature_importances_``: ``TabularClassifier``, ``TabularRegressor``, or one
        of scikit-learn.
    ax : Axes, optional
    most : int, at least 1, default=20
        The columns that are shown.

    Returns
    -------
    Axes

    Raises
    ------
    ConfigurationError
        If it is no estimator with ``feature_importances_``, or another argument is none of these.
    NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> tree = DecisionTreeRegressor().fit([[0, 5], [1, 5], [2, 5]], [0, 1, 3])
    >>> ax = feature_importances(tree, ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['column 0', 'column 1']
    """
    where = "plots.feature_importances"
    most = check_count(most, where, "most")
    importances = _fitted(model, "feature_importances_", where).feature_importances_
    order = np.argsort(-importances, kind="stable")[:most]
    names = _names(model, len(importances))
    ax = one_axes(ax, where, figsize=(6.0, 1.2 + 0.28 * len(order)))
    heights = np.arange(len(order))
    colours = [_DOWN if importances[k] >= 0 else COLOURS[-1] for k in order]
    ax.barh(heights, importances[order], color=colours, height=0.7)
    _rows(ax, [names[k] for k in order])
    measure = getattr(model, "_importance_measure", None)
    ax.set_xlabel(f"increase of the {measure} if permuted" if measure else "importance")
    if (left := len(importances) - len(order)) > 0:
        ax.set_title(f"the {len(order)} largest, without {left:,} more", fontsize="small")
    return ax


@with_short_tracebacks
def contributions(
    model: Any, X: Any, ax: Any = None, target: Any = None, most: int = 10, orders: int = 4
) -> Any:
    """Draw what each column adds to predictions, counted from that for a typical row.

    Of one row a bar for each column: the bars lead from the prediction for the typical row to
    that for this row. Of several rows a dot for each row and column, blue where the column's
    value is low, orange where it is high, and grey where it is no number.

    Parameters
    ----------
    model : TabularClassifier or TabularRegressor
        Fitted.
    X : array_like or frame, (n, features)
        One row or several.
    ax : Axes or array of Axes, (classes,), optional
    target : label or int, in [0, outputs), optional
        Of several classes the one to explain; of several columns of y the place. By default the
        most probable class of one row, and else all, an Axes each.
    most : int, at least 1, default=10
        The columns that are shown by themselves.
    orders : int, at least 1, default=4
        As in ``model.contributions``.

    Returns
    -------
    Axes, or ndarray of Axes, (classes,)

    Raises
    ------
    ConfigurationError
        If it is no estimator with ``contributions``, or another argument is none of these.
    NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from annlib import TabularRegressor
    >>> X = np.random.default_rng(0).normal(size=(40, 2))
    >>> model = TabularRegressor("fast", random_state=0).fit(X, 3 * X[:, 0])
    >>> ax = contributions(model, X[:1], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['column 0 = 0.1257', 'column 1 = -0.1321']
    """
    where = "plots.contributions"
    most = check_count(most, where, "most")
    found = _fitted(model, "contributions", where).contributions(X, orders)
    found = found[:, :, np.newaxis] if found.ndim == 2 else found
    base = np.ravel(model.typical_prediction_)
    known, titles = model._explained_outputs()
    outputs = list(range(len(titles)))
    if target is not None:
        outputs = [_place(target, known, where)]
    elif len(found) == 1 and len(known) == len(getattr(model, "classes_", ())):
        outputs = [int(np.argmax(base + found[0].sum(axis=0)))]
    names, values = _names(model, found.shape[1]), _columns(X, found.shape[1])
    rows = 1 + min(most + (len(found) == 1), len(names))
    size = (6.4 * min(len(outputs), 3), (1.2 + 0.32 * rows) * -(-len(outputs) // 3))
    axes = many_axes(ax, len(outputs), where, columns=3, figsize=size)
    for one, output in zip(axes, outputs, strict=True):
        own = found[:, :, output]
        if len(found) == 1:
            _draw_row(one, own[0], float(base[output]), names, [v[0] for v in values], most)
        else:
            _draw_rows(one, own, names, values, most)
        one.set_xlabel(plain(titles[output] if len(found) == 1 else f"change of {titles[output]}"))
    return axes[0] if len(axes) == 1 else axes


# -- drawing ---------------------------------------------------------------------------------------


def _draw_row(
    ax: Any, amounts: Array, base: float, names: list[str], values: list[Any], most: int
) -> None:
    """Bars from the prediction for a typical row, at the bottom, to that for this row."""
    order = np.argsort(-np.abs(amounts), kind="stable")
    order = order[amounts[order] != 0]
    labels = [f"{names[k]} {_value(values[k])}" for k in order[:most]]
    lengths = amounts[order[:most]].tolist()
    if len(order) > most:
        left = len(order) - most
        labels.append(f"{left:,} more column{'s' * (left > 1)}")
        lengths.append(float(amounts[order[most:]].sum()))
    # The largest is on top and comes last.
    starts = base + np.cumsum([0.0, *lengths[::-1]])
    places = np.arange(len(lengths))
    ax.barh(
        places,
        lengths,
        left=starts[:-1][::-1],
        height=0.7,
        color=[_UP if length > 0 else _DOWN for length in lengths],
    )
    for place, length, start in zip(places, lengths, starts[:-1][::-1], strict=True):
        end = (4 if length >= 0 else -4, 0)
        ax.annotate(
            f"{length:+.3g}",
            (start + length, place),
            end,
            textcoords="offset points",
            ha="left" if length >= 0 else "right",
            va="center",
            fontsize="small",
        )
    for x, label, style in ((base, "typical row", ":"), (starts[-1], "this row", "-")):
        ax.axvline(x, color="#666666", linewidth=1, linestyle=style, label=f"{label}: {x:.4g}")
    _rows(ax, labels)
    ax.use_sticky_edges = False  # room for the numbers
    ax.margins(x=0.18)
    ax.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def _draw_rows(ax: Any, amounts: Array, names: list[str], values: list[Array], most: int) -> None:
    """A swarm of dots for each column, those with the most to say on top."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("values", [_DOWN, "#CCCCCC", _UP])
    order = np.argsort(-np.abs(amounts).mean(axis=0), kind="stable")[:most]
    reach = float(np.ptp(amounts)) or 1.0
    ax.axvline(0, color="#666666", linewidth=1)
    for place, k in enumerate(order):
        ranks = _ranks(values[k])
        heights = place + _swarm(amounts[:, k], reach)
        known = np.zeros(len(amounts), bool) if ranks is None else ~np.isnan(ranks)
        style = {"s": 9, "linewidth": 0}
        ax.scatter(amounts[~known, k], heights[~known], color="#999999", **style)
        if ranks is not None:
            drawn = ax.scatter(
                amounts[known, k], heights[known], c=ranks[known], cmap=shades, vmin=0, vmax=1
            )
            drawn.set(sizes=[9], linewidth=0)
    _rows(ax, [names[k] for k in order])
    ax.set_title("the column's value: blue low, orange high", fontsize="small", loc="right")


def _swarm(amounts: Array, reach: float) -> Array:
    """By how much dots leave the line, so that those of like amounts lie beside each other."""
    cells = np.round(amounts / reach * 80).astype(int)
    order = np.argsort(cells, kind="stable")
    _, first, counts = np.unique(cells[order], return_index=True, return_counts=True)
    turns = np.arange(len(cells)) - np.repeat(first, counts)
    sides = np.where(turns % 2, -1.0, 1.0) * ((turns + 1) // 2)
    found = np.empty(len(cells))
    found[order] = sides * min(0.08, 0.8 / max(counts.max(), 1))
    return found


def _rows(ax: Any, labels: list[str]) -> None:
    """A line of the picture for each label, the first on top."""
    ax.set_yticks(np.arange(len(labels)), [plain(label) for label in labels])
    ax.set_ylim(max(len(labels), 1) - 0.4, -0.6)
    ax.grid(visible=True, axis="x", alpha=0.25)
    ax.set_axisbelow(True)


# -- reading ---------------------------------------------------------------------------------------


def _fitted(model: Any, attribute: str, where: str) -> Any:
    """The model; raises unless it has what is drawn."""
    if isinstance(model, type) or not hasattr(model, "get_params"):
        raise ConfigurationError(f"{where}: expected model as an estimator, got {show(model)}.")
    if hasattr(model, "__sklearn_is_fitted__") or not hasattr(model, attribute):
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(model)
    if not hasattr(model, attribute):
        raise ConfigurationError(
            f"{where}: expected model as an estimator with {attribute}, such as "
            f"annlib.TabularClassifier, got {show(model)}."
        )
    return model


def _names(model: Any, count: int) -> list[str]:
    names = getattr(model, "feature_names_in_", None)
    return [f"column {k}" for k in range(count)] if names is None else [cut(n) for n in names]


def _columns(X: Any, count: int) -> list[Array]:
    """The values of each column, as they came."""
    if hasattr(X, "iloc"):
        columns = [X.iloc[:, k] for k in range(count)]
    elif hasattr(X, "get_columns"):
        columns = X.get_columns()
    else:
        columns = list(np.array(X, object).T)
    return [np.array(list(column), object) for column in columns]


def _place(target: Any, known: list[Any], where: str) -> int:
    truth = isinstance(target, bool | np.bool_)
    if truth or isinstance(target, str) or is_number(target):
        for place, label in enumerate(known):
            if truth == isinstance(label, bool) and target == label:
                return place
    raise ConfigurationError(
        f"{where}: expected target as one of {show(known)}, got {show(target)}."
    )


def _value(value: Any) -> str:
    if is_missing(value):
        return "is missing"
    if is_number(value):
        return f"= {value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"= {value:.4g}"
    return f"= {cut(value)}"


def _ranks(values: Array) -> Array | None:
    """The places of numbers in their order, from 0 to 1 and NaN where missing; None of texts."""
    missing = np.array([is_missing(value) for value in values], bool)
    if not all(is_number(v) or isinstance(v, bool | np.bool_) for v in values[~missing]):
        return None
    found = np.where(missing, np.nan, values).astype(float)
    known = ~np.isnan(found)
    _, places = np.unique(found[known], return_inverse=True)
    found[known] = places / max(1, places.max(initial=0))
    return found
