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


class Constraint(Configurable):
    """Called with a parameter, it changes the values in place so that they satisfy it, and returns
    the parameter. One that returns new values, as Keras' do, is heeded as well.
    """

    def __call__(self, W: Array) -> Array | None:
        raise NotImplementedError

    def check_shape(self, shape: Shape, name: str) -> None:
        """Raise ``ShapeError`` if it is not for a parameter of this shape."""


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
def get(identifier: Any, where: str = "constraints.get") -> Constraint | None:
    """The constraint of that name, the object itself or a function's; None is none."""
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, type | Configurable):
        return ConstraintFunction(identifier)
    return registry.get(identifier, where)
