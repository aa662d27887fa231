"""Tools for experiments: a learning rate, a check-up, a gradient check, runs side by side.

All of them work on copies: the model that they are given is as before.
"""

from annlib.core.namespaces import show_public_names
from annlib.tools.check_up import checkup
from annlib.tools.comparison import Best, Comparison, compare
from annlib.tools.findings import CheckReport, Finding
from annlib.tools.gradient_check import GradientError, GradientReport, gradcheck
from annlib.tools.rate_finder import LearningRates, lr_find

__all__ = [
    "Best",
    "CheckReport",
    "Comparison",
    "Finding",
    "GradientError",
    "GradientReport",
    "LearningRates",
    "checkup",
    "compare",
    "gradcheck",
    "lr_find",
]

show_public_names(__name__)
