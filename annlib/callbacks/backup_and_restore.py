"""BackupAndRestore: a run that was cut off resumes where it was, to the bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from annlib.callbacks.base import Callback, Logs, register
from annlib.core.checks import check_count_or, check_flag, check_path
from annlib.core.errors import ModelFormatError
from annlib.core.foreign import check_suffix, told
from annlib.core.states import check_wholes
from annlib.core.tracebacks import warn_user


@register("backup_and_restore")
class BackupAndRestore(Callback):
    """Write all of a ``fit`` to a file as it goes, and begin the next one from that file.

    The file holds weights, optimizer, random streams, the place in the epoch and in the shuffled
    data, running metrics, History and the state of the other callbacks, so that a run that was
    killed at any moment and started again ends with the same bits as one that was not. The model,
    the data and the arguments must be the same; ``epochs`` may be more. It stands anywhere in the
    list: it sees what all others have done.

    Parameters
    ----------
    backup_dir : path
        A folder for this run alone; made if it does not exist.
    save_freq : "epoch" or int, at least 1
        After each epoch, or after so many batches; before the first, after Ctrl-C and after a
        SIGTERM as well. That then ends the process with the code 143, unless the program handles
        it itself; a second one ends it at once.
    double_checkpoint : bool
        Keep the file before the last as well, and go on from it, with a warning, where the last is
        damaged. Files are written whole or not at all: one is enough but for what a disk may do.
    delete_checkpoint : bool
        Remove the file when ``fit`` comes to its end (not after Ctrl-C).

    Raises
    ------
    ConfigurationError
        If an argument is none of these; and before the first step, if something in the model or the
        run can be no part of a file.
    ModelFormatError
        When a file is there that is damaged, or of another model, optimizer, data or run; the
        message names the first difference, and nothing is changed.

    Examples
    --------
    The second ``fit`` has two of its four epochs behind it:

    >>> import tempfile
    >>> from annlib import Sequential, callbacks, layers
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(8, 1)
    >>> model = Sequential([layers.Dense(1)], seed=0)
    >>> model.compile("sgd", "mse")
    >>> began = []
    >>> watch = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: began.append(epoch))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     backup = callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    ...     _ = model.fit(x, x, epochs=2, verbose=0, callbacks=[backup, watch])
    ...     history = model.fit(x, x, epochs=4, verbose=0, callbacks=[backup, watch])
    >>> began, history.epoch
    ([0, 1, 2, 3], [0, 1, 2, 3])
    """

    writes_files = True
    resumes_runs = True

    wraps_others = True
    adds_logs = ()
    state_attributes = ("_batches",)
    reads_batch_logs = False
    _fixed = ("save_freq",)

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Literal["epoch"] | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        where = "BackupAndRestore"
        self.backup_dir = check_path(backup_dir, where, "backup_dir")
        with told():  # the file in the folder has a name of annlib's
            check_suffix(self.backup_dir, where)
        self.save_freq = check_count_or(save_freq, where, "save_freq", "epoch")
        self._every = 0 if self.save_freq == "epoch" else self.save_freq
        self.double_checkpoint = check_flag(double_checkpoint, where, "double_checkpoint")
        self.delete_checkpoint = check_flag(delete_checkpoint, where, "delete_checkpoint")
        self._batches = 0
        self._begun = False
        #: Whether the file, if there is one, is not known to be damaged.
        self._whole = True

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.backup_dir) / "backup.safetensors"

    @property
    def _previous(self) -> Path:
        return Path(self.backup_dir) / "backup-before.safetensors"

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        check_wholes(state, ("_batches",), "state of BackupAndRestore")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        found = [path for path in (self.path, self._previous) if path.exists()]
        self._begun, self._whole = bool(found), True
        for path, other in zip(found, [*found[1:], None], strict=False):
            try:
                self.model._resume(path)
                break
            except (ModelFormatError, OSError) as error:
                if other is None:
                    raise
                self._whole = False
                warn_user(
                    f"BackupAndRestore: going on from {other}, the file before, since the last "
                    f"cannot be used: {error}"
                )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if not self._begun:  # so that what cannot be written is said before the work is done
            self._begun = True
            self._save()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._every:
            self._batches += 1
            if self._batches % self._every == 0:
                self._save()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not self._every:
            self._save()

    def _save(self) -> None:
        writes = self.model._writes_files
        if writes and self.double_checkpoint and self._whole and self.path.exists():
            self.path.replace(self._previous)
        self.model._backup(self.path)
        self._whole = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        over = self.model._writes_files and not self.model.history.interrupted
        if self.delete_checkpoint and over:
            for path in (self.path, self._previous):
                path.unlink(missing_ok=True)
