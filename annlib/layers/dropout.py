"""Dropout: a part of the activations is left out while training (Srivastava et al., 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import DX, DY, Formula, cases, number
from annlib.layers.base import LayerArguments, register
from annlib.layers.noise import Noise

if TYPE_CHECKING:  # loaded when first used, not with annlib
    from numpy.random import Generator


@register("dropout")
class Dropout(Noise):
    """y = m x with m = 0 with probability ``rate``, else 1 / (1 - rate); dE/dx = m dE/dy.

    Only while training; otherwise y = x. The scaling keeps the expectation as it is.

    Parameters
    ----------
    rate : float, in [0, 1]
        The share that is left out; 1 leaves out all.
    seed : int, optional
        A seed of the layer's own, instead of a stream of the model's.
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"rate": 0.5}

    _settable = ("trainable", "rate")

    #: The rates that make sense, an interval.
    rates: ClassVar[str] = "[0, 1]"

    def __init__(
        self, rate: float, seed: int | None = None, **keywords: Unpack[LayerArguments]
    ) -> None:
        super().__init__(seed, **keywords)
        self.rate: float = check_number(rate, type(self).__name__, "rate", self.rates)

    @property
    def strength(self) -> float:
        return self.rate

    @property
    def kept(self) -> float:
        """The factor of what is not left out."""
        return 1 / (1 - self.rate) if self.rate < 1 else 0.0

    def draw(self, M: Array, rng: Generator) -> None:
        rng.random(out=M, dtype=M.dtype.type)
        np.less(M, 1 - self.rate, out=M)
        np.multiply(M, self.kept, out=M)

    def formula(self) -> Formula:
        p = number(self.rate)
        return self._formula(
            "y_i = m_i x_i",
            "m_i = " + cases(("0", rf"\text{{a~share~of~}} {p}"), (rf"\frac{{1}}{{1 - {p}}}", "")),
            back=(f"{DX} = m_i {DY}",),
            source="Srivastava et al. (2014)",
            note="Only while training; otherwise y = x.",
        )
