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

    x is (n, ...), as is y. Only while training; otherwise y = x. As the first layer it varies the
    data.

    Parameters
    ----------
    stddev : float, at least 0, or callable
        The noise's standard deviation, in the unit of x. A schedule sets it anew at each training
        step.
    seed : int, at least 0, optional
        A seed of the layer's own, instead of a stream of the model's.

    Raises
    ------
    ConfigurationError
        For a negative deviation.

    Examples
    --------
    >>> import numpy as np
    >>> y = GaussianNoise(2.0, seed=0)(np.zeros((1000, 100)), training=True)
    >>> f"{abs(y.mean()):.2f} {y.std():.2f}"
    '0.00 2.01'
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

    x is (n, ...), as is y. Only while training; otherwise y = x. Mean and variance of m are those
    of ``Dropout(rate)``.

    Parameters
    ----------
    rate : float, in [0, 1), or callable
        That of the ``Dropout`` with the same variance; a schedule sets it anew at each step.
    seed : int, at least 0, optional
        A seed of the layer's own, instead of a stream of the model's.

    Raises
    ------
    ConfigurationError
        For a rate out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> y = GaussianDropout(0.5, seed=0)(np.ones((1000, 100)), training=True)
    >>> f"{y.mean():.2f} {y.var():.2f}"
    '1.00 1.01'
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
