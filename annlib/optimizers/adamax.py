"""Adamax (Kingma & Ba, 2015, section 7.1): Adam with the largest gradient instead of the root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import Formula
from annlib.optimizers.averages import discount
from annlib.optimizers.base import register
from annlib.optimizers.formula import FIRST_MOMENT, update_formula
from annlib.optimizers.moments import Moments
from annlib.optimizers.state import State


@register("adamax")
class Adamax(Moments):
    """theta <- theta - rate / (1 - beta_1^t) m / (u + epsilon), t = 1, 2, ...

        m <- beta_1 m + (1 - beta_1) g        u <- max(beta_2 u, |g|)

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        About the length of a step in each parameter.
    beta_1 : float, in [0, 1), or callable
        What m keeps of itself in a step.
    beta_2 : float, in [0, 1), or callable
        What the largest gradient so far keeps of itself in a step.
    epsilon : float, at least 0
        Added to u.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Kingma & Ba (2015), "Adam: a method for stochastic optimization", section 7.1.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.Adamax(0.1), "mse")
    >>> model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 100.0))
    10000.0
    >>> model.get_weights()[0].round(3)
    array([[0.1]], dtype=float32)
    """

    state_names = ("m", "u")
    keras_state: ClassVar[Mapping[str, str]] = {"m": "momentum", "u": "norm"}
    held_over: ClassVar[Mapping[str, str]] = {"m": "beta_1"}
    bounded = True

    def numbers(self, rate: float) -> tuple[float, ...]:
        return (rate * ((1 - self.beta_1) / (1 - self.beta_1 ** (self.iterations + 1))),)

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        m, u = state.m, state.u
        discount(m, gradient, self.beta_1)
        np.multiply(u, self.beta_2, out=u)
        np.maximum(u, np.abs(gradient, out=scratch), out=u)
        np.add(u, self.epsilon, out=scratch)
        np.divide(m, scratch, out=scratch)
        (factor,) = self.numbers(rate)
        np.multiply(scratch, factor, out=scratch)
        np.subtract(theta, scratch, out=theta)

    def formula(self) -> Formula:
        return update_formula(
            self,
            FIRST_MOMENT,
            r"u \leftarrow \max(\beta_2 u, \lvert g \rvert)",
            r"\theta \leftarrow \theta - \frac{\eta}{1 - \beta_1^t} \frac{m}{u + \varepsilon}",
            source="Kingma & Ba (2015), section 7.1",
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )
