"""Adafactor (Shazeer & Stern, 2018): Adam's second moment in the memory of a row and a column."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_flag, check_number
from annlib.core.formula import Formula, number
from annlib.optimizers.averages import move_toward
from annlib.optimizers.base import Optimizer, register
from annlib.optimizers.formula import update_formula
from annlib.optimizers.policy import OptimizerArguments
from annlib.optimizers.state import State


@register("adafactor")
class Adafactor(Optimizer):
    """theta <- theta - alpha u / max(1, rms(u) / clip_threshold), for each kernel and each bias.

        v <- beta v + (1 - beta) (g^2 + epsilon_1),  beta = 1 - t^beta_2_decay,  t = 1, 2, ...
        u = g / sqrt(v)
        alpha = max(epsilon_2, rms(theta)) min(rate, 1 / sqrt(t))

    Of a kernel only the means r of v over its rows and c over its columns are kept:
    v = r c / mean(r).

    Parameters
    ----------
    learning_rate : float, at least 0, or callable
        The most that alpha may be, over the size of the parameters.
    beta_2_decay : float, in [-1, 0]
        The power by which v forgets less and less.
    epsilon_1 : float, at least 0
        Added to the squares.
    epsilon_2 : float, at least 0
        The least size that parameters count as.
    clip_threshold : float, above 0
        The root mean square that u may have.
    relative_step : bool
        Keras' argument; the rate is at most 1 / sqrt(t) with it and without it.
    **keywords
        The policy that every ``Optimizer`` takes.

    Raises
    ------
    ConfigurationError
        If an argument is unknown, of another type or out of its range.

    References
    ----------
    Shazeer & Stern (2018), "Adafactor: adaptive learning rates with sublinear memory cost".

    Examples
    --------
    It remembers 128 + 32 numbers of a kernel of 128 x 32, where Adam remembers 8192:

    >>> import numpy as np
    >>> from annlib import Sequential, layers, optimizers
    >>> model = Sequential([layers.Input((128,)), layers.Dense(32, use_bias=False)])
    >>> model.compile(optimizers.Adafactor(0.01), "mse")
    >>> loss = model.train_on_batch(np.zeros((1, 128)), np.zeros((1, 32)))
    >>> [(name, array.shape) for name, array in model.optimizer.state_arrays().items()]
    [('dense/kernel/r', (128,)), ('dense/kernel/c', (32,))]
    """

    per_parameter = True
    letters: ClassVar[Mapping[str, str]] = {"r": "r_i", "c": "c_j"}
    bounded = True
    keras_state: ClassVar[Mapping[str, str]] = {"v": "velocity"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **keywords: Unpack[OptimizerArguments],
    ) -> None:
        super().__init__(learning_rate, **keywords)
        where = "Adafactor"
        self._means: dict[Any, Array] = {}
        self.beta_2_decay = check_number(beta_2_decay, where, "beta_2_decay", "[-1, 0]")
        self.epsilon_1 = check_number(epsilon_1, where, "epsilon_1", "[0, inf)")
        self.epsilon_2 = check_number(epsilon_2, where, "epsilon_2", "[0, inf)")
        self.clip_threshold = check_number(clip_threshold, where, "clip_threshold", "(0, inf)")
        self.relative_step = check_flag(relative_step, where, "relative_step")

    def state_shapes(self, shape: Shape, path: str = "") -> Mapping[str, Shape]:
        if len(shape) < 2:
            return {"v": shape}
        return {"r": shape[:-1], "c": (*shape[:-2], shape[-1])}

    def update(
        self, theta: Array, gradient: Array, rate: float, state: State, scratch: Array
    ) -> None:
        t = self.iterations + 1
        beta = 1 - t**self.beta_2_decay
        alpha = max(self.epsilon_2, _rms(theta, scratch)) * min(rate, 1 / math.sqrt(t))
        np.add(np.square(gradient, out=scratch), self.epsilon_1, out=scratch)
        if theta.ndim < 2:
            move_toward(state.v, scratch, beta, scratch)
            v = state.v
        else:
            for total, axis in ((state.c, -2), (state.r, -1)):
                mean = scratch.mean(axis=axis, out=self._like(total))
                move_toward(total, mean, beta, mean)
            share = self._like(state.r)
            np.divide(state.r, state.r.mean(axis=-1, keepdims=True), out=share)
            v = np.multiply(share[..., None], state.c[..., None, :], out=scratch)
        np.sqrt(v, out=scratch)
        np.divide(gradient, scratch, out=gradient)
        size = _rms(gradient, scratch)
        np.multiply(gradient, alpha / max(1.0, size / self.clip_threshold), out=gradient)
        np.subtract(theta, gradient, out=theta)

    def _like(self, total: Array) -> Array:
        """An array for numbers that nobody reads later."""
        key = total.shape, total.dtype
        if key not in self._means:
            self._means[key] = np.empty_like(total)
        return self._means[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_means": {}}

    def formula(self) -> Formula:
        return self._formula(r"v \leftarrow \beta v + (1 - \beta) (g^2 + \varepsilon)")

    def _formula_of(self, path: str, shape: Shape) -> Formula:
        if len(shape) < 2:
            return self.formula()
        return self._formula(
            r"r_i \leftarrow \beta r_i + (1 - \beta) \frac{1}{m} \sum_j (g_{ij}^2 + \varepsilon)",
            r"c_j \leftarrow \beta c_j + (1 - \beta) \frac{1}{n} \sum_i (g_{ij}^2 + \varepsilon)",
            r"v_{ij} = \frac{r_i c_j}{\frac{1}{n} \sum_i r_i}",
        )

    def _formula(self, *lines: str) -> Formula:
        return update_formula(
            self,
            rf"\beta = 1 - t^{{{number(self.beta_2_decay)}}}",
            *lines,
            r"u = \frac{g}{\sqrt{v}}",
            rf"\alpha = \max({number(self.epsilon_2)}, \frac{{\lVert \theta \rVert}}{{\sqrt{{P}}}})"
            r" \min(\eta, \frac{1}{\sqrt{t}})",
            rf"d = \max(1, \frac{{\lVert u \rVert}}{{{number(self.clip_threshold)} \sqrt{{P}}}})",
            r"\theta \leftarrow \theta - \frac{\alpha u}{d}",
            source="Shazeer & Stern (2018)",
            note="For each kernel and bias; of a kernel only means of v over rows and columns.",
            epsilon=self.epsilon_1,
        )


def _rms(array: Array, scratch: Array) -> float:
    """The root of the mean of the squares."""
    return math.sqrt(float(np.square(array, out=scratch).mean()))
