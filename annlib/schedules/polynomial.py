"""Decay along a power of what is left of the steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from annlib.core.checks import check_flag, check_name, check_number
from annlib.core.formula import Formula, number
from annlib.schedules.base import LearningRateSchedule, check_rate, check_steps, register


@register("polynomial_decay")
class PolynomialDecay(LearningRateSchedule):
    """rate(step) = end + (initial - end) * (1 - step / decay_steps) ** power, then end.

    Parameters
    ----------
    initial_learning_rate : float, at least 0
    decay_steps : float, above 0
        The steps to the last rate.
    end_learning_rate : float, at least 0
    power : float, at least 0
        1 is a straight line.
    cycle : bool
        After ``decay_steps`` continue with its next multiple in its place: the rate jumps up
        and falls again, from a lower peak each time.
    name : str
        As in Keras; nothing depends on it.

    Raises
    ------
    ConfigurationError
        If a number is out of its range.

    Examples
    --------
    >>> PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0, power=2.0)(50)
    0.025
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {
        "initial_learning_rate": 0.1,
        "decay_steps": 1000,
    }

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        where = type(self).__name__
        self.initial_learning_rate = check_rate(
            initial_learning_rate, where, "initial_learning_rate"
        )
        self.decay_steps = check_steps(decay_steps, where, "decay_steps")
        self.end_learning_rate = check_rate(end_learning_rate, where, "end_learning_rate")
        self.power = float(check_number(power, where, "power", "[0, inf)"))
        self.cycle = check_flag(cycle, where, "cycle")
        self.name = check_name(name, where)

    def __call__(self, step: int) -> float:
        end = self.decay_steps
        if self.cycle:
            end *= max(1, math.ceil(step / end))
        left = max(0.0, 1 - step / end)
        fall = self.initial_learning_rate - self.end_learning_rate
        return self.end_learning_rate + fall * float(left**self.power)

    def formula(self) -> Formula:
        end, fall = self.end_learning_rate, self.initial_learning_rate - self.end_learning_rate
        last = number(self.decay_steps)
        lines = []
        if self.cycle:
            lines.append(rf"s = {last} \max(1, \lceil \frac{{t}}{{{last}}} \rceil)")
        part = r"\frac{t}{s}" if self.cycle else rf"\min(\frac{{t}}{{{last}}}, 1)"
        power = "" if self.power == 1 else f"^{{{number(self.power)}}}"
        return self._formula(*lines, rf"\eta = {number(end)} + {number(fall)} (1 - {part}){power}")
