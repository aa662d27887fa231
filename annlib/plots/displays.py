"""Scikit-learn's displays, for a bare Sequential as well: boundary, confusion, learning curve."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from annlib.core.checks import items_of, to_array, to_rows
from annlib.core.errors import ConfigurationError, DataError, ShapeError, show
from annlib.core.packages import needed
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.axes import MARKERS, cut, distinct_colours, legend_beside, one_axes, plain

#: Inches: of a class in a matrix, of a matrix at most, and of a letter of a name.
_CELL, _MOST, _LETTER = 0.55, 8.0, 0.085
#: Letters of a class' name, the classes of which numbers are shown, and points one can read.
_LONGEST, _MANY, _SMALLEST = 32, 32, 5.0
#: What the colours are, by how the matrix is normalized.
_SHARES = {
    "true": "share of the true class",
    "pred": "share of the predicted class",
    "all": "share of all rows",
}


@with_short_tracebacks
def decision_boundary(model: Any, X: Any, y: Any = None, ax: Any = None, **keywords: Any) -> Any:
    """Draw which class a classifier gives where in the plane, and the rows on it.

    Of two classes the probability of the second, with a line at a half.

    Parameters
    ----------
    model : Sequential or estimator
        Fitted, with two features.
    X : array_like or frame, (n, 2)
    y : array_like, (n,) or (n, classes), optional
        The rows' classes: labels or one-hot.
    ax : Axes, optional
    **keywords
        For ``sklearn.inspection.DecisionBoundaryDisplay.from_estimator``.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If X has not two features.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(3, "softmax", input_dim=2)], seed=0)
    >>> X, y = np.random.default_rng(0).normal(size=(9, 2)), [0, 1, 2] * 3
    >>> ax = decision_boundary(model, X, y, ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['0', '1', '2']
    """
    where = "plots.decision_boundary"
    points = to_rows(X, where, "X")
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(
            f"{where}: expected X of shape (n, 2), for a plane has two axes, got {points.shape}. "
            "Train a model on two of the features."
        )
    new = ax is None
    ax = one_axes(ax, where, figsize=(6.0, 4.2))
    with needed(where, "scikit-learn", "scikit-learn"):
        from sklearn.inspection import DecisionBoundaryDisplay
    from annlib.plots.adapter import as_classifier, labels

    estimator = as_classifier(model, where)
    classes = list(estimator.classes_)
    colours = distinct_colours(len(classes))
    how: dict[str, Any] = {"xlabel": "feature 0", "ylabel": "feature 1"}
    if hasattr(X, "columns"):
        how = {}
    draw = DecisionBoundaryDisplay.from_estimator
    if len(classes) == 2:
        from matplotlib.colors import LinearSegmentedColormap

        shades = LinearSegmentedColormap.from_list("classes", [colours[0], "white", colours[1]])
        if hasattr(estimator, "predict_proba"):
            how |= {"response_method": "predict_proba", "levels": np.linspace(0, 1, 11)}
        how |= {"cmap": shades, "alpha": 0.6}
    else:
        # Contours would interpolate: from class 1 to 3 by way of 2.
        how |= {"response_method": "predict", "plot_method": "pcolormesh", "alpha": 0.4}
        how["grid_resolution"] = 200
        if "multiclass_colors" in inspect.signature(draw).parameters:  # scikit-learn 1.7
            how["multiclass_colors"] = colours
        else:
            from matplotlib.colors import ListedColormap

            how["cmap"] = ListedColormap(colours)
    display = draw(estimator, X, ax=ax, **(how | keywords))
    ax.set_xlabel(plain(ax.get_xlabel()))
    ax.set_ylabel(plain(ax.get_ylabel()))
    if len(classes) == 2 and "levels" in how and display.response.ndim == 2:
        ax.contour(display.xx0, display.xx1, display.response, [0.5], colors="#333333")
        if new:  # given axes keep their size
            label = f"probability of {plain(cut(classes[1]))}"
            ax.figure.colorbar(display.surface_, ax=ax, label=label, location="left")
    if y is not None:
        own, marks = labels(y, where, len(points)), cycle(MARKERS)
        for label, colour in zip(classes, colours, strict=True):
            here = own == label
            look = {"color": colour, "marker": next(marks), "edgecolor": "white", "s": 28}
            ax.scatter(*points[here].T, label=plain(cut(label)), **look)
        columns = 1 + (len(classes) - 1) // 20
        legend_beside(ax, title="class", ncols=columns)
    return ax


@with_short_tracebacks
def confusion_matrix(model: Any, X: Any, y: Any, ax: Any = None, **keywords: Any) -> Any:
    """Draw how many rows of each class were given which class.

    Of many classes the numbers are left out, and a bar says what the colours are; the names are
    those that have room.

    Parameters
    ----------
    model : Sequential or estimator
        Fitted.
    X : array_like or frame, (n, features)
    y : array_like, (n,) or (n, classes)
        The true classes: labels or one-hot.
    ax : Axes, optional
    **keywords
        For ``sklearn.metrics.ConfusionMatrixDisplay.from_estimator``: ``normalize="true"``,
        ``display_labels=names``, ``include_values=False``, ``colorbar=True``, ...

    Returns
    -------
    Axes

    Raises
    ------
    ConfigurationError
        If the model has no classes, or ``ax`` is no Axes of Matplotlib.
    NotBuiltError
        If it is a ``Sequential`` without weights.
    DataError
        If X has no rows, or y no label for each.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(1, "sigmoid", input_dim=1, use_bias=False)])
    >>> model.set_weights([[[1.0]]])
    >>> ax = confusion_matrix(model, [[-2.0], [1.0], [3.0]], [0, 0, 1], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '0', '1']
    """
    where = "plots.confusion_matrix"
    with needed(where, "scikit-learn", "scikit-learn"):
        from sklearn.metrics import ConfusionMatrixDisplay
        from sklearn.utils.multiclass import unique_labels
    from annlib.plots.adapter import as_classifier, labels

    estimator = as_classifier(model, where)
    own = labels(y, where, _rows(X, where))
    predicted = estimator.predict(X)
    how = {"cmap": "Blues", **keywords}
    names = items_of(how.get("display_labels")) or []
    if how.get("labels") is None:
        # Names are of all classes, some of which may not be there.
        named = len(names) == len(estimator.classes_)
        how["labels"] = estimator.classes_ if named else unique_labels(own, predicted)
    classes = items_of(how["labels"]) or []
    if names and len(names) != len(classes):
        raise ConfigurationError(
            f"{where}: expected display_labels as {len(classes)} names, of {show(classes)}, got "
            f"{show(names)}."
        )
    names = [cut(name, _LONGEST) for name in names or classes]
    bar, numbers = how.pop("colorbar", None), how.get("include_values")
    side = min(max(_CELL * len(names), 2.6), _MOST)
    if ax is None:
        beside = 0.8 + _LETTER * max(map(len, names), default=1)
        room = 1.4 if bar or len(names) > _MANY else 0.5
        ax = one_axes(ax, where, figsize=(side + beside + room, side + beside))
    else:
        ax = one_axes(ax, where)
        box = ax.get_window_extent()
        side = min(box.width, box.height) / ax.figure.dpi
    cell = side / max(len(names), 1)
    how["include_values"] = len(names) <= _MANY if numbers is None else numbers
    display = ConfusionMatrixDisplay.from_predictions(own, predicted, ax=ax, colorbar=False, **how)
    readable = display.text_ is not None and _fit_numbers(display.text_.flat, cell, how)
    if not readable and display.text_ is not None and numbers is None:
        for text in display.text_.flat:
            text.remove()
    if bar or (bar is None and not readable):
        label = _SHARES.get(str(how.get("normalize")), "rows")
        ax.figure.colorbar(display.im_, ax=ax, label=label, fraction=0.046, pad=0.03)
    _thin_names(ax, names, cell, turn="xticks_rotation" not in how)
    return ax


def _fit_numbers(texts: Iterable[Any], cell: float, how: Mapping[str, Any]) -> bool:
    """Make numbers as small as cells of so many inches; returns whether one can still read them."""
    drawn = list(texts)
    letters = max(len(text.get_text()) for text in drawn)
    size = cell * 72 / (0.65 * letters + 0.4)
    if not how.get("text_kw"):
        for text in drawn:
            text.set_fontsize(min(size, text.get_fontsize()))
    return size >= _SMALLEST


def _thin_names(ax: Any, names: Sequence[str], cell: float, *, turn: bool) -> None:
    """As many names as have room; those of the columns upwards where they are too wide."""
    height = 1.25 * max([label.get_fontsize() for label in ax.get_yticklabels()], default=10) / 72
    steps = (factor * 10**power for power in range(6) for factor in (1, 2, 5))
    step = next(step for step in steps if step * cell >= height)
    places = np.arange(0, len(names), step)
    shown = [plain(names[place]) for place in places]
    wide = max(map(len, shown), default=0) * _LETTER + 0.08 > step * cell
    ax.set_yticks(places, shown)
    ax.set_xticks(places, shown, **({"rotation": "vertical"} if turn and wide else {}))


def _rows(X: Any, where: str) -> int:
    """The number of rows of what an estimator takes: an array, a frame, a list."""
    shape = getattr(X, "shape", None)
    items = items_of(X) if shape is None else None
    if not shape and not items:
        raise DataError(f"{where}: expected X with rows, got {show(X)}.")
    return int(shape[0]) if shape else len(items or ())


@with_short_tracebacks
def learning_curve(
    model: Any, X: Any, y: Any, ax: Any = None, fit: dict[str, Any] | None = None, **keywords: Any
) -> Any:
    """Draw how the score grows with the number of rows trained on, cross-validated.

    Parameters
    ----------
    model : Sequential or estimator
        A bare model is trained from its configuration for every point, and left as it is.
    X : array_like or frame, (n, features)
    y : array_like, (n,) or (n, outputs)
    ax : Axes, optional
    fit : dict, optional
        Arguments of a bare model's ``fit``. Without ``epochs`` they are those of its last
        ``fit``, or 10.
    **keywords
        For ``sklearn.model_selection.LearningCurveDisplay.from_estimator``: ``cv=3``,
        ``train_sizes=[0.1, 0.5, 1.0]``, ...

    Returns
    -------
    Axes

    Raises
    ------
    ConfigurationError
        If it is no model, or ``fit`` is no dict of arguments of a bare one.
    DataError
        If X has no rows, or y no target for each.
    ValueError
        If every fit failed: a model that is not compiled.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(2, "softmax")], seed=0)
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> X, y = np.random.default_rng(0).normal(size=(30, 2)), [0, 1, 1] * 10
    >>> fit = {"epochs": 1, "verbose": 0}
    >>> ax = learning_curve(model, X, y, ax=Figure().subplots(), fit=fit, cv=2, train_sizes=[5, 15])
    >>> [line.get_xdata().tolist() for line in ax.lines]
    [[5, 15], [5, 15]]
    """
    where = "plots.learning_curve"
    ax = one_axes(ax, where, figsize=(5.6, 3.8))
    with needed(where, "scikit-learn", "scikit-learn"):
        from sklearn.base import is_classifier
        from sklearn.model_selection import LearningCurveDisplay
    from annlib.plots.adapter import as_estimator

    estimator = as_estimator(model, where, fit)
    if len(to_array(y, where, "y", object).reshape(-1)) < _rows(X, where):
        raise DataError(f"{where}: expected a target in y for each row of X, got {show(y)}.")
    how = dict(keywords)
    if how.get("scoring") is None:
        how.setdefault("score_name", "accuracy" if is_classifier(estimator) else "R²")
    LearningCurveDisplay.from_estimator(estimator, X, y, ax=ax, **how)
    ax.set_xlabel("rows trained on")
    ax.grid(visible=True, alpha=0.25)
    return ax
