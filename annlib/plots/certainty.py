"""How sure predictions are, and whether rightly: calibration, and intervals beside the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, to_array
from annlib.core.errors import ConfigurationError, DataError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.axes import COLOURS, many_axes, one_axes, plain


@with_short_tracebacks
def calibration(model: Any, X: Any, y: Any, ax: Any = None, bins: int = 10) -> Any:
    """Draw how often a classifier is right beside how sure it is.

    Rows are put into bins by a probability: of two classes that of the second, of more that of the
    most probable one. Each dot is a bin, the larger the more rows, with a bar of two standard
    errors; it lies on the diagonal if of the rows with a probability of 30 % three in ten are of
    that class.

    Parameters
    ----------
    model : Sequential or estimator
        Fitted, with probabilities.
    X : array_like or frame, (n, features)
        Rows that the model has not learned from.
    y : array_like, (n,)
        Their classes: labels or one-hot.
    ax : Axes, optional
    bins : int, at least 1, default=10
        Of equal width.

    Returns
    -------
    Axes
        Its title has the expected calibration error: the mean distance from the diagonal.

    Raises
    ------
    ConfigurationError
        If the model gives no probabilities of one column of classes, or another argument is none of
        these.
    NotBuiltError
        If it is a ``Sequential`` without weights.
    DataError
        If y has no label for each row, or one that the model does not know.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(1, "sigmoid", input_dim=1, use_bias=False)])
    >>> model.set_weights([[[0.0]]])
    >>> ax = calibration(model, np.ones((10, 1)), [0] * 7 + [1] * 3, ax=Figure().subplots())
    >>> ax.get_title()
    'expected calibration error: 0.200'
    """
    where = "plots.calibration"
    bins = check_count(bins, where, "bins")
    from annlib.plots.adapter import as_classifier, labels

    estimator = as_classifier(model, where)
    if not hasattr(estimator, "predict_proba"):
        raise ConfigurationError(
            f"{where}: expected a classifier with probabilities, got {show(model)}."
        )
    probabilities = estimator.predict_proba(X)
    if isinstance(probabilities, list) or np.ndim(estimator.classes_[0]):
        raise ConfigurationError(
            f"{where}: expected a classifier of one column of classes, got {show(model)} of "
            f"{len(estimator.classes_)}."
        )
    own, classes = labels(y, where, len(probabilities)), estimator.classes_
    if not np.isin(own, classes).all():
        raise DataError(
            f"{where}: expected labels in y among {show(classes.tolist())}, got {show(own)}."
        )
    if len(classes) == 2:
        sure, right = probabilities[:, 1], own == classes[1]
        title = f"probability of {classes[1]}", f"share of {classes[1]}"
    else:
        sure, right = probabilities.max(axis=1), own == classes[probabilities.argmax(axis=1)]
        title = "probability of the most probable class", "share of rows where it is right"
    ax = one_axes(ax, where, figsize=(4.8, 4.4))
    _draw_calibration(ax, np.asarray(sure, float), right, bins)
    ax.set_xlabel(plain(title[0]))
    ax.set_ylabel(plain(title[1]))
    return ax


def _draw_calibration(ax: Any, sure: Array, right: Array, bins: int) -> None:
    places = np.clip((sure * bins).astype(int), 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    used = counts > 0
    total = np.maximum(counts, 1)
    means = (np.bincount(places, sure, bins) / total)[used]
    shares = (np.bincount(places, right, bins) / total)[used]
    counts = counts[used]
    # Of a share of 0 or 1 the plain formula gives an error of 0: as if two more rows were there.
    middle = (shares * counts + 1) / (counts + 2)
    errors = 2 * np.sqrt(middle * (1 - middle) / (counts + 2))
    low, high = np.minimum(errors, shares), np.minimum(errors, 1 - shares)
    ax.plot([0, 1], [0, 1], color="#666666", linewidth=1, linestyle=":")
    ax.errorbar(means, shares, [low, high], fmt="none", ecolor=COLOURS[0], alpha=0.6)
    ax.plot(means, shares, color=COLOURS[0], linewidth=1)
    ax.scatter(means, shares, 20 + 180 * counts / counts.max(), color=COLOURS[0], alpha=0.8)
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    ax.grid(visible=True, alpha=0.25)
    distance = float(np.average(np.abs(means - shares), weights=counts))
    ax.set_title(f"expected calibration error: {distance:.3f}", fontsize="medium")


@with_short_tracebacks
def prediction_intervals(
    model: Any, X: Any, y: Any = None, ax: Any = None, coverage: float = 0.9
) -> Any:
    """Draw predictions with their intervals, and the truth beside them.

    Parameters
    ----------
    model : TabularRegressor
        Fitted.
    X : array_like or frame, (n, features)
    y : array_like, (n,) or (n, outputs), optional
        What was to be predicted: points in the intervals, and those outside in another colour. The
        title then says how many are inside.
    ax : Axes or array of Axes, (outputs,), optional
    coverage : float in (0, 1), default=0.9
        How many of the intervals are to hold their y.

    Returns
    -------
    Axes, or ndarray of Axes, (outputs,)
        One for each column of y.

    Raises
    ------
    ConfigurationError
        If the model has no ``predict_interval``, or another argument is none of these.
    DataError
        If y has not a number for each prediction.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> class Fitted:
    ...     def predict(self, X):
    ...         return np.ravel(X)
    ...
    ...     def predict_interval(self, X, coverage):
    ...         return np.column_stack([np.ravel(X) - 1.0, np.ravel(X) + 1.0])
    >>> ax = prediction_intervals(Fitted(), [[0.0], [5.0]], [0.5, 9.0], ax=Figure().subplots())
    >>> ax.get_title()
    '50.0% of 2 are inside'
    """
    where = "plots.prediction_intervals"
    if isinstance(model, type) or not hasattr(model, "predict_interval"):
        raise ConfigurationError(
            f"{where}: expected model as a fitted estimator with predict_interval, such as "
            f"annlib.TabularRegressor, got {show(model)}."
        )
    ends = model.predict_interval(X, coverage=coverage)
    n = len(ends)
    ends = ends.reshape(n, -1, 2)
    middles = np.asarray(model.predict(X)).reshape(n, -1)
    truth = None if y is None else to_array(y, where, "y", float)
    if truth is not None and (truth.ndim > 2 or truth.size != middles.size or len(truth) != n):
        raise DataError(
            f"{where}: expected y of shape {middles.shape}, a number for each prediction, got "
            f"{truth.shape}."
        )
    count = middles.shape[1]
    size = (5.2 * min(count, 3), 4.2 * -(-count // 3))
    axes = many_axes(ax, count, where, columns=3, figsize=size)
    for column, one in enumerate(axes):
        own = None if truth is None else truth.reshape(n, -1)[:, column]
        _draw_intervals(one, middles[:, column], ends[:, column], own, coverage)
        if count > 1:
            one.set_xlabel(f"prediction of column {column}")
    return axes[0] if count == 1 else axes


def _draw_intervals(ax: Any, middle: Array, ends: Array, truth: Array | None, share: float) -> None:
    order = np.argsort(middle, kind="stable")
    x, (low, high) = middle[order], ends[order].T
    band = f"{100 * share:.4g} % interval"
    if len(x) == 1:
        ax.vlines(x, low, high, color=COLOURS[5], alpha=0.5, linewidth=6, label=band)
    else:
        ax.fill_between(x, low, high, color=COLOURS[5], alpha=0.35, linewidth=0, label=band)
    ax.plot(x, x, color=COLOURS[0], marker="." if len(x) == 1 else "", label="prediction")
    if truth is not None:
        inside = (truth >= ends[:, 0]) & (truth <= ends[:, 1])
        for chosen, colour, marker, label in (
            (inside, COLOURS[-1], "o", "inside"),
            (~inside, COLOURS[1], "x", "outside"),
        ):
            look = {"s": 8 if marker == "o" else 18, "color": colour, "marker": marker}
            name = f"{label}: {int(chosen.sum()):,}"
            ax.scatter(middle[chosen], truth[chosen], label=name, **look)
        ax.set_title(f"{inside.mean():.1%} of {len(x):,} are inside", fontsize="medium")
    ax.set_xlabel("prediction")
    ax.set_ylabel("y")
    ax.grid(visible=True, alpha=0.25)
    ax.legend(frameon=False, fontsize="small")
