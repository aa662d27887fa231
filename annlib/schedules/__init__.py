"""Learning rates that depend on the step."""

from annlib.schedules.base import LearningRateSchedule, get, register, registry
from annlib.schedules.exponential import ExponentialDecay

__all__ = ["ExponentialDecay", "LearningRateSchedule", "get", "register", "registry"]
