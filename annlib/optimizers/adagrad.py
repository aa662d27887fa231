"""Adagrad (Duchi et al., 2011), with Keras' epsilon inside the root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import Formula
from annlib.optimizers.averages import root
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("adagrad")
class Adagrad(Optimizer):
    """theta <- theta - rate g / sqrt(n + epsilon),  n <- n + g^2.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        The paper's steps are of rate 1.
    initial_accumulator_value : float, at least 0
        The n that each parameter starts with.
    epsilon : float, at least 0
        Added under the root.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Duchi, Hazan & Singer (2011), "Adaptive subgradient methods for online learning and stochastic
    optimization".

    Examples
    --------
    Steps shrink as gradients add up, here to rate / sqrt(t):

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.Adagrad(1.0), "mse")
    >>> x, y, weights = np.ones((1, 1)), np.full((1, 1), 1e6), []
    >>> for _ in range(3):
    ...     loss = model.train_on_batch(x, y)
    ...     weights.append(round(float(model.get_weights()[0][0, 0]), 2))
    >>> weights
    [1.0, 1.71, 2.28]
    """

    state_names = ("n",)
    keras_state: ClassVar[Mapping[str, str]] = {"n": "accumulator"}
    letters: ClassVar[Mapping[str, str]] = {"n": "v"}
    bounded = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        self.initial_accumulator_value = check_number(
            initial_accumulator_value, "Adagrad", "initial_accumulator_value", "[0, inf)"
        )
        self.epsilon = check_number(epsilon, "Adagrad", "epsilon", "[0, inf)")

    def initialize(self, theta: Array, state: State) -> None:
        state.n.fill(self.initial_accumulator_value)

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        n = state.n
        np.add(n, np.multiply(gradient, gradient, out=scratch), out=n)
        np.divide(gradient, root(n, self.epsilon, scratch), out=scratch)
        np.multiply(scratch, rate, out=scratch)
        np.subtract(theta, scratch, out=theta)

    def formula(self) -> Formula:
        return update_formula(
            self,
            r"v \leftarrow v + g^2",
            r"\theta \leftarrow \theta - \eta \frac{g}{\sqrt{v + \varepsilon}}",
            source="Duchi et al. (2011)",
            note=f"v begins at {self.initial_accumulator_value:g}.",
            epsilon=self.epsilon,
        )
