"""What a regularizer is: a penalty on an array that is added to the loss, and its gradient."""

from __future__ import annotations

from typing import Any

from annlib.core.arrays import Array
from annlib.core.config import Configurable
from annlib.core.registry import Registry
from annlib.core.workspace import Workspace


class Regularizer(Configurable):
    """R(W), a number, and dR/dW, which is added to the loss' gradient.

    A subclass writes ``__call__(W)`` and ``add_gradient(W, dW, work, scale)``, which adds
    scale * dR/dW to dW in place.
    """

    def __call__(self, W: Array) -> float:
        raise NotImplementedError

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        raise NotImplementedError


registry: Registry[Regularizer] = Registry("regularizer", Regularizer)
register = registry.register


def get(identifier: Any) -> Regularizer | None:
    """The regularizer of that name, or the object itself; None is none."""
    return None if identifier is None else registry.get(identifier)
