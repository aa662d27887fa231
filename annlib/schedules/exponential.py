"""Exponential decay of the learning rate."""

from __future__ import annotations

import math

from annlib.core.errors import ConfigurationError
from annlib.schedules.base import LearningRateSchedule, register


@register("exponential_decay")
class ExponentialDecay(LearningRateSchedule):
    """rate(step) = initial_learning_rate * decay_rate ** (step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int, positive
    decay_rate : float
    staircase : bool
        Take the whole part of step / decay_steps, so that the rate falls in steps.

    Examples
    --------
    >>> ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)(200)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        if not decay_steps > 0:
            raise ConfigurationError(
                f"ExponentialDecay: expected decay_steps > 0, got {decay_steps!r}."
            )
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: int) -> float:
        exponent = step / self.decay_steps
        if self.staircase:
            exponent = math.floor(exponent)
        return float(self.initial_learning_rate * self.decay_rate**exponent)
