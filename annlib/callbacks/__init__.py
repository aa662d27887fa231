"""Callbacks: what happens beside the training.

>>> from annlib import callbacks
>>> callbacks.EarlyStopping(patience=3, restore_best_weights=True)
EarlyStopping(patience=3, restore_best_weights=True)
"""

from annlib.callbacks.base import Callback, CallbackList, get, register, registry
from annlib.callbacks.early_stopping import EarlyStopping
from annlib.callbacks.history import History
from annlib.callbacks.progress import EvaluationBar, ProgressBar

__all__ = [
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "EvaluationBar",
    "History",
    "ProgressBar",
    "get",
    "register",
    "registry",
]
