"""Decay by the number of periods of ``decay_steps`` that have passed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from annlib.core.checks import check_flag, check_name, check_number
from annlib.core.formula import Formula, number
from annlib.schedules.base import LearningRateSchedule, check_rate, check_steps, register


class PeriodicDecay(LearningRateSchedule):
    """What the decays of this file share: their arguments, and the periods that have passed."""

    example_arguments: ClassVar[Mapping[str, Any]] = {
        "initial_learning_rate": 0.1,
        "decay_steps": 1000,
        "decay_rate": 0.5,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool,
        name: str,
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_rate(
            initial_learning_rate, where, "initial_learning_rate"
        )
        self.decay_steps = check_steps(decay_steps, where, "decay_steps")
        self.decay_rate = float(check_number(decay_rate, where, "decay_rate", "[0, inf)"))
        self.staircase = check_flag(staircase, where, "staircase")
        self.name = check_name(name, where)

    def periods(self, step: int) -> float:
        """How many times ``decay_steps`` fits into ``step``.

        Parameters
        ----------
        step : int, at least 0

        Returns
        -------
        float, at least 0
            With ``staircase`` the whole part of it.
        """
        periods = step / self.decay_steps
        return math.floor(periods) if self.staircase else periods

    def _part(self) -> str:
        """How many of its periods have passed, for a formula."""
        part = rf"\frac{{t}}{{{number(self.decay_steps)}}}"
        return rf"\lfloor {part} \rfloor" if self.staircase else part


@register("exponential_decay")
class ExponentialDecay(PeriodicDecay):
    """rate(step) = initial_learning_rate * decay_rate ** (step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float, at least 0
    decay_steps : float, above 0
        The steps in which the rate is multiplied by ``decay_rate`` once.
    decay_rate : float, at least 0
    staircase : bool
        Take the whole part of step / decay_steps, so that the rate falls in steps.
    name : str
        As in Keras; nothing depends on it.

    Raises
    ------
    ConfigurationError
        If a number is out of its range.

    Examples
    --------
    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.025
    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5, staircase=True)(199)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate * float(self.decay_rate ** self.periods(step))

    def formula(self) -> Formula:
        power = (
            part if (part := self._part()).startswith("\\l") else f"t / {number(self.decay_steps)}"
        )
        start, rate = number(self.initial_learning_rate), number(self.decay_rate)
        return self._formula(rf"\eta = {start} \cdot {rate}^{{{power}}}")


@register("inverse_time_decay")
class InverseTimeDecay(PeriodicDecay):
    """rate(step) = initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float, at least 0
    decay_steps : float, above 0
        The steps in which the divisor grows by ``decay_rate``.
    decay_rate : float, at least 0
    staircase : bool
        Take the whole part of step / decay_steps, so that the rate falls in steps.
    name : str
        As in Keras; nothing depends on it.

    Raises
    ------
    ConfigurationError
        If a number is out of its range.

    Examples
    --------
    >>> InverseTimeDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: int) -> float:
        return self.initial_learning_rate / (1 + self.decay_rate * self.periods(step))

    def formula(self) -> Formula:
        start, rate = number(self.initial_learning_rate), number(self.decay_rate)
        return self._formula(rf"\eta = \frac{{{start}}}{{1 + {rate} \cdot {self._part()}}}")
