"""What an initializer is: a function from a shape to first values of a parameter (paper 5.1).

To add one: a class with ``draw(shape, rng)``, ``@register()`` above it, and a row in the tests'
table of cases. For a try, a plain function will do, as in Keras:
``Dense(8, kernel_initializer=lambda shape, dtype: np.full(shape, 0.1, dtype))``, or an array. One
that takes ``rng`` gets the parameter's own random generator, which follows from the model's seed:
``lambda shape, dtype, rng: rng.normal(0, 0.1, shape)``.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_dtype, check_shape, positional_arguments
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.registry import Registry

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator


class Initializer(Configurable):
    """Called with a shape, a type and a random generator, it returns an array.

    A subclass writes ``draw(shape, rng)``; the model passes each parameter's own stream. One that
    has a seed of its own gives the same values at every call, as in Keras.
    """

    seed: int | None = None
    #: Where a model's generator waits for one that is called as Keras calls it.
    _rng: Generator | None = None

    def draw(self, shape: Shape, rng: Generator) -> Array:
        raise NotImplementedError

    def __call__(
        self, shape: Shape, dtype: npt.DTypeLike = "float32", rng: Generator | None = None
    ) -> Array:
        rng = self._rng if rng is None else rng
        where = type(self).__name__
        shape = check_shape(shape, where, "shape", 0)
        if dtype is not None:
            dtype = check_dtype(dtype, where, "dtype")
        if rng is None or self.seed is not None:
            rng = np.random.default_rng(self.seed)
        elif not isinstance(rng, np.random.Generator | np.random.RandomState):
            raise ConfigurationError(
                f"{where}: expected rng as one of NumPy's random generators, got {show(rng)}."
            )
        return np.asarray(self.draw(shape, rng), dtype)

    def values(self, shape: Shape, dtype: npt.DTypeLike, rng: Generator) -> Array:
        """The values that a model takes: of ``__call__``, which may be Keras', of shape and type.

        Raises
        ------
        ShapeError
            If a call of Keras' kind returns values of another shape.
        """
        own = type(self).__call__ in (Initializer.__call__, InitializerFunction.__call__)
        if own or positional_arguments(self.__call__)[1] > 2:
            return self(shape, dtype, rng)
        with_rng = copy.copy(self)  # other threads may use this object
        with_rng._rng = rng
        return _values(with_rng, shape, dtype)

    def values_of_each(
        self, axes: int, shape: Shape, dtype: npt.DTypeLike, rng: Generator
    ) -> Array:
        """Values of the parameters along so many first axes, each drawn as if it were alone, one
        after the other from one stream; of one that is called as Keras calls it, all at once.
        """
        if type(self).__call__ is not Initializer.__call__:
            return self.values(shape, dtype, rng)
        if self.seed is not None:  # the same at every call, but no two alike
            rng = np.random.default_rng(self.seed)
        values = np.empty(shape, dtype)
        for place in np.ndindex(shape[:axes]):
            values[place] = self.draw(shape[axes:], rng)
        return values


class InitializerFunction(Initializer):
    """A plain function, which cannot be saved: Keras', of shape and type; or one of these and a
    random generator, if it has an argument ``rng`` or needs three.
    """

    def __init__(self, function: Callable[..., Array]) -> None:
        self.function = function

    def __call__(
        self, shape: Shape, dtype: npt.DTypeLike = "float32", rng: Generator | None = None
    ) -> Array:
        return _values(self.function, shape, dtype, rng)


def _values(
    function: Callable[..., Any],
    shape: Shape,
    dtype: npt.DTypeLike,
    rng: Generator | None = None,
) -> Array:
    """What a user's function of the shape, or of shape and type, and perhaps of a random generator,
    returns.
    """
    shape = tuple(shape)
    rng = np.random.default_rng() if rng is None else rng
    if positional_arguments(function)[0] == 3:
        given = function(shape, dtype, rng)
    else:
        given = function(shape, **_accepted(function, shape, dtype=dtype, rng=rng))
    values = np.asarray(given, dtype)
    if values.shape != shape:
        raise ShapeError(
            f"initializer: expected values of the parameter's shape {shape} from "
            f"{show(function)}, got {values.shape}."
        )
    return values


def _accepted(function: Callable[..., Any], shape: Shape, **keywords: Any) -> dict[str, Any]:
    """Those of the keywords that a function of the shape takes."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # of some functions of C nobody knows
        return {"dtype": keywords["dtype"]}
    if "rng" not in signature.parameters:  # **keywords are Keras', which knows no rng
        del keywords["rng"]
    try:
        signature.bind(shape, **keywords)
    except TypeError:  # it takes no type
        del keywords["dtype"]
    return keywords


registry: Registry[Initializer] = Registry("initializer", Initializer)
register = registry.register


@overload
def get(identifier: None, where: str = ...) -> None: ...
@overload
def get(identifier: Any, where: str = ...) -> Initializer: ...
def get(identifier: Any, where: str = "initializers.get") -> Initializer | None:
    """The initializer of that name, the object itself, a function's, or that of an array's values.

    None is none, as in Keras: a layer then takes that of ``add_weight``, ``"glorot_uniform"``.

    >>> get(np.array([0.5, -0.5]))
    Constant(value=[0.5, -0.5])
    """
    if identifier is None:
        return None
    if isinstance(identifier, np.ndarray | np.generic):
        try:
            return registry.find("constant")(identifier)  # type: ignore[call-arg]  # its one argument
        except ConfigurationError:
            raise ConfigurationError(
                f"{where}: expected an array of finite numbers, the name of an initializer or an "
                f"object, got {show(identifier)}."
            ) from None
    if callable(identifier) and not isinstance(identifier, type | Configurable):
        return InitializerFunction(identifier)
    return registry.get(identifier, where)
