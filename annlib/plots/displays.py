"""Scikit-learn's displays, for a bare Sequential as well: boundary, confusion, learning curve."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from annlib.core.checks import items_of, to_array, to_rows
from annlib.core.errors import DataError, ShapeError, show
from annlib.core.packages import needed
from annlib.plots.axes import distinct_colours, one_axes, plain


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
    ax = one_axes(ax, where, figsize=(5.2, 4.2))
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
    if y is not None:
        own = labels(y, len(points))
        for label, colour in zip(classes, colours, strict=True):
            here = own == label
            ax.scatter(*points[here].T, color=colour, edgecolor="white", s=24, label=plain(label))
        ax.legend(title="class", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return ax


def confusion_matrix(model: Any, X: Any, y: Any, ax: Any = None, **keywords: Any) -> Any:
    """Draw how many rows of each class were given which class.

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
        ``display_labels=names``, ...

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
    ax = one_axes(ax, where, figsize=(5.2, 4.6))
    with needed(where, "scikit-learn", "scikit-learn"):
        from sklearn.metrics import ConfusionMatrixDisplay
    from annlib.plots.adapter import as_classifier, labels

    how = {"cmap": "Blues", "colorbar": False, **keywords}
    estimator = as_classifier(model, where)
    ConfusionMatrixDisplay.from_estimator(estimator, X, labels(y, _rows(X, where)), ax=ax, **how)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticklabels([plain(tick.get_text()) for tick in axis.get_ticklabels()])
    return ax


def _rows(X: Any, where: str) -> int:
    """The number of rows of what an estimator takes: an array, a frame, a list."""
    shape = getattr(X, "shape", None)
    items = items_of(X) if shape is None else None
    if not shape and not items:
        raise DataError(f"{where}: expected X with rows, got {show(X)}.")
    return int(shape[0]) if shape else len(items or ())


def learning_curve(
    model: Any, X: Any, y: Any, ax: Any = None, fit: dict[str, Any] | None = None, **keywords: Any
) -> Any:
    """Draw how the score grows with the number of rows trained on, cross-validated.

    Parameters
    ----------
    model : Sequential or estimator
        A bare model is trained from its configuration for every point, and left as it is.
    X : array_like or frame, (n, features)
    ax : Axes, optional
    fit : dict, optional
        Arguments of a bare model's ``fit``. Without ``epochs`` they are those of its last
        ``fit``, or 10.
    **keywords
        For ``sklearn.model_selection.LearningCurveDisplay.from_estimator``: ``cv=3``,
        ``train_sizes=[0.1, 0.5, 1.0]``, ...
    y : array_like, (n,) or (n, outputs)

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
