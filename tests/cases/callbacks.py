"""The cases of callbacks."""

from annlib import callbacks
from cases.row import Row

CALLBACKS = [
    Row(callbacks.History),
    Row(callbacks.EarlyStopping),
    Row(callbacks.EarlyStopping, "loss", patience=1, mode="min", restore_best_weights=True),
    Row(callbacks.ProgressBar, 2),
    Row(callbacks.EvaluationBar),
]
