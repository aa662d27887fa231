"""What Adam and its kin share: their arguments, and two moments of the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.numerics import constant
from annlib.optimizers.base import Optimizer
from annlib.optimizers.policy import OptimizerArguments


class Moments(Optimizer):
    """Steps along m by the size of the gradient, which v tells.

        m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2

    The state holds m / (1 - beta_1) and v / (1 - beta_2), which saves two passes over the vector.

    Parameters
    ----------
    learning_rate : float or callable
    beta_1, beta_2 : float, in [0, 1), or callable
    epsilon : float, at least 0
    **keywords
        The policy that every ``Optimizer`` takes.
    """

    state_names: tuple[str, ...] = ("m", "v")
    keras_state: ClassVar[Mapping[str, str]] = {
        "m": "momentum",
        "v": "velocity",
        "v_max": "velocity_hat",
    }
    letters: ClassVar[Mapping[str, str]] = {"v_max": "u"}
    held_over: ClassVar[Mapping[str, str]] = {"m": "beta_1", "v": "beta_2", "v_max": "beta_2"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: float = 1e-7,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        where = type(self).__name__
        self.beta_1 = self._number(beta_1, "beta_1", "[0, 1)")
        self.beta_2 = self._number(beta_2, "beta_2", "[0, 1)")
        self.epsilon = check_number(epsilon, where, "epsilon", "[0, inf)")

    def update_moments(self, gradient: Array, m: Array, v: Array, scratch: Array) -> None:
        """Take a gradient into both.

        Parameters
        ----------
        gradient : array, (n,)
        m, v : array, (n,)
            Changed in place.
        scratch : array, (n,)
        """
        kind = m.dtype.char
        np.multiply(m, constant(self.beta_1, kind), out=m)
        np.add(m, gradient, out=m)
        np.multiply(v, constant(self.beta_2, kind), out=v)
        np.add(v, np.multiply(gradient, gradient, out=scratch), out=v)
