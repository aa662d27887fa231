"""Nadam (Dozat, 2016): Adam with Nesterov's momentum, which grows over the first steps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import Formula
from annlib.optimizers.base import register
from annlib.optimizers.formula import FIRST_MOMENT, SECOND_MOMENT, update_formula
from annlib.optimizers.moments import Moments
from annlib.optimizers.state import State

# prod (1 - 0.96^i / 2) for i = 1 ... t; beyond a thousand steps no factor differs from 1.
_GROWTH: list[float] = np.cumprod(1 - 0.96 ** np.arange(1, 1001) / 2).tolist()


@register("nadam")
class Nadam(Moments):
    """theta <- theta - rate m_hat / (sqrt(v / (1 - beta_2^t)) + epsilon), t = 1, 2, ...

        m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
        m_hat = mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)
        mu_t = beta_1 (1 - 0.96^t / 2)

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        About the length of a step in each parameter.
    beta_1 : float, in [0, 1), or callable
        What m keeps of itself in a step, in the end.
    beta_2 : float, in [0, 1), or callable
        What v keeps of itself in a step.
    epsilon : float, at least 0
        Added to the root of the corrected v.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Dozat (2016), "Incorporating Nesterov momentum into Adam".

    Examples
    --------
    It looks a step ahead, so the first is a little longer than Adam's:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.Nadam(0.1), "mse")
    >>> model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 100.0))
    10000.0
    >>> model.get_weights()[0].round(3)
    array([[0.106]], dtype=float32)
    """

    bounded = True

    def numbers(self, rate: float) -> tuple[float, ...]:
        t = self.iterations + 1
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))
        of_m = (1 - self.beta_1) * self._mu(t + 1) / (1 - self._product(t + 1))
        of_g = (1 - self._mu(t)) / (1 - self._product(t))
        return of_m * rate / root, of_g * rate / root, self.epsilon / root

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        m, v = state.m, state.v
        of_m, of_g, epsilon = self.numbers(rate)
        self.update_moments(gradient, m, v, scratch)
        np.multiply(gradient, of_g, out=gradient)
        np.add(gradient, np.multiply(m, of_m, out=scratch), out=gradient)
        np.sqrt(v, out=scratch)
        np.add(scratch, epsilon, out=scratch)
        np.subtract(theta, np.divide(gradient, scratch, out=scratch), out=theta)

    def keras_numbers(self) -> Mapping[str, float]:
        steps = self.iterations
        return {"_u_product": self._product(steps) if steps else 1.0}

    def _mu(self, t: int) -> float:
        return float(self.beta_1) * (1 - 0.96**t / 2)

    def _product(self, t: int) -> float:
        return float(self.beta_1**t) * _GROWTH[min(t, 1000) - 1]

    def formula(self) -> Formula:
        return update_formula(
            self,
            FIRST_MOMENT,
            SECOND_MOMENT,
            r"\mu_t = \beta_1 (1 - \frac{1}{2} 0.96^t)",
            r"a = \frac{\mu_{t+1}}{1 - \prod_{s=1}^{t+1} \mu_s}",
            r"b = \frac{1 - \mu_t}{1 - \prod_{s=1}^t \mu_s}",
            r"\hat{m} = a m + b g",
            r"\hat{v} = \frac{v}{1 - \beta_2^t}",
            r"\theta \leftarrow \theta - \eta \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon}",
            source="Dozat (2016)",
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )
