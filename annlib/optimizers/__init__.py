"""Optimizers: by name in ``compile``, or as an object.

>>> from annlib import optimizers
>>> optimizers.Adam(learning_rate=0.01, clipnorm=1.0)
Adam(learning_rate=0.01, clipnorm=1.0)
"""

from annlib.core.namespaces import show_public_names
from annlib.optimizers import schedules
from annlib.optimizers.adadelta import Adadelta
from annlib.optimizers.adafactor import Adafactor
from annlib.optimizers.adagrad import Adagrad
from annlib.optimizers.adam import Adam, AdamW
from annlib.optimizers.adamax import Adamax
from annlib.optimizers.base import Optimizer, get, register, registry
from annlib.optimizers.ftrl import Ftrl
from annlib.optimizers.lamb import Lamb
from annlib.optimizers.lbfgs import LBFGS
from annlib.optimizers.lion import Lion
from annlib.optimizers.multi_optimizer import MultiOptimizer, OptimizerMap
from annlib.optimizers.muon import Muon
from annlib.optimizers.nadam import Nadam
from annlib.optimizers.rmsprop import RMSprop
from annlib.optimizers.schedule_free import ScheduleFreeAdamW
from annlib.optimizers.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "get",
    "register",
    "registry",
    "schedules",
]

show_public_names(__name__)
