"""CSVLogger: the logs of every epoch as a row of a file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from annlib.callbacks.base import Callback, Logs, register
from annlib.core.checks import check_flag, check_path
from annlib.core.errors import ConfigurationError, show
from annlib.core.states import check_whole, refuse


@register("csv_logger")
class CSVLogger(Callback):
    """Write epoch, loss and metrics to a file, a line an epoch, at once.

    Parameters
    ----------
    filename : path
        Its folder is made if it does not exist.
    separator : str
        One character.
    append : bool
        Continue a file that exists instead of replacing it. Its columns stay: what they do not
        name is left out, what is not in the logs is ``NA``.

    Raises
    ------
    ConfigurationError
        If ``separator`` is not one character, or ``filename`` no path.
    OSError
        When training begins, if the file cannot be written.

    Notes
    -----
    Columns are those of the first epoch and a ``val_`` one for each metric if a validation is to
    come in a later epoch. In a run that is resumed after a crash (``BackupAndRestore``) rows that
    the crash has outdated are cut off, so that none is there twice.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers
    >>> x = np.zeros((4, 1))
    >>> model = Sequential([layers.Dense(1)])
    >>> model.compile("sgd", "mse", metrics=["mae"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = callbacks.CSVLogger(folder + "/log.csv")
    ...     _ = model.fit(x, x, epochs=2, verbose=0, callbacks=[log])
    ...     print(pathlib.Path(folder, "log.csv").read_text().strip())
    epoch,loss,mae
    0,0.0,0.0
    1,0.0,0.0
    """

    adds_logs = ()
    writes_files = True

    state_attributes = ("_columns", "_size")

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        if not isinstance(separator, str) or len(separator) != 1:
            raise ConfigurationError(
                f"CSVLogger: expected separator as one character, got {show(separator)}."
            )
        self.filename = check_path(filename, "CSVLogger", "filename")
        self.separator = separator
        self.append = check_flag(append, "CSVLogger", "append")
        self._columns: list[str] = []
        #: The bytes of the file that count.
        self._size = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        path = Path(self.filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._columns, self._size = [], 0
        if self.append and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self._columns = next(csv.reader(file, delimiter=self.separator), [])
            self._size = path.stat().st_size

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        place, size, columns = "state of CSVLogger", state["_size"], state["_columns"]
        check_whole(size, f"{place}._size")
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise refuse(f"{place}._columns", "names", columns)
        if not done and not self.append:  # before the first row: the file is to be replaced
            check_whole(size, f"{place}._size", 0, 0)
            return
        # What lies behind is cut off: nothing but rows that are written again.
        try:
            outdated = self._epochs_after(size)
        except (ValueError, LookupError) as error:
            raise refuse(f"{place}._size", f"the end of a row of {self.filename}", size) from error
        if outdated != list(range(done.stop, done.stop + len(outdated))):
            rows = f"a place in {self.filename} with only rows of epochs from {done.stop} behind it"
            raise refuse(f"{place}._size", rows, size)

    def _epochs_after(self, size: int) -> list[int]:
        """The epochs of all whole rows of the file from this place; raises ``ValueError`` or
        ``LookupError`` if it does not begin a row, or rows have no epochs.
        """
        path = Path(self.filename)
        if not path.exists() or path.stat().st_size <= size:
            return []
        with path.open("rb") as file:
            columns = next(csv.reader([file.readline().decode()], delimiter=self.separator), [])
            file.seek(max(size - 1, 0))
            if size and file.read(1) not in (b"\n", b"\r"):
                raise ValueError
            place, found = columns.index("epoch"), []
            for line in file:
                row = next(csv.reader([line.decode()], delimiter=self.separator), [])
                # A row that is cut off was being written when the run ended.
                if row != columns and line.endswith(b"\n"):
                    found.append(int(row[place]))
        return found

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if not self._columns:
            names, expected = sorted(logs), self._expected
            validated = any(name.startswith("val_") for name in names)
            if expected is None:  # nobody has said which names will come
                expected = [f"val_{name}" for name in names]
            later = sorted(name for name in expected if name.startswith("val_"))
            self._columns = ["epoch", *names, *([] if validated else later)]
        row: dict[str, Any] = {"epoch": epoch, **logs}
        path = Path(self.filename)
        # Opened for each row: a run that is killed loses none, and no file stays open.
        with path.open("a", newline="", encoding="utf-8") as file:
            if file.tell() > self._size:
                file.truncate(self._size)
            writer = csv.writer(file, delimiter=self.separator)
            if not min(file.tell(), self._size):
                writer.writerow(self._columns)
            writer.writerow([_cell(row.get(name, "NA")) for name in self._columns])
        self._size = path.stat().st_size


def _cell(value: Any) -> Any:
    """A value as a cell has it: an array as a list, which other programs can read."""
    return value.tolist() if isinstance(value, np.ndarray) else value
