"""A run that is killed, or asked to stop, and started again ends at the bits of one that was not.

Run as a script, this file is a process that forks runs and kills them; it loads no threads of
BLAS, so it may fork, and it pays for importing annlib once.
"""

from __future__ import annotations

import copy
import csv
import errno
import hashlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annlib
from annlib import Sequential, callbacks, layers, load_model, metrics, optimizers, schedules
from annlib.core.errors import ConfigurationError, ModelFormatError
from annlib.data import ArrayLoader
from annlib.saving import checkpoint, container

X, Y = np.random.default_rng(0).normal(size=(2, 60, 4))
LABELS = (Y[:, :1] > 0).astype(float)
WEIGHTS = np.random.default_rng(1).uniform(0.1, 2, 60)


class Diary(callbacks.Callback):
    """One of the user's own, with a state of every kind."""

    state_attributes = ("steps", "sums", "words", "last", "nothing", "nested")

    def on_train_begin(self, logs=None):
        self.steps, self.sums, self.words = 0, np.zeros(2), []
        self.last, self.nothing, self.nested = math.nan, None, {}

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        self.sums += logs["loss"], batch

    def on_epoch_end(self, epoch, logs=None):
        self.words.append(f"{epoch}")
        self.last = logs["loss"]
        self.nested[f"a/{epoch}"] = [np.array([epoch]), (1.5, None), [True, "x"], -math.inf]
        logs["steps"] = float(self.steps)


class Shrinking(callbacks.Callback):
    """Changes the rate at the start of each epoch by what it was: once, and not twice."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate *= 0.9


class Lazy(callbacks.Callback):
    """Makes a run last, so that it can be killed in the middle of everything."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)

    def on_test_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


def backup(folder: Path, **how: Any) -> callbacks.BackupAndRestore:
    """One whose file stays, or a run that is killed after its end would begin anew."""
    return callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False, **how)


def everything(folder: Path):
    """After each epoch, with most callbacks, the backup among them anywhere."""
    stack = [
        layers.Dense(8, activation="tanh", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(3, trainable=False),
        layers.GaussianNoise(0.1, seed=4),
        layers.Dense(1, activation="sigmoid"),
    ]
    model = Sequential(stack, seed=1)
    model.compile(
        optimizers.Adam(0.02, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7),
        "binary_crossentropy",
        metrics=["accuracy", metrics.AUC(num_thresholds=None), metrics.F1Score(threshold=0.5)],
        weighted_metrics=["mae"],
    )
    return model, {
        "y": LABELS,
        "epochs": 14,
        "validation_split": 0.2,
        "sample_weight": WEIGHTS,
        "validation_batch_size": 5,
        "callbacks": [
            callbacks.EarlyStopping("val_mae", patience=9, mode="min", restore_best_weights=True),
            backup(folder),
            callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, cooldown=1),
            callbacks.CSVLogger(folder / "log.csv"),
            Diary(),
            callbacks.ModelCheckpoint(folder / "m-{epoch}", save_best_only=True, max_to_keep=2),
        ],
    }


def by_batches(folder: Path):
    """After every third batch, with epochs that end in the middle of a round."""
    stack = [layers.Dense(6, activation="relu"), layers.AlphaDropout(0.2), layers.Dense(4)]
    model = Sequential(stack, seed=2, dtype="float64")
    schedule = schedules.CosineDecay(0.05, 60, warmup_target=0.1, warmup_steps=5)
    model.compile(
        optimizers.SGD(schedule, momentum=0.9, gradient_accumulation_steps=2), "mse",
        metrics=[metrics.R2Score(class_aggregation=None), "mae"],
    )  # fmt: skip
    return model, {
        "y": Y,
        "epochs": 15,
        "steps_per_epoch": 4,
        "validation_data": (X[:20], Y[:20]),
        "validation_freq": [2, 3, 7],
        "callbacks": [
            backup(folder, save_freq=3, double_checkpoint=True),
            callbacks.CSVLogger(folder / "log.csv", append=True),
            Diary(),
        ],
    }


def each_step(folder: Path):
    """After every batch, with averages in the model between the epochs and rates that change."""
    stack = [layers.Dense(6, activation="relu"), layers.Dropout(0.2), layers.Dense(4)]
    model = Sequential(stack, seed=3)
    optimizer = optimizers.RMSprop(0.01, use_ema=True, ema_momentum=0.8)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer, "mse", metrics=["mse"])
    return model, {
        "y": Y,
        "epochs": 6,
        "shuffle": False,
        "validation_data": (X, Y),
        "callbacks": [
            Shrinking(),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.95),
            callbacks.SwapEMAWeights(swap_on_epoch=True),
            callbacks.ModelCheckpoint(folder / "m-{epoch}", save_best_only=True),
            Diary(),
            callbacks.CSVLogger(folder / "log.csv"),
            backup(folder, save_freq=1),
        ],
    }


RUNS = {run.__name__: run for run in (everything, by_batches, each_step)}


def fit(run: str, folder: Path, pause: float = 0.0, more: Any = (), **changes: Any):
    model, arguments = RUNS[run](folder)
    arguments["callbacks"] = [*arguments["callbacks"], *more, *([Lazy(pause)] if pause else [])]
    return model, model.fit(X, batch_size=10, verbose=0, **{**arguments, **changes})


def outcome(model: Sequential, history: Any, folder: Path) -> dict[str, Any]:
    """All that a run leaves: weights, optimizer, generators, History, files."""
    files = [path for path in folder.iterdir() if path.is_file()]
    log = (folder / "log.csv").read_text()
    return {
        "weights": [hashlib.sha256(W.tobytes()).hexdigest() for W in model.get_weights()],
        "optimizer": hashlib.sha256(model.optimizer.state.tobytes()).hexdigest(),
        "steps": model.optimizer.steps,
        "rate": model.optimizer.learning_rate,
        "streams": repr(model._network.streams.state()),
        "history": repr(history.history),
        "epochs": history.epoch,
        "log": log,
        "rows": [row[0] for row in csv.reader(log.splitlines())],
        "files": sorted(path.name for path in files),
        "models": [
            [W.tobytes().hex() for W in load_model(path).get_weights()]
            for path in sorted(files)
            if path.name.startswith("m-")
        ],
    }


def whole(run: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    return outcome(*fit(run, folder), folder)


# -- killed and started again ----------------------------------------------------------------------


def in_a_process(*arguments: object, timeout: int = 300) -> dict[str, Any]:
    root = str(Path(annlib.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


posix = pytest.mark.skipif(os.name != "posix", reason="signals and fork are POSIX")
slow, long = pytest.mark.slow, pytest.mark.long


@posix
@pytest.mark.parametrize(
    ("run", "name", "count"),
    [
        pytest.param(run, name, count, marks=marks)
        for name, count, marks in [
            ("SIGKILL", 8, slow),
            ("SIGINT", 4, ()),
            ("SIGKILL", 25, slow),
            ("SIGINT", 10, slow),
            ("SIGKILL", 200, long),
        ]
        for run in RUNS
    ],
)
def test_a_run_that_is_cut_off_again_and_again_ends_at_the_same_bits(run, name, count, tmp_path):
    report = in_a_process("cut", run, tmp_path, name, count)
    assert report["cut"] == count
    assert report["found"] == report["expected"]
    if name == "SIGINT":
        assert report["interrupted"] > count / 2


@posix
def test_processes_with_nothing_in_common_go_on_from_each_other(tmp_path):
    """New interpreters, with other hash seeds, each killed by its own hand after some steps."""
    root = str(Path(annlib.__file__).parents[1])
    for seed, steps in enumerate([2, 13, 25, 1000]):
        environment = {"PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": str(seed)}
        ran = subprocess.run(
            [sys.executable, __file__, "once", "by_batches", str(tmp_path), str(steps)],
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == (0 if steps == 1000 else -signal.SIGKILL), ran.stderr
    assert json.loads(ran.stdout) == in_a_process("once", "by_batches", tmp_path / "other", 1000)


# -- asked to stop in one process, and what a checkpoint holds -------------------------------------


class CtrlC(callbacks.Callback):
    """Asks the process to stop, from a hook, at an epoch and a batch."""

    def __init__(self, hook: str, *place: int) -> None:
        self.place, self.due = place, True
        setattr(self, hook, self._ask)

    def _ask(self, number, logs=None):
        here = (self.model._run.epoch, number)
        if self.due and here[: len(self.place)] >= self.place:
            self.due = False
            signal.raise_signal(signal.SIGINT)


STOPS = [
    ("on_train_batch_end", 0, 0),
    ("on_train_batch_end", 3, 2),
    ("on_train_batch_begin", 4, 1),
    ("on_epoch_begin", 2),
    ("on_epoch_end", 2),
    ("on_test_batch_end", 1, 1),
    ("on_train_batch_end", 1, 1),  # where a pass ends within an epoch, in ``by_batches``
]


@posix
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: "-".join(map(str, stop)))
def test_fit_called_again_after_ctrl_c_goes_on_to_the_same_bits(run, stop, tmp_path):
    expected = whole(run, tmp_path / "whole")
    here = tmp_path / "here"
    here.mkdir()
    model, arguments = RUNS[run](here)
    arguments["callbacks"].insert(0, CtrlC(*stop))
    first = model.fit(X, batch_size=10, verbose=0, **arguments)
    assert first.interrupted
    assert len(first.epoch) < len(expected["epochs"])
    second = model.fit(X, batch_size=10, verbose=0, **arguments)
    assert not second.interrupted
    assert outcome(model, second, here) == expected


def test_the_file_holds_every_row_of_the_table(tmp_path):
    """What the trusted systems keep, and what they do not (see the notes on reliability)."""
    model, arguments = by_batches(tmp_path)
    stopping = callbacks.EarlyStopping("loss", restore_best_weights=True)
    plateau = callbacks.ReduceLROnPlateau("loss")
    model.compile(optimizers.Adam(0.1), "mse", metrics=["mae"])
    stop = CtrlC("on_train_batch_end", 2, 0)
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=3)
    arguments["callbacks"] = [backup, stopping, plateau, stop]
    model.fit(X, batch_size=10, verbose=0, **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["backup.safetensors"]
    header, tensors = container.read(tmp_path / "backup.safetensors", "checkpoint")
    place = header["place"]
    kept = dict(place["callbacks"])
    assert {f"layers/{i}/{name}" for i in (0, 2) for name in ("kernel", "bias")} < tensors.keys()
    assert {"optimizer/0", "optimizer/1"} < tensors.keys()
    assert header["compiled"]["run"]["calls"] == 9
    assert kept.keys() == {"EarlyStopping", "ReduceLROnPlateau", "History", "BackupAndRestore"}
    assert any(name.startswith("callbacks/") and "kernel" not in name for name in tensors)
    assert (place["epoch"], place["batch"]) == (2, 1)
    assert place["rounds"]["done"] == 3  # of the second pass: 4 + 4 + 1 steps, 6 batches a pass
    assert place["rounds"]["shuffle"]["bit_generator"] == "PCG64"
    assert header["streams"].keys() == {"shuffle", "alpha_dropout/0"}
    assert dict(place["tally"]["dict"])["total"] > 0
    history = dict(dict(kept["History"]["dict"])["history"]["dict"])
    assert tensors[history["loss"]["list"]].shape == (2,)
    assert header["run"]["data"].keys() == {"batch_size", "x", "y"}
    assert header["platform"].keys() == {"numpy", "blas"}


def test_a_model_without_a_seed_goes_on_from_the_one_it_drew(tmp_path):
    def fit(folder, seed, *more):
        model, arguments = small(
            folder,
            stack=[layers.Dense(3), layers.Dropout(0.5), layers.Dense(4)],
            model={"seed": seed},
        )
        arguments["callbacks"] += more
        return model, model.fit(**arguments)

    first, _ = fit(tmp_path, None, CtrlC("on_epoch_end", 1))
    second, history = fit(tmp_path, None)
    assert second.seed == first.seed
    whole, expected = fit(tmp_path / "whole", first.seed)
    assert history.history == expected.history
    for one, other in zip(second.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_platform_is_told_of(tmp_path, monkeypatch):
    fit("by_batches", tmp_path, more=[CtrlC("on_epoch_end", 1)])
    other = {"numpy": np.__version__, "blas": [["openblas", "0.1", 64]]}
    monkeypatch.setattr(checkpoint, "platform", lambda: other)
    with pytest.warns(UserWarning, match=r"differ in the last bits: blas.*there.*here"):
        fit("by_batches", tmp_path)


# -- another run -----------------------------------------------------------------------------------


def small(folder, **how):
    """A model, and the arguments of a fit that is stopped after some steps."""
    stack = how.pop("stack", None) or [layers.Dense(3, activation="tanh"), layers.Dense(4)]
    model = Sequential(stack, **{"seed": 5, **how.pop("model", {})})
    optimizer = how.pop("optimizer", None) or optimizers.Adam(0.1)
    model.compile(optimizer, how.pop("loss", "mse"), metrics=how.pop("metrics", ["mae"]))
    backup = callbacks.BackupAndRestore(folder)
    return model, {
        "x": X, "y": Y, "batch_size": 10, "epochs": 4, "verbose": 0, **how,
        "callbacks": [backup, *how.get("callbacks", [])],
    }  # fmt: skip


def excluding(*names):
    optimizer = optimizers.Adam(0.1)
    optimizer.exclude_from_weight_decay(var_names=list(names))
    return optimizer


def but(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


OTHERS = {
    "units": ({"stack": [layers.Dense(5, "tanh"), layers.Dense(4)]}, r"0\].*units: 3 .*5 here"),
    "layers": ({"stack": [layers.Dense(4)]}, r"another model \(layers: .*there"),
    "activation": ({"stack": [layers.Dense(3), layers.Dense(4)]}, r"activation.*Tanh.*Linear"),
    "dtype": ({"model": {"dtype": "float64"}}, "dtype: 'float32' there, 'float64' here"),
    "seed": ({"model": {"seed": 6}}, "seed: 5 there, 6 here"),
    "frozen": (
        {"stack": [layers.Dense(3, activation="tanh", trainable=False), layers.Dense(4)]},
        "trainable: True there",
    ),
    "features": ({"x": X[:, :3]}, r"input shape \(\[0\]: 4 there, 3 here\)"),
    "optimizer": ({"optimizer": optimizers.SGD(0.1)}, "'Adam' there, 'SGD' here"),
    "rate": ({"optimizer": optimizers.Adam(0.2)}, "learning_rate: 0.1 there, 0.2 here"),
    "decay": ({"optimizer": excluding("bias")}, "undecayed"),
    "loss": ({"loss": "mae"}, "MeanSquaredError"),
    "metrics": ({"metrics": ["mae", "mse"]}, "another compile .*metrics"),
    "rows": ({"x": X[:50], "y": Y[:50]}, r"data.x\[0\]\[0\]: 60 there, 50 here"),
    "one number of x": ({"x": but(X, (37, 2), 0)}, r"data.x\[2\]"),
    "one target": ({"y": but(Y, (59, 3), 0)}, r"data.y\[2\]"),
    "type of x": ({"x": X.astype("f4")}, "'<f8' there, '<f4' here"),
    "batch_size": ({"batch_size": 20}, "batch_size: 10 there, 20 here"),
    "sample_weight": ({"sample_weight": WEIGHTS}, "weights: only here"),
    "shuffle": ({"shuffle": False}, "shuffle: True there, False here"),
    "steps_per_epoch": ({"steps_per_epoch": 3}, "steps_per_epoch: None there, 3 here"),
    "initial_epoch": ({"initial_epoch": 1}, "first_epoch: 0 there, 1 here"),
    "validation": ({"validation_data": (X, Y)}, "validation: only here"),
    "validation_split": ({"validation_split": 0.5}, "there, 30 here"),
    "callbacks": ({"callbacks": [Diary()]}, "Pass the same callbacks in the same order"),
}  # fmt: skip


@posix
@pytest.mark.parametrize("name", OTHERS)
def test_another_run_is_refused_by_its_first_difference(name, tmp_path):
    changes, message = copy.deepcopy(OTHERS[name])
    model, arguments = small(tmp_path)
    arguments["callbacks"].append(CtrlC("on_train_batch_end", 1, 1))
    model.fit(**arguments)
    file = tmp_path / "backup.safetensors"
    before, log = file.read_bytes(), tmp_path / "log.csv"
    log.write_text("epoch,loss\n0,1.0\n")
    more = [*changes.get("callbacks", []), callbacks.CSVLogger(log)] if name == "callbacks" else []
    model, arguments = small(tmp_path, **changes)
    arguments["callbacks"] += more
    model.build((None, arguments["x"].shape[1]))
    weights, calls = model.get_weights(), model.optimizer.steps
    with pytest.raises(ModelFormatError, match=message) as raised:
        model.fit(**arguments)
    assert str(file) in str(raised.value)
    assert file.read_bytes() == before
    assert log.read_text() == "epoch,loss\n0,1.0\n"
    assert model.optimizer.steps == calls
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    arguments["callbacks"] = None
    assert len(model.fit(**arguments).epoch) >= 3  # the model is as good as new


def test_one_number_in_thousands_makes_other_data():
    x = np.zeros((5000, 3))
    prints = [
        ArrayLoader(data, batch_size=10, dtype="f4", target_dtype="f4").fingerprint()
        for data in (x, x.copy(), but(x, (2345, 1), 1e-9), x.astype("f4"), np.asfortranarray(x))
    ]
    assert prints[0] == prints[1] == prints[4]
    assert prints[2] != prints[0] != prints[3]


def test_more_epochs_are_the_same_run(tmp_path):
    long, arguments = small(tmp_path / "other", epochs=7)
    expected = long.fit(**arguments)
    model, arguments = small(tmp_path, callbacks=[])
    arguments["callbacks"] = [callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)]
    model.fit(**arguments)
    again, arguments = small(tmp_path, epochs=7)
    assert repr(again.fit(**arguments).history) == repr(expected.history)
    assert not (tmp_path / "backup.safetensors").exists()


def test_a_later_fit_in_the_same_folder_is_no_run_to_begin_with(tmp_path):
    """A script of two fits with one folder, killed in the second, began its first fit there."""
    model, arguments = small(tmp_path)
    model.fit(**arguments)
    arguments["callbacks"].append(CtrlC("on_epoch_end", 1))
    model.fit(**arguments)
    model, arguments = small(tmp_path)
    with pytest.raises(ModelFormatError, match="a later fit, that began after 24 steps"):
        model.fit(**arguments)


def test_a_damaged_file_is_refused(tmp_path):
    model, arguments = small(tmp_path)
    (tmp_path / "backup.safetensors").write_bytes(b"no model")
    with pytest.raises(ModelFormatError, match=r"backup\.safetensors"):
        model.fit(**arguments)
    model.save(tmp_path / "backup.safetensors")
    with pytest.raises(ModelFormatError, match="kind: expected 'checkpoint', got 'model'"):
        model.fit(**arguments)


def test_a_run_that_is_through_is_not_trained_again(tmp_path):
    """Killed after the last epoch was written, before the file was removed."""

    class Fails(callbacks.Callback):
        def on_train_end(self, logs=None):
            self.logs = logs
            raise RuntimeError("killed")

    model, arguments = small(tmp_path, optimizer=optimizers.Adam(0.1, use_ema=True))
    stopping = callbacks.EarlyStopping("loss", 100, start_from_epoch=1, restore_best_weights=True)
    arguments["callbacks"] += [stopping, fails := Fails()]
    with pytest.raises(RuntimeError):
        model.fit(**arguments)
    weights = model.get_weights()
    again, arguments = small(tmp_path, optimizer=optimizers.Adam(0.1, use_ema=True))
    ends = callbacks.LambdaCallback(on_train_end=lambda logs: seen.append(logs))
    seen: list[Any] = []
    arguments["callbacks"] += [stopping, ends]
    history = again.fit(**arguments)
    assert len(history.epoch) == 3 < arguments["epochs"]
    assert seen == [fails.logs]
    for one, other in zip(again.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_that_failed_goes_on_from_its_file_alone(tmp_path):
    """What the failed one left in the model, a rate among it, is of no account."""

    class Fails(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("disk on fire")

    whole, arguments = small(tmp_path / "whole", callbacks=[Shrinking()])
    whole.fit(**arguments)
    model, arguments = small(tmp_path)
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=1000)
    arguments["callbacks"] = [Shrinking(), backup, Fails()]
    with pytest.raises(RuntimeError):
        model.fit(**arguments)
    arguments["callbacks"].pop()
    model.fit(**arguments)
    assert model.optimizer.learning_rate == whole.optimizer.learning_rate
    for one, other in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_fit_of_no_epoch_changes_nothing(tmp_path):
    model, arguments = small(tmp_path, optimizer=optimizers.Adam(0.1, use_ema=True))
    model.fit(**arguments)
    model.vector.values.fill(1.0)
    model.fit(**{**arguments, "initial_epoch": 4, "callbacks": None})
    assert (model.vector.values == 1.0).all()


# -- what cannot be kept ---------------------------------------------------------------------------


def untouched(model, arguments, error, match):
    """The error comes before the first step, and no file is left."""
    with pytest.raises(error, match=match):
        model.fit(**arguments)
    assert model.optimizer.steps == 0


def test_lbfgs_has_no_checkpoints(tmp_path):
    model, arguments = small(tmp_path, optimizer=optimizers.LBFGS())
    untouched(model, arguments, ConfigurationError, "batch by batch, got LBFGS.*Leave out Backup")
    with pytest.raises(ConfigurationError, match="expected an active fit"):
        model._backup(tmp_path / "x")


@pytest.mark.parametrize("freq", ["epoch", 1000])
def test_what_cannot_be_saved_says_so_before_the_first_step(freq, tmp_path):
    def squared(y_true, y_pred):
        return ((y_true - y_pred) ** 2).mean(axis=-1)

    def slope(y_true, y_pred):
        return 2 * (y_pred - y_true) / y_pred.shape[-1]

    def function(shape, dtype):
        return np.ones(shape, dtype)

    backup = callbacks.BackupAndRestore(tmp_path / "b", save_freq=freq)
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "m", save_freq=freq)
    for changes in (
        {"loss": (squared, slope)},
        {"optimizer": lambda: optimizers.Adam(lambda step: 0.1)},
        {"stack": lambda: [layers.Dense(4, kernel_initializer=function)]},
    ):
        for callback in (backup, checkpoint):
            made = {key: value() if callable(value) else value for key, value in changes.items()}
            model, arguments = small(tmp_path, **made)
            arguments["callbacks"] = [callback]
            untouched(model, arguments, ConfigurationError, "a value that a configuration can hold")
            assert not list(tmp_path.rglob("*.safetensors"))

    class Odd(callbacks.Callback):
        state_attributes = ("thing",)
        thing = object()

    model, arguments = small(tmp_path, callbacks=[Odd()])
    untouched(model, arguments, ModelFormatError, "thing: expected numbers, texts, arrays")


class Full:
    """A disk that is full from the n-th write on."""

    def __init__(self, monkeypatch, call: str, after: int) -> None:
        self.left, self.original = after, getattr(os, call)
        monkeypatch.setattr(os, call, self)

    def __call__(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.original(*arguments)


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
@pytest.mark.parametrize("double", [False, True])
def test_a_full_disk_is_an_os_error_and_the_file_before_stays(call, double, tmp_path, monkeypatch):
    expected, arguments = small(tmp_path / "whole")
    expected.fit(**arguments)
    backup = callbacks.BackupAndRestore(tmp_path, double_checkpoint=double)
    model, arguments = small(tmp_path)
    arguments["callbacks"] = [backup]
    with monkeypatch.context() as patched:
        Full(patched, call, 7 if call != "replace" else 3)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            model.fit(**arguments)
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert set(names) <= {"backup.safetensors", "backup-before.safetensors"}
    assert names
    for name in names:
        container.read(tmp_path / name, "checkpoint")
    assert np.isfinite(model.evaluate(X, Y)).all()
    model.fit(**arguments)  # the disk has room again
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_that_cannot_be_written_to_is_said_at_once(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    model, arguments = small(tmp_path / "file")
    untouched(model, arguments, OSError, "file")


# -- rows, streams, and the order of callbacks -----------------------------------------------------


def test_a_log_that_was_cut_off_in_a_row_is_mended(tmp_path):
    model, arguments = small(tmp_path)
    log = tmp_path / "log.csv"
    arguments["callbacks"] += [callbacks.CSVLogger(log), CtrlC("on_epoch_end", 1)]
    model.fit(**arguments)
    rows = log.read_text()
    with log.open("a") as file:
        file.write("2,0.5,half of a")  # the process was killed here
    history = model.fit(**arguments)
    assert log.read_text().startswith(rows)
    assert [row[0] for row in csv.reader(log.read_text().splitlines())] == [
        "epoch",
        "0",
        "1",
        "2",
        "3",
    ]
    assert len(history.epoch) == 4


@pytest.mark.parametrize("append", [False, True])
def test_rows_of_a_run_that_nothing_was_kept_of_are_cut_off(append, tmp_path):
    """Killed before the first file after the first epoch: the run begins anew, and its log."""
    log = tmp_path / "log.csv"
    if append:
        log.write_text("epoch,loss,mae\n0,7.0,8.0\n")
    model, arguments = small(tmp_path)
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=1000)

    class Killed(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("killed")

    arguments["callbacks"] = [callbacks.CSVLogger(log, append=append), backup, Killed()]
    with pytest.raises(RuntimeError):
        model.fit(**arguments)
    arguments["callbacks"].pop()
    model.fit(**arguments)
    rows = [row[0] for row in csv.reader(log.read_text().splitlines())]
    assert rows == ["epoch", *["0"][:append], "0", "1", "2", "3"]


def test_the_backup_sees_what_all_others_have_done(tmp_path):
    calls = []

    class Noting(callbacks.Callback):
        def __init__(self, name):
            self.name = name

        def note(self, hook):
            calls.append(f"{self.name} {hook}")

        def on_train_begin(self, logs=None):
            self.note("train begin")

        def on_epoch_end(self, epoch, logs=None):
            self.note("epoch end")

    class Outer(Noting):
        wraps_others = True

    model, arguments = small(tmp_path, epochs=1)
    arguments["callbacks"] = [Noting("a"), Outer("outer"), [Noting("b")]]
    model.fit(**arguments)
    assert calls == [
        "outer train begin", "a train begin", "b train begin",
        "a epoch end", "b epoch end", "outer epoch end",
    ]  # fmt: skip


def test_values_that_are_not_finite_come_back(tmp_path):
    stopping = callbacks.EarlyStopping("gone", mode="min")
    model, arguments = small(tmp_path, callbacks=[stopping, Diary()])
    nan = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(odd=[math.nan, math.inf][epoch % 2])
    )
    arguments["callbacks"] += [nan, CtrlC("on_epoch_end", 1)]
    with pytest.warns(UserWarning, match="gone"):
        model.fit(**arguments)
    with pytest.warns(UserWarning, match="gone"):
        history = model.fit(**arguments)
    assert repr(history.history["odd"]) == "[nan, inf, nan, inf]"


def test_long_runs_and_many_rows_are_short_headers(tmp_path):
    """Histories, and the rows that an exact metric keeps, are tensors, and few."""
    model, arguments = small(tmp_path, metrics=[metrics.AUC(num_thresholds=None)], loss="mse")
    model.pop()
    model.add(layers.Dense(1, activation="sigmoid"))
    arguments |= {"y": LABELS, "batch_size": 1, "epochs": 60, "steps_per_epoch": 60}
    arguments["callbacks"] = [
        callbacks.BackupAndRestore(tmp_path, save_freq=59, delete_checkpoint=False)
    ]
    model.fit(**arguments)
    header, tensors = container.read(tmp_path / "backup.safetensors", "checkpoint")
    assert len(json.dumps(header)) < 10_000
    assert len(tensors) < 30


# -- in processes of their own ---------------------------------------------------------------------


class Mortal(callbacks.Callback):
    """Kills its own process after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.steps -= 1
        if not self.steps:
            os.kill(os.getpid(), signal.SIGKILL)


def once(run: str, folder: Path, steps: int) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return outcome(*fit(run, folder, more=[Mortal(steps)]), folder)


def in_a_child(run: str, folder: Path, pause: float, result: Path) -> int:
    """Fork a run that leaves its outcome in a file."""
    child = os.fork()
    if child:
        return child
    try:
        model, history = fit(run, folder, pause)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if not history.interrupted:
            part = result.with_suffix(".part")
            part.write_text(json.dumps(outcome(model, history, folder)))
            part.replace(result)
    except KeyboardInterrupt:  # before fit could take it in, or after it
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def cut(run: str, folder: Path, signal_name: str, count: int) -> dict[str, Any]:
    rng, number = random.Random(0), getattr(signal, signal_name)
    expected = whole(run, folder / "whole")
    report: dict[str, Any] = {"expected": expected, "cut": 0, "runs": 0, "interrupted": 0}
    pause = 0.002
    start = time.perf_counter()
    (folder / "timed").mkdir()
    fit(run, folder / "timed", pause)
    lasts = time.perf_counter() - start
    while report["cut"] < count:
        here = folder / f"run {report['runs']}"
        here.mkdir()
        report["runs"] += 1
        result = here.parent / f"{here.name}.json"
        while not result.exists():
            child = in_a_child(run, here, pause, result)
            if report["cut"] < count:
                time.sleep(rng.uniform(0, 0.6 * lasts))
                if os.waitpid(child, os.WNOHANG)[0]:
                    continue
                os.kill(child, number)
                report["cut"] += 1
            status = os.waitpid(child, 0)[1]
            code = os.waitstatus_to_exitcode(status)
            assert code in (0, -number), f"{run} ended with {code}"
            report["interrupted"] += code == 0 and not result.exists()
        found = json.loads(result.read_text())
        if found != expected:
            return {**report, "found": found}
    return {**report, "found": expected}


if __name__ == "__main__":
    command, run, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if command == "once":
        answer = once(run, folder, int(sys.argv[4]))
    else:
        answer = cut(run, folder, sys.argv[4], int(sys.argv[5]))
    print(json.dumps(answer))  # noqa: T201  # what the test reads
