"""Normally distributed noise while training, added or multiplied."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import DX, DY, Formula, number
from annlib.core.workspace import Workspace
from annlib.layers.base import LayerArguments, register
from annlib.layers.dropout import Dropout
from annlib.layers.noise import Noise

if TYPE_CHECKING:  # loaded when first used, not with annlib
    from numpy.random import Generator


@register("gaussian_noise")
class GaussianNoise(Noise):
    """y = x + m,  m ~ N(0, stddev^2);  dE/dx = dE/dy.

    Only while training; otherwise y = x. As the first layer it varies the data.

    Parameters
    ----------
    stddev : float, at least 0, or callable
        Keras allows no more than 1. A schedule sets it anew at each training step.
    seed : int, optional
        A seed of the layer's own, instead of a stream of the model's.
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"stddev": 0.1}
    _settable = ("trainable", "stddev")

    def __init__(
        self, stddev: Any, seed: int | None = None, **keywords: Unpack[LayerArguments]
    ) -> None:
        super().__init__(seed, **keywords)
        self.stddev: float = self._number(stddev, "stddev", "[0, inf)")

    @property
    def strength(self) -> float:
        return self.stddev

    def draw(self, M: Array, rng: Generator) -> None:
        rng.standard_normal(out=M, dtype=M.dtype.type)
        np.multiply(M, self.stddev, out=M)

    def perturb(self, x: Array, M: Array, y: Array) -> None:
        np.add(x, M, out=y)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        return dy

    def formula(self) -> Formula:
        return self._formula(
            "y_i = x_i + m_i",
            rf"m_i \sim \operatorname{{normal}}(0, {number(self.stddev)}^2)",
            back=(f"{DX} = {DY}",),
            note=f"Only while training; otherwise y = x.{self._set_by('stddev')}",
            symbols=((r"\operatorname{normal}", "of this mean and variance"),),
        )


@register("gaussian_dropout")
class GaussianDropout(Dropout):
    """y = m x,  m ~ N(1, rate / (1 - rate));  dE/dx = m dE/dy  (Srivastava et al., 2014, 10).

    Only while training; otherwise y = x. Mean and variance of m are those of ``Dropout(rate)``.

    Parameters
    ----------
    rate : float, in [0, 1), or callable
    seed : int, optional
        A seed of the layer's own, instead of a stream of the model's.
    **keywords
        ``noise_shape``, as in ``Dropout``, and what every ``Layer`` takes.
    """

    _one_value = {  # noqa: RUF012  # never changed
        "random_bits": (None, "A normal factor takes more bits than these.")
    }

    rates = "[0, 1)"

    def __init__(self, rate: Any, seed: int | None = None, **keywords: Any) -> None:
        super().__init__(rate, seed=seed, **keywords)

    def draw(self, M: Array, rng: Generator) -> None:
        rng.standard_normal(out=M, dtype=M.dtype.type)
        np.multiply(M, math.sqrt(self.rate / (1 - self.rate)), out=M)
        np.add(M, 1, out=M)

    def formula(self) -> Formula:
        p = number(self.rate)
        return self._formula(
            "y_i = m_i x_i",
            rf"m_i \sim \operatorname{{normal}}(1, \frac{{{p}}}{{1 - {p}}})",
            back=(f"{DX} = m_i {DY}",),
            source="Srivastava et al. (2014)",
            note=f"Only while training; otherwise y = x.{self._set_by('rate')}",
            symbols=((r"\operatorname{normal}", "of this mean and variance"),),
        )
