"""TensorBoard: loss and metrics as curves in TensorBoard, through tensorboardX."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Literal

from annlib.callbacks.base import Callback, Logs, register
from annlib.core.checks import check_count, check_count_or, check_flag, check_path, is_number
from annlib.core.errors import ConfigurationError
from annlib.core.packages import install_command
from annlib.core.states import check_wholes


@register("tensor_board")
class TensorBoard(Callback):
    """Write loss, metrics and learning rate to ``log_dir/train`` and ``log_dir/validation``.

    Needs tensorboardX: ``pip install "annlib[tensorboard]"``. The names of the curves are Keras'.

    Parameters
    ----------
    log_dir : path
        Made if it does not exist.
    histogram_freq : int, at least 0
        Every so many epochs a histogram of every weight; 0 is never.
    write_graph : bool
        Write the model's summary, as text.
    write_steps_per_second : bool
        Write how fast the steps of each epoch were.
    update_freq : "epoch", "batch" or int, at least 1
        After every epoch, or every so many batches as well.

    Raises
    ------
    ConfigurationError
        If an argument is none of these; and when training begins, if tensorboardX is not installed.

    Examples
    --------
    >>> TensorBoard("runs/first", update_freq=100)
    TensorBoard(log_dir='runs/first', update_freq=100)
    """

    adds_logs = ()
    writes_files = True

    state_attributes = ("_step",)
    _fixed = ("update_freq",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        *,
        write_steps_per_second: bool = False,
        update_freq: Literal["epoch", "batch"] | int = "epoch",
    ) -> None:
        where = "TensorBoard"
        self.log_dir = check_path(log_dir, where, "log_dir")
        self.histogram_freq = check_count(histogram_freq, where, "histogram_freq", 0)
        self.write_graph = check_flag(write_graph, where, "write_graph")
        self.write_steps_per_second = check_flag(
            write_steps_per_second, where, "write_steps_per_second"
        )
        self.update_freq = check_count_or(update_freq, where, "update_freq", "epoch", "batch")
        self._every = {"epoch": 0, "batch": 1}.get(self.update_freq, self.update_freq)
        self.reads_batch_logs = bool(self._every)
        self._step = 0
        self._in_fit = False
        self._writers: dict[str, Any] = {}

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        check_wholes(state, ("_step",), "state of TensorBoard")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._step, self._in_fit = 0, True
        writer = self._writer("train")  # before the first epoch, since the package may be missing
        if self.write_graph:
            lines: list[str] = []
            self.model.summary(print_fn=lines.append)
            text = "\n".join(lines)
            writer.add_text("model", f"```\n{text}\n```", 0)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step += 1
        if self._every and self._step % self._every == 0:
            self._write("train", {f"batch_{k}": v for k, v in (logs or {}).items()}, self._step)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._started, self._first = time.perf_counter(), self._step

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values: dict[str, dict[str, Any]] = {"train": {}, "validation": {}}
        for name, value in (logs or {}).items():
            run = "validation" if name.startswith("val_") else "train"
            values[run][f"epoch_{name.removeprefix('val_')}"] = value
        values["train"]["epoch_learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._started
            values["train"]["epoch_steps_per_second"] = (self._step - self._first) / seconds
        for run, scalars in values.items():
            self._write(run, scalars, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for layer in self.model.layers:
                for name, value in layer._values().items():
                    tag = f"{layer.name}/{name}/histogram"
                    self._writer("train").add_histogram(tag, value, epoch)

    def on_test_end(self, logs: Logs | None = None) -> None:
        values = {f"evaluation_{k}_vs_iterations": v for k, v in (logs or {}).items()}
        self._write("validation", values, self.model.optimizer.iterations)
        if not self._in_fit:
            self._close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def on_exception(self, error: BaseException) -> None:
        self._close()

    def _write(self, run: str, values: Logs, step: int) -> None:
        """Write the numbers among the values; curves are of nothing else."""
        for tag, value in values.items():
            if is_number(value):
                self._writer(run).add_scalar(tag, value, step)

    def _writer(self, run: str) -> Any:
        """The open file of a run, by the name of its folder."""
        if run not in self._writers:
            try:
                from tensorboardX import SummaryWriter
            except ImportError:
                raise ConfigurationError(
                    "TensorBoard: expected the package tensorboardX, got none installed. "
                    f"Install it: {install_command('annlib[tensorboard]')}."
                ) from None
            # Two writers of the same second would write the same file without a suffix.
            suffix = f".{time.time_ns()}"
            self._writers[run] = SummaryWriter(
                str(Path(self.log_dir) / run), filename_suffix=suffix
            )
        return self._writers[run]

    def _close(self) -> None:
        self._in_fit = False
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_writers": {}}
