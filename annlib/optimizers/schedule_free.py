"""Schedule-free AdamW (Defazio et al., 2024): an average in the place of a falling rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_count, check_number
from annlib.core.formula import Formula
from annlib.optimizers.averages import discount
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import SECOND_MOMENT, update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("schedulefreeadamw", "schedule_free_adamw")
class ScheduleFreeAdamW(Optimizer):
    """Steps of z, their mean x, and gradients at a point y between the two, t = 1, 2, ...

        v <- beta_2 v + (1 - beta_2) g^2
        z <- z - rate g / (sqrt(v / (1 - beta_2^t)) + epsilon)
        x <- (1 - 1/t) x + z / t
        y = (1 - beta_1) z + beta_1 x

    A model has the weights y while it makes steps, and x when it is evaluated, saved or read. (In
    Keras it has y always.) The rate needs no schedule.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        About the length of a step of z in each parameter.
    beta_1 : float, in (0, 1)
        How near to x the point y lies.
    beta_2 : float, in [0, 1), or callable
        What v keeps of itself in a step.
    epsilon : float, at least 0
        Added to the root of the corrected v.
    warmup_steps : int, at least 0
        In that many updates the rate grows to the one given.
    **keywords
        The policy that every ``Optimizer`` takes; the weights that decay are y.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Defazio et al. (2024), "The road less scheduled".

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> model.compile(optimizers.ScheduleFreeAdamW(0.1), "mse")
    >>> history = model.fit(x, 2 * x, epochs=100, verbose=0)
    >>> model.get_weights()[0].round(1)
    array([[2.]], dtype=float32)
    """

    state_names = ("z", "v")
    keras_state: ClassVar[Mapping[str, str]] = {"z": "momentum", "v": "velocity"}
    held_over: ClassVar[Mapping[str, str]] = {"v": "beta_2"}
    bounded = True

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: Any = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        where = "ScheduleFreeAdamW"
        self.beta_1 = check_number(beta_1, where, "beta_1", "(0, 1)")
        self.beta_2 = self._number(beta_2, "beta_2", "[0, 1)")
        self.epsilon = check_number(epsilon, where, "epsilon", "[0, inf)")
        self.warmup_steps = check_count(warmup_steps, where, "warmup_steps", 0)

    def initialize(self, theta: Array, state: State) -> None:
        state.z = theta

    def numbers(self, rate: float) -> tuple[float, ...]:
        t = self.iterations + 1
        if t < self.warmup_steps:
            rate *= t / self.warmup_steps
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**t))
        return rate / root, self.epsilon / root, 1 / t, (1 - 1 / t) * (1 - self.beta_1)

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        alpha, epsilon, part, rest = self.numbers(rate)
        # The state holds v / (1 - beta_2).
        discount(state.v, np.multiply(gradient, gradient, out=scratch), self.beta_2)
        np.sqrt(state.v, out=scratch)
        np.add(scratch, epsilon, out=scratch)
        step = np.divide(gradient, scratch, out=gradient)
        np.multiply(step, alpha, out=step)
        np.subtract(state.z, step, out=state.z)
        # With x = (y - (1 - beta_1) z) / beta_1 the new y follows from the old one and the new z.
        np.multiply(np.subtract(state.z, theta, out=scratch), part, out=scratch)
        np.add(theta, scratch, out=theta)
        np.multiply(step, rest, out=step)
        np.subtract(theta, step, out=theta)

    def evaluation_weights(self, theta: Array, state: State) -> None:
        theta += (state.z - theta) * (1 - 1 / self.beta_1)

    def training_weights(self, theta: Array, state: State) -> None:
        theta += (state.z - theta) * (1 - self.beta_1)

    def formula(self) -> Formula:
        warm = rf" \min(1, \frac{{t}}{{{self.warmup_steps}}})" if self.warmup_steps else ""
        rate = rf"\eta{warm}"
        return update_formula(
            self,
            SECOND_MOMENT,
            r"\hat{v} = \frac{v}{1 - \beta_2^t}",
            r"x = \frac{\theta - (1 - \beta_1) z}{\beta_1}",
            rf"z \leftarrow z - {rate} \frac{{g}}{{\sqrt{{\hat{{v}}}} + \varepsilon}}",
            r"x \leftarrow (1 - \frac{1}{t}) x + \frac{1}{t} z",
            r"\theta = (1 - \beta_1) z + \beta_1 x",
            source="Defazio et al. (2024)",
            note="t is the number of the update, from 1. Evaluated and saved is x.",
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )
