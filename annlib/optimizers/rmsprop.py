"""RMSprop (Tieleman & Hinton, 2012), with Keras' epsilon inside the root."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.optimizers.base import Optimizer, OptimizerArguments, register


@register("rmsprop")
class RMSprop(Optimizer):
    """theta <- theta - rate g / sqrt(v + epsilon),  v <- rho v + (1 - rho) g^2.

    Parameters
    ----------
    learning_rate : float or callable
    rho : float, in [0, 1)
    momentum : float, in [0, 1]
        With it the step is a velocity: u <- momentum u + rate g / sqrt(v + epsilon).
    epsilon : float
    centered : bool
        Divide by the variance of the gradient instead: v less the square of its mean.
    **keywords
        The policy that every ``Optimizer`` takes.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        if not (0 <= rho < 1 and 0 <= momentum <= 1 and epsilon >= 0):
            raise ConfigurationError(
                "RMSprop: expected rho in [0, 1), momentum in [0, 1] and epsilon >= 0, "
                f"got {rho!r}, {momentum!r} and {epsilon!r}."
            )
        super().__init__(learning_rate, **keywords)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        self.slots = ("v", *["mean"] * centered, *["velocity"] * bool(momentum))

    def update(
        self, theta: Array, gradient: Array, rate: float, *state: Array, scratch: Array
    ) -> None:
        v, *further = state
        _toward(v, np.multiply(gradient, gradient, out=scratch), self.rho)
        if self.centered:
            mean = further[0]
            np.copyto(scratch, gradient)
            _toward(mean, scratch, self.rho)
            np.subtract(v, np.multiply(mean, mean, out=scratch), out=scratch)
            np.add(scratch, self.epsilon, out=scratch)
        else:
            np.add(v, self.epsilon, out=scratch)
        np.divide(gradient, np.sqrt(scratch, out=scratch), out=scratch)
        np.multiply(scratch, rate, out=scratch)
        if self.momentum:
            velocity = further[-1]
            np.multiply(velocity, self.momentum, out=velocity)
            scratch = np.add(velocity, scratch, out=velocity)
        np.subtract(theta, scratch, out=theta)


def _toward(average: Array, value: Array, rho: float) -> None:
    """Average <- rho average + (1 - rho) value; overwrites value."""
    np.multiply(average, rho, out=average)
    np.add(average, np.multiply(value, 1 - rho, out=value), out=average)
