"""RobustScaling: columns of median 0 and inter-quartile range 1, whatever their outliers."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_numbers
from annlib.core.errors import ConfigurationError, DataError, ShapeError, show
from annlib.core.formula import DX, DY, Formula
from annlib.core.workspace import Workspace
from annlib.layers.adapting import columns_of
from annlib.layers.base import Layer, LayerArguments, register

#: Numbers that are scaled at a time, in double precision: a pass has no memory of that type.
_AT_A_TIME = 1 << 10


@register("robust_scaling")
class RobustScaling(Layer):
    """y = (x - center) / scale by features; dx = dy / scale.

    ``adapt`` takes the medians of data for the centers and the inter-quartile ranges for the
    scales, on which outliers have no influence, as scikit-learn's ``RobustScaler`` does. Where the
    range is 0, since more than half of a column are one number, the scale is the 75 % quantile of
    the distances of the others from the median; of a column that is constant it is 1. Before
    ``adapt`` y = x.

    As the first layer of a model, or of a chain of ``Columns``, it gets numbers in double precision
    and subtracts in that: a column that lies a million times its spread from 0 is scaled rightly in
    a model of float32, too. Columns multiplied by a power of two give the same bits.

    Parameters
    ----------
    center, scale : array_like, (features,), optional
        Both or neither: what ``adapt`` has found before, or what you know. ``adapt`` may find
        others.

    Raises
    ------
    ConfigurationError
        For numbers that are not finite, or a scale that is not positive.
    ShapeError
        For other features.

    Notes
    -----
    Center and scale are part of the configuration, not of the weights, in float64. Missing values
    (NaN) are refused, by ``adapt`` as by ``fit``: replace them before.

    Examples
    --------
    >>> layer = RobustScaling()
    >>> layer.adapt([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0], [1000.0, 8.0]])
    >>> layer.center, layer.scale
    (array([3., 0.]), array([2., 8.]))
    """

    group = "preprocessing"
    takes_double = True
    adaptable = True

    @property
    def keeps_values(self) -> bool:  # type: ignore[override]  # it depends on the arguments
        """Whether there is nothing to subtract or divide by."""
        return self._found is None

    def __init__(
        self, center: Any = None, scale: Any = None, **keywords: Unpack[LayerArguments]
    ) -> None:
        super().__init__(**keywords)
        self._found: tuple[Array, Array] | None = None
        if center is not None or scale is not None:
            self._found = _constants(center, scale, type(self).__name__)

    @property
    def center(self) -> Array | None:
        """The centers in use; None before ``adapt``. Not to be written to."""
        return self._found[0] if self._found else None

    @property
    def scale(self) -> Array | None:
        """The scales in use; None before ``adapt``. Not to be written to."""
        return self._found[1] if self._found else None

    def _arguments(self) -> dict[str, Any]:
        center, scale = (part.tolist() for part in self._found) if self._found else (None, None)
        return super()._arguments() | {"center": center, "scale": scale}

    def count_multiplications(self) -> int | None:
        return 0 if self.keeps_values else self._each_number()

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        features = input_shape[-1] if len(input_shape) > 1 else None
        if features is None or (self._found and len(self._found[0]) != features):
            known = f"{len(self._found[0])} " if self._found else ""
            raise ShapeError(
                f"{type(self).__name__}: expected rows of {known}features, got shape "
                f"{input_shape}. Adapt it to data as the model gets them."
            )
        return input_shape

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Take centers and scales from data, before a model is built or after; earlier ones go.

        Parameters
        ----------
        data : array_like or frame, (n, features); or what gives batches of it
            As ``Normalization.adapt`` takes it; while it runs, all is in memory in float64.
        steps : int, optional
            How many batches to read; needed for what has no end.

        Raises
        ------
        DataError, ShapeError
            Before anything is changed.
        """
        where = f"{type(self).__name__}.adapt"
        shape = self._row_shape if self._built_shape is None else self._built_shape[1:]
        X, names = columns_of(self, data, shape[-1] if shape else None, where, steps)
        with np.errstate(over="ignore", invalid="ignore"):  # the error below says more
            low, center, high = np.quantile(X, [0.25, 0.5, 0.75], axis=0)
            scale = high - low
            for place in np.flatnonzero(scale == 0):
                distances = np.abs(X[:, place] - center[place])
                others = distances[distances > 0]
                scale[place] = np.quantile(others, 0.75) if others.size else 1.0
        wrong = ~(np.isfinite(scale) & np.isfinite(center))
        if wrong.any():
            raise DataError(
                f"{where}: expected columns whose range is a number of float64, got such as "
                f"overflow: {np.flatnonzero(wrong)[:5].tolist()}. Divide them by their order of "
                "magnitude first."
            )
        self._found = _fixed(center, scale)
        self.feature_names = names

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        y = work.array("y", *x.shape)
        if self._found is None:
            np.copyto(y, x, casting="same_kind")
            return y
        center, scale = self._found
        X, Y = x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1])
        rows = max(1, _AT_A_TIME // X.shape[1])
        with np.errstate(over="ignore"):  # infinite as the model's type
            for start in range(0, len(X), rows):
                part = slice(start, start + rows)
                difference = np.subtract(X[part], center)
                np.copyto(
                    Y[part], np.divide(difference, scale, out=difference), casting="same_kind"
                )
        return y

    def expression(self, x: Any) -> Any:
        if self._found is not None:
            center, scale = self._found
            x = (x - center) / scale
        return x.astype(self.dtype)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        if not input_gradient or self._found is None:
            return dy
        return np.divide(dy, self._found[1], out=dy, casting="same_kind")

    def formula(self) -> Formula:
        return self._formula(
            r"y_i = \frac{x_i - \mu_i}{\sigma_i}",
            back=(rf"{DX} = \frac{{1}}{{\sigma_i}} {DY}",),
            symbols=(
                (r"\mu_i", "the median of feature i, found by adapt, or given"),
                (r"\sigma_i", "its inter-quartile range, or what stands for it"),
            ),
        )


def _fixed(center: Array, scale: Array) -> tuple[Array, Array]:
    """Arrays that nobody writes to: models that hold the layer have learned behind them."""
    center.flags.writeable = scale.flags.writeable = False
    return center, scale


def _constants(center: Any, scale: Any, where: str) -> tuple[Array, Array]:
    """Centers and scales that were given, as arrays."""
    if center is None or scale is None:
        raise ConfigurationError(
            f"{where}: expected center and scale or neither, got center={show(center)} and "
            f"scale={show(scale)}."
        )
    one = np.array(check_numbers(center, where, "center"), np.float64)
    other = np.array(check_numbers(scale, where, "scale", "(0, inf)"), np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise ConfigurationError(
            f"{where}: expected center and scale with a number for each feature, got shapes "
            f"{one.shape} and {other.shape}."
        )
    return _fixed(one, other)
