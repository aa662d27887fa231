"""What a constraint is: a projection of a parameter, applied after each update.

To add one: a class with ``__call__(W)``, ``@register()`` above it, and a row in the tests' table of
cases. For a try, a plain function will do: ``Dense(8, kernel_constraint=lambda W: W.clip(-1, 1))``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from annlib.core.arrays import Array, Shape
from annlib.core.config import Configurable
from annlib.core.registry import Registry
from annlib.core.tracebacks import with_short_tracebacks


class Constraint(Configurable):
    """A projection of a parameter, after each update.

    Called with a parameter, it changes the values in place so that they satisfy it, and returns
    the parameter. One that returns new values, as Keras' do, is heeded as well.

    Examples
    --------
    >>> import numpy as np
    >>> class Bounded(Constraint):
    ...     def __call__(self, W):
    ...         return np.clip(W, -1, 1, out=W)
    >>> Bounded()(np.array([-3.0, 0.5]))
    array([-1. ,  0.5])
    """

    def __call__(self, W: Array) -> Array | None:
        """Make a parameter satisfy the constraint; written by a subclass.

        Parameters
        ----------
        W : ndarray, of any shape
            A parameter, such as (features, units), which may be changed in place.

        Returns
        -------
        ndarray or None, of W's shape
            The new values, or None if they are in W.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def check_shape(self, shape: Shape, name: str) -> None:
        """Raise an error if it is not for a parameter of this shape; none is refused unless
        overridden.

        Parameters
        ----------
        shape : tuple of int
            That of the parameter, such as (features, units).
        name : str
            How a message calls the parameter.

        Raises
        ------
        ShapeError
            If it is not.

        Examples
        --------
        >>> from annlib.constraints import MaxNorm
        >>> MaxNorm(axis=1).check_shape((3,), "dense/bias")
        Traceback (most recent call last):
            ...
        annlib.core.errors.ShapeError: MaxNorm: expected a parameter that has axis 1, got dense/bias
        of shape (3,).
        """


class ConstraintFunction(Constraint):
    """A plain function of the parameter, which cannot be saved."""

    def __init__(self, function: Callable[[Array], Array | None]) -> None:
        self.function = function

    def __call__(self, W: Array) -> Array | None:
        return self.function(W)


class OfEach(Constraint):
    """A constraint of each of the parameters along the first axes of one."""

    def __init__(self, constraint: Constraint, axes: int) -> None:
        self.constraint, self.axes = constraint, axes

    def __call__(self, W: Array) -> None:
        for own in W.reshape(-1, *W.shape[self.axes :]):
            projected = self.constraint(own)
            if projected is not None:  # one of the user's, in Keras' manner
                own[...] = projected

    def check_shape(self, shape: Shape, name: str) -> None:
        self.constraint.check_shape(shape[self.axes :], name)


registry: Registry[Constraint] = Registry("constraint", Constraint)
register = registry.register


@overload
def get(identifier: None, where: str = ...) -> None: ...
@overload
def get(identifier: Any, where: str = ...) -> Constraint: ...
@with_short_tracebacks
def get(identifier: Any, where: str = "constraints.get") -> Constraint | None:
    """The constraint that an argument stands for.

    Parameters
    ----------
    identifier : str, Constraint, type, dict, callable or None
        A registered name, an object or what ``get_config`` gave, or a function of the parameter.
        None is none.
    where : str
        What a message begins with.

    Returns
    -------
    Constraint or None

    Raises
    ------
    UnknownNameError
        For a name that is not registered; the message has the nearest.
    ConfigurationError
        For anything else.

    Examples
    --------
    >>> import numpy as np
    >>> get("non_neg")
    NonNeg()
    >>> get(lambda W: W.clip(-1, 1))(np.array([-3.0, 0.5]))
    array([-1. ,  0.5])
    """
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, type | Configurable):
        return ConstraintFunction(identifier)
    return registry.get(identifier, where)
