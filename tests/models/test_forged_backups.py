"""Backups from strangers: the one error with nothing changed, or a run that comes to its end."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annlib import Sequential, callbacks, layers, metrics, optimizers
from annlib.core.errors import DivergenceError, ModelFormatError
from annlib.saving import container

X, Y = np.random.default_rng(0).normal(size=(2, 24, 3))
LABELS = (Y[:, :1] > 0).astype(float)


class Diary(callbacks.Callback):
    """One of the user's own."""

    state_attributes = ("steps", "sums", "words", "nested")

    def on_train_begin(self, logs=None):
        self.steps, self.sums, self.words, self.nested = 0, np.zeros(2), [], {}

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        self.sums += logs["loss"], batch

    def on_epoch_end(self, epoch, logs=None):
        self.words.append(f"{epoch}")
        self.nested[f"{epoch}"] = [np.array([epoch]), 1.5]


def stream():
    """Batches without an end."""
    while True:
        for start in range(0, 24, 8):
            yield X[start : start + 8], LABELS[start : start + 8]


def run(folder: Path, what: str) -> tuple[Sequential, dict[str, Any]]:
    """A model with a backup, and the arguments of its fit."""
    model = Sequential(
        [layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dropout(0.2),
         layers.Dense(1, "sigmoid")], seed=1,
    )  # fmt: skip
    exact = metrics.AUC(num_thresholds=None, name="exact")
    model.compile(
        optimizers.Adam(0.01, use_ema=True, weight_decay=0.1), "binary_crossentropy",
        metrics=["accuracy", metrics.AUC(num_thresholds=7), exact, metrics.F1Score(threshold=0.5)],
        weighted_metrics=[metrics.Precision(), metrics.R2Score()],
    )  # fmt: skip
    data: dict[str, Any] = {"x": X, "y": LABELS, "batch_size": 8, "validation_split": 0.25}
    if what == "stream":
        data = {"x": stream(), "steps_per_epoch": 3, "validation_data": stream()}
        data |= {"validation_steps": 2}
    return model, {
        **data,
        "epochs": 4,
        "verbose": 0,
        "callbacks": [
            callbacks.BackupAndRestore(folder / "b", save_freq=2, delete_checkpoint=False),
            callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True),
            callbacks.ReduceLROnPlateau("loss", patience=1, cooldown=1),
            callbacks.ModelCheckpoint(folder / "m-{epoch:02d}-{loss:.3f}", max_to_keep=1),
            callbacks.CSVLogger(folder / "log.csv"),
            callbacks.SwapEMAWeights(),
            callbacks.LivePlot(),
            callbacks.Doctor(every=1),
            Diary(),
        ],
    }


class Cut(callbacks.Callback):
    """Ends the run as if it were killed."""

    def __init__(self, epoch: int, batch: int | None) -> None:
        self.epoch, self.batch, self.now = epoch, batch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, self.batch):
            raise InterruptedError

    def on_epoch_end(self, epoch, logs=None):
        if self.batch is None and epoch == self.epoch:
            raise InterruptedError


def backup(folder: Path, what: str, epoch: int = 2, batch: int | None = 2) -> Path:
    """A file of a run that was cut off there, and all that it has left in the folder."""
    model, arguments = run(folder, what)
    arguments["callbacks"].append(Cut(epoch, batch))
    with pytest.raises(InterruptedError):
        model.fit(**arguments)
    return folder / "b" / "backup.safetensors"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}


class Forger:
    """Every leaf of a file, each with values that it should not have."""

    VALUES = (
        None, True, False, 0, -1, 1, 3, 10**6, 2**53, 2**62, 2**100, 0.5, -1e308, 5e-324, "", "x",
        "../../x", [], {}, [None], [[]], ["x"], [1, 2], [0.5] * 3, {"x": 1}, {"float": "nan"},
        {"float": "x"}, {"list": "x"}, {"array": "layers/0/kernel"}, {"dict": [["a", 1]]},
        {"dict": []}, {"rows": "layers/0/kernel"}, {"dict": [["a", {"dict": []}]]},
    )  # fmt: skip

    def __init__(self, path: Path, kind: container.Kind = "checkpoint") -> None:
        header, self.tensors = container.read(path, kind)
        self.header = {
            k: v for k, v in header.items() if k not in ("format", "kind", "annlib", "numpy")
        }
        self.kind = kind

    def slots(self, value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield (*way, key)
            if isinstance(value[key], dict | list):
                yield from self.slots(value[key], (*way, key))

    def of_header(self, part: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        for way in self.slots(self.header[part], (part,)):
            for value in (*self.VALUES, "gone", "twice"):
                header = inner = copy.deepcopy(self.header)
                for key in way[:-1]:
                    inner = inner[key]
                if value == "gone":
                    del inner[way[-1]]
                elif value == "twice" and isinstance(inner, list):
                    inner.insert(0, copy.deepcopy(inner[way[-1]]))
                else:
                    inner[way[-1]] = value
                yield f"{way} = {value!r}"[:200], header, self.tensors

    def of_tensors(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        for name, array in self.tensors.items():
            others: list[Any] = [None, array[..., None], array.reshape(-1)[:-1], array[None]]
            others += [array.astype(kind) for kind in ("f4", "f8", "i8", "u1", "?")]
            others += [np.full_like(array, -1), np.full_like(array, 2**31 - 1)]
            if array.dtype.kind == "f":
                others += [np.full_like(array, value) for value in (np.nan, np.inf, -1e30)]
            for index, other in enumerate(others):
                tensors = {k: v for k, v in self.tensors.items() if k != name}
                if other is not None:
                    tensors[name] = np.ascontiguousarray(other)
                yield f"{name} {index}", self.header, tensors


def outcome(folder: Path, what: str, name: str) -> str:
    """ "refused" with nothing changed, or "ran" to the end, or fails."""
    model, arguments = run(folder, what)
    model.build((None, 3))
    weights, logs = model.get_weights(), contents(folder)
    optimizer = model.optimizer
    rate = optimizer.learning_rate
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model.fit(**arguments)
        except ModelFormatError as error:
            path = folder / "b" / "backup.safetensors"
            assert str(error).startswith(str(path)), (name, error)
            assert str(error).isprintable()
            assert len(str(error)) < 2000
            for one, other in zip(weights, model.get_weights(), strict=True):
                np.testing.assert_array_equal(one, other, name)
            assert (optimizer.steps, optimizer.learning_rate) == (0, rate), name
            assert not optimizer.state.any(), name
            assert contents(folder) == logs, name
            return "refused"
        except DivergenceError:
            return "ran"
    return "ran"


@pytest.mark.parametrize("what", ["arrays", "stream"])
@pytest.mark.parametrize(
    ("part", "share"),
    [
        ("place", 0.05),
        ("compiled", 0.03),
        ("calls", 1.0),
        ("platform", 0.3),
        ("streams", 0.1),
        ("run", 0.02),
        ("layers", 0.02),
        ("config", 0.02),
        ("tensors", 0.3),
        *(
            pytest.param(part, 1.0, marks=pytest.mark.long)
            for part in ("place", "compiled", "platform", "streams", "run", "config", "tensors")
        ),
    ],
)
def test_no_forged_backup_does_harm(part: str, share: float, what: str, tmp_path: Path) -> None:
    path = backup(tmp_path, what)
    files = contents(tmp_path)
    forger, rng = Forger(path), random.Random(part)
    forger.header["calls"] = [forger.header["calls"]]
    mutants = forger.of_tensors() if part == "tensors" else forger.of_header(part)
    found: dict[str, int] = {"refused": 0, "ran": 0}
    for name, header, tensors in mutants:
        if rng.random() > share:
            continue
        header = {**header, "calls": header["calls"][0] if header["calls"] else None}
        try:
            container.write(path, "checkpoint", header, tensors)
        except ModelFormatError:
            continue  # not even a container
        found[outcome(tmp_path, what, name)] += 1
        for file in tmp_path.glob("*"):
            if file.is_file():
                file.unlink()
        for file_name, data in files.items():
            (tmp_path / file_name).write_bytes(data)
    assert sum(found.values()) > 5
    assert found["refused"] > 0
    print(part, what, found)
