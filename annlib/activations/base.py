"""What an activation is: an equation and its derivative, in place on whole matrices.

To add one: a class with ``forward`` and ``backward`` side by side, ``@register()`` above it, and a
row in the tests' table of cases.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.config import Configurable
from annlib.core.registry import Registry
from annlib.core.workspace import Workspace


class Activation(Configurable):
    """A = f(Z), the same function in a Dense layer and in an Activation layer (paper 6.2, 7.2).

    A subclass writes

    - ``forward(Z, A, work)``: f(Z) into A. A may be the same memory as Z, unless ``needs_input``.
    - ``backward(dA, Z, A, work)``: turn dE/dA into dE/dZ, in place. Z is intact only if
      ``needs_input``; most derivatives need the output alone.

    Both are (n, units); scratch comes from ``work``. Called with an array, an activation returns
    a new one.
    """

    #: Whether the derivative needs Z, so that A gets memory of its own.
    needs_input: bool = False

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        raise NotImplementedError

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        raise NotImplementedError

    def __call__(self, x: Any) -> Array:
        x = np.asarray(x)
        dtype = x.dtype if x.dtype.char in "fd" else np.dtype(np.float64)
        if not x.size:
            return np.zeros(x.shape, dtype)
        rows = np.array(x, dtype, ndmin=2).reshape(-1, x.shape[-1] if x.ndim else 1)
        A = np.empty_like(rows)
        self.forward(rows, A, Workspace(dtype))
        return A.reshape(x.shape)


registry: Registry[Activation] = Registry("activation", Activation)
register = registry.register


def get(identifier: Any) -> Activation:
    """The activation of that name, or the object itself; None is the identity, as in Keras."""
    return registry.get("linear" if identifier is None else identifier)
