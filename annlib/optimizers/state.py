"""The named arrays that a rule finds what it remembers in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from annlib.core.arrays import Array


class State:
    """The state of a part by its names: ``state.m``; what is assigned is copied into the array.

    >>> import numpy as np
    >>> state = State({"m": np.zeros(2)})
    >>> state.m = 0.9 * state.m + 1
    >>> state.m
    array([1., 1.])

    Attributes
    ----------
    path : str
        Of the parameter, ``"dense/kernel"``, for a rule that gets one at a time; else "".
    """

    __slots__ = ("__dict__", "path")

    path: str

    def __init__(self, arrays: Mapping[str, Array], path: str = "") -> None:
        object.__setattr__(self, "path", path)
        self.__dict__.update(arrays)

    def __setattr__(self, name: str, value: Any) -> None:
        own = getattr(self, name)
        if value is not own:  # it is after ``state.m += g``
            own[...] = value

    def __getattr__(self, name: str) -> Array:
        known = ", ".join(self.__dict__) or "none"
        raise AttributeError(f'expected the name of declared state, got "{name}". Known: {known}.')
