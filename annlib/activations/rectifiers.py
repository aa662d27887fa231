"""Rectifiers: piecewise linear, with a kink at a threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.expression import Operator
from annlib.core.formula import Formula, cases, number
from annlib.core.workspace import Workspace


@register("relu")
class ReLU(Activation):
    """a = max(z, 0); da/dz = 1 for z > 0, 0 for z < 0 (paper 8.1).

    With all arguments: a = min(z, max_value) above the threshold t, and negative_slope (z - t) up
    to it.

    Parameters
    ----------
    negative_slope : float, in [0, inf)
        The slope up to the threshold.
    max_value : float, in [0, inf), optional
        Where the output stops to rise.
    threshold : float, in [0, inf)
        Where the output begins to rise with slope 1.
    slope_at_zero : float, in [0, 1]
        da/dz at exactly the threshold, where the paper disagrees with itself (errata 13): 0 is the
        slope below it, 1 the slope above. 0 is Keras' and PyTorch's choice, and the more robust
        (Bertoin et al., 2021); 1 is the paper's case form.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.

    Examples
    --------
    >>> ReLU()([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    >>> ReLU(negative_slope=0.1, max_value=6.0)([-1.0, 0.0, 9.0])
    array([-0.1,  0. ,  6. ])
    """

    def __init__(
        self,
        negative_slope: float = 0.0,
        max_value: float | None = None,
        threshold: float = 0.0,
        slope_at_zero: float = 0.0,
    ) -> None:
        where = type(self).__name__
        self.negative_slope = check_number(negative_slope, where, "negative_slope", "[0, inf)")
        self.max_value = (
            None if max_value is None else check_number(max_value, where, "max_value", "[0, inf)")
        )
        self.threshold = check_number(threshold, where, "threshold", "[0, inf)")
        self.slope_at_zero = check_number(slope_at_zero, where, "slope_at_zero", "[0, 1]")
        self._is_plain = not negative_slope and not threshold and max_value is None
        # The output is 0 for every z <= 0; only the input tells z = 0 from z < 0.
        self.needs_input = slope_at_zero != 0

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        kind = A.dtype.char
        if self._is_plain:  # clip takes a third of the time of maximum with a number
            numerics.clip(Z, numerics.ZERO[kind], numerics.INFINITY[kind], out=A)
            return
        top = np.inf if self.max_value is None else self.max_value
        if self.negative_slope:
            below = Z.clip(-np.inf, self.threshold, work.array("relu.below", *Z.shape))
            np.subtract(below, self.threshold, out=below)
            np.multiply(below, self.negative_slope, out=below)
        if self.threshold:
            mask = work.array("relu.mask", *Z.shape, dtype=bool)
            np.multiply(Z, np.greater(Z, self.threshold, out=mask), out=A)
            A.clip(-np.inf, top, A)
        else:
            Z.clip(0.0, top, A)
        if self.negative_slope:
            np.add(A, below, out=A)

    def expression(self, Z: Any) -> Any:
        if self._is_plain:
            return np.maximum(Z, 0)
        above = np.where(self.threshold < Z, Z, 0) if self.threshold else np.maximum(Z, 0)
        if self.max_value is not None:
            above = np.minimum(above, self.max_value)
        if not self.negative_slope:
            return above
        return above + self.negative_slope * (np.minimum(Z, self.threshold) - self.threshold)

    def onnx_operator(self) -> Operator | None:
        return ("Relu", {}) if self._is_plain else None

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        mask = work.array("relu.mask", *A.shape, dtype=bool)
        if self.max_value is not None:
            np.multiply(dA, np.less(A, self.max_value, out=mask), out=dA)
        np.greater(A, numerics.ZERO[A.dtype.char], out=mask)
        if not self.negative_slope and not self.needs_input:
            np.multiply(dA, mask, out=dA)
            return
        slope = work.array("relu.slope", *A.shape)
        if self.needs_input:
            np.copyto(slope, np.equal(Z, self.threshold, out=mask))
            np.multiply(slope, self.slope_at_zero, out=slope)
            np.add(slope, np.greater(A, 0, out=mask), out=slope)
        else:
            np.copyto(slope, mask)
        # From the slope below to the one above; in A's own type they add up to exactly 1.
        low = A.dtype.type(self.negative_slope)
        np.multiply(slope, 1 - low, out=slope)
        np.add(slope, low, out=slope)
        np.multiply(dA, slope, out=dA)

    def formula(self) -> Formula:
        threshold, low = number(self.threshold), number(self.negative_slope)
        top = None if self.max_value is None else number(self.max_value)
        rise = "z_i" if top is None else rf"\min(z_i, {top})"
        if not (self.negative_slope or self.threshold):
            equation = rf"a_i = \max({rise}, 0)"
        else:
            place = "z_i" if not self.threshold else f"(z_i - {threshold})"
            below = f"{low} {place}" if self.negative_slope else "0"
            equation = "a_i = " + cases((rise, f"z_i > {threshold}"), (below, ""))
        steep = f"z_i > {threshold}" if top is None else f"{threshold} < z_i < {top}"
        slopes = [("1", steep)]
        if self.slope_at_zero:
            # From the slope below the threshold to the one above.
            at_zero = number(self.negative_slope + (1 - self.negative_slope) * self.slope_at_zero)
            slopes.append((at_zero, f"z_i = {threshold}"))
        if top is not None and self.negative_slope:
            below = "<" if self.slope_at_zero else r"\le"
            slopes += [(low, f"z_i {below} {threshold}"), ("0", "")]
        else:
            slopes.append((low, ""))
        return self._formula(equation, slope=cases(*slopes), section="8.1")


@register("leaky_relu")
class LeakyReLU(ReLU):
    """a = z for z > 0, negative_slope z for z <= 0; da/dz = 1 and negative_slope.

    Maas et al. (2013), "Rectifier nonlinearities improve neural network acoustic models".

    Parameters
    ----------
    negative_slope : float, in [0, inf)
        As in Keras 0.2 for the function, where the layer of this name has 0.3.

    Raises
    ------
    ConfigurationError
        For a negative slope.

    Examples
    --------
    >>> LeakyReLU()([-10.0, 0.0, 3.0])
    array([-2.,  0.,  3.])
    """

    def __init__(self, negative_slope: float = 0.2) -> None:
        super().__init__(negative_slope)

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        if self.negative_slope > 1:  # the product could overflow where it is not wanted
            super().forward(Z, A, work)
            return
        below = np.multiply(Z, self.negative_slope, out=work.array("relu.below", *Z.shape))
        np.maximum(Z, below, out=A)

    def expression(self, Z: Any) -> Any:
        if self.negative_slope > 1:
            return super().expression(Z)
        return np.maximum(Z, self.negative_slope * Z)

    def onnx_operator(self) -> Operator:
        return "LeakyRelu", {"alpha": float(self.negative_slope)}

    def formula(self) -> Formula:
        s = number(self.negative_slope)
        return self._formula(
            "a_i = "
            + cases(("z_i", "z_i > 0"), (f"{s} z_i" if self.negative_slope else "0", r"z_i \le 0")),
            slope=cases(("1", "z_i > 0"), (s, r"z_i \le 0")),
            source="Maas et al. (2013)",
        )


@register("relu6")
class ReLU6(ReLU):
    """a = min(max(z, 0), 6); da/dz = 1 for 0 < z < 6, else 0 (Krizhevsky, 2010).

    Examples
    --------
    >>> ReLU6()([-1.0, 2.0, 9.0])
    array([0., 2., 6.])
    """

    def __init__(self) -> None:
        super().__init__(max_value=6.0)

    def formula(self) -> Formula:
        return self._formula(
            r"a_i = \min(\max(z_i, 0), 6)",
            slope=cases(("1", "0 < z_i < 6"), ("0", "")),
            source="Krizhevsky (2010)",
        )
