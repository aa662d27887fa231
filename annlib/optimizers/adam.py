"""Adam (Kingma & Ba, 2015), in Keras' form, and AdamW (Loshchilov & Hutter, 2019)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_number
from annlib.core.formula import Formula
from annlib.core.numerics import constant
from annlib.optimizers import loops
from annlib.optimizers.base import register
from annlib.optimizers.formula import FIRST_MOMENT, SECOND_MOMENT, update_formula
from annlib.optimizers.moments import Moments
from annlib.optimizers.policy import OptimizerArguments, PolicyArguments
from annlib.optimizers.state import State
from annlib.optimizers.step_buffers import Twofold


@register("adam")
class Adam(Moments):
    """theta <- theta - alpha m / (sqrt(v) + epsilon), t = 1, 2, ...

        m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
        alpha = rate sqrt(1 - beta_2^t) / (1 - beta_1^t)

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        About the length of a step in each parameter.
    beta_1 : float, in [0, 1), or callable
        What m keeps of itself in a step: it is a mean over about 1 / (1 - beta_1) gradients.
    beta_2 : float, in [0, 1), or callable
        The same of v.
    epsilon : float, at least 0
        Added to the root of the uncorrected v, as in Keras.
    amsgrad : bool
        Divide by the root of the largest v so far (Reddi et al., 2018).
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Kingma & Ba (2015), "Adam: a method for stochastic optimization".

    Examples
    --------
    However large the gradient, the first step is as long as the rate:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.Adam(0.1, clipnorm=1.0), "mse")
    >>> model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 100.0))
    10000.0
    >>> model.get_weights()[0].round(3)
    array([[0.1]], dtype=float32)
    """

    _source = "Kingma & Ba (2015), with Keras' epsilon"

    bounded = True
    compilable: ClassVar[loops.Loop | None] = loops.adam

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **keywords)
        self.amsgrad = check_flag(amsgrad, type(self).__name__, "amsgrad")
        self.state_names = ("m", "v", "v_max") if amsgrad else ("m", "v")

    def numbers(self, rate: float) -> tuple[float, ...]:
        t, root = self.iterations + 1, math.sqrt(1 - self.beta_2)
        alpha = rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        return self.epsilon / root, alpha * (1 - self.beta_1) / root

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        epsilon, alpha = self.numbers(rate)
        if self.loop is not None and not self.amsgrad:
            m, v = state.m, state.v
            self.loop(theta, gradient, m, v, self.beta_1, self.beta_2, epsilon, alpha)
            return
        self._turn(gradient, state, scratch, epsilon)
        np.multiply(scratch, alpha, out=scratch)
        np.subtract(theta, scratch, out=theta)

    def _twofold(self) -> Twofold | None:
        return (self._direct, self._go) if type(self).update is Adam.update else None

    def _turn(self, gradient: Array, state: State, scratch: Array, epsilon: float) -> None:
        """Take a gradient into the state, and write the direction of the step into ``scratch``."""
        m, v = state.m, state.v
        self.update_moments(gradient, m, v, scratch)
        if self.amsgrad:
            v = np.maximum(state.v_max, v, out=state.v_max)
        np.sqrt(v, out=scratch)
        np.add(scratch, constant(epsilon, gradient.dtype.char), out=scratch)
        np.divide(m, scratch, out=scratch)

    def _direct(self, gradient: Array, state: State, scratch: Array) -> None:
        """The direction of the step, which is the same at any rate."""
        epsilon, _ = self.numbers(0.0)
        self._turn(gradient, state, scratch, epsilon)

    def _go(self, theta: Array, rate: float, scratch: Array) -> None:
        """Step that way."""
        _, alpha = self.numbers(rate)
        np.multiply(scratch, alpha, out=scratch)
        np.subtract(theta, scratch, out=theta)

    def formula(self) -> Formula:
        v = "u" if self.amsgrad else "v"
        largest = (r"u \leftarrow \max(u, v)",) if self.amsgrad else ()
        return update_formula(
            self,
            FIRST_MOMENT,
            SECOND_MOMENT,
            *largest,
            r"\alpha = \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}",
            rf"\theta \leftarrow \theta - \alpha \frac{{m}}{{\sqrt{{{v}}} + \varepsilon}}",
            source=self._source + ("; Reddi et al. (2018)" if self.amsgrad else ""),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )


@register("adamw")
class AdamW(Adam):
    """Adam with weight decay: w <- w - rate * weight_decay * w, before each update.

    The decay of the weights does not go through the moments, as that of an L2 penalty does.

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        About the length of a step in each parameter.
    weight_decay : float, at least 0, or callable
        The part of each weight that goes, over the rate.
    beta_1, beta_2 : float, in [0, 1), or callable
        What m and v keep of themselves in a step.
    epsilon : float, at least 0
        Added to the root of the uncorrected v, as in Keras.
    amsgrad : bool
        Divide by the root of the largest v so far.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Loshchilov & Hutter (2019), "Decoupled weight decay regularization".

    Examples
    --------
    A weight whose gradient is 0 shrinks by rate times decay:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    >>> model.compile(optimizers.AdamW(0.1, weight_decay=0.5), "mse")
    >>> model.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    0.0
    >>> model.get_weights()[0]
    array([[0.95]], dtype=float32)
    """

    _source = "Loshchilov & Hutter (2019)"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: Any = 0.004,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **keywords: Unpack[PolicyArguments],
    ) -> None:
        if weight_decay is None:
            check_number(weight_decay, "AdamW", "weight_decay", "[0, inf)")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **keywords
        )
