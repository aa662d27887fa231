"""FTRL-Proximal (McMahan et al., 2013), for sparse linear models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_number
from annlib.core.errors import ConfigurationError
from annlib.core.formula import Formula
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("ftrl")
class Ftrl(Optimizer):
    """theta <- (clip(z, -l1, l1) - z) / ((n^p + beta) / rate + 2 l2), p = -learning_rate_power.

        z <- z + g + 2 shrinkage theta - ((n + g^2)^p - n^p) / rate theta        n <- n + g^2

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        A step of rate 0 changes nothing.
    learning_rate_power : float, at most 0
        How steps shrink as squares of gradients add up; 0 keeps them as long as they are.
    initial_accumulator_value : float, at least 0
        The n that each parameter starts with.
    l1_regularization_strength : float, at least 0
        l1: parameters whose ``|z|`` is below it are exactly 0.
    l2_regularization_strength : float, at least 0
        l2.
    l2_shrinkage_regularization_strength : float, at least 0
        A penalty that goes through the gradient, unlike l2.
    beta : float, at least 0
        Added to n^p, for smaller first steps.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range, and if
        ``initial_accumulator_value``, ``l2_regularization_strength`` and ``beta`` are all 0.

    References
    ----------
    McMahan et al. (2013), "Ad click prediction: a view from the trenches".

    Examples
    --------
    The second input is noise, and its weight is exactly 0:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(32, 2))
    >>> y = 2 * x[:, 0] + rng.normal(size=32)
    >>> model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    >>> model.compile(optimizers.Ftrl(0.5, l1_regularization_strength=5.0), "mse")
    >>> history = model.fit(x, y, epochs=50, verbose=0)
    >>> (model.get_weights()[0] != 0).ravel()
    array([ True, False])
    """

    state_names = ("n", "z")
    keras_state: ClassVar[Mapping[str, str]] = {"n": "accumulator", "z": "linear"}
    letters: ClassVar[Mapping[str, str]] = {"n": "v"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        _check(self)
        self.bounded = learning_rate_power >= -1  # else n^p is more than a square

    def initialize(self, theta: Array, state: State) -> None:
        state.n.fill(self.initial_accumulator_value)

    def numbers(self, rate: float) -> tuple[float, ...]:
        return 1 / rate, self.beta + 2 * self.l2_regularization_strength * rate

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        if not rate:
            return
        n, z = state.n, state.z
        l1 = self.l1_regularization_strength
        of_theta, held = self.numbers(rate)
        if shrinkage := self.l2_shrinkage_regularization_strength:
            np.add(z, np.multiply(theta, 2 * shrinkage, out=scratch), out=z)
        np.add(z, gradient, out=z)
        power = np.multiply(gradient, gradient, out=gradient)
        _grow(n, power, -self.learning_rate_power, scratch)
        np.multiply(theta, scratch, out=theta)
        np.subtract(z, np.multiply(theta, of_theta, out=theta), out=z)
        np.subtract(np.clip(z, -l1, l1, out=theta), z, out=theta)
        np.multiply(theta, rate, out=theta)
        np.divide(theta, np.add(power, held, out=power), out=theta)

    def formula(self) -> Formula:
        shrinkage = self.l2_shrinkage_regularization_strength
        letters: dict[str, Any] = {"power": -self.learning_rate_power, "beta": self.beta}
        letters |= {"l1": self.l1_regularization_strength, "l2": self.l2_regularization_strength}
        shrunk = ""
        if shrinkage:
            shrunk, letters["shrinkage"] = r" + 2 \lambda_s \theta", shrinkage
        return update_formula(
            self,
            r"d = \frac{(v + g^2)^p - v^p}{\eta}",
            rf"z \leftarrow z + g{shrunk} - d \theta",
            r"v \leftarrow v + g^2",
            r"\theta \leftarrow \frac{\max(-\lambda_1, \min(z, \lambda_1)) - z}"
            r"{(v^p + \beta) / \eta + 2 \lambda_2}",
            source="McMahan et al. (2013)",
            note=f"v begins at {self.initial_accumulator_value:g}, z at 0.",
            **letters,
        )


def _grow(n: Array, square: Array, p: float, growth: Array) -> None:
    """Add ``square`` to n; n^p is then in ``square``, and what that has grown by in ``growth``."""
    np.copyto(growth, n)
    growth **= p  # for p = 1/2 NumPy takes the root, in a third of the time of np.power
    np.add(n, square, out=n)
    np.copyto(square, n)
    square **= p
    np.subtract(square, growth, out=growth)


def _check(ftrl: Ftrl) -> None:
    check_number(ftrl.learning_rate_power, "Ftrl", "learning_rate_power", "(-inf, 0]")
    for name in (
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    ):
        check_number(getattr(ftrl, name), "Ftrl", name, "[0, inf)")
    held = ftrl.initial_accumulator_value or ftrl.l2_regularization_strength or ftrl.beta
    if ftrl.learning_rate_power and not held:
        raise ConfigurationError(
            "Ftrl: expected initial_accumulator_value, l2_regularization_strength or beta above 0, "
            "got 0 for all: the weight of an input that has only been 0 would be 0 / 0."
        )
