"""Finite differences: the derivative at 0 of a function of one number, from its values alone."""

from __future__ import annotations

from collections.abc import Callable

Function = Callable[[float], float]


def central(f: Function, step: float) -> float:
    """The derivative, by four values around 0: exact for polynomials up to the fourth degree.

    >>> central(lambda t: (1 + t) ** 3, 0.5)
    3.0
    """
    one, two = f(step) - f(-step), f(2 * step) - f(-2 * step)
    return (8 * one - two) / (12 * step)


def sides(f: Function, step: float) -> tuple[float, float]:
    """The slopes to the left and to the right of 0; their mean is the central difference.

    >>> sides(abs, 0.5)
    (-1.0, 1.0)
    """
    left, here, right = f(-step), f(0.0), f(step)
    return (here - left) / step, (right - here) / step


class Differences:
    """Central differences over two steps, and whether the two sides disagree.

    Parameters
    ----------
    f : callable
    large, small : float
        Differences over the larger step are precise; those over the smaller rarely cross a kink.

    Attributes
    ----------
    by_step : (float, float)
        The derivative by either of them.
    """

    def __init__(self, f: Function, large: float, small: float) -> None:
        right, left, here = f(small), f(-small), f(0.0)
        self.by_step = central(f, large), (right - left) / (2 * small)
        self.jump = abs((right - here) - (here - left)) / small
        nearer = small / 8
        self.nearer = abs(f(nearer) + f(-nearer) - 2 * here) / nearer

    def is_kink(self, scale: float) -> bool:
        """Whether the slopes of the two sides differ, however near they are taken.

        Of a smooth function the difference shrinks with the step; that of a kink stays.
        """
        return bool(self.jump > 1e-4 * scale and self.nearer > 0.5 * self.jump)
