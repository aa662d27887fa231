"""Normalization: features of mean 0 and variance 1, as a data set that was shown has them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_axis, check_flag, is_number, to_array
from annlib.core.errors import ConfigurationError, DataError, ShapeError, show
from annlib.core.formula import DX, DY, Formula
from annlib.core.numerics import EPSILON
from annlib.core.views import ArrayView
from annlib.core.workspace import Workspace
from annlib.data import (
    ArrayLoader,
    Batch,
    StreamLoader,
    as_source,
    as_stream_loader,
    check_names,
    check_steps,
    holds_arrays,
    is_stream,
    materialize,
)
from annlib.layers import axes
from annlib.layers.base import Layer, LayerArguments, register

#: How many numbers ``adapt`` reads at a time: enough to keep the processor busy, in its cache.
_AT_A_TIME = 1 << 16
#: Deviations that rounding makes, as a share of the mean.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)


@register("normalization")
class Normalization(Layer):
    """y = (x - mean) / s,  s = max(sqrt(variance), 1e-7), by features; dx = dy / s.

    Where the variance is 0, s is 1, as in scikit-learn's ``StandardScaler``: after a feature that
    was always 5, a 6 is 1 from it. Inverted, y = s x + mean. Mean and variance are what ``adapt``
    finds in data, and y = x before it is called; they are parameters that do not train,
    ``adapt_mean`` and ``adapt_variance``, so that they are saved with the weights. Where they are
    given, they are constants.

    Parameters
    ----------
    axis : int, list of int or None, -1 or at least 1
        The axes of the input that have a mean for each of their positions; -1, the features, for
        tables. None is one mean for all numbers.
    mean, variance : float or array_like, (features,), optional
        Both or neither; any number for all features, or one for each; no variance below 0.
    invert : bool
        From normalized numbers back to those of the data.

    Raises
    ------
    ConfigurationError, ShapeError
        For what does not fit the others, or the input.

    Notes
    -----
    ``adapt`` reckons in float64; in a model of float32 mean and variance are rounded to that, as
    the input is.

    Examples
    --------
    >>> layer = Normalization()
    >>> layer.adapt([[0.0, 7.0], [2.0, 9.0], [0.0, 7.0], [2.0, 9.0]])
    >>> layer.mean, layer.variance
    (array([1., 8.]), array([1., 1.]))
    >>> layer([[3.0, 8.0]])
    array([[2., 0.]], dtype=float32)
    """

    group = "preprocessing"
    adapt_mean: Array
    adapt_variance: Array

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        # () is what Keras keeps of None.
        empty = isinstance(axis, tuple | list) and not axis
        self.axis = None if axis is None or empty else check_axis(axis, "Normalization")
        self._given = None if mean is variance is None else _constants(mean, variance)
        self.invert = check_flag(invert, "Normalization", "invert")

    @property
    def mean(self) -> Array | None:
        """The mean in use: given, or a parameter, which there is when the layer is built."""
        return self._shown_as(0, "adapt_mean")

    @property
    def variance(self) -> Array | None:
        """The variance in use."""
        return self._shown_as(1, "adapt_variance")

    def _shown_as(self, place: int, name: str) -> Array | None:
        array = self._given[place] if self._given else self.arrays.get(name)
        return None if array is None else ArrayView.of(array)

    @property
    def adaptable(self) -> bool:  # type: ignore[override]  # it depends on the arguments
        """Whether mean and variance are not given."""
        return self._given is None

    @property
    def keras_weights_besides(self) -> int:  # type: ignore[override]  # as adaptable
        """One, of a layer that learns: how many rows it has seen."""
        return int(self.adaptable)

    def _arguments(self) -> dict[str, Any]:
        given = dict(zip(("mean", "variance"), self._given or (None, None), strict=True))
        return super()._arguments() | {k: v if v is None else v.tolist() for k, v in given.items()}

    def build(self, input_shape: BatchShape) -> None:
        sizes = self._sizes(input_shape)
        if self._given is None:
            self.add_weight("adapt_mean", sizes, "zeros", trainable=False)
            self.add_weight("adapt_variance", sizes, "ones", trainable=False)

    count_multiplications = Layer._each_number

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        self._sizes(input_shape)
        return input_shape

    def _sizes(self, input_shape: BatchShape) -> Shape:
        """The shape of mean and variance."""
        sizes = axes.sizes(self.axis, input_shape, "Normalization")
        if self._given:
            given = self._given[0].shape
            fits = len(given) <= len(sizes) and all(
                one in (1, other) for one, other in zip(given[::-1], sizes[::-1], strict=False)
            )
            if not fits:
                raise ShapeError(
                    f"Normalization: expected mean and variance that fit {sizes}, the features of "
                    f"input {input_shape} along axis {show(self.axis)}, got shape {given}."
                )
        return sizes

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Take mean and variance from data, before a model is built or after; earlier ones go.

        Parameters
        ----------
        data : array_like or frame, (n, ...); or what gives batches of it
            Rows as the layer will get them; read in parts, and never copied whole. A list or tuple
            is one array. A generator, an iterator, a PyTorch DataLoader, or an object with a batch
            for each index (Keras' PyDataset) gives batches, or tuples whose first is one, and is
            read to its end.
        steps : int, optional
            How many batches to read; needed for what has no end.

        Raises
        ------
        DataError, ShapeError, ConfigurationError
            Before anything is changed.
        """
        where = "Normalization.adapt"
        if self._given:
            raise ConfigurationError(
                f"{where}: expected a layer without mean and variance of its own, got "
                f"{show(self)}. Leave out those arguments, or do not adapt."
            )
        self._refuse_batches(data, where)
        steps = check_steps(data, steps, where)
        # On its own it forgets what it has seen; in a model other layers have learned from it, too.
        names = check_names(data, self.feature_names if self._owner else None, where, "data")
        row, parts = parts_of(data, where, steps, of_one_feature=self._expected_row == (1,))
        shape: BatchShape = (None, *row)
        if self._built_shape is not None and self._built_shape[1:] != shape[1:]:
            raise ShapeError(
                f"{where}: expected rows of shape {self._built_shape[1:]}, for which the layer was "
                f"built, got {shape[1:]}. Pass data as the model gets them."
            )
        sizes = self._sizes(shape)
        mean, variance = _moments(parts, axes.positions(self.axis, len(shape)), where)
        self._declare(shape)
        if not self.built:
            self._attach({"adapt_mean": np.zeros(sizes), "adapt_variance": np.ones(sizes)}, {})
        self.feature_names = names or (self.feature_names if self._owner else None)
        self.arrays["adapt_mean"][...] = mean.reshape(sizes)
        self.arrays["adapt_variance"][...] = variance.reshape(sizes)

    def _refuse_batches(self, data: Any, where: str) -> None:
        """Raise ``DataError`` for a list of batches, which as one array had batches for rows."""
        if not isinstance(data, list | tuple):
            return
        shapes = [getattr(item, "shape", ()) for item in data]
        row = self._expected_row
        batches = is_stream([*data])  # tuples (x, y)
        if not batches and shapes and all(len(shape) > 1 for shape in shapes):
            if row is not None:
                batches = all(shape[1:] == row for shape in shapes)
            else:  # unless it has an axis that tables have not
                batches = len({*shapes}) > 1 or (len(shapes[0]) == 2 and self._fits(shapes[0]))
        if batches:
            raise DataError(
                f"{where}: expected a list that is one array of rows, got a list of {len(data)} "
                f"batches{f', the first of shape {shapes[0]}' if shapes[0] else ''}. Pass "
                "iter(batches)."
            )

    @property
    def _expected_row(self) -> BatchShape | None:
        """The shape of a row that it was built or declared for."""
        return self._row_shape if self._built_shape is None else self._built_shape[1:]

    def _fits(self, shape: Shape) -> bool:
        """Whether data of this shape have the layer's axes."""
        try:
            self._sizes((None, *shape[1:]))
        except ShapeError:
            return False
        return True

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        kept = axes.positions(self.axis, x.ndim)
        sizes = [x.shape[a] for a in kept]
        row = [size if a in kept else 1 for a, size in enumerate(x.shape)][1:]
        mean, s = work.array("mean", *sizes), work.array("s", *sizes)
        of_data = self._given or (self.arrays["adapt_mean"], self.arrays["adapt_variance"])
        np.copyto(mean, of_data[0])  # in the model's type, which a constant has not
        np.maximum(np.sqrt(of_data[1], out=s), EPSILON, out=s)
        np.copyto(s, 1, where=of_data[1] == 0)
        y = work.array("y", *x.shape)
        if not self.invert:
            np.reciprocal(s, out=s)
        work["factor"] = factor = s.reshape(row)
        if self.invert:
            return np.add(np.multiply(x, factor, out=y), mean.reshape(row), out=y)
        return np.multiply(np.subtract(x, mean.reshape(row), out=y), factor, out=y)

    def expression(self, x: Any) -> Any:
        of_data = self._given or (self.arrays["adapt_mean"], self.arrays["adapt_variance"])
        mean, variance = (axes.across(self.axis, part, x) for part in of_data)
        s = np.where(variance == 0, x.dtype.type(1), np.maximum(np.sqrt(variance), EPSILON))
        return x * s + mean if self.invert else (x - mean) / s

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        return np.multiply(dy, work["factor"], out=dy) if input_gradient else None

    def formula(self) -> Formula:
        forward, back = (
            r"y_i = \frac{x_i - \mu_i}{\sigma_i}",
            rf"{DX} = \frac{{1}}{{\sigma_i}} {DY}",
        )
        if self.invert:
            forward, back = r"y_i = \sigma_i x_i + \mu_i", rf"{DX} = \sigma_i {DY}"
        return self._formula(
            forward,
            back=(back,),
            symbols=(
                (r"\mu_i", "the mean of feature i, given or found by adapt"),
                (r"\sigma_i", "its standard deviation, or 1 where that is 0"),
            ),
        )


def _constants(mean: Any, variance: Any) -> tuple[Array, Array]:
    """Mean and variance that were given, as arrays."""
    if mean is None or variance is None:
        raise ConfigurationError(
            f"Normalization: expected mean and variance or neither, got mean={show(mean)} and "
            f"variance={show(variance)}."
        )
    one, other = _as_array(mean, "mean"), _as_array(variance, "variance")
    numbers = one.dtype.kind in "fiu" and other.dtype.kind in "fiu"
    if not (numbers and np.isfinite(one).all() and np.isfinite(other).all() and (other >= 0).all()):
        raise ConfigurationError(
            "Normalization: expected mean and variance as finite numbers, the variance of at "
            f"least 0, got mean={show(mean)} and variance={show(variance)}."
        )
    if one.shape != other.shape:
        raise ConfigurationError(
            "Normalization: expected mean and variance of one shape, got "
            f"{one.shape} and {other.shape}."
        )
    return one.astype(np.float64), other.astype(np.float64)


def _as_array(value: Any, name: str) -> Array:
    """One number or many as an array; of other objects, which NumPy might take as texts, too."""
    if hasattr(value, "__array__"):
        return np.array(to_array(value, "Normalization", name))
    objects = to_array(value, "Normalization", name, object)
    numbers = objects.ndim < 32 and all(is_number(item) for item in objects.flat)
    return objects.astype(np.float64) if numbers else objects


def parts_of(
    data: Any, where: str, steps: int | None, of_one_feature: bool = False
) -> tuple[Shape, Iterator[Array]]:
    """The shape of a row, and the rows in parts, in float64, of so many batches; a vector is rows
    of one feature, if that is what there must be.
    """
    if not is_stream(data):
        source = as_source(data, where, "data")
        if of_one_feature and isinstance(source, np.ndarray) and source.ndim == 1:
            source = source.reshape(-1, 1)
        row = source.shape[1:]
        rows = max(1, _AT_A_TIME // math.prod(row))
        loader = ArrayLoader(source, batch_size=rows, dtype=np.float64, target_dtype=np.float64)
        return row, (batch.x for batch in loader.sequential(where))
    stream = as_stream_loader(data, _batch)
    row = _batch(stream.first(where), f"{where}, batch 1").x.shape[1:]
    stream.check_end(steps, where, "steps")
    return row, _of_one_shape(stream, row, where, steps)


def _batch(item: Any, where: str) -> Batch:
    """What a stream gives, without the targets beside it."""
    if isinstance(item, tuple | list) and holds_arrays(item):
        item = item[0]
    return Batch(materialize(as_source(item, where, "data"), np.float64), None, None)


def _of_one_shape(
    stream: StreamLoader, row: Shape, where: str, steps: int | None
) -> Iterator[Array]:
    """The batches of a stream; raises ``ShapeError`` for one whose rows are others."""
    for number, batch in enumerate(stream.sequential(where, steps), 1):
        if batch.x.shape[1:] != row:
            raise ShapeError(
                f"{where}, batch {number}: expected rows of shape {row}, as in the first batch, "
                f"got {batch.x.shape[1:]}. Give all batches rows of one shape."
            )
        yield batch.x


def _moments(parts: Iterator[Array], kept: Shape, where: str) -> tuple[Array, Array]:
    """Mean and (biased) variance over all axes but ``kept``, from one reading of the data.

    Parts of n and m numbers join exactly (Chan, Golub & LeVeque, 1983): with d the difference of
    their means, their sums of squared deviations add up to those of all, less n m / (n + m) d^2.
    All are counted from the first part's mean, lest a large mean hides a small variance. What
    varies by rounding alone is constant, and has the variance 0.
    """
    count, origin, mean, squares = 0, np.zeros(()), np.zeros(()), np.zeros(())
    with np.errstate(over="ignore", invalid="ignore"):  # the error below says more
        for part in parts:
            over = tuple(axis for axis in range(part.ndim) if axis not in kept)
            n = math.prod(part.shape[axis] for axis in over)
            if not count:
                origin = np.mean(part, axis=over, keepdims=True)
            x = part - origin
            own = np.mean(x, axis=over, keepdims=True)
            difference, both = own - mean, count + n
            squares = squares + np.sum((x - own) ** 2, axis=over, keepdims=True)
            squares += difference**2 * (count * n / both)
            mean, count = mean + difference * (n / both), both
        mean, variance = origin + mean, squares / count
    if not (np.isfinite(mean).all() and np.isfinite(variance).all()):
        raise DataError(
            f"{where}: expected data whose variance is a number of float64, got such as overflow. "
            "Divide them by their order of magnitude first."
        )
    return mean, np.where(variance <= (_ROUNDING * mean) ** 2, 0, variance)
