"""RMSprop (Tieleman & Hinton, 2012), with Keras' epsilon inside the root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_number
from annlib.core.formula import Formula
from annlib.optimizers.averages import discount, move_toward, root
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("rmsprop")
class RMSprop(Optimizer):
    """theta <- theta - rate g / sqrt(v + epsilon),  v <- rho v + (1 - rho) g^2.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        About the length of a step in each parameter.
    rho : float, in [0, 1)
        What v keeps of itself in a step.
    momentum : float, in [0, 1], or callable
        With it the step is a velocity: u <- momentum u + rate g / sqrt(v + epsilon).
    epsilon : float, at least 0
        Added under the root.
    centered : bool
        Divide by the variance of the gradient instead: v less the square of its mean.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Tieleman & Hinton (2012), "Lecture 6.5: RMSprop". Centered: Graves (2013), "Generating sequences
    with recurrent neural networks".

    Examples
    --------
    The first step is of length rate / sqrt(1 - rho), however large the gradient:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.RMSprop(0.1, rho=0.75), "mse")
    >>> model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 100.0))
    10000.0
    >>> model.get_weights()[0].round(3)
    array([[0.2]], dtype=float32)
    """

    _settable = (*Optimizer._settable, "momentum")
    bounded = True
    keras_state: ClassVar[Mapping[str, str]] = {
        "v": "velocity",
        "mean": "average_gradient",
        "velocity": "momentum",
    }
    letters: ClassVar[Mapping[str, str]] = {"mean": "m", "velocity": "u"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: Any = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        self.rho = check_number(rho, "RMSprop", "rho", "[0, 1)")
        self.momentum = self._number(momentum, "momentum", "[0, 1]")
        self.epsilon = check_number(epsilon, "RMSprop", "epsilon", "[0, inf)")
        self.centered = check_flag(centered, "RMSprop", "centered")
        self.state_names = ("v", *["mean"] * self.centered, *["velocity"] * bool(momentum))

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        square = state.v
        move_toward(square, np.multiply(gradient, gradient, out=scratch), self.rho, scratch)
        if self.centered:
            mean = state.mean
            move_toward(mean, gradient, self.rho, scratch)
            square = np.subtract(square, np.multiply(mean, mean, out=scratch), out=scratch)
        np.divide(gradient, root(square, self.epsilon, scratch), out=scratch)
        np.multiply(scratch, rate, out=scratch)
        if self.momentum or "momentum" in self._schedules:
            velocity = state.velocity
            discount(velocity, scratch, self.momentum)
            scratch = velocity
        np.subtract(theta, scratch, out=theta)

    def formula(self) -> Formula:
        lines = [r"v \leftarrow \rho v + (1 - \rho) g^2"]
        square = "v"
        if self.centered:
            lines.append(r"m \leftarrow \rho m + (1 - \rho) g")
            square = "v - m^2"
        step = rf"\eta \frac{{g}}{{\sqrt{{{square} + \varepsilon}}}}"
        letters = {"rho": self.rho, "epsilon": self.epsilon}
        if self.momentum or "momentum" in self._schedules:
            lines += [rf"u \leftarrow \mu u + {step}", r"\theta \leftarrow \theta - u"]
            letters["momentum"] = self.momentum
        else:
            lines.append(rf"\theta \leftarrow \theta - {step}")
        return update_formula(self, *lines, source="Tieleman & Hinton (2012)", **letters)
