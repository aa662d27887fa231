"""GLU: one half of the units, each gated by one of the other half."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from annlib.activations.base import Activation, AnyShape, register
from annlib.activations.gated import gate
from annlib.activations.rowwise import check_axis, checked_axis
from annlib.activations.sigmoids import Sigmoid
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.errors import ShapeError
from annlib.core.expression import express
from annlib.core.formula import Formula, cases
from annlib.core.workspace import Workspace


@register("glu")
class GLU(Activation):
    """a_i = z_i s_i with s_i = 1 / (1 + exp(-z_(M+i))): M outputs of 2 M inputs.

    da_i/dz_i = s_i,  da_i/dz_(M+i) = z_i s_i (1 - s_i), and 0 by all others. So
    ``Dense(8, activation="glu")`` has 4 outputs. Dauphin et al. (2017), "Language modeling with
    gated convolutional networks".

    Parameters
    ----------
    axis : int, -1 or at least 1
        Along which the two halves lie one after the other; not the first, 0.

    Raises
    ------
    ConfigurationError
        For the axis 0.
    ShapeError
        If the size along the axis is odd.

    Examples
    --------
    >>> GLU()([[3.0, -2.0, 0.0, 1000.0]])
    array([[ 1.5, -2. ]])
    """

    needs_input = True
    elementwise = False
    backward_code = "dZ = hstack([dA * S, dA * Z1 * S * (1 - S)])"

    def __init__(self, axis: int = -1) -> None:
        self.axis = checked_axis(axis, "GLU")

    def output_shape(self, shape: AnyShape) -> AnyShape:
        check_axis(self, shape)
        sizes = list(shape)
        size = sizes[self.axis]
        if size is None or size % 2:
            raise ShapeError(
                f"GLU: expected input of an even size along axis {self.axis}, which it halves, got "
                f"shape {shape}. Give the layer before it an even number of units."
            )
        sizes[self.axis] = size // 2
        return tuple(sizes)

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        values, gates = self._halves(Z)
        gate(numerics.capped(gates, work.array("glu.e", *A.shape)), A)
        np.multiply(A, values, out=A)

    def expression(self, Z: Any) -> Any:
        values, gates = self._halves(Z)
        return values * express(Sigmoid(), gates)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> Array:
        values, gates = self._halves(Z)
        dZ = work.array("glu.dZ", *Z.shape)
        by_values, by_gates = self._halves(dZ)
        E, S = work.array("glu.e", *dA.shape), work.array("glu.s", *dA.shape)
        gate(numerics.capped(gates, E), S)
        np.multiply(dA, S, out=by_values)
        np.add(E, 1, out=E)
        np.divide(S, E, out=S)  # s (1 - s), where 1 - s would cancel
        np.multiply(S, values, out=S)
        np.multiply(S, dA, out=by_gates)
        return dZ

    def _halves(self, Z: Array) -> tuple[Array, Array]:
        """Views of the values and of what gates them."""
        size = Z.shape[self.axis] // 2
        along = Z.swapaxes(self.axis, -1)
        return (
            along[..., :size].swapaxes(self.axis, -1),
            along[..., size:].swapaxes(self.axis, -1),
        )

    def formula(self) -> Formula:
        formula = self._formula(
            r"s_i = \frac{1}{1 + e^{-z_{M+i}}}",
            "a_i = z_i s_i",
            slope=cases(("s_i", "j = i"), ("z_i s_i (1 - s_i)", "j = M + i"), ("0", "")),
            batch=(
                "Z = [Z_1, Z_2]",
                r"A = Z_1 \odot S",
                r"D_Z = [D_A \odot S, D_A \odot Z_1 \odot S \odot (1 - S)]",
            ),
            source="Dauphin et al. (2017)",
        )
        shapes = "{Z}: [2 M × 1], {A}: [M × 1], [D_A,Z]: [M × 2 M]; a batch: (n, 2 M), (n, M)"
        return replace(formula, shapes=shapes)
