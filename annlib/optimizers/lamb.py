"""Lamb (You et al., 2020): Adam's direction, at a length that each parameter's own norm gives."""

from __future__ import annotations

import math

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import Formula, cases
from annlib.optimizers.base import register
from annlib.optimizers.formula import FIRST_MOMENT, SECOND_MOMENT, update_formula
from annlib.optimizers.moments import Moments
from annlib.optimizers.policy import norm
from annlib.optimizers.state import State


@register("lamb")
class Lamb(Moments):
    """theta <- theta - rate |theta| / |d| d, for each kernel and each bias, t = 1, 2, ...

        m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
        d = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    The ratio of the norms is 1 where one of them is 0.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        The length of a step of a parameter, over the norm of the parameter.
    beta_1 : float, in [0, 1), or callable
        What m keeps of itself in a step.
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
    You et al. (2020), "Large batch optimization for deep learning: training BERT in 76 minutes".

    Examples
    --------
    A kernel of 5 moves by a tenth of that:

    >>> import numpy as np
    >>> from annlib import Sequential, initializers, layers, optimizers
    >>> five = initializers.Constant(5.0)
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer=five)])
    >>> model.compile(optimizers.Lamb(0.1), "mse")
    >>> model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 100.0))
    9025.0
    >>> model.get_weights()[0].round(3)
    array([[5.5]], dtype=float32)
    """

    per_parameter = True
    bounded = True

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        m, v = state.m, state.v
        t = self.iterations + 1
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))
        self.update_moments(gradient, m, v, scratch)
        np.sqrt(v, out=scratch)
        np.add(scratch, self.epsilon / root, out=scratch)
        np.divide(m, scratch, out=scratch)
        np.multiply(scratch, (1 - self.beta_1) / (1 - self.beta_1**t) / root, out=scratch)
        length, step = norm(theta), norm(scratch)
        ratio = length / step if length and step else 1.0
        np.multiply(scratch, rate * ratio, out=scratch)
        np.subtract(theta, scratch, out=theta)

    def formula(self) -> Formula:
        return update_formula(
            self,
            FIRST_MOMENT,
            SECOND_MOMENT,
            r"\hat{m} = \frac{m}{1 - \beta_1^t}",
            r"\hat{v} = \frac{v}{1 - \beta_2^t}",
            r"d = \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon}",
            "r = "
            + cases(
                (
                    r"\frac{\lVert \theta \rVert}{\lVert d \rVert}",
                    r"\lVert \theta \rVert > 0, \lVert d \rVert > 0",
                ),
                ("1", ""),
            ),
            r"\theta \leftarrow \theta - \eta r d",
            source="You et al. (2020)",
            note="The norms are those of each kernel and bias.",
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )
