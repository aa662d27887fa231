"""Tap: a look at one call of another object's method, which is as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Tap:
    """Stands before a method for one call, and goes.

    Several may stand before the same method; the last one looks first.

    Parameters
    ----------
    owner : object
    method : str
    look : callable
        Called with the arguments of the call.

    Examples
    --------
    >>> class Bell:
    ...     def ring(self, times):
    ...         print("ding " * times)
    >>> bell = Bell()
    >>> tap = Tap(bell, "ring", lambda times: print(times, "times:"))
    >>> bell.ring(2), bell.ring(1)
    2 times:
    ding ding
    ding
    (None, None)
    """

    def __init__(self, owner: Any, method: str, look: Callable[..., Any]) -> None:
        self._owner, self._method, self._look = owner, method, look
        self._inner = vars(owner).get(method)
        setattr(owner, method, self)

    def __call__(self, *arguments: Any) -> Any:
        self._give_way()
        self._look(*arguments)
        return getattr(self._owner, self._method)(*arguments)

    def _give_way(self) -> None:
        if self._inner is None:
            delattr(self._owner, self._method)
        else:
            setattr(self._owner, self._method, self._inner)

    def remove(self) -> None:
        """Go without a call, and with this one all that stand before it: their call is over."""
        while isinstance(first := vars(self._owner).get(self._method), Tap):
            first._give_way()
