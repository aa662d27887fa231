"""A straight rise of the learning rate before another schedule (Goyal et al., 2017)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from annlib.core.checks import check_count, positional_arguments
from annlib.core.errors import ConfigurationError
from annlib.core.formula import Formula, cases, number
from annlib.schedules.base import STEP, LearningRateSchedule, check_rate, get, register


@register("linear_warmup")
class LinearWarmup(LearningRateSchedule):
    """Rise on a straight line to the first rate of a schedule, then follow the schedule.

    The schedule counts from the end of the warm-up: its step 0 is step ``warmup_steps`` here, so
    that nothing of it is left out and the rate is continuous.

    Parameters
    ----------
    schedule : float, at least 0, or callable
        The rate to rise to and stay at, or a schedule: any callable of the step.
    warmup_steps : int, at least 0
        The updates of the rise.
    initial_learning_rate : float, at least 0
        The rate of the first update.

    Raises
    ------
    ConfigurationError
        If a number is out of its range, or ``schedule`` neither a number nor a callable of the
        step.

    Examples
    --------
    >>> schedule = LinearWarmup(0.1, warmup_steps=10, initial_learning_rate=0.02)
    >>> schedule(0), schedule(5), schedule(10), schedule(1000)
    (0.02, 0.06, 0.1, 0.1)
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"schedule": 0.1, "warmup_steps": 100}

    def __init__(
        self, schedule: Any, warmup_steps: int, initial_learning_rate: float = 0.0
    ) -> None:
        where = type(self).__name__
        if isinstance(schedule, dict):
            schedule = get(schedule, f"{where}.schedule")
        if callable(schedule):
            least, most = positional_arguments(schedule)
            if isinstance(schedule, type) or not least <= 1 <= most:
                raise ConfigurationError(
                    f"{where}: expected schedule as a number or a callable of the step, got "
                    f"{schedule!r}. Write lambda step: ..."
                )
        self.schedule: float | Callable[[int], float] = (
            schedule if callable(schedule) else check_rate(schedule, where, "schedule")
        )
        self.warmup_steps = check_count(warmup_steps, where, "warmup_steps", 0)
        self.initial_learning_rate = check_rate(
            initial_learning_rate, where, "initial_learning_rate"
        )

    def __call__(self, step: int) -> float:
        rate = self._followed(max(0, step - self.warmup_steps))
        if step >= self.warmup_steps:
            return rate
        start = self.initial_learning_rate
        return start + (rate - start) * step / self.warmup_steps

    def _followed(self, step: int) -> float:
        return float(self.schedule(step)) if callable(self.schedule) else self.schedule

    def formula(self) -> Formula:
        start, steps = number(self.initial_learning_rate), number(self.warmup_steps)
        rate = (
            number(self.schedule)
            if isinstance(self.schedule, float | int)
            else r"\operatorname{r}(0)"
        )
        then = (
            rate if isinstance(self.schedule, float | int) else rf"\operatorname{{r}}(t - {steps})"
        )
        rise = rf"{start} + ({rate} - {start}) \frac{{t}}{{{steps}}}"
        formula = cases((rise, f"t < {steps}"), (then, "")) if self.warmup_steps else then
        follows = (r"\operatorname{r}", "the schedule that follows")
        return self._formula(
            rf"\eta = {formula}",
            source="Goyal et al. (2017)",
            symbols=(STEP,) if rate == then else (STEP, follows),
        )
