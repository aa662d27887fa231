"""Lion (Chen et al., 2023): steps of one length, along the sign of the momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.formula import Formula
from annlib.optimizers.averages import discount
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("lion")
class Lion(Optimizer):
    """theta <- theta - rate sign(beta_1 m + (1 - beta_1) g), then m <- beta_2 m + (1 - beta_2) g.

    Its authors take a third to a tenth of Adam's rate. The state holds m / (1 - beta_2).

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        The length of each step in each parameter.
    beta_1 : float, in (0, 1], or callable
        The weight of m against the present gradient in the direction of a step.
    beta_2 : float, in [0, 1), or callable
        What m keeps of itself in a step.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Chen et al. (2023), "Symbolic discovery of optimization algorithms".

    Examples
    --------
    Every step is as long as the rate, the second as the first:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.Lion(0.1), "mse")
    >>> x, y = np.ones((1, 1)), np.full((1, 1), 100.0)
    >>> losses = model.train_on_batch(x, y), model.train_on_batch(x, y)
    >>> model.get_weights()[0]
    array([[0.2]], dtype=float32)
    """

    state_names = ("m",)
    keras_state: ClassVar[Mapping[str, str]] = {"m": "momentum"}
    held_over: ClassVar[Mapping[str, str]] = {"m": "beta_2"}
    flushes_denormals = False
    bounded = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.99,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        self.beta_1 = self._number(beta_1, "beta_1", "(0, 1]")
        self.beta_2 = self._number(beta_2, "beta_2", "[0, 1)")

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        m = state.m
        np.multiply(m, self.beta_1 * (1 - self.beta_2), out=scratch)
        discount(m, gradient, self.beta_2)
        np.multiply(gradient, 1 - self.beta_1, out=gradient)
        np.add(scratch, gradient, out=scratch)
        np.sign(scratch, out=gradient)  # in place it takes NumPy twenty times as long
        np.multiply(gradient, rate, out=gradient)
        np.subtract(theta, gradient, out=theta)

    def formula(self) -> Formula:
        return update_formula(
            self,
            r"d = \operatorname{sign}(\beta_1 m + (1 - \beta_1) g)",
            r"m \leftarrow \beta_2 m + (1 - \beta_2) g",
            r"\theta \leftarrow \theta - \eta d",
            source="Chen et al. (2023)",
            beta_1=self.beta_1,
            beta_2=self.beta_2,
        )
