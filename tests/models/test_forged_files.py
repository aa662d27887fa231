"""Files from strangers are models or the one error: nothing they say is run, imported or believed.

Run as a script, this file is the fuzzer (an audit hook cannot be removed, so it gets a process of
its own) and the process that is killed while it saves.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # as a script, too

from cases import TABLES

import annlib
from annlib import (
    Input,
    Sequential,
    constraints,
    initializers,
    layers,
    load_model,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from annlib.core.errors import ModelFormatError
from annlib.models import files
from annlib.saving import container, model_file

# -- files from strangers --------------------------------------------------------------------------


def small() -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and tensors of a small file."""
    model = Sequential([Input((3,)), layers.Dense(2, "relu"), layers.Dropout(0.5)], seed=1)
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return opened(container.to_bytes("model", *model._describe()))


def opened(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    header, tensors = container.from_bytes(data, "model")
    for key in ("format", "kind", "annlib", "numpy"):
        del header[key]
    return header, tensors


def put(header: Any, place: str, value: Any) -> Any:
    """A header with another value at a place, like ``config.layers.1.config.units``."""
    header = inner = copy.deepcopy(header)
    *way, last = (int(part) if part.isdigit() else part for part in place.split("."))
    for part in way:
        inner = inner[part]
    inner[last] = value
    return header


def many(count: int, what: Any) -> list[Any]:
    return [copy.deepcopy(what) for _ in range(count)]


DENSE = "config.layers.1.config"
IDENTITY = {"class_name": "Identity", "config": {}}
HUGE = 10**12
SPREAD = ["x" * 10**6, *[""] * 10**5]
FORGED: dict[str, tuple[str, Any, str]] = {
    "huge units": (f"{DENSE}.units", HUGE, r"shape \(3, 1000000000000\)"),
    "units of 128 bits": (f"{DENSE}.units", 2**127, "units as an integer"),
    "huge input": ("config.layers.0.config.shape", [HUGE], "misfit|shape"),
    "huge shape": ("shape", [HUGE], "shape"),
    "huge shape of a layer": ("layers.0.shape", [HUGE], "shape"),
    "no shape of a layer": ("layers.0.shape", None, "misfit"),
    "no shapes": ("layers.1.shape", None, "built layers"),
    "huge embedding": (
        "config.layers.1",
        {"class_name": "Embedding", "config": {"input_dim": HUGE, "output_dim": HUGE}},
        "misfit",
    ),
    "huge reshape": (
        "config.layers.1",
        {"class_name": "Reshape", "config": {"target_shape": [HUGE, -1]}},
        "fit target_shape",
    ),
    "many dimensions": ("layers.0.shape", [1] * 100_000, "shape"),
    "huge PReLU": ("config.layers.1", {"class_name": "PReLU", "config": {}}, "misfit"),
    "texts that NumPy would spread": (
        "config.layers.2",
        {"class_name": "Normalization", "config": {"mean": SPREAD, "variance": SPREAD}},
        "numbers",
    ),
    "huge metric": (
        "compiled.metrics",
        [{"class_name": "AUC", "config": {"num_thresholds": 10**9}}],
        "at most 2097152 thresholds",
    ),
    "huge metric by its square": (
        "compiled.metrics",
        [
            {
                "class_name": "AUC",
                "config": {"num_thresholds": 10**6, "multi_label": True, "num_labels": 48_000},
            }
        ],
        "at most 2097152|MemoryError|allocate",
    ),
    "a thousand metrics": ("compiled.metrics", ["mae"] * 1000, "at most 100 metrics"),
    "2000 layers": ("config.layers", many(2000, IDENTITY), "at most 1000 layers"),
    "2000 marks": ("layers", many(2000, {"name": "x", "learns": True, "shape": None}), "at most"),
    "a name of a million letters": ("config.layers.1.class_name", "x" * 10**6, "known layer"),
    "an argument of a million letters": (f"{DENSE}.{'y' * 10**6}", 1, "known arguments"),
    "unknown class": ("config.layers.1.class_name", "Conv2D", r'"Conv2D".*custom_objects'),
    "a module": ("config.layers.1.class_name", "os.system", r'"os\.system".*custom_objects'),
    "a callback": ("config.layers.1.class_name", "EarlyStopping", "known layer"),
    "a model in a model": ("config.layers.1.class_name", "Sequential", "known layer"),
    "a lambda": (
        "config.layers.1",
        {"class_name": "Lambda", "config": {"function": "os.system"}},
        "known function",
    ),
    "code": (
        "config.layers.1",
        {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__"}}},
        "function of an array",
    ),
    "a function as activation": (f"{DENSE}.activation", "os.system", "known activation"),
    "a name for a layer": ("config.layers.1", "dense", "a configuration as layer"),
    "a list for a layer": ("config.layers.1", [], "a configuration as layer"),
    "a name for an optimizer": ("compiled.optimizer", "sgd", "a configuration as optimizer"),
    "no layers": ("config.layers", [], "names"),
    "layers as text": ("config.layers", "dense", "configuration as layer|TypeError"),
    "one more mark": ("layers", many(3, {"name": "dense", "learns": True, "shape": [3]}), "names"),
    "another name": ("layers.0.name", "dense_1", "loaded"),
    "a path for a name": ("layers.0.name", "dense/kernel", "a name of a layer"),
    "no name": ("layers.0.name", "", "a name of a layer"),
    "a name twice": ("layers.1.name", "dense", "names"),
    "a name that is a list": ("layers.0.name", ["dense"], "a name of a layer"),
    "learns as a number": ("layers.0.learns", 1, "the type of learns"),
    "not learning": ("layers.0.learns", False, "optimizer state"),
    "unknown argument": (f"{DENSE}.unitz", 1, "Did you mean"),
    "wrong type": (f"{DENSE}.units", "2", "units as an integer"),
    "a fraction": (f"{DENSE}.units", 2.0, "units as an integer"),
    "a truth value": (f"{DENSE}.units", True, "units as an integer"),
    "other dtype": ("config.dtype", "float64", "types"),
    "unknown dtype": ("config.dtype", "object", "dtype one of"),
    "negative seed": ("config.seed", -1, "seed"),
    "a seed that is a list": ("config.seed", [1], "seed"),
    "unknown key of config": ("config.trust", True, "known arguments"),
    "a class that nobody knows": ("class_name", "Nobody", "expected a known model"),
    "a class of a million letters": ("class_name", "y" * 10**6, "expected a known model"),
    "a class that is a number": ("class_name", 7, "expected a known model"),
    "a class that rings": ("class_name", "\a", "printable"),
    "arguments of no class": ("arguments", {"layers": []}, "class_name"),
    "ESC in a name": ("config.name", "\x1b[2J", "printable"),
    "ESC in a key": ("compiled.metrics", [{"class_name": "\x1b", "config": {}}], "printable"),
    "right to left": (f"{DENSE}.name", "\u202egpj", "printable"),
    "streams as a list": ("streams", [], "AttributeError"),
    "another generator": ("streams.shuffle.bit_generator", "MT19937", "where a PCG64 stands"),
    "a negative position": ("streams.shuffle.state.state", -1, "where a PCG64 stands"),
    "an even increment": ("streams.shuffle.state.inc", 4, "where a PCG64 stands"),
    "a float position": ("streams.shuffle.state.state", 0.5, "where a PCG64 stands"),
    "no position": ("streams.shuffle", None, "where a PCG64 stands"),
    "half a position": ("streams.shuffle", {"bit_generator": "PCG64"}, "where a PCG64 stands"),
    "a long name of a stream": (f"streams.{'s' * 5000}", None, "where a PCG64 stands"),
    "negative steps": ("compiled.run.calls", -1, "calls as an integer"),
    "huge steps": ("compiled.run.calls", 2**100, "calls as an integer"),
    "steps as a float": ("compiled.run.calls", 1.0, "calls as an integer"),
    "negative rate": ("compiled.run.learning_rate", -1.0, "learning_rate"),
    "a rate that is text": ("compiled.run.learning_rate", "1", "learning_rate"),
    "a rate of no schedule": (
        "compiled.run.learning_rate",
        {"class_name": "Dense", "config": {"units": 1}},
        "schedule",
    ),
    "no state": ("compiled.run.built", False, "1 vectors of optimizer state"),
    "more state": ("compiled.optimizer.config.nesterov", 7, "nesterov|state|loaded"),
    "averages": ("compiled.optimizer.config.use_ema", True, "2 vectors of optimizer state"),
    "no loss of all": ("compiled.loss", {"class_name": "Huge", "config": {}}, "known loss"),
    "loss as a list": ("compiled.loss", [], "compile.loss"),
    "a pattern": ("compiled.undecayed", "(a+)+$", "undecayed parameters"),
    "undecayed numbers": ("compiled.undecayed", [1], "undecayed parameters"),
    "undecayed lists": ("compiled.undecayed", [["dense/bias"]], "undecayed parameters"),
    "unknown undecayed": ("compiled.undecayed", ["dense/bias", "x/bias"], "undecayed parameters"),
    "undecayed twice": ("compiled.undecayed", ["dense/bias"] * 2, "undecayed parameters"),
    "long undecayed": (
        "compiled.undecayed",
        [f"{n}{'(a|b)*' * 800}" for n in range(600)],
        "undecayed parameters",
    ),
    "undecayed in part": ("compiled.undecayed", ["dense/bias"], "loaded"),
    "an unknown key of compile": ("compiled.steps_per_execution", 8, "TypeError"),
    "NaN of all": ("compiled.optimizer.config.learning_rate", None, "learning_rate"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_refused_before_they_cost_anything(name, tmp_path):
    """Whoever makes a file can make its digest as well."""
    place, value, message = FORGED[name]
    header, tensors = small()
    path = tmp_path / "m"
    container.write(path, "model", put(header, place, value), tensors)
    load = lambda: load_model(path)  # noqa: E731
    if message.endswith("loaded"):  # harmless
        with contextlib.suppress(ModelFormatError):
            load()
        return
    with contextlib.suppress(ModelFormatError):  # once, for what is imported when first used
        load()
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ModelFormatError, match=message) as raised:
        load()
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(raised.value).startswith(f"{path}, ") or str(raised.value).startswith(f"{path}: ")
    assert len(str(raised.value)) < 1000
    assert str(raised.value).isprintable()
    assert peak < 2**26 + 3 * path.stat().st_size
    assert seconds < 5


def test_weights_that_do_not_fit_are_refused():
    header, tensors = small()
    kernel, row = tensors["layers/0/kernel"], tensors["optimizer/0"]
    files.restore(header, dict(tensors))
    for changes, message in (
        ({"layers/0/kernel": kernel.T}, r"of shape \(3, 2\)"),
        ({"layers/0/kernel": kernel.astype(bool)}, "floating-point.*bool"),
        ({"layers/0/kernel": kernel.astype("i8")}, "floating-point.*int64"),
        ({"layers/0/kernel": kernel.astype("f8")}, "types"),
        ({"layers/0/kernel": None}, "misfit.*kernel"),
        ({"layers/0/extra": kernel}, "misfit.*extra"),
        ({"layers/7/kernel": kernel}, "misfit.*layers/7"),
        ({"optimizer/0": row[:-1]}, "1 vectors of optimizer state"),
        ({"optimizer/0": row.astype("f8")}, "1 vectors of optimizer state"),
        ({"optimizer/0": None}, "1 vectors of optimizer state"),
        ({"optimizer/1": row}, "1 vectors of optimizer state"),
        ({"optimizer/x": row}, "1 vectors of optimizer state"),
        ({"other": row}, "other"),
    ):
        changed = {k: v for k, v in {**tensors, **changes}.items() if v is not None}
        with pytest.raises(ModelFormatError, match=message):
            files.restore(header, changed)


def test_files_of_another_kind_are_refused(tmp_path):
    Sequential([Input((2,)), layers.Dense(1)]).save_weights(tmp_path / "w")
    with pytest.raises(ModelFormatError, match="kind: expected 'model', got 'weights'"):
        load_model(tmp_path / "w")
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load_model(tmp_path)
    for data in (b"", b"\x80\x04", b"PK\x03\x04" + bytes(99), b"\x89HDF\r\n\x1a\n" + bytes(99)):
        (tmp_path / "f").write_bytes(data)
        with pytest.raises(ModelFormatError):
            load_model(tmp_path / "f")


def test_every_single_bit_flip_is_refused():
    header, tensors = small()
    data = container.to_bytes("model", header, tensors)
    assert 2000 < len(data) < 6000
    for position in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(ModelFormatError):
            container.from_bytes(bytes(damaged), "model")


def in_a_process(*arguments: object, timeout: int = 280) -> dict[str, Any]:
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


@pytest.mark.parametrize(
    "count",
    [
        5_000,
        pytest.param(20_000, marks=pytest.mark.slow),
        pytest.param(200_000, marks=pytest.mark.long),
    ],
)
def test_mutants_cause_the_one_error_and_run_nothing(count):
    report = in_a_process("fuzz", count)
    assert report["escaped"] == []
    assert report["warnings"] == []
    assert report["events"] == []
    assert report["damaged and loaded"] == 0
    assert report["mutants"] == count
    # The control: forged files do reach the constructors, some are models, and the hook hears.
    assert report["forged and loaded"] > count / 50
    assert report["forged and refused"] > count / 5
    assert {"ConfigurationError", "UnknownNameError", "ShapeError"} <= set(report["causes"])
    assert report["heard"] == ["open"]
    assert report["megabytes"] < 64


# -- death while saving ----------------------------------------------------------------------------

posix = pytest.mark.skipif(os.name != "posix", reason="kill and fork are POSIX")


@posix
@pytest.mark.parametrize(
    "count",
    [
        40,
        pytest.param(100, marks=pytest.mark.slow),
        pytest.param(1000, marks=pytest.mark.long),
    ],
)
def test_no_kill_leaves_a_file_that_does_not_load(count, tmp_path):
    report = in_a_process("kill", count, tmp_path / "m")
    assert report["loaded"] == report["kills"] == count
    assert report["versions"] > min(count, 100) / 10  # the writers did come to save
    assert report["in the middle"] > min(count, 100) / 20  # and some were killed there


@posix
def test_a_naive_writer_leaves_such_files(tmp_path):
    """The control: a harness that cannot see this one fail would prove nothing."""
    report = in_a_process("kill naively", 40, tmp_path / "m")
    assert report["loaded"] < report["kills"] == 40


# -- in processes of their own ---------------------------------------------------------------------


def write(path: str) -> None:
    """Save one version after the other."""
    model = Sequential([Input((40,)), layers.Dense(300)], seed=1)
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mse")
    model.fit(np.ones((2, 40)), np.ones((2, 300)), verbose=0)
    while True:
        model.optimizer.steps += 1
        model.vector.values.fill(model.optimizer.steps)
        model.save(path)


def naive_write(path: str | os.PathLike[str], data: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(data), 4096):
            file.write(data[start : start + 4096])


def kills(count: int, path: str, naive: bool) -> dict[str, Any]:
    rng = random.Random(0)
    if naive:
        container.atomic_write = naive_write
    report: dict[str, Any] = {"kills": 0, "loaded": 0, "in the middle": 0}
    versions = set()
    for number in range(count):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                write(path)
            os._exit(1)
        while not os.path.exists(path):
            time.sleep(0.001)
        time.sleep(0.02 + rng.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        report["kills"] += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        report["in the middle"] += len(os.listdir(os.path.dirname(path))) > 1
        with contextlib.suppress(ModelFormatError):
            model = load_model(path)
            assert (model.vector.values == model.optimizer.steps).all()
            versions.add((number, model.optimizer.steps))
            report["loaded"] += 1
    return {**report, "versions": len(versions)}


class Fuzzer:
    """Files that are damaged, and files that are forged, from those of some models."""

    VALUES = (
        None, True, False, 0, -1, 1, 2, 7, 10**6, 10**9, 10**12, 2**62, 2**100, -(2**100), 0.5,
        1e308, -1e308, 5e-324, "", "x", "relu", "Dense", "os.system", "../../etc/passwd",
        "x" * 2000, [], {}, [[]], [None], ["x" * 2000, ""] * 20, [1] * 300, [[1.0] * 30] * 30,
        {"class_name": "Dense", "config": {"units": 3}}, {"class_name": "os.system", "config": {}},
        {"class_name": "Sequential", "config": {"layers": []}}, {"class_name": "Identity"},
        {"class_name": "Constant", "config": {"value": 1e300}},
        {"class_name": "LBFGS", "config": {}}, {"class_name": "Softmax", "config": {"axis": -1}},
        {"class_name": "AUC", "config": {"num_thresholds": 10**9}}, json.loads("[" * 40 + "]" * 40),
    )  # fmt: skip
    KEYS = ("x", "units", "config", "class_name", "axis", "mean", "seed", "name", "layers")
    NAMES = sorted({row.cls.__name__ for rows in TABLES.values() for row in rows})
    TENSORS = ("layers/0/kernel", "layers/99/kernel", "optimizer/0", "optimizer/10", "x", "layers/")

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.files = [container.to_bytes("model", *m._describe()) for m in self.models()]
        self.opened = [opened(data) for data in self.files]
        self.texts = [json.dumps(header) for header, _ in self.opened]

    @staticmethod
    def models() -> Iterator[Sequential]:
        x = np.random.default_rng(0).integers(0, 5, size=(12, 4))
        one = Sequential(
            [
                layers.Embedding(5, 2), layers.Reshape((-1, 4)), layers.PReLU(shared_axes=[1]),
                layers.LayerNormalization(), layers.Flatten(),
                layers.Normalization(mean=[0.0] * 8, variance=[1.0] * 8),
                layers.Dense(
                    4, "gelu", kernel_regularizer=regularizers.L1L2(0.1, 0.2),
                    kernel_constraint=constraints.MaxNorm(3.0),
                    kernel_initializer=initializers.Constant([[0.1] * 4] * 8),
                ),
                layers.Dropout(0.2), layers.Dense(3, "softmax"),
            ], seed=1, name="fuzzed",
        )  # fmt: skip
        one.compile(
            optimizers.Adam(schedules.CosineDecayRestarts(0.1, 5), use_ema=True),
            losses.CategoricalCrossentropy(label_smoothing=0.1),
            metrics=["accuracy", metrics.AUC(num_thresholds=20), metrics.F1Score()],
            weighted_metrics=["mae"],
        )
        one.fit(x, np.eye(3)[x[:, 0] % 3], verbose=0, batch_size=5)
        yield one
        frozen = layers.Dense(3, kernel_initializer="orthogonal", trainable=False)
        two = Sequential(
            [Input((4,)), layers.BatchNormalization(), frozen, layers.GaussianNoise(0.1, seed=3)],
            seed=2, dtype="float64",
        )  # fmt: skip
        two.compile(optimizers.SGD(0.1, 0.9, gradient_accumulation_steps=2), "mse")
        two.fit(x, x[:, :3], verbose=0, batch_size=len(x) // 2)
        yield two
        three = Sequential([layers.Dense(2), layers.Dense(3, "sigmoid")], seed=2)
        three.compile("adam", "mse", metrics=["mae"])
        yield three

    def damaged(self) -> bytes:
        """A file with bytes that are flipped, put in, cut out, or taken from another."""
        while (data := self._damaged()) in self.files:
            pass
        return data

    def _damaged(self) -> bytes:
        rng, data = self.rng, bytearray(self.rng.choice(self.files))
        for _ in range(rng.choice((1, 1, 2, 5))):
            place, length = rng.randrange(len(data)), rng.choice((1, 2, 8, 100))
            other = self.rng.choice(self.files)
            start = rng.randrange(len(other))
            change = rng.randrange(4)
            if change == 0:
                data[place] ^= 1 << rng.randrange(8)
            elif change == 1:
                data[place:place] = rng.randbytes(length)
            elif change == 2:
                del data[place : place + length]
            else:
                data[place : place + length] = other[start : start + length]
        return bytes(data or b"x")

    def forged(self) -> tuple[Any, dict[str, Any]]:
        """Header and tensors that are changed so that the digest would be right."""
        which = self.rng.randrange(len(self.files))
        header, tensors = json.loads(self.texts[which]), dict(self.opened[which][1])
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            if tensors and self.rng.random() < 0.2:
                self._change_tensor(tensors)
            else:
                self._change_header(header)
        return header, tensors

    def _value(self) -> Any:
        return copy.deepcopy(self.rng.choice(self.VALUES))

    def _change_header(self, header: Any) -> None:
        rng, slots = self.rng, list(slots_of(header))
        inner, key = rng.choice(slots)
        change = rng.randrange(6)
        if change <= 1:
            inner[key] = self._value()
        elif change == 2:
            other, place = rng.choice(slots)
            inner[key] = copy.deepcopy(other[place])
        elif change == 3:
            del inner[key]
        elif change == 4 and isinstance(inner, dict):
            inner[rng.choice((*self.KEYS, f"{key}_"))] = self._value()
        elif change == 4:
            inner.insert(key, copy.deepcopy(rng.choice((self._value(), inner[key]))))
        else:
            inner, key = rng.choice([slot for slot in slots if slot[1] == "class_name"] or slots)
            inner[key] = rng.choice(self.NAMES)

    def _change_tensor(self, tensors: dict[str, Any]) -> None:
        rng = self.rng
        name = rng.choice(list(tensors))
        value, change = tensors[name], rng.randrange(5)
        if change == 0:
            del tensors[name]
        elif change == 1:
            tensors[rng.choice((*self.TENSORS, f"{name}x"))] = tensors.pop(name)
        elif change == 2:
            tensors[name] = np.zeros(value.shape, rng.choice(("f4", "f8", "i8", "u1", "?")))
        elif change == 3:
            size = value.size
            tensors[name] = np.resize(
                value, rng.choice(((), (1,), (0,), (size,), (*value.shape, 1), (size + 1,)))
            )
        elif value.dtype.kind == "f":
            tensors[name] = np.full_like(value, rng.choice((np.nan, np.inf, -1e30)))


def slots_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a nest of dictionaries and lists."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list) and value[key]:
            yield from slots_of(value[key])


#: What an audit hook hears of files, code, processes and sockets.
LOUD = (
    "open", "import", "exec", "compile", "os.", "subprocess.", "socket.", "shutil.", "ctypes.",
    "marshal.", "pickle.", "glob.", "tempfile.", "urllib.", "code.", "mmap.", "fcntl.",
)  # fmt: skip


def fuzz(count: int) -> dict[str, Any]:
    fuzzer, heard, listening = Fuzzer(0), [], [False]
    found = dict.fromkeys(
        ("mutants", "damaged and loaded", "forged and loaded", "forged and refused"), 0
    )
    escaped: list[str] = []
    causes: set[str] = set()

    def hook(event: str, arguments: Any) -> None:
        if listening[0] and event.startswith(LOUD):
            heard.append(event)

    def try_one(kind: str) -> None:
        try:
            with model_file.refusing("file"):
                if kind == "damaged":
                    header, tensors = opened(fuzzer.damaged())
                else:
                    header, tensors = fuzzer.forged()
                files.restore(header, tensors)
            found[f"{kind} and loaded"] += 1
        except ModelFormatError as error:
            found["forged and refused"] += kind == "forged"
            causes.add(type(error.__cause__).__name__)
        except BaseException as error:
            escaped.append(repr(error))

    for _ in range(300):  # what is imported when it is first used
        try_one("damaged")
        try_one("forged")
    found = dict.fromkeys(found, 0)
    sys.addaudithook(hook)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        listening[0] = True
        for number in range(count):
            try_one("damaged" if number % 2 else "forged")
            found["mutants"] += 1
        listening[0] = False
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    events, listening[0] = sorted(set(heard)), True
    heard.clear()
    with open(__file__):
        pass
    listening[0] = False
    return {
        **found,
        "escaped": escaped[:10],
        "warnings": [str(one.message) for one in warned[:10]],
        "events": events,
        "heard": sorted(set(heard)),
        "causes": sorted(causes),
        "megabytes": (after - before) / 1024,
    }


if __name__ == "__main__":
    if sys.argv[1] == "fuzz":
        answer = fuzz(int(sys.argv[2]))
    else:
        answer = kills(int(sys.argv[2]), sys.argv[3], sys.argv[1] == "kill naively")
    print(json.dumps(answer))  # noqa: T201  # what the test reads
