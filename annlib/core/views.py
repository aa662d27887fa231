"""What users see of weights, outputs and the rate: arrays and numbers with Keras' methods.

They are made where a user asks for them; the engine has plain arrays and floats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_numeric
from annlib.core.errors import MissingAttributeError, ShapeError


class ArrayView(np.ndarray[Any, Any]):
    """An array that shares its memory, with ``numpy`` and ``assign`` as a tensor of Keras has them.

    What is computed from it is a plain array.

    >>> view = ArrayView.of(np.zeros(2))
    >>> view.assign([1.0, 2.0]).assign_add([1.0, 1.0])
    array([2., 3.])
    >>> type(view + 1)
    <class 'numpy.ndarray'>
    """

    @classmethod
    def of(cls, array: Array) -> Self:
        """A view of an array."""
        return array.view(cls)

    def numpy(self) -> Array:
        """A copy, in an array of its own."""
        return np.array(self, subok=False)

    @property
    def value(self) -> Array:
        """The plain array that it is a view of."""
        return np.asarray(self)

    def assign(self, value: Any) -> Self:
        """Write a value of the same shape into it; returns itself.

        Raises
        ------
        ShapeError
            If the shape is another; nothing is written then.
        DataError
            If the value holds no numbers.
        """
        self[...] = self._checked(value, "assign")
        return self

    def assign_add(self, value: Any) -> Self:
        """Add a value of the same shape, in place."""
        np.add(self, self._checked(value, "assign_add"), out=self, casting="same_kind")
        return self

    def assign_sub(self, value: Any) -> Self:
        """Subtract a value of the same shape, in place."""
        np.subtract(self, self._checked(value, "assign_sub"), out=self, casting="same_kind")
        return self

    def _checked(self, value: Any, where: str) -> Array:
        array = np.asarray(value)
        check_numeric(array, where, "the value")
        if array.shape != self.shape:
            raise ShapeError(f"{where}: expected a value of shape {self.shape}, got {array.shape}.")
        return array

    def __array_wrap__(
        self, array: Any, context: Any = None, return_scalar: bool = False, /
    ) -> Any:
        if array is self:  # computed in place
            return self
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.numpy()


class NumberView(float):
    """A number with ``numpy`` and ``assign``, which sets it where it was read.

    >>> def set_rate(rate):
    ...     print("now", rate)
    >>> NumberView.of(0.5, set_rate).assign(0.25)
    now 0.25
    0.25
    """

    _set: Callable[[float], None]

    @classmethod
    def of(cls, value: float, set_value: Callable[[float], None]) -> Self:
        """A view of a number, and what sets it."""
        view = cls(value)
        view._set = set_value
        return view

    def numpy(self) -> float:
        """The plain number."""
        return float(self)

    @property
    def value(self) -> float:
        """The plain number, too."""
        return float(self)

    def assign(self, value: Any) -> NumberView:
        """Set it; returns the number that it is now."""
        self._set(value)
        return type(self).of(value, self._set)

    def __reduce__(self) -> Any:
        return float, (float(self),)


class AttributeView:
    """An attribute of a class that shows users an array of the object's; ``vars`` has it plain.

    It is None of an object that has been built without it, such as the bias of a Dense without one.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, owner: object | None, cls: type) -> Any:
        if owner is None:
            return self
        try:
            return ArrayView.of(owner.__dict__[self.name])
        except KeyError:
            if getattr(owner, "built", False):
                return None
            raise MissingAttributeError(
                f"{cls.__name__}.{self.name}: expected one that is built, got none: "
                f"'{cls.__name__}' object has no attribute '{self.name}'. It is there after "
                "build((None, n_features)), or the fit of its model."
            ) from None

    def __set__(self, owner: object, value: Any) -> None:
        owner.__dict__[self.name] = value

    def __delete__(self, owner: object) -> None:
        owner.__dict__.pop(self.name)


def same_memory(value: Any, own: Array | None) -> bool:
    """Whether a value is an array, or a view of it."""
    return (
        isinstance(value, np.ndarray)
        and own is not None
        and (value is own or value.__array_interface__ == own.__array_interface__)
    )
