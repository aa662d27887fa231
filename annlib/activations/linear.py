"""Linear: no activation at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core.arrays import Array
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace


@register("linear", "identity")
class Linear(Activation):
    """a = z, da/dz = 1 (paper 8.5).

    Examples
    --------
    >>> Linear()([-1.5, 2.0])
    array([-1.5,  2. ])
    """

    _default_for_none = True

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        if A is not Z:
            np.copyto(A, Z)

    def expression(self, Z: Any) -> Any:
        return Z

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        pass

    def formula(self) -> Formula:
        return self._formula("a_i = z_i", slope="1", section="8.5")
