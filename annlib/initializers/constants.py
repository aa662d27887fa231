"""Initial values that are not random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_number, to_array
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.initializers.base import Initializer, register

if TYPE_CHECKING:
    import numpy.typing as npt
    from numpy.random import Generator


@register("zeros", "zero")
class Zeros(Initializer):
    """All 0: the usual start of a bias.

    Examples
    --------
    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def draw(self, shape: Shape, rng: Generator) -> Array:
        return np.zeros(shape)


@register("ones", "one")
class Ones(Initializer):
    """All 1: the usual start of a scale.

    Examples
    --------
    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def draw(self, shape: Shape, rng: Generator) -> Array:
        return np.ones(shape)


@register("constant")
class Constant(Initializer):
    """A number, or an array of the parameter's own shape.

    Parameters
    ----------
    value : float or array_like, any number, or of the parameter's shape
        What each element starts as.

    Raises
    ------
    ConfigurationError
        For what is not finite, or no number.
    ShapeError
        If an array has another shape than the parameter: nothing is broadcast but a number.

    Examples
    --------
    >>> Constant([[0.15, 0.25], [0.20, 0.30]])((2, 2), "float64")
    array([[0.15, 0.25],
           [0.2 , 0.3 ]])
    """

    def __init__(self, value: Any = 0.0) -> None:
        numbers = to_array(value, "Constant", "value")
        if numbers.dtype.kind not in "fiu" or not np.isfinite(numbers).all():
            raise ConfigurationError(
                "Constant: expected value as a finite number or an array of them, got "
                f"{show(value)}."
            )
        # Numbers of its own: a configuration holds lists, and an array might change later.
        self.value = numbers.tolist()

    def draw(self, shape: Shape, rng: Generator) -> Array:
        value = np.asarray(self.value, np.float64)
        if value.ndim and value.shape != shape:
            raise ShapeError(
                f"Constant: expected values of the parameter's shape {shape}, got {value.shape}. "
                "Pass one number, or an array of that shape."
            )
        return np.broadcast_to(value, shape)

    def values_of_each(
        self, axes: int, shape: Shape, dtype: npt.DTypeLike, rng: Generator
    ) -> Array:
        return self.values(shape, dtype, rng)  # an array has the numbers of all


@register("identity", "identity_initializer")
class Identity(Initializer):
    """gain on the main diagonal, 0 elsewhere: a kernel that passes its input on.

    Parameters
    ----------
    gain : float, any number
        What stands on the diagonal.

    Raises
    ------
    ConfigurationError
        For a gain that is no number.
    ShapeError
        If the parameter is no matrix; it need not be square.

    Examples
    --------
    >>> Identity(gain=2.0)((2, 3))
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain: float = check_number(gain, "Identity", "gain")

    def draw(self, shape: Shape, rng: Generator) -> Array:
        if len(shape) != 2:
            raise ShapeError(
                f"Identity: expected a parameter that is a matrix, got one of shape {shape}."
            )
        return self.gain * np.eye(*shape)
