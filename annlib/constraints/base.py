"""What a constraint is: a projection of a parameter, applied after each update."""

from __future__ import annotations

from typing import Any

from annlib.core.arrays import Array
from annlib.core.config import Configurable
from annlib.core.registry import Registry


class Constraint(Configurable):
    """Called with a parameter, it changes the values in place so that they satisfy it.

    One that returns new values, as Keras' do, is heeded as well.
    """

    def __call__(self, W: Array) -> None:
        raise NotImplementedError


registry: Registry[Constraint] = Registry("constraint", Constraint)
register = registry.register


def get(identifier: Any) -> Constraint | None:
    """The constraint of that name, or the object itself; None is none."""
    return None if identifier is None else registry.get(identifier)
