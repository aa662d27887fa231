"""Stochastic gradient descent: the paper's update (5.2), with momentum."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.optimizers.base import Optimizer, OptimizerArguments, register


@register("sgd")
class SGD(Optimizer):
    """theta <- theta - rho g (paper 5.2); with momentum v <- m v - rho g, theta <- theta + v.

    Nesterov's form adds m v - rho g instead of v.

    Parameters
    ----------
    learning_rate : float or callable
        rho.
    momentum : float, in [0, 1]
        m.
    nesterov : bool
    **keywords
        The policy that every ``Optimizer`` takes.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ConfigurationError(f"SGD: expected momentum between 0 and 1, got {momentum!r}.")
        super().__init__(learning_rate, **keywords)
        self.momentum = momentum
        self.nesterov = nesterov
        self.slots = ("velocity",) if momentum else ()

    def update(
        self, theta: Array, gradient: Array, rate: float, *state: Array, scratch: Array
    ) -> None:
        descent = np.multiply(gradient, -rate, out=scratch)
        if self.momentum:
            (velocity,) = state
            np.multiply(velocity, self.momentum, out=velocity)
            np.add(velocity, descent, out=velocity)
            if self.nesterov:
                np.add(theta, descent, out=theta)
                descent = np.multiply(velocity, self.momentum, out=scratch)
            else:
                descent = velocity
        np.add(theta, descent, out=theta)
