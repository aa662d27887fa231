"""ModelCheckpoint: files of the model while it trains."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from string import Formatter
from typing import Any, Literal, Self

from annlib.callbacks.base import Logs, Run, register
from annlib.callbacks.monitor import Mode, MonitorCallback, say
from annlib.core.checks import (
    check_count,
    check_count_or,
    check_flag,
    check_number,
    check_path,
    check_verbosity,
)
from annlib.core.errors import ConfigurationError, show
from annlib.core.foreign import check_suffix, told
from annlib.core.states import check_real, check_wholes, refuse


@register("model_checkpoint")
class ModelCheckpoint(MonitorCallback):
    """Save the model after every epoch, or only when ``monitor`` is better than ever before.

    Each file is written whole or not at all, so a crash leaves the one before.

    Parameters
    ----------
    filepath : path
        May have ``{epoch}`` (counted from 1), ``{batch}`` and values of the logs in it:
        ``"best-{epoch:02d}-{val_loss:.3f}.safetensors"``. Folders are made.
    monitor : str
        A key of the logs: ``"val_loss"``, ``"accuracy"``, ...
    verbose : {0, 1, 2, "auto"}
        Anything but 0 prints a line a file.
    save_best_only : bool
        Only when ``monitor`` is better than ever before.
    save_weights_only : bool
        ``save_weights`` instead of ``save``.
    mode : {"auto", "min", "max"}
        ``auto`` takes the metric's own direction.
    save_freq : "epoch" or int, at least 1
        After so many batches instead of after each epoch.
    initial_value_threshold : float, any number, optional
        The value to beat.
    max_to_keep : int, at least 1, optional
        Remove the oldest file of this object's when there are more (not in Keras).

    Attributes
    ----------
    best : float
        The best value of ``monitor`` so far.

    Raises
    ------
    ConfigurationError
        If an argument is none of these; and when training begins, if the logs will never have a
        value named in ``filepath`` or, with ``save_best_only``, ``monitor``, or the model cannot be
        saved.

    Notes
    -----
    As in Keras a second ``fit`` with the same object continues: with the best so far and the
    batches since the last file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from annlib import Sequential, callbacks, layers
    >>> x = np.arange(8.0).reshape(8, 1)
    >>> model = Sequential([layers.Dense(1)], seed=0)
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     every = callbacks.ModelCheckpoint(folder + "/{epoch:02d}.safetensors", max_to_keep=2)
    ...     _ = model.fit(x, x, epochs=3, verbose=0, callbacks=[every])
    ...     sorted(os.listdir(folder))
    ['02.safetensors', '03.safetensors']
    """

    adds_logs = ()
    writes_files = True

    state_attributes = ("_batches", "_kept", "best")
    persistent_attributes = state_attributes
    _fixed = ("initial_value_threshold", "save_freq")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Mode = "auto",
        save_freq: Literal["epoch"] | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = None,
    ) -> None:
        where = "ModelCheckpoint"
        super().__init__(monitor, mode, 0.0)
        self.filepath = _template(filepath)
        self.verbose = check_verbosity(verbose, where)
        self.save_best_only = check_flag(save_best_only, where, "save_best_only")
        self.save_weights_only = check_flag(save_weights_only, where, "save_weights_only")
        method = "save_weights" if self.save_weights_only else "save"
        check_suffix(self.filepath, where, save=method)
        self.save_freq = check_count_or(save_freq, where, "save_freq", "epoch")
        if initial_value_threshold is not None:
            check_number(initial_value_threshold, where, "initial_value_threshold")
        self.initial_value_threshold = initial_value_threshold
        if max_to_keep is not None:
            check_count(max_to_keep, where, "max_to_keep")
        self.max_to_keep = max_to_keep
        self.best = math.nan if initial_value_threshold is None else initial_value_threshold
        self._kept: list[str] = []
        self._epoch = self._batches = 0
        self.reads_batch_logs = self.save_freq != "epoch"
        self.keeps_weights = self.save_freq == "epoch"

    def _made_with(self, **changes: Any) -> Any:
        with told():
            return super()._made_with(**changes)

    def clone(self) -> Self:
        with told():
            return super().clone()

    def check_run(self, run: Run) -> None:
        by_batches = self.save_freq != "epoch"
        if self.save_best_only:
            self.check_monitor(run, of_batches=by_batches)
        known = ("epoch", "batch") if by_batches else ("epoch",)
        for _, field, _, _ in Formatter().parse(self.filepath):
            name = re.split(r"[.\[]", field)[0] if field else None
            if name and name not in known and run.lacks(name, of_batches=by_batches):
                values = [*known, *(run.metrics if by_batches else run.names)]
                raise ConfigurationError(
                    f"ModelCheckpoint: expected a filepath of known values, got "
                    f"{self.filepath!r}, of which {name!r} is none. Known: "
                    f"{', '.join(sorted(values))}."
                )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.save_best_only:  # else nobody asks which way is better
            super().on_train_begin(logs)
        if not self.save_weights_only:  # what cannot be saved says so before the first epoch
            self.model._check_saving()

    def check_state(self, state: Any, done: range) -> None:
        super().check_state(state, done)
        place, kept = "state of ModelCheckpoint", state["_kept"]
        check_wholes(state, ("_batches",), place)
        check_real(state["best"], f"{place}.best")
        # These are removed one day: none but what this object can have written may be among them.
        made = re.compile(_pattern(self.filepath))
        fine = all(isinstance(path, str) and made.fullmatch(path) for path in kept)
        if not fine or len(set(kept)) != len(kept):
            raise refuse(f"{place}._kept", f"paths like {self.filepath!r}, each once", kept)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.save_freq != "epoch":
            self._batches += 1
            if self._batches % self.save_freq == 0:
                self._save(logs or {}, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs or {}, None)

    def _save(self, logs: Logs, batch: int | None) -> None:
        head = f"Epoch {self._epoch + 1}: "
        if self.save_best_only:
            current = self.monitored(logs)
            before = "" if math.isnan(self.best) else f" from {self.best:.5f}"
            if current is not None and not self.better(current, self.best):
                say(self.verbose, f"{head}{self.monitor} did not improve{before}")
                return
            if current is not None:
                head += f"{self.monitor} improved{before} to {current:.5f}, "
                self.best = current
        path = self._path(logs, batch)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with told():
            (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        say(self.verbose, f"{head}saved {path}")
        self._keep(path)

    def _path(self, logs: Logs, batch: int | None) -> str:
        values = {"epoch": self._epoch + 1, **logs}
        if batch is not None:
            values["batch"] = batch + 1
        try:
            return self.filepath.format(**values)
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"ModelCheckpoint: expected a filepath of known values, got {show(self.filepath)} "
                f"({type(error).__name__}: {error}). Known: {', '.join(sorted(values))}."
            ) from None

    def _keep(self, path: str) -> None:
        """Remove the oldest files beyond ``max_to_keep``."""
        self._kept = [kept for kept in self._kept if kept != path] + [path]
        if self.max_to_keep is not None:
            for old in self._kept[: -self.max_to_keep]:
                Path(old).unlink(missing_ok=True)
            self._kept = self._kept[-self.max_to_keep :]


def _template(filepath: str | os.PathLike[str]) -> str:
    """The path as text; raises ``ConfigurationError`` for braces that never hold a value."""
    text = check_path(filepath, "ModelCheckpoint", "filepath")
    try:
        fields = [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError as error:
        raise ConfigurationError(
            f"ModelCheckpoint: expected a filepath, got {show(text)}: {error}."
        ) from None
    for field in fields:
        if not field or field[0].isdigit():
            raise ConfigurationError(
                f"ModelCheckpoint: expected names of values in the braces of filepath, got "
                f"{show(text)}. Write {{epoch}}, {{batch}} or the name of a loss or metric."
            )
    return text


#: What numbers become in a path: with a sign, separators and an exponent, or between brackets.
_NUMBER = r"[-+ ]?(?:(?:0[xXob])?[.,]?\d[\d.,_]*(?:[eE][-+]?\d+)?|nan|inf|NAN|INF)%?"
_HEXADECIMAL = r"[-+ ]?(?:0[xX])?[\da-fA-F_]+"
_ARRAY = rf"\[(?:{_NUMBER}|[\[\]\s,])*\]"


def _pattern(filepath: str) -> str:
    """A regular expression of the paths that numbers make of this one."""
    parts = []
    for text, field, spec, _ in Formatter().parse(filepath):
        parts.append(re.escape(text))
        if field is None:
            continue
        number = _HEXADECIMAL if spec and spec[-1] in "xX" else _NUMBER
        filling = re.match(r"(.)?[<>=^]", spec or "")
        fill = re.escape(filling[1] or " ") if filling else "[ 0]"
        # Filled up to a width, on either side, or between the sign and the digits.
        parts.append(rf"(?:[-+ ]?(?:{fill})*{number}(?:{fill})*|{_ARRAY})")
    return "".join(parts)
