"""What the first layer looks for, and images of which a classifier was sure and wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_count, check_shape, items_of, to_rows
from annlib.core.errors import ConfigurationError, NotBuiltError, ShapeError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.plots.axes import COLOURS, cut, many_axes, plain, whole_numbers

#: Letters of a line above an image at most, and the inches of one.
_WIDEST, _LETTER = 22, 0.085
#: Units that have bars of their own, and features that are shown.
_FEW, _ROWS = 4, 30


@with_short_tracebacks
def first_layer(
    model: Any,
    shape: Shape | None = None,
    count: int = 25,
    ax: Any = None,
    names: Sequence[str] | None = None,
) -> Any:
    """Draw the weights of the first Dense layer, W's columns: as an image for each unit, or by the
    names of features.

    It is the names where there are some, and no ``shape`` is given: bars for each unit of up to
    four, and of more one picture of all, whose rows are features. On top are those whose weights
    are largest, of many only these; they can be compared where features are of one scale.

    Parameters
    ----------
    model : Sequential or estimator
    shape : tuple of int, optional
        Height and width of an image. Without it they are square.
    count : int, at least 1
        At most so many units, the first ones.
    ax : Axes or array of Axes, (units,), optional
        One a unit, or one for a picture of all.
    names : sequence of str, optional
        The features' names. Without it those of the frame that the model has learned from.

    Returns
    -------
    ndarray of Axes, (units,)

    Raises
    ------
    ShapeError
        If the layer has other inputs than an image of that shape has pixels, or than there are
        names.
    NotBuiltError
        If the model has no weights yet.
    ConfigurationError
        If it has no Dense layer, or another argument is none of these.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(1, input_dim=2)])
    >>> model.set_weights([[[0.5], [-2.0]], [0.0]])
    >>> (ax,) = first_layer(model, names=["age", "income"], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['income', 'age']

    >>> model = Sequential([layers.Dense(3, input_dim=28 * 28)])
    >>> axes = first_layer(model, shape=(28, 28), ax=Figure().subplots(1, 3))
    >>> [ax.images[0].get_array().shape for ax in axes]
    [(28, 28), (28, 28), (28, 28)]
    """
    where = "plots.first_layer"
    most = check_count(count, where, "count")
    layer, W = _first_kernel(getattr(model, "model_", model), where)
    most = min(most, W.shape[1])
    if (features := _features(model, names, len(W), where)) and shape is None:
        return _by_name(layer, W[:, :most], features, ax, where)
    height, width = _size(W.shape[0], shape, where)
    axes = many_axes(ax, most, where, columns=_columns(most), figsize=_figure(most))
    limit = float(np.abs(W[:, :most]).max()) or 1.0
    for unit, one in enumerate(axes):
        weights = W[:, unit].reshape(height, width)
        # Zero is white whatever the sign of most weights.
        image = one.imshow(weights, cmap="RdBu_r", vmin=-limit, vmax=limit)
        _bare(one, str(unit))
    if ax is None:
        figure = axes[0].figure
        figure.suptitle(f"weights of {plain(layer)}, by unit", fontsize="medium")
        figure.colorbar(image, ax=figure.axes, shrink=0.6, label="weight")
    return axes


def _features(model: Any, names: Any, count: int, where: str) -> list[str]:
    """The names of the first layer's inputs; none, unless they were given or learned."""
    if names is not None:
        given = items_of(names)
        if given is None or len(given) != count:
            raise ShapeError(
                f"{where}: expected names as those of the {count} inputs of the layer, got "
                f"{show(names)}."
            )
        return list(map(str, given))
    known = getattr(model, "feature_names_in_", None)
    known = getattr(model, "feature_names", None) if known is None else known
    # Behind layers that make other columns of them they are not those of the inputs.
    return list(map(str, known)) if known is not None and len(known) == count else []


def _by_name(layer: str, W: Array, names: list[str], ax: Any, where: str) -> Any:
    """Bars for each of a few units, or one picture of many."""
    order = np.argsort(-np.square(W).sum(axis=1), kind="stable")[:_ROWS]
    shown, labels = W[order], [cut(names[k]) for k in order]
    units = W.shape[1]
    height = 1.0 + 0.26 * len(order)
    limit = float(np.abs(shown).max(initial=0)) or 1.0
    room = _LETTER * max(map(len, labels), default=0)
    if units <= _FEW:
        axes = many_axes(ax, units, where, figsize=(room + 3.0 * units, height))
        for unit, one in enumerate(axes):
            weights = shown[:, unit]
            colours = [COLOURS[1] if weight > 0 else COLOURS[0] for weight in weights]
            one.barh(range(len(order)), weights, color=colours, height=0.7)
            one.axvline(0, color="#666666", linewidth=1)
            one.set_xlim(-1.05 * limit, 1.05 * limit)
            one.set_xlabel("weight" if units == 1 else f"weight of unit {unit}")
            _name_rows(one, labels if not unit else [""] * len(labels))
    else:
        axes = many_axes(ax, 1, where, figsize=(room + 2.2 + 0.26 * units, height))
        (one,) = axes
        image = one.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        one.set_xlabel("unit")
        _name_rows(one, labels)
        whole_numbers(one.xaxis)
        one.figure.colorbar(image, ax=one, label="weight")
    left = len(names) - len(order)
    more = f", without {left:,} smaller ones" if left else ""
    axes[0].set_title(f"weights of {plain(layer)}{more}", fontsize="medium", loc="left")
    return axes


def _name_rows(ax: Any, labels: list[str]) -> None:
    """A line of the picture for each feature, the first on top."""
    ax.set_yticks(range(len(labels)), [plain(label) for label in labels])
    ax.set_ylim(len(labels) - 0.5, -0.5)


def _first_kernel(model: Any, where: str) -> tuple[str, Array]:
    for layer in getattr(model, "layers", ()):
        kernel = layer._values().get("kernel")
        if kernel is not None and kernel.ndim == 2:
            return str(layer.name), kernel
        if hasattr(layer, "units") and not layer.built:
            raise NotBuiltError(
                f"{where}: expected a built model, got one without weights. Call fit or build."
            )
    more = " Its columns are in plots.feature_importances." * hasattr(model, "_importance_measure")
    raise ConfigurationError(
        f"{where}: expected a model with a Dense layer, got {show(model)}.{more}"
    )


@with_short_tracebacks
def mistakes(
    model: Any,
    images: Any,
    y: Any,
    count: int = 12,
    shape: Shape | None = None,
    names: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Draw the images of which a classifier was surest and wrong, the worst first.

    Above each stands what it took the image for, how surely, and what it is.

    Parameters
    ----------
    model : Sequential or estimator
        Fitted.
    images : array_like, (n, height, width), (n, height, width, channels) or (n, pixels)
        As the model takes them; an estimator gets them as rows of pixels.
    y : array_like, (n,) or (n, classes)
        The true classes: labels or one-hot.
    count : int, at least 1
        At most so many.
    shape : tuple of int, optional
        Height and width, if the images are rows of pixels; without it they are square.
    names : sequence of str, optional
        The classes' names.
    ax : array of Axes, (count,), optional

    Returns
    -------
    ndarray of Axes, (at most count,)
        One a mistake; empty if there is none.

    Raises
    ------
    ConfigurationError
        If the model has no classes, or not as many as there are names.
    NotBuiltError
        If it is a ``Sequential`` without weights.
    ShapeError
        If the images have another shape than these, or rows of pixels make no image of that shape.
    DataError
        If y has no label for each image.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from annlib import Sequential, layers
    >>> model = Sequential([layers.Dense(1, "sigmoid", input_dim=4, use_bias=False)])
    >>> model.set_weights([np.ones((4, 1))])
    >>> axes = mistakes(model, [[1, 0, 0, 0], [1, 1, 0, 0]], [1, 0], ax=Figure().subplots())
    >>> axes[0].get_title().splitlines()
    ['1 (88 %)', 'is 0']
    """
    where = "plots.mistakes"
    most = check_count(count, where, "count")
    from annlib.plots.adapter import as_classifier, labels

    estimator = as_classifier(model, where)
    x = to_rows(images, where, "images")
    if x.ndim not in (2, 3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3, 4)):
        raise ShapeError(
            f"{where}: expected images of shape (n, height, width), (n, height, width, channels) "
            f"with 1, 3 or 4 channels, or (n, pixels), got {x.shape}."
        )
    truth = labels(y, where, len(x))
    pixels = x.reshape(len(x), *_size(x.shape[1], shape, where)) if x.ndim == 2 else x
    pixels = pixels[..., 0] if pixels.shape[3:] == (1,) else pixels
    rows = x.reshape(len(x), -1) if estimator is model else x
    probabilities = np.asarray(estimator.predict_proba(rows))
    classes = np.asarray(estimator.classes_)
    texts = None if names is None else items_of(names)
    if names is not None and (texts is None or len(texts) != len(classes)):
        raise ConfigurationError(
            f"{where}: expected names as a list of {len(classes)}, got {show(names)}."
        )
    taken, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(classes[taken] != truth)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    if not wrong.size:
        return np.empty(0, object)

    def name(label: Any) -> str:
        if texts is None:
            return cut(label, 2 * _WIDEST)
        return cut(texts[int(np.flatnonzero(classes == label)[0])], 2 * _WIDEST)

    titles = []
    for row in wrong:
        share = math.floor(sure[row] * 1000) / 10  # never 100 % for what is less
        titles.append((f"{name(classes[taken[row]])} ({share:g} %)", f"is {name(truth[row])}"))
    letters = min(max(len(line) for title in titles for line in title), _WIDEST)
    side = max(1.3, letters * _LETTER)
    lines = [[part for line in title for part in wrap(line, letters)] for title in titles]
    height = 0.17 * max(map(len, lines)) + 0.1
    size = _figure(len(wrong), height, side)
    axes = many_axes(ax, len(wrong), where, columns=_columns(len(wrong)), figsize=size)
    for row, title, one in zip(wrong, lines, axes, strict=True):
        one.imshow(pixels[row], cmap="gray_r")
        _bare(one, "\n".join(title))
    return axes


def _size(pixels: int, shape: Shape | None, where: str) -> tuple[int, int]:
    """Height and width of so many pixels."""
    if shape is None:
        side = math.isqrt(pixels)
        if side * side != pixels:
            raise ShapeError(
                f"{where}: expected shape for images of {pixels} pixels, which make no square, "
                "got none. Pass shape=(height, width), or names=[...] of a table's columns."
            )
        return side, side
    sizes = check_shape(shape, where, "shape")
    if len(sizes) != 2 or math.prod(sizes) != pixels:
        raise ShapeError(
            f"{where}: expected shape (height, width) of {pixels} pixels, got {sizes}."
        )
    return sizes[0], sizes[1]


def _columns(count: int) -> int:
    return min(8, math.ceil(math.sqrt(count)))


def _figure(count: int, titles: float = 0.2, width: float = 1.3) -> tuple[float, float]:
    columns = _columns(count)
    return width * columns + 0.8, (1.3 + titles) * -(-count // columns) + 0.4


def _bare(ax: Any, title: str) -> None:
    ax.set_title(plain(title), fontsize="small")
    ax.set_xticks([])
    ax.set_yticks([])
