"""A cross-entropy that labels which are wrong cannot pull far."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_number
from annlib.core.formula import Formula
from annlib.core.numerics import EPSILON
from annlib.core.workspace import Workspace
from annlib.losses.base import LossArguments, LossOfVectors, register
from annlib.losses.targets import label_positions, matching_labels


@register("categorical_generalized_cross_entropy")
class CategoricalGeneralizedCrossEntropy(LossOfVectors):
    """E_r = (1 - a_y^q) / q for an integer label y, 0..N-1;  dE_r/da_y = -a_y^(q - 1).

    Between the cross-entropy (q near 0) and the absolute error (q near 1), which a wrong label
    cannot pull far. Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural
    Networks with Noisy Labels, 2018. The gradient of probabilities below 1e-7 is that of 1e-7.

    Parameters
    ----------
    q : float, in (0, 1)
        From the cross-entropy, near 0, to the absolute error, near 1.

    Raises
    ------
    ConfigurationError
        For a q out of its range, or an unknown reduction.
    DataError
        When it is called, or in ``fit``, for what is no label of that many outputs.

    Examples
    --------
    >>> CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]])
    1.0
    """

    task = "classes"
    drawn = (0.01, 0.99, 1.0)
    target_kind = "labels"

    def __init__(self, q: float = 0.5, *shared: Any, **keywords: Unpack[LossArguments]) -> None:
        super().__init__(*shared, **keywords)
        self.q = check_number(q, type(self).__name__, "q", "(0, 1)")

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        if len(output_shape) > 1:
            return matching_labels(y, output_shape, where)
        return super().check_targets(y, output_shape, where)

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        P, rest = work.array("a_y", len(A)), work.array("rest", len(A))
        A.reshape(-1).take(label_positions(Y, A, work), out=P, mode="clip")
        # As the others do, it shows a NaN in any output of the row.
        np.multiply(np.dot(A, work.ones(A.shape[1]), out=rest), 0, out=rest)
        np.add(P, rest, out=P)
        np.power(P.clip(0, np.inf, out=P), self.q, out=E)
        np.divide(np.subtract(1, E, out=E), self.q, out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        slope = np.maximum(work.array("a_y", len(A)), EPSILON, out=work.array("slope", len(A)))
        np.power(slope, self.q - 1, out=slope)
        dA.fill(0)
        positions = work.array("positions", len(A), dtype=np.intp)
        dA.reshape(-1).put(positions, np.negative(slope, out=slope), mode="clip")

    def formula(self) -> Formula:
        return self._formula(
            r"E = \frac{1 - a_y^q}{q}",
            slope=r"-\delta_{iy} a_y^{q - 1}",
            source="Zhang & Sabuncu (2018)",
            symbols=(("q", f"{self.q:g}"),),
        )
