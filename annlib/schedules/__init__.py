"""Learning rates that depend on the step."""

from annlib.core.namespaces import show_public_names
from annlib.schedules.base import LearningRateSchedule, get, register, registry
from annlib.schedules.cosine import CosineDecay, CosineDecayRestarts
from annlib.schedules.decay import ExponentialDecay, InverseTimeDecay
from annlib.schedules.one_cycle import OneCycle
from annlib.schedules.piecewise import PiecewiseConstantDecay
from annlib.schedules.polynomial import PolynomialDecay
from annlib.schedules.warmup import LinearWarmup

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "LinearWarmup",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "get",
    "register",
    "registry",
]

show_public_names(__name__)
