"""Decay along half a cosine, once or with warm restarts (Loshchilov & Hutter, 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from annlib.core.checks import check_name, check_number
from annlib.core.errors import ConfigurationError, show
from annlib.core.formula import Formula, cases, number
from annlib.schedules.base import (
    LearningRateSchedule,
    check_rate,
    check_steps,
    cosine_formula,
    register,
)


def half_cosine(fraction: float) -> float:
    """From 1 at 0 to 0 at 1, flat at both ends."""
    return 0.5 * (1 + math.cos(math.pi * fraction))


@register("cosine_decay")
class CosineDecay(LearningRateSchedule):
    """rate(step) = initial * (alpha + (1 - alpha) * half_cosine(step / decay_steps)).

    After ``decay_steps`` the rate stays at initial * alpha. With a ``warmup_target`` it rises on a
    straight line from ``initial_learning_rate`` to the target before, and decays from there.

    Parameters
    ----------
    initial_learning_rate : float, at least 0
    decay_steps : float, above 0
        Steps of the decay, counted from the end of the warm-up.
    alpha : float, in [0, 1]
        The last rate, as a share of the rate that the decay starts from.
    name : str
        As in Keras; nothing depends on it.
    warmup_target : float, at least 0, optional
        The rate at the end of the warm-up.
    warmup_steps : float, at least 0
        Only with a ``warmup_target``.

    Raises
    ------
    ConfigurationError
        If a number is out of its range, or there are ``warmup_steps`` without a ``warmup_target``.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".

    Examples
    --------
    >>> schedule = CosineDecay(0.0, decay_steps=100, warmup_target=0.1, warmup_steps=10)
    >>> schedule(0), schedule(5), schedule(10), schedule(110)
    (0.0, 0.05, 0.1, 0.0)

    Constant for the first half of 100 steps, then down to 0; not only of a rate:

    >>> flat = CosineDecay(0.2, decay_steps=50, warmup_target=0.2, warmup_steps=50)
    >>> flat(0), flat(50), flat(100)
    (0.2, 0.2, 0.0)
    >>> from annlib import layers, optimizers
    >>> layers.Dropout(flat).rate, optimizers.AdamW(weight_decay=flat).weight_decay
    (0.2, 0.2)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {
        "initial_learning_rate": 0.1,
        "decay_steps": 1000,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_rate(
            initial_learning_rate, where, "initial_learning_rate"
        )
        self.decay_steps = check_steps(decay_steps, where, "decay_steps")
        self.alpha = float(check_number(alpha, where, "alpha", "[0, 1]"))
        self.name = check_name(name, where)
        self.warmup_target = (
            None if warmup_target is None else check_rate(warmup_target, where, "warmup_target")
        )
        self.warmup_steps = check_steps(warmup_steps, where, "warmup_steps", "[0, inf)")
        if self.warmup_steps and self.warmup_target is None:
            raise ConfigurationError(
                f"{where}: expected a warmup_target with warmup_steps={show(warmup_steps)}, got "
                "none. Pass the rate that the warm-up rises to; it starts at initial_learning_rate."
            )

    def __call__(self, step: float) -> float:
        peak = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return peak + (self.warmup_target - peak) * step / self.warmup_steps
            peak = self.warmup_target
            step -= self.warmup_steps
        left = half_cosine(min(1.0, step / self.decay_steps))
        return peak * (self.alpha + (1 - self.alpha) * left)

    def formula(self) -> Formula:
        alpha, last = number(self.alpha), number(self.decay_steps)
        start = self.initial_learning_rate
        warm, peak = (
            self.warmup_target is not None,
            start if self.warmup_target is None else self.warmup_target,
        )
        step = "t" if not (warm and self.warmup_steps) else f"t - {number(self.warmup_steps)}"
        part = rf"\min(\frac{{{step}}}{{{last}}}, 1)"
        share = rf"{alpha} + {number(1 - self.alpha)} \cdot " if self.alpha else ""
        bend = cosine_formula(part)
        decay = rf"{number(peak)} ({share}{bend})" if share else rf"{number(peak)} \cdot {bend}"
        if warm and self.warmup_steps:
            steps = number(self.warmup_steps)
            rise = rf"{number(start)} + {number(peak - start)} \frac{{t}}{{{steps}}}"
            decay = cases((rise, f"t < {steps}"), (decay, ""))
        return self._formula(rf"\eta = {decay}", source="Loshchilov & Hutter (2017)")


@register("cosine_decay_restarts")
class CosineDecayRestarts(LearningRateSchedule):
    """rate(step) = initial * (alpha + (1 - alpha) * m_mul ** i * half_cosine(part of period i)).

    Period i = 0, 1, ... has first_decay_steps * t_mul ** i steps; at its first the rate is back up.

    Parameters
    ----------
    initial_learning_rate : float, at least 0
    first_decay_steps : float, above 0
        Steps of the first period.
    t_mul : float, at least 1
        How many times longer each period is than the one before.
    m_mul : float, at least 0
        The height of each period as a share of the one before.
    alpha : float, in [0, 1]
        The lowest rate, as a share of ``initial_learning_rate``.
    name : str
        As in Keras; nothing depends on it.

    Raises
    ------
    ConfigurationError
        If a number is out of its range.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".

    Examples
    --------
    >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=10)
    >>> schedule(0), schedule(5), schedule(10), schedule(20), schedule(30)
    (0.1, 0.05, 0.1, 0.05, 0.1)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {
        "initial_learning_rate": 0.1,
        "first_decay_steps": 1000,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_rate(
            initial_learning_rate, where, "initial_learning_rate"
        )
        self.first_decay_steps = check_steps(first_decay_steps, where, "first_decay_steps")
        self.t_mul = float(check_number(t_mul, where, "t_mul", "[1, inf)"))
        self.m_mul = float(check_number(m_mul, where, "m_mul", "[0, inf)"))
        self.alpha = float(check_number(alpha, where, "alpha", "[0, 1]"))
        self.name = check_name(name, where)

    def __call__(self, step: int) -> float:
        period, fraction = self._place(step / self.first_decay_steps)
        left = self.m_mul**period * half_cosine(fraction)
        return self.initial_learning_rate * (self.alpha + (1 - self.alpha) * left)

    def _place(self, passed: float) -> tuple[int, float]:
        """The period, and the part of it that is over, after ``passed`` times the first."""
        t = self.t_mul
        if t == 1:
            return math.floor(passed), passed % 1
        # Period i starts after 1 + t + ... + t^(i-1) = (t^i - 1) / (t - 1) times the first.
        period = math.floor(math.log1p(passed * (t - 1)) / math.log(t))
        length = t**period
        fraction = (passed - (length - 1) / (t - 1)) / length
        # log 243 / log 3 is 4.999...: where rounding misses a restart, the fraction tells.
        return (period, fraction) if fraction < 1 else (period + 1, 0.0)

    def formula(self) -> Formula:
        peak, alpha = number(self.initial_learning_rate), number(self.alpha)
        height = "" if self.m_mul == 1 else rf"{number(self.m_mul)}^i "
        rest = rf"{number(1 - self.alpha)} \cdot " if self.alpha else ""
        bend = f"{height}{cosine_formula('s')}"
        inner = f"({alpha} + {rest}{bend})" if self.alpha else rf"\cdot {bend}"
        return self._formula(
            rf"\eta = {peak} {inner}",
            source="Loshchilov & Hutter (2017)",
            symbols=(
                ("i", f"the period, of {self.first_decay_steps:g} · {self.t_mul:g}^i steps"),
                ("s", "the share of it that is over"),
            ),
        )
