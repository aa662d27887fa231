"""Shrinking: what lies near zero becomes zero, or is taken off."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.activations.base import Activation, register
from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import Formula, cases, number
from annlib.core.workspace import Workspace


class Shrink(Activation):
    """What the two with a threshold share: da/dz = 1 wherever a is not 0.

    Parameters
    ----------
    threshold : float, in [0, inf)
        The largest size of z that becomes 0.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = check_number(threshold, type(self).__name__, "threshold", "[0, inf)")

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        mask = work.array("shrink.mask", *A.shape, dtype=bool)
        np.multiply(dA, np.not_equal(A, 0, out=mask), out=dA)


@register("hard_shrink")
class HardShrink(Shrink):
    """a = z above threshold and below -threshold, else 0; da/dz = 1 and 0.

    Parameters
    ----------
    threshold : float, in [0, inf)
        The size up to which numbers become 0.

    Raises
    ------
    ConfigurationError
        For a negative threshold.

    Examples
    --------
    >>> HardShrink()([-2.0, 0.25, 1.0])
    array([-2.,  0.,  1.])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        size = np.abs(Z, out=work.array("shrink.size", *Z.shape))
        mask = work.array("shrink.mask", *Z.shape, dtype=bool)
        np.less_equal(size, self.threshold, out=mask)
        np.copyto(A, Z)
        np.copyto(A, 0, where=mask)

    def expression(self, Z: Any) -> Any:
        return np.where(np.abs(Z) > self.threshold, Z, 0)

    def formula(self) -> Formula:
        where = rf"\lvert z_i \rvert > {number(self.threshold)}"
        return self._formula(
            "a_i = " + cases(("z_i", where), ("0", "")), slope=cases(("1", where), ("0", ""))
        )


@register("soft_shrink")
class SoftShrink(Shrink):
    """a = z - threshold above it, z + threshold below -threshold, else 0; da/dz = 1, 1, 0.

    The proximal step of an L1 penalty: Daubechies et al. (2004), "An iterative thresholding
    algorithm for linear inverse problems".

    Parameters
    ----------
    threshold : float, in [0, inf)
        By which numbers are moved towards 0.

    Raises
    ------
    ConfigurationError
        For a negative threshold.

    Examples
    --------
    >>> SoftShrink()([-2.0, 0.25, 1.0])
    array([-1.5,  0. ,  0.5])
    """

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        near = Z.clip(-self.threshold, self.threshold, work.array("shrink.near", *Z.shape))
        np.subtract(Z, near, out=A)

    def expression(self, Z: Any) -> Any:
        return Z - np.clip(Z, -self.threshold, self.threshold)

    def formula(self) -> Formula:
        t = number(self.threshold)
        return self._formula(
            "a_i = "
            + cases((f"z_i - {t}", f"z_i > {t}"), (f"z_i + {t}", f"z_i < -{t}"), ("0", "")),
            slope=cases(("1", rf"\lvert z_i \rvert > {t}"), ("0", "")),
            source="Daubechies et al. (2004)",
        )


@register("tanh_shrink")
class TanhShrink(Activation):
    """a = z - tanh(z), da/dz = tanh(z)^2.

    Near 0, where the two almost cancel, by Lambert's continued fraction of the tangent:
    a = z c / (1 + c), c = z^2 / (3 + z^2 / (5 + ...)).

    Examples
    --------
    >>> TanhShrink()([-1.0, 0.0, 100.0]).round(4)
    array([-0.2384,  0.    , 99.    ])
    """

    needs_input = True

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        near = Z.clip(-1.0, 1.0, work.array("tanh_shrink.near", *Z.shape))
        square = np.square(near, out=work.array("tanh_shrink.square", *Z.shape))
        C = np.divide(square, 21, out=work.array("tanh_shrink.c", *Z.shape))
        for odd in range(19, 2, -2):
            np.divide(square, np.add(C, odd, out=C), out=C)
        np.multiply(near, C, out=near)
        np.divide(near, np.add(C, 1, out=C), out=near)
        mask = np.less(square, 1, out=work.array("tanh_shrink.mask", *Z.shape, dtype=bool))
        np.subtract(Z, np.tanh(Z, out=A), out=A)
        np.copyto(A, near, where=mask)

    def expression(self, Z: Any) -> Any:
        near = np.clip(Z, -1, 1)
        square = near * near
        c = square / 21
        for odd in range(19, 2, -2):
            c = square / (c + odd)
        return np.where(square < 1, near * c / (c + 1), Z - np.tanh(Z))

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        slope = np.tanh(Z, out=work.array("tanh_shrink.c", *Z.shape))
        np.multiply(dA, np.square(slope, out=slope), out=dA)

    def formula(self) -> Formula:
        return self._formula(r"a_i = z_i - \tanh(z_i)", slope=r"(\tanh(z_i))^2")


@register("threshold")
class Threshold(Activation):
    """a = z for z > threshold, else default_value; da/dz = 1 and 0.

    Parameters
    ----------
    threshold : float, any number
        From which on, but for itself, numbers stay.
    default_value : float, any number
        What the others become. Keras has no defaults for the two; at 0 and 0 it is the relu.

    Raises
    ------
    ConfigurationError
        For what is no number.

    Examples
    --------
    >>> Threshold(1.0, -3.0)([0.5, 1.0, 2.0])
    array([-3., -3.,  2.])
    """

    needs_input = True

    def __init__(self, threshold: float = 0.0, default_value: float = 0.0) -> None:
        self.threshold = check_number(threshold, "Threshold", "threshold")
        self.default_value = check_number(default_value, "Threshold", "default_value")

    def forward(self, Z: Array, A: Array, work: Workspace) -> None:
        mask = work.array("threshold.mask", *Z.shape, dtype=bool)
        np.less_equal(Z, self.threshold, out=mask)
        np.copyto(A, Z)
        np.copyto(A, self.default_value, where=mask)

    def expression(self, Z: Any) -> Any:
        return np.where(self.threshold < Z, Z, self.default_value)

    def backward(self, dA: Array, Z: Array, A: Array, work: Workspace) -> None:
        mask = work.array("threshold.mask", *Z.shape, dtype=bool)
        np.multiply(dA, np.greater(Z, self.threshold, out=mask), out=dA)

    def formula(self) -> Formula:
        above = f"z_i > {number(self.threshold)}"
        return self._formula(
            "a_i = " + cases(("z_i", above), (number(self.default_value), "")),
            slope=cases(("1", above), ("0", "")),
        )
