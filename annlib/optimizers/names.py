"""The names of optimizers as types: what an argument takes that stands for an optimizer.

A type checker and an editor know names only as text in types; a test holds them to the registry.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from annlib.optimizers.base import Optimizer

OptimizerName: TypeAlias = Literal[
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "ftrl",
    "lamb",
    "lbfgs",
    "lion",
    "muon",
    "nadam",
    "rmsprop",
    "schedule_free_adamw",
    "schedulefreeadamw",
    "sgd",
]

#: A name, an object, a class, or a configuration.
OptimizerLike: TypeAlias = OptimizerName | Optimizer | type[Optimizer] | Mapping[str, Any]
