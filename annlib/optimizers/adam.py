"""Adam (Kingma & Ba, 2015), in Keras' form: epsilon is added to the uncorrected root."""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.optimizers.base import Optimizer, OptimizerArguments, register


@register("adam")
class Adam(Optimizer):
    """theta <- theta - alpha_t m / (sqrt(v) + epsilon), t = 1, 2, ...

        m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
        alpha_t = rate sqrt(1 - beta_2^t) / (1 - beta_1^t)

    Parameters
    ----------
    learning_rate : float or callable
    beta_1, beta_2 : float, in [0, 1)
    epsilon : float
    amsgrad : bool
        Divide by the largest v so far (Reddi et al., 2018).
    **keywords
        The policy that every ``Optimizer`` takes.

    Notes
    -----
    The state holds m / (1 - beta_1) and v / (1 - beta_2), which saves two passes over the vector.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1 and epsilon >= 0):
            raise ConfigurationError(
                "Adam: expected beta_1 and beta_2 in [0, 1) and epsilon >= 0, "
                f"got {beta_1!r}, {beta_2!r} and {epsilon!r}."
            )
        super().__init__(learning_rate, **keywords)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad
        self.slots = ("m", "v", "v_max") if amsgrad else ("m", "v")

    def update(
        self, theta: Array, gradient: Array, rate: float, *state: Array, scratch: Array
    ) -> None:
        m, v = state[:2]
        t = self.iterations + 1
        alpha = rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        root = math.sqrt(1 - self.beta_2)
        np.multiply(m, self.beta_1, out=m)
        np.add(m, gradient, out=m)
        np.multiply(v, self.beta_2, out=v)
        np.add(v, np.multiply(gradient, gradient, out=scratch), out=v)
        if self.amsgrad:
            v = np.maximum(state[2], v, out=state[2])
        np.sqrt(v, out=scratch)
        np.add(scratch, self.epsilon / root, out=scratch)
        np.divide(m, scratch, out=scratch)
        np.multiply(scratch, alpha * (1 - self.beta_1) / root, out=scratch)
        np.subtract(theta, scratch, out=theta)
