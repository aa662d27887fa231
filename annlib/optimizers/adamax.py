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
    learning_rate : float or callable
    beta_1, beta_2 : float, in [0, 1), or callable
    epsilon : float, at least 0
    **keywords
        The policy that every ``Optimizer`` takes.
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
