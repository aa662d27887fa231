"""Values that are made when they are first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class cached_property(Generic[T]):  # noqa: N801  # the name of what it stands for
    """``functools.cached_property`` without the lock that it has in Python 3.11: a child of
    ``fork`` would wait for ever for a thread that it does not have.

    >>> class Circle:
    ...     @cached_property
    ...     def area(self):
    ...         print("once")
    ...         return 3.14
    >>> circle = Circle()
    >>> circle.area, circle.area
    once
    (3.14, 3.14)
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        # From now on the attribute is found before this is asked.
        value = instance.__dict__[self._name] = self._make(instance)
        return value
