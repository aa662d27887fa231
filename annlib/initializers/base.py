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
from annlib.core.tracebacks import with_short_tracebacks

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt
    from numpy.random import Generator


class Initializer(Configurable):
    """First values of a parameter, from its shape; called, it returns a new array.

    A subclass writes ``draw(shape, rng)``; the model passes each parameter's own stream. One that
    has a seed of its own gives the same values at every call, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> class Alternating(Initializer):
    ...     def draw(self, shape, rng):
    ...         return (-1.0) ** np.arange(np.prod(shape)).reshape(shape)
    >>> Alternating()((2, 3))
    array([[ 1., -1.,  1.],
           [-1.,  1., -1.]], dtype=float32)
    """

    seed: int | None = None
    #: Where a model's generator waits for one that is called as Keras calls it.
    _rng: Generator | None = None

    def draw(self, shape: Shape, rng: Generator) -> Array:
        """The values, written by a subclass.

        Parameters
        ----------
        shape : tuple of int
            That of the parameter, such as (features, units).
        rng : numpy.random.Generator
            What to draw from: it follows from the model's seed.

        Returns
        -------
        ndarray, of this shape
            Of any type; it becomes the model's.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.initializers import Ones
        >>> Ones().draw((3,), np.random.default_rng(0))
        array([1., 1., 1.])
        """
        raise NotImplementedError

    @with_short_tracebacks
    def __call__(
        self, shape: Shape, dtype: npt.DTypeLike = "float32", rng: Generator | None = None
    ) -> Array:
        """New values of a parameter.

        Parameters
        ----------
        shape : tuple of int
            Such as (features, units).
        dtype : {"float32", "float64"}
        rng : numpy.random.Generator, optional
            What to draw from; without it, and without a seed, each call gives other values.

        Returns
        -------
        ndarray, of this shape

        Raises
        ------
        ConfigurationError
            For what is no shape, type or generator.
        ShapeError
            If the initializer is not for parameters of this shape.

        Examples
        --------
        >>> from annlib.initializers import Constant
        >>> Constant(0.5)((2, 2))
        array([[0.5, 0.5],
               [0.5, 0.5]], dtype=float32)
        """
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
        """The values that a model takes: those of ``__call__``, which may be Keras', of shape and
        type.

        Parameters
        ----------
        shape : tuple of int
            That of the parameter, such as (features, units).
        dtype : {"float32", "float64"}
            The model's.
        rng : numpy.random.Generator
            The parameter's own.

        Returns
        -------
        ndarray, of this shape

        Raises
        ------
        ShapeError
            If a call of Keras' kind returns values of another shape.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.initializers import RandomUniform
        >>> RandomUniform(0, 1).values((2,), "float64", np.random.default_rng(0)).round(2)
        array([0.64, 0.27])
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
        """Values of the parameters along the first axes of one, each drawn as if it were alone.

        They come one after the other from one stream; of an initializer that is called as Keras
        calls it, all at once.

        Parameters
        ----------
        axes : int, at least 1
            How many axes count the parameters.
        shape : tuple of int
            That of all, such as (members, features, units).
        dtype : {"float32", "float64"}
            The model's.
        rng : numpy.random.Generator
            What to draw from.

        Returns
        -------
        ndarray, of this shape

        Raises
        ------
        ShapeError
            If the initializer is not for parameters of the rest of the shape.

        Examples
        --------
        Two kernels of one input and one unit, of which none knows of the other:

        >>> import numpy as np
        >>> from annlib.initializers import GlorotUniform
        >>> both = GlorotUniform().values_of_each(1, (2, 1, 1), "float64", np.random.default_rng(0))
        >>> bool((abs(both) <= 3**0.5).all())
        True
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

    @with_short_tracebacks
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
@with_short_tracebacks
def get(identifier: Any, where: str = "initializers.get") -> Initializer | None:
    """The initializer that an argument stands for.

    Parameters
    ----------
    identifier : str, Initializer, type, dict, callable, ndarray or None
        A registered name, an object or what ``get_config`` gave; a function of the shape, as the
        head of this module says; an array of the parameter's shape, such as (features, units).
        None is none, as in Keras: a layer then takes that of ``add_weight``, ``"glorot_uniform"``.
    where : str
        What a message begins with.

    Returns
    -------
    Initializer or None

    Raises
    ------
    UnknownNameError
        For a name that is not registered; the message has the nearest.
    ConfigurationError
        For an array that does not hold finite numbers, and anything else.

    Examples
    --------
    >>> get("he_normal")
    HeNormal()
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
