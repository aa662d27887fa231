"""The pinball loss: of a quantile of the targets, or of several at once."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_number, check_numbers, items_of
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import Formula, cases
from annlib.core.workspace import Workspace
from annlib.losses.base import register
from annlib.losses.outputs import MeanOverOutputs, OutputLossArguments, differences


@register("quantile", "pinball")
class Quantile(MeanOverOutputs):
    """E_r = 1/N sum_i (q (y_i - a_i) if y_i > a_i else (1 - q) (a_i - y_i)).

    dE_r/da_i = -q/N below the target, (1 - q)/N above it. Least where a is the q-quantile of y, as
    the squared error is at the mean. Koenker and Bassett, Regression Quantiles, 1978; the value is
    scikit-learn's ``mean_pinball_loss``. Several quantiles of one target are one output each:
    ``Dense(3)`` with ``Quantile([0.1, 0.5, 0.9])`` and y of shape (n,).

    Parameters
    ----------
    quantile : float, or list of float, in (0, 1)
        Of every output; or one an output.

    Raises
    ------
    ConfigurationError
        For quantiles that are not in (0, 1); when it is called, or in ``fit``, for another number
        of outputs than there are quantiles.

    Examples
    --------
    >>> Quantile(0.75)([[0.0, 0.0]], [[1.0, -3.0]])
    1.25
    >>> Quantile([0.25, 0.75])([1.0], [[0.0, 0.0]])
    0.5
    """

    _derived = ("levels",)

    def __init__(
        self,
        quantile: float | list[float] = 0.5,
        *shared: Any,
        **keywords: Unpack[OutputLossArguments],
    ) -> None:
        super().__init__(*shared, **keywords)
        self.quantile: float | list[float]
        if items_of(quantile) is not None:
            levels = check_numbers(quantile, "Quantile", "quantile", "(0, 1)")
            if levels.ndim != 1 or not levels.size:
                raise ConfigurationError(
                    "Quantile: expected quantile as a number or a list of them, got "
                    f"{show(quantile)}."
                )
            self.quantile = self.levels = levels.tolist()
            self.drawn = None  # each output has a curve of its own
        else:
            self.quantile = check_number(quantile, "Quantile", "quantile", "(0, 1)")

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        if not isinstance(self.quantile, list):
            return super().check_targets(y, output_shape, where)
        count = len(self.quantile)
        if output_shape[1:] != (count,):
            raise ConfigurationError(
                f"{where}: expected an output of {count} units, one a quantile of {self!r}, got "
                f"output of shape {output_shape}. Give the output layer {count} units."
            )
        if y.ndim == 1 or y.shape[1:] == (1,):  # one target, of which there are several quantiles
            return np.broadcast_to(y.reshape(-1, 1), (len(y), count))
        return super().check_targets(y, output_shape, where)

    def terms(self, Y: Array, A: Array, T: Array, work: Workspace) -> None:
        D, q = differences(Y, A, work), np.asarray(self.quantile, A.dtype)
        np.multiply(D, 1 - q, out=T)
        np.maximum(T, np.multiply(D, -q, out=work.array("below", *A.shape)), out=T)

    def slopes(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        # Above the target 1 - q = 1/2 + (1/2 - q), below it -q = -1/2 + (1/2 - q), at it 0.
        q = np.asarray(self.quantile, A.dtype)
        np.sign(work.array("D", *A.shape), out=dA)
        shift = np.abs(dA, out=work.array("below", *A.shape))
        np.multiply(shift, 0.5 - q, out=shift)
        np.add(np.multiply(dA, 0.5, out=dA), shift, out=dA)

    def formula(self) -> Formula:
        several = isinstance(self.quantile, list)
        q = "q_i" if several else "q"
        levels = self.quantile if isinstance(self.quantile, list) else [self.quantile]
        above, below = r"y_i > a_i", ""
        return self._formula(
            "h_i = " + cases((f"{q} (y_i - a_i)", above), (f"(1 - {q}) (a_i - y_i)", below)),
            r"E = \frac{1}{N} \sum_i h_i",
            slope=r"\frac{1}{N} " + cases((f"-{q}", above), (f"1 - {q}", "y_i < a_i"), ("0", "")),
            source="Koenker & Bassett (1978)",
            symbols=((q, ", ".join(f"{level:g}" for level in levels)),),
        )
