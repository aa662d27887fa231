"""Adadelta (Zeiler, 2012): Adagrad over a window, with steps in the units of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.formula import Formula
from annlib.optimizers.averages import discount, root
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("adadelta")
class Adadelta(Optimizer):
    """theta <- theta - rate d,  d = sqrt(s + epsilon) g / sqrt(v + epsilon).

        v <- rho v + (1 - rho) g^2, before        s <- rho s + (1 - rho) d^2, after

    The state holds both over (1 - rho), which saves two passes over the vector.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        The paper's steps are of rate 1.
    rho : float, in [0, 1)
        What both means keep of themselves in a step.
    epsilon : float, at least 0
        It sets the length of the first steps, about sqrt(epsilon / (1 - rho)).
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Zeiler (2012), "ADADELTA: an adaptive learning rate method".

    Examples
    --------
    Steps begin small and grow with those made before:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.Adadelta(1.0), "mse")
    >>> x, y, weights = np.ones((1, 1)), np.full((1, 1), 100.0), []
    >>> for _ in range(3):
    ...     loss = model.train_on_batch(x, y)
    ...     weights.append(round(float(model.get_weights()[0][0, 0]), 4))
    >>> weights
    [0.0014, 0.0028, 0.0043]
    """

    state_names = ("v", "s")
    held_over: ClassVar[Mapping[str, str]] = {"v": "rho", "s": "rho"}
    keras_state: ClassVar[Mapping[str, str]] = {
        "v": "accumulated_grad",
        "s": "accumulated_delta_var",
    }
    bounded = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        self.rho = check_number(rho, "Adadelta", "rho", "[0, 1)")
        self.epsilon = check_number(epsilon, "Adadelta", "epsilon", "[0, inf)")

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        v, s = state.v, state.s
        epsilon = self.epsilon / (1 - self.rho)
        discount(v, np.multiply(gradient, gradient, out=scratch), self.rho)
        np.divide(gradient, root(v, epsilon, scratch), out=gradient)
        np.multiply(gradient, root(s, epsilon, scratch), out=gradient)
        discount(s, np.multiply(gradient, gradient, out=scratch), self.rho)
        np.multiply(gradient, rate, out=gradient)
        np.subtract(theta, gradient, out=theta)

    def formula(self) -> Formula:
        return update_formula(
            self,
            r"v \leftarrow \rho v + (1 - \rho) g^2",
            r"d = \frac{\sqrt{s + \varepsilon}}{\sqrt{v + \varepsilon}} g",
            r"s \leftarrow \rho s + (1 - \rho) d^2",
            r"\theta \leftarrow \theta - \eta d",
            source="Zeiler (2012)",
            rho=self.rho,
            epsilon=self.epsilon,
        )
