"""Penalties on the size of the weights, with Keras' factors: no half in L2, no division by n."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import Formula, number
from annlib.core.workspace import Workspace
from annlib.regularizers.base import Regularizer, register

_PART = 1 << 13


@register("l1_l2")
class L1L2(Regularizer):
    """R = l1 sum |w| + l2 sum w^2;  dR/dw = l1 sign(w) + 2 l2 w.

    Parameters
    ----------
    l1, l2 : float, at least 0
        The factors of the absolute values and of the squares.

    Raises
    ------
    ConfigurationError
        For a negative factor.

    Examples
    --------
    >>> L1L2(l1=0.5, l2=0.25)(np.array([3.0, -4.0]))
    9.75
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = float(check_number(l1, type(self).__name__, "l1", "[0, inf)"))
        self.l2 = float(check_number(l2, type(self).__name__, "l2", "[0, inf)"))

    @property
    def is_zero(self) -> bool:
        return not (self.l1 or self.l2)

    def __call__(self, W: Array) -> float:
        w = W.ravel()
        penalty = self.l2 * float(np.dot(w, w)) if self.l2 else 0.0
        return penalty + (self.l1 * _absolute_sum(w) if self.l1 else 0.0)

    def add_gradient(self, W: Array, dW: Array, work: Workspace, scale: float = 1.0) -> None:
        term = work.array("penalty", *W.shape)
        if self.l1:
            np.sign(W, out=term)
            np.multiply(term, scale * self.l1, out=term)
            np.add(dW, term, out=dW)
        if self.l2:
            np.multiply(W, 2 * scale * self.l2, out=term)
            np.add(dW, term, out=dW)

    def formula(self) -> Formula:
        values, slopes = [], []
        if self.l1 or not self.l2:
            values.append(rf"{number(self.l1)} \sum \lvert w \rvert")
            slopes.append(rf"{number(self.l1)} \operatorname{{sign}}(w)")
        if self.l2:
            values.append(rf"{number(self.l2)} \sum w^2")
            slopes.append(f"{number(2 * self.l2)} w")
        return self._formula(" + ".join(values), " + ".join(slopes))


@register("l1")
class L1(L1L2):
    """R = l1 sum |w|;  dR/dw = l1 sign(w): it drives weights that help little to 0.

    Parameters
    ----------
    l1 : float, at least 0

    Raises
    ------
    ConfigurationError
        For a negative factor.

    Examples
    --------
    >>> L1(0.5)(np.array([3.0, -4.0]))
    3.5
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


@register("l2")
class L2(L1L2):
    """R = l2 sum w^2, without the half (as Keras);  dR/dw = 2 l2 w.

    Parameters
    ----------
    l2 : float, at least 0

    Raises
    ------
    ConfigurationError
        For a negative factor.

    Examples
    --------
    >>> L2(0.25)(np.array([3.0, -4.0]))
    6.25
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


def _absolute_sum(w: Array) -> float:
    # In parts: a training step allocates nothing of the size of the parameters.
    return sum(float(np.abs(w[i : i + _PART]).sum()) for i in range(0, len(w), _PART))
