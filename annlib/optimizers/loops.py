"""Rules in one pass over memory, number by number: to be compiled, for NumPy passes many times.

Numba compiles them where it is installed (``pip install "annlib[jit]"``). Each operation rounds as
NumPy's does, in the same order: the results are the same to the bit.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.core.arrays import Array

Loop = Callable[..., None]

#: Numbers that a rule in NumPy has updated by the time a compilation would have taken.
WORTH_COMPILING = 1 << 28


class Waiting:
    """What rules that could be compiled have done in NumPy, in this process.

    A compilation takes half a second and 100 MB, a few steps less: it is put off until they have
    taken as long. So nobody waits more than twice as long as who knew how many steps there will be.
    """

    def __init__(self) -> None:
        self.updates = 0

    def is_over(self, numbers: int) -> bool:
        """Count so many numbers that are updated next; whether a compilation is worth it now."""
        self.updates += numbers
        return self.updates >= WORTH_COMPILING


#: One for all optimizers: what is compiled serves all.
waiting = Waiting()


def adam(
    theta: Array,
    gradient: Array,
    m: Array,
    v: Array,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    alpha: float,
) -> None:
    """Adam's: m and v take in the gradient, theta <- theta - alpha m / (sqrt(v) + epsilon).

    Parameters
    ----------
    theta, gradient, m, v : array, (n,)
        All but the gradient are changed.
    beta_1, beta_2 : float, in [0, 1)
    epsilon : float, at least 0
    alpha : float
    """
    for i in range(theta.size):
        g = gradient[i]
        m[i] = m[i] * beta_1 + g
        v[i] = v[i] * beta_2 + g * g
        theta[i] -= m[i] / (np.sqrt(v[i]) + epsilon) * alpha


@functools.cache
def can_compile() -> bool:
    """Whether Numba is installed."""
    return importlib.util.find_spec("numba") is not None


@functools.cache
def compiled(loop: Loop) -> Loop:
    """The loop as machine code, made at its first call with arrays of a type (half a second)."""
    import numba

    made: Any = numba.njit(nogil=True, error_model="numpy")(loop)
    arrays = arrays_of(loop)

    def call(*arguments: Any) -> None:
        number = arguments[0].dtype.type  # else it would compute in double precision
        made(*arguments[:arrays], *map(number, arguments[arrays:]))

    return call


def arrays_of(loop: Loop) -> int:
    """How many arrays a loop takes; numbers follow."""
    parameters = inspect.signature(loop).parameters.values()
    return sum(p.annotation == "Array" for p in parameters)
