"""What a schedule is: any callable from the step (an update, not an epoch) to a learning rate."""

from __future__ import annotations

from typing import Any

from annlib.core.config import Configurable
from annlib.core.registry import Registry


class LearningRateSchedule(Configurable):
    """A callable from the number of updates done, 0 at the first, to the rate of the next one."""

    def __call__(self, step: int) -> float:
        raise NotImplementedError


registry: Registry[LearningRateSchedule] = Registry("schedule", LearningRateSchedule)
register = registry.register


def get(identifier: Any) -> LearningRateSchedule:
    """The schedule that a configuration describes, or the object itself."""
    return registry.get(identifier)
