"""What the normalizations of single rows share: subtract, divide by a length, scale and shift."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_axis
from annlib.core.formula import DY
from annlib.core.workspace import Workspace
from annlib.layers import axes
from annlib.layers.base import Layer, LayerArguments


class RowNormalization(Layer):
    """y = gamma h + beta,  h = (x - mean(x)) / r,  for each row x of k numbers along ``axis``.

    With g = gamma dy, and dr/dx = w h for all the lengths r that subclasses divide by:

        dx = (g - mean(g) - w h sum(g h)) / r

    without the mean where none was subtracted; dgamma and dbeta are the sums of dy h and dy over
    the rows. A subclass writes ``inverse_length``, and names the parameters that it has.

    Parameters
    ----------
    axis : int or list of int
    """

    group = "normalization"

    #: Whether the mean is subtracted.
    centers: ClassVar[bool] = False
    #: What the subclass calls gamma and beta, where it has them.
    gain: ClassVar[str] = ""
    offset: ClassVar[str] = ""

    def __init__(self, axis: Any = -1, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        self.axis = check_axis(axis, type(self).__name__)

    def inverse_length(
        self, s: Array, k: int, unit: Array | float, work: Workspace
    ) -> Array | float:
        """1 / r in place of the sum of squares in ``s``, for rows of k numbers; returns w. Scratch
        comes from ``work``.

        Where the squares would overflow, they are those of x / unit, and 1 / r is unit / r.
        """
        raise NotImplementedError

    def length(self, s: Any, k: int) -> Any:
        """r, as an expression of s, the sum of squares of rows of k numbers."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        self.sizes(input_shape)
        return input_shape

    def count_multiplications(self) -> int | None:
        has_gain = any(parameter.name == self.gain for parameter in self._parameters)
        return self._each_number() if has_gain else 0

    def sizes(self, input_shape: BatchShape) -> Shape:
        """The shape of a row of ``input_shape`` along the axes, and of gamma and beta."""
        return axes.sizes(self.axis, input_shape, type(self).__name__)

    def _row(self, parameter: str) -> Array | None:
        """Its numbers in the order of a row's, if there is such a parameter."""
        value = self.arrays.get(parameter)
        return None if value is None else value.reshape(-1)

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        X = axes.rows_along(self.axis, x, work, "x")
        gamma, beta = self._row(self.gain), self._row(self.offset)
        Y = H = self._normalized(X, work)
        if gamma is not None:
            Y = np.multiply(H, gamma, out=work.array("Y", *X.shape))
        if beta is not None:
            Y = np.add(Y, beta, out=work.array("Y", *X.shape))
        return axes.as_before(self.axis, Y, x.shape, work, "y")

    def _normalized(self, X: Array, work: Workspace) -> Array:
        n, k = X.shape
        H, s = work.array("H", n, k), work.array("s", n, 1)
        unit: Array | float = 1.0
        D = self._centered(X, work)
        # Unlike a product with BLAS, einsum overflows without a word.
        np.einsum("ij,ij->i", D, D, out=s.reshape(n))
        if not np.maximum.reduce(s, axis=None) < np.inf:
            unit = _power_of_two(X)
            D = self._centered(np.divide(X, unit, out=work.array("small", n, k)), work)
            np.einsum("ij,ij->i", D, D, out=s.reshape(n))
        work["w"] = self.inverse_length(s, k, unit, work)
        np.multiply(D, s, out=H)
        if isinstance(unit, np.ndarray):
            np.divide(s, unit, out=s)
        return H

    def _centered(self, X: Array, work: Workspace) -> Array:
        if not self.centers:
            return X
        n, k = X.shape
        # The sum of parts small enough not to overflow; a power of two rounds nothing.
        share = 2.0 ** -k.bit_length()
        shares, mean = work.array("shares", k), work.array("mean", n)
        shares.fill(share)
        np.divide(np.dot(X, shares, out=mean), k * share, out=mean)
        return np.subtract(X, mean.reshape(n, 1), out=work.array("H", n, k))

    def _letters(self, work: Workspace) -> Mapping[str, Any] | None:
        both = {r"\gamma": self._row(self.gain), r"\beta": self._row(self.offset)}
        return {letter: numbers for letter, numbers in both.items() if numbers is not None}

    def expression(self, x: Any) -> Any:
        along = axes.positions(self.axis, x.ndim)
        if self.centers:
            x = x - x.mean(axis=along, keepdims=True)
        k = math.prod(x.shape[a] for a in along)
        y = x / self.length((x * x).sum(axis=along, keepdims=True), k)
        gamma, beta = self.arrays.get(self.gain), self.arrays.get(self.offset)
        if gamma is not None:
            y = y * axes.across(self.axis, gamma, x)
        return y if beta is None else y + axes.across(self.axis, beta, x)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        dY = axes.rows_along(self.axis, dy, work, "dy")
        n, k = dY.shape
        gamma, beta = self._row(self.gain), self._row(self.offset)
        H, s, term = work.array("H", n, k), work.array("s", n, 1), work.array("term", n, k)
        np.multiply(dY, H, out=term)
        if gamma is not None:
            np.dot(work.ones(n), term, out=self.gradients[self.gain].reshape(-1))
        if beta is not None:
            np.dot(work.ones(n), dY, out=self.gradients[self.offset].reshape(-1))
        if not input_gradient:
            return None
        weights = work.ones(k) if gamma is None else gamma
        sum_gh, mean_g = work.array("sum_gh", n), work.array("mean_g", n)
        np.multiply(np.dot(term, weights, out=sum_gh), work["w"], out=sum_gh)
        if self.centers:
            np.divide(np.dot(dY, weights, out=mean_g), k, out=mean_g)
        if gamma is not None:
            np.multiply(dY, weights, out=dY)
        if self.centers:
            np.subtract(dY, mean_g.reshape(n, 1), out=dY)
        np.subtract(dY, np.multiply(H, sum_gh.reshape(n, 1), out=term), out=dY)
        np.multiply(dY, s, out=dY)
        return axes.as_before(self.axis, dY, dy.shape, work, "dx")


def _power_of_two(X: Array) -> Array:
    """For each row a power of two near its largest number, and at least 1: no rounding in it."""
    m = np.maximum(np.max(X, axis=1, keepdims=True), -np.min(X, axis=1, keepdims=True))
    powers: Array = np.maximum(np.ldexp(np.ones_like(m), np.frexp(m)[1] - 1), 1.0)
    return powers


def scaled(scale: bool, center: bool, h: str = "h_i") -> str:
    """The line of a formula that scales and shifts what is normalized."""
    return ("y_i = " + r"\gamma_i " * scale + h) + r" + \beta_i" * center


def gradients_of_scaling(scale: bool, center: bool) -> tuple[str, ...]:
    """The lines of a row's part of the gradients of gamma and beta."""
    of_gamma, of_beta = (rf"\frac{{\partial E}}{{\partial \{one}_i}}" for one in ("gamma", "beta"))
    return (f"{of_gamma} = h_i {DY}",) * scale + (f"{of_beta} = {DY}",) * center
