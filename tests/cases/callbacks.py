"""The cases of callbacks. Their paths are relative: who uses them goes to an empty folder."""

from annlib import callbacks, schedules
from cases.row import Row


def halve(epoch, rate):
    return rate / 2


def harmonic(epoch):
    return 0.1 / (epoch + 1)


def nothing(*arguments):
    pass


FILE = "run/{epoch}-{loss:.3f}.safetensors"

CALLBACKS = [
    Row(callbacks.History),
    Row(callbacks.EarlyStopping),
    Row(callbacks.EarlyStopping, "loss", patience=1, mode="min", restore_best_weights=True),
    Row(callbacks.EarlyStopping, "mae", 0.01, 2, 1, "max", 0.5, True, 1),
    Row(callbacks.ProgressBar, 2),
    Row(callbacks.EvaluationBar),
    Row(callbacks.ReduceLROnPlateau),
    Row(callbacks.ReduceLROnPlateau, "loss", 0.5, 1, 1, "max", 0.01, 1, 0.001),
    Row(callbacks.LearningRateScheduler, schedules.ExponentialDecay(0.1, 2, 0.5), 1),
    Row(callbacks.LearningRateScheduler, halve).where(holds_functions=True),
    Row(callbacks.LearningRateScheduler, harmonic).where(holds_functions=True),
    Row(callbacks.ModelCheckpoint, "best.safetensors", save_best_only=True),
    Row(callbacks.ModelCheckpoint, FILE, "mae", 1, True, True, "min", 2, 10.0, 2),
    Row(callbacks.ModelCheckpoint, "last.safetensors", save_weights_only=True, save_freq=5),
    Row(callbacks.TerminateOnNaN),
    Row(callbacks.TerminateOnNaN, raise_error=True),
    Row(callbacks.CSVLogger, "run/log.csv"),
    Row(callbacks.CSVLogger, "log.csv", ";", append=True),
    Row(callbacks.Doctor),
    Row(callbacks.Doctor, 1),
    Row(callbacks.LivePlot),
    Row(callbacks.LivePlot, ["loss"]),
    Row(callbacks.LambdaCallback),
    Row(callbacks.LambdaCallback, on_epoch_end=nothing, on_batch_end=nothing).where(
        holds_functions=True
    ),
    Row(callbacks.BackupAndRestore, "backup"),
    Row(callbacks.BackupAndRestore, "backup", 3, double_checkpoint=True),
    # Its second run is the rest of the first one.
    Row(callbacks.BackupAndRestore, "backup", delete_checkpoint=False).where(goes_on=True),
    Row(callbacks.SwapEMAWeights).where(averages=True),
    Row(callbacks.SwapEMAWeights, swap_on_epoch=True).where(averages=True),
    Row(callbacks.TensorBoard).where(needs="tensorboardX"),
    Row(callbacks.TensorBoard, "logs", 2, False, write_steps_per_second=True, update_freq=2).where(
        needs="tensorboardX"
    ),
]
