"""Elementwise: a function of one's own and its derivative, without a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.activations.base import Activation
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import Formula, word
from annlib.core.workspace import Workspace

Function = Callable[[Array], Any]


class Elementwise(Activation):
    """a = f(z), da/dz = f'(z), for any f that NumPy can compute (paper 6.2, 7.2).

    A layer takes the pair itself: ``Dense(8, activation=(np.sin, np.cos))``. Functions have no
    configuration, so a model that holds one can be copied and trained but not saved; for that,
    write a class and register it.

    Parameters
    ----------
    function, derivative : callable
        From the matrix Z, (n, units), which is not to be written to, to a matrix of its shape.
    name : str, optional
        How messages call it; the function's own name unless given.

    Raises
    ------
    ConfigurationError
        For what cannot be called.
    ShapeError
        When it is computed, if a function gives another shape than its input's.

    Examples
    --------
    >>> Elementwise(np.square, lambda Z: 2 * Z)([1.0, -3.0])
    array([1., 9.])
    """

    needs_input = True

    def __init__(self, function: Function, derivative: Function, name: str | None = None) -> None:
        for argument, value in (("function", function), ("derivative", derivative)):
            if not callable(value):
                raise ConfigurationError(
                    f"Elementwise: expected {argument} as a function of an array, got "
                    f"{show(value)}."
                )
        self.function = function
        self.derivative = derivative
        self.name = name

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        np.copyto(A, self._values("function", Z), casting="same_kind")

    def expression(self, Z: Any) -> Any:
        return self.function(Z)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        np.multiply(dA, self._values("derivative", Z), out=dA, casting="same_kind")

    def _values(self, which: str, Z: Array) -> Array:
        """What one of the functions makes of Z, if that is as many numbers."""
        guarded = Z.view()
        guarded.flags.writeable = False
        values = np.asarray(getattr(self, which)(guarded))
        if values.shape == Z.shape and values.dtype.kind in "fiub":
            return values
        name = self.name or getattr(self.function, "__name__", "of a function")
        where = f'Elementwise "{name}": expected the {which} to return'
        if values.shape != Z.shape:
            raise ShapeError(
                f"{where} an array of its argument's shape, {Z.shape}, got {values.shape}. "
                "It gets the whole batch at once; a constant is np.full_like(Z, constant)."
            )
        raise ConfigurationError(f"{where} real numbers, got {values.dtype}.")

    def formula(self) -> Formula:
        name = self.name or str(getattr(self.function, "__name__", "f"))
        return self._formula(f"a_i = {word(name)}(z_i)", slope=f"{word(name)}'(z_i)", name=name)
