"""Stochastic gradient descent: the paper's update (5.2), with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_flag
from annlib.core.formula import Formula
from annlib.optimizers.averages import discount
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("sgd")
class SGD(Optimizer):
    """theta <- theta - rho g (paper 5.2); with momentum v <- m v - rho g, theta <- theta + v.

    Nesterov's form adds m v - rho g instead of v.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        rho.
    momentum : float, in [0, 1], or callable
        m, the part of the last step that is made again.
    nesterov : bool
        Step by the velocity to come instead of the present one.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    Examples
    --------
    The gradient of (w x - y)^2 at w = 0, x = 1, y = 100 is -200:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.SGD(0.01, momentum=0.9), "mse")
    >>> model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 100.0))
    10000.0
    >>> model.get_weights()[0]
    array([[2.]], dtype=float32)
    """

    _settable = (*Optimizer._settable, "momentum", "nesterov")
    bounded = True
    keras_state: ClassVar[Mapping[str, str]] = {"velocity": "momentum"}
    letters: ClassVar[Mapping[str, str]] = {"velocity": "v"}

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: Any = 0.0,
        nesterov: bool = False,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        self.momentum = self._number(momentum, "momentum", "[0, 1]")
        self.nesterov = check_flag(nesterov, "SGD", "nesterov")
        self.state_names = ("velocity",) if momentum else ()

    def numbers(self, rate: float) -> tuple[float, ...]:
        return (-rate,)

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        (factor,) = self.numbers(rate)
        descent = np.multiply(gradient, factor, out=scratch)
        if self.momentum or "momentum" in self._schedules:
            velocity = state.velocity
            discount(velocity, descent, self.momentum)
            if self.nesterov:
                np.add(theta, descent, out=theta)
                descent = np.multiply(velocity, self.momentum, out=scratch)
            else:
                descent = velocity
        np.add(theta, descent, out=theta)

    def formula(self) -> Formula:
        if not self.momentum and "momentum" not in self._schedules:
            return update_formula(self, r"\theta \leftarrow \theta - \eta g", section="5.2")
        velocity = r"v \leftarrow \mu v - \eta g"
        if self.nesterov:
            step = r"\theta \leftarrow \theta + \mu v - \eta g"
            source = "Nesterov (1983), in Keras' form"
        else:
            step, source = r"\theta \leftarrow \theta + v", "Polyak (1964)"
        return update_formula(
            self, velocity, step, section="5.2", source=source, momentum=self.momentum
        )
