"""Backups from strangers: the one error with nothing changed, or a run that comes to its end."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annlib import Sequential, callbacks, layers, load_model, metrics, optimizers
from annlib.core.errors import AnnlibError, DivergenceError, ModelFormatError
from annlib.core.states import check_array
from annlib.saving import container
from annlib.saving.packing import pack, unpack

X, Y = np.random.default_rng(0).normal(size=(2, 24, 3))
LABELS = (Y[:, :1] > 0).astype(float)


class Diary(callbacks.Callback):
    """One of the user's own."""

    state_attributes = ("steps", "sums", "words", "nested")

    def on_train_begin(self, logs=None):
        self.steps, self.sums, self.words, self.nested = 0, np.zeros(2), [], {}

    def check_state(self, state, done):
        super().check_state(state, done)
        check_array(state["sums"], self.sums, "state of Diary.sums")

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
        "epochs": 3,
        "verbose": 0,
        "callbacks": [
            callbacks.BackupAndRestore(folder / "b", save_freq=2, delete_checkpoint=False),
            callbacks.SwapEMAWeights(swap_on_epoch=True),
            callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True),
            callbacks.ReduceLROnPlateau("loss", patience=1, cooldown=1),
            callbacks.ModelCheckpoint(folder / "m-{epoch:02d}-{loss:.3f}", max_to_keep=1),
            callbacks.CSVLogger(folder / "log.csv"),
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


def backup(folder: Path, what: str, epoch: int = 1, batch: int | None = 2) -> Path:
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

    def __init__(self, path: Path, kind: container.Kind) -> None:
        header, self.tensors = container.read(path, kind)
        self.header = {
            k: v for k, v in header.items() if k not in ("format", "kind", "annlib", "numpy")
        }

    def slots(self, value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield (*way, key)
            if isinstance(value[key], dict | list):
                yield from self.slots(value[key], (*way, key))

    def changes(self, part: str) -> list[tuple[Any, ...]]:
        """Where, and what is put there."""
        if part == "tensors":
            return [(name, index) for name in self.tensors for index in range(16)]
        inner = {part: self.header[part]}
        return [(way, v) for way in self.slots(inner) for v in (*self.VALUES, "gone", "twice")]

    def changed(self, where: Any, what: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and tensors with this change."""
        header, tensors = copy.deepcopy(self.header), dict(self.tensors)
        if isinstance(where, str):
            array = tensors.pop(where)
            others = [None, array[..., None], array.reshape(-1)[:-1], array[None]]
            others += [array.astype(kind) for kind in ("f4", "f8", "i8", "u1", "?")]
            others += [
                np.full_like(array, 1),
                np.full_like(array, 0),
                np.zeros((0, 2), array.dtype),
            ]
            if array.dtype.kind == "f":
                others += [np.full_like(array, value) for value in (np.nan, np.inf, -1e30)]
            if what < len(others) and others[what] is not None:
                tensors[where] = np.ascontiguousarray(others[what])
            return header, tensors
        inner: Any = header
        *way, last = where
        for key in way:
            inner = inner[key]
        if what == "gone":
            del inner[last]
        elif what == "twice" and isinstance(inner, list):
            inner.insert(0, copy.deepcopy(inner[last]))
        else:
            inner[last] = what
        return header, tensors


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
            said = str(error)
        except DivergenceError:
            return "ran"
        else:
            return "ran"
    assert said.startswith(str(folder / "b" / "backup.safetensors")), (name, said)
    assert said.isprintable(), name
    assert len(said) < 2000, name
    for one, other in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other, name)
    assert (optimizer.steps, optimizer.learning_rate) == (0, rate), name
    assert not optimizer.state.any(), name
    assert contents(folder) == logs, name
    return "refused"


PARTS = ("place", "compiled", "calls", "platform", "streams", "run", "layers", "config", "tensors")


@pytest.mark.parametrize("what", ["arrays", "stream"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "count",
    [8, pytest.param(30, marks=pytest.mark.slow), pytest.param(10**6, marks=pytest.mark.long)],
)
def test_no_forged_backup_does_harm(count: int, part: str, what: str, tmp_path: Path) -> None:
    path = backup(tmp_path, what)
    files, forger = contents(tmp_path), Forger(path, "checkpoint")
    changes = forger.changes(part)
    found = {"refused": 0, "ran": 0}
    for where, value in random.Random(part).sample(changes, min(count, len(changes))):
        try:
            container.write(path, "checkpoint", *forger.changed(where, value))
        except ModelFormatError:
            continue  # not even a container
        found[outcome(tmp_path, what, f"{where} = {value!r}")] += 1
        for file in tmp_path.glob("*"):
            if file.is_file():
                file.unlink()
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
    assert found["refused"] > 0


@pytest.mark.parametrize("part", ["class_name", "arguments", *PARTS])
@pytest.mark.parametrize("count", [40, pytest.param(10**6, marks=pytest.mark.long)])
def test_no_forged_model_does_harm(count: int, part: str, tmp_path: Path) -> None:
    """It is refused, or is a model that can be trained, or says what is wrong with it."""
    model, _ = run(tmp_path, "arrays")
    model.fit(X, LABELS, verbose=0)
    model.save(path := tmp_path / "m")
    forger = Forger(path, "model")
    forger.header = {"class_name": "Sequential", "arguments": None, **forger.header}
    if part not in forger.header and part != "tensors":
        pytest.skip("of backups alone")
    changes = forger.changes(part)
    loaded = 0
    for where, value in random.Random(part).sample(changes, min(count, len(changes))):
        with contextlib.suppress(ModelFormatError):
            container.write(path, "model", *forger.changed(where, value))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                model = load_model(path)
            except ModelFormatError:
                continue
            loaded += 1
            with contextlib.suppress(AnnlibError):
                model.predict(X, verbose=0)
                model.fit(X, LABELS, batch_size=8, epochs=2, verbose=0)
                model.save(tmp_path / "again")
    assert loaded < len(changes)


# -- what a callback does to files -----------------------------------------------------------------


def with_state(path: Path, number: int, **changes: Any) -> None:
    """Change the state of a callback in a file."""
    forger = Forger(path, "checkpoint")
    header, tensors = copy.deepcopy(forger.header), dict(forger.tensors)
    callbacks_of = unpack(header["place"]["callbacks"], tensors)
    callbacks_of[number][1].update(changes)
    tensors = {k: v for k, v in tensors.items() if not k.startswith("callbacks")}
    header["place"]["callbacks"] = pack(callbacks_of, "callbacks", tensors)
    container.write(path, "checkpoint", header, tensors)


@pytest.mark.parametrize(
    "kept",
    [
        "important",
        "../important",
        "m-important",
        "m-01-../../important",
        "m-..-0.5",
        "m-01-0.500/../important",
        "m-01",
        "",
        "/etc/passwd",
        7,
        None,
        ["m-01-0.500"],
    ],
)
def test_no_backup_makes_a_callback_remove_a_file(kept: Any, tmp_path: Path) -> None:
    path = backup(tmp_path, "arrays")
    for name in ("important", "m-important", "m-01"):
        (tmp_path / name).write_text("of the user")
    forged = f"{tmp_path}/{kept}" if isinstance(kept, str) and kept[:1] not in "/" else kept
    with_state(path, 3, _kept=[forged])
    assert outcome(tmp_path, "arrays", "kept") == "refused"
    assert (tmp_path / "important").read_text() == "of the user"


@pytest.mark.parametrize(
    ("template", "logs"),
    [
        ("m", {}),
        ("m-{epoch}", {}),
        ("m-{epoch:02d}-{batch:+05}", {}),
        ("{epoch:>4}/{loss:.2%}.file", {}),
        ("{epoch:*^9}-{loss:e}-{loss:,.3f}-{loss:g}", {}),
        ("{epoch:x}-{epoch:#X}-{epoch:b}-{epoch:#o}-{epoch:_}", {}),
        ("{loss}-{f1}", {"f1": np.array([[0.5, np.nan], [1e-9, -2.0]])}),
        ("{loss:012.3f}-{loss:=+12.1f}-{loss: }-{loss:F}", {}),
        ("a{{b}}.*[x]-{epoch}", {}),
        ("{loss.real}-{f1[0]}", {"f1": [0.25]}),
    ],
)
@pytest.mark.parametrize("loss", [0.5, -12345678.875, 1e-30, math.nan, math.inf, -math.inf, 1e22])
def test_what_a_checkpoint_can_have_written_is_its_own(template, logs, loss):
    for folder in ("", "/some where/", "../"):
        callback = callbacks.ModelCheckpoint(folder + template)
        kept = []
        for epoch in (0, 9, 41):
            callback._epoch = epoch
            kept.append(callback._path({"loss": loss, **logs}, 12345))
        callback.check_state(
            {"_batches": 3, "_kept": list(dict.fromkeys(kept)), "best": loss}, range(42)
        )


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("size", ["0", "1", "header", "first row", "end - 1", "beyond", "-1", "x"])
def test_no_backup_makes_a_log_shorter(size: str, append: bool, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    if append:
        log.write_text("epoch,loss\r\n0,7.0\r\n1,8.0\r\n", newline="")

    def fit(*more: callbacks.Callback) -> None:
        model = Sequential([layers.Dense(1)], seed=1)
        model.compile("sgd", "mse")
        keeping = callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
        logger = callbacks.CSVLogger(log, append=append)
        model.fit(X, LABELS, epochs=4, verbose=0, callbacks=[keeping, logger, *more])

    with pytest.raises(InterruptedError):
        fit(Cut(2, None))
    rows = log.read_bytes()
    lines = rows.splitlines(keepends=True)
    sizes = {
        "header": len(lines[0]), "first row": len(lines[0] + lines[1]), "end - 1": len(rows) - 1,
        "beyond": len(rows) + 5, "x": "x",
    }  # fmt: skip
    with_state(tmp_path / "b" / "backup.safetensors", 1, _size=sizes.get(size) or int(size))
    if size == "beyond":  # nothing is cut off
        fit()
    else:
        with pytest.raises(ModelFormatError, match=r"state of CSVLogger\._size"):
            fit()
    assert log.read_bytes().startswith(rows)


def test_a_log_that_is_to_be_replaced_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """A run that begins later than with epoch 0, and was cut off in its first epoch."""
    (tmp_path / "log.csv").write_text("notes of another kind\n")

    def fit(*more: callbacks.Callback) -> None:
        model = Sequential([layers.Dense(1)], seed=1)
        model.compile("sgd", "mse")
        keeping = callbacks.BackupAndRestore(tmp_path, save_freq=1, delete_checkpoint=False)
        logger = callbacks.CSVLogger(tmp_path / "log.csv")
        model.fit(
            X, LABELS, batch_size=8, epochs=5, initial_epoch=3, verbose=0,
            callbacks=[keeping, logger, *more],
        )  # fmt: skip

    with pytest.raises(InterruptedError):
        fit(Cut(3, 1))
    fit()
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "3", "4"]


# -- a file that is damaged, and the one before ----------------------------------------------------


@pytest.mark.parametrize("damage", ["cut short", "flipped", "empty"])
def test_the_second_file_is_used_where_the_first_is_damaged(damage: str, tmp_path: Path) -> None:
    def fit(where: Path, *more: callbacks.Callback) -> list[Any]:
        model = Sequential([layers.Dense(2, "tanh"), layers.Dense(1)], seed=1)
        model.compile("adam", "mse")
        keeping = callbacks.BackupAndRestore(
            where, save_freq=1, double_checkpoint=True, delete_checkpoint=False
        )
        model.fit(X, LABELS, batch_size=8, epochs=3, verbose=0, callbacks=[keeping, *more])
        return model.get_weights()

    whole = fit(tmp_path / "whole")
    with pytest.raises(InterruptedError):
        fit(tmp_path, Cut(1, 2))
    last, before = tmp_path / "backup.safetensors", tmp_path / "backup-before.safetensors"
    data, kept = last.read_bytes(), before.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    last.write_bytes({"cut short": data[:-9], "flipped": flipped, "empty": b""}[damage])
    with pytest.raises(InterruptedError), pytest.warns(UserWarning, match="going on from .*before"):
        fit(tmp_path, Cut(1, 1))  # killed again before it has written another
    assert before.read_bytes() == kept
    with pytest.warns(UserWarning, match="going on from .*before"):
        found = fit(tmp_path)
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_pipe_is_no_file_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "backup.safetensors")
    model = Sequential([layers.Dense(1)], seed=1)
    model.compile("sgd", "mse")
    keeping = callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(ModelFormatError, match="a device, pipe or socket"):
        model.fit(X, LABELS, verbose=0, callbacks=[keeping])
    with pytest.raises(ModelFormatError, match="a device, pipe or socket"):
        load_model(tmp_path / "backup.safetensors")
    with pytest.raises(ModelFormatError, match="a device, pipe or socket"):
        model.load_weights(tmp_path / "backup.safetensors")
