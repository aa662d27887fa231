"""Callbacks: what happens beside the training.

>>> from annlib import callbacks
>>> callbacks.EarlyStopping(patience=3, restore_best_weights=True)
EarlyStopping(patience=3, restore_best_weights=True)
"""

from annlib.callbacks.backup_and_restore import BackupAndRestore
from annlib.callbacks.base import Callback, CallbackList, get, register, registry
from annlib.callbacks.checkpoint import ModelCheckpoint
from annlib.callbacks.csv_logger import CSVLogger
from annlib.callbacks.doctor import Doctor
from annlib.callbacks.early_stopping import EarlyStopping
from annlib.callbacks.history import History
from annlib.callbacks.lambda_callback import LambdaCallback
from annlib.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from annlib.callbacks.live_plot import LivePlot
from annlib.callbacks.monitor import MonitorCallback
from annlib.callbacks.progress import EvaluationBar, ProgressBar
from annlib.callbacks.swap_ema_weights import SwapEMAWeights
from annlib.callbacks.tensor_board import TensorBoard
from annlib.callbacks.terminate_on_nan import TerminateOnNaN
from annlib.core.namespaces import show_public_names

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "Doctor",
    "EarlyStopping",
    "EvaluationBar",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "LivePlot",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgressBar",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "get",
    "register",
    "registry",
]

show_public_names(__name__)
