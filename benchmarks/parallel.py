"""Many processes and rows in files, beside one process and rows in memory.

Each figure is of fresh processes of one thread each, those of MPI started by ``mpiexec`` and those
of Dask by a local cluster; of several epochs and runs by turns the least counts. Efficiency is the
time of one process over that of two, by two.

    python -m benchmarks.parallel
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.speed.worker import FOREIGN

for _name in FOREIGN:  # before NumPy reads them
    os.environ.pop(_name, None)

import numpy as np

from annlib import MLPClassifier, Sequential, layers, parallel
from annlib.callbacks import LambdaCallback
from annlib.data import Shards

RUNS = 3
ROWS, FEATURES = 16_384, 784
SHARDED = 400_000, 100
#: Rows of a batch, with two processes and with rows in files.
DIVIDED, READ = (256, 1024, 4096), (32, 256, 2048)
#: Of a step of about 100 ms in one process.
ON_DASK = 4096


def seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def step_seconds(fit: Callable[[Any], Any], steps: int) -> float:
    """Seconds of a step, from the epochs between the first and the last of a training with this
    callback.
    """
    ends: list[float] = []
    fit(LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())))
    return float(np.diff(ends[:-1]).min()) / steps


def network() -> Sequential:
    chain = [layers.Dense(512, activation="relu"), layers.Dense(512, activation="relu")]
    model = Sequential([*chain, layers.Dense(10, activation="softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def rows_and_labels(rows: int = ROWS) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, FEATURES)).astype(np.float32), rng.integers(0, 10, rows)


def fits(strategy: Any, batch_size: int, rows: int = ROWS) -> float:
    """Seconds of a step."""
    x, y = rows_and_labels(rows)
    steps = rows // batch_size
    epochs = 3 + -(-64 // steps)
    options = {"batch_size": batch_size, "epochs": epochs, "verbose": 0, "strategy": strategy}
    return step_seconds(lambda ends: network().fit(x, y, **options, callbacks=ends), steps)


def reductions(strategy: Any) -> dict[str, float]:
    """Seconds to add up ten million numbers, and to copy them."""
    flat, other = np.ones(10_000_000, np.float32), np.empty(10_000_000, np.float32)
    np.copyto(other, flat)
    add = min(seconds(lambda: strategy.allreduce_(flat)) for _ in range(RUNS * 4))
    return {"add": add, "copy": min(seconds(lambda: np.copyto(other, flat)) for _ in range(9))}


def worker(name: str, batch_size: int) -> None:
    """What one process of a job, or one alone, measures."""
    strategy = None if name == "none" else parallel.MPI()
    if name == "add":
        found = reductions(strategy)
    elif name == "apart":  # at once, and neither knows of the other
        warnings.simplefilter("ignore")
        parallel.MPI().allreduce_(np.zeros(1))
        found = {"step": fits(None, batch_size // 2, ROWS // 2)}
    elif name == "dask":
        found = {"step": on_dask()}
    elif name == "local":
        x, y = rows_and_labels()
        found = {"step": step_seconds(lambda end: perceptron(MLPClassifier, end).fit(x, y), 4)}
    else:
        found = {"step": fits(strategy, batch_size)}
    if strategy is None or strategy.rank == 0:
        print(json.dumps(found))


def perceptron(cls: type[Any], ends: Any) -> Any:
    options = {"batch_size": ON_DASK, "max_iter": 8, "n_iter_no_change": 99, "random_state": 0}
    return cls((512, 512), **options, callbacks=ends)


def on_dask() -> float:
    """Seconds of a step of two workers."""
    import dask.array
    from distributed import Client, LocalCluster

    x, y = rows_and_labels()
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster, direct_to_workers=True):
        rows = dask.array.from_array(x, chunks=(ROWS // 4, -1))
        net = lambda ends: perceptron(parallel.DaskMLPClassifier, ends)  # noqa: E731  # as above
        return step_seconds(lambda ends: net(ends).fit(rows, y), ROWS // ON_DASK)


def run(n: int, name: str, batch_size: int = 4096, threads: str | None = "1") -> dict[str, float]:
    """What a worker has measured, in a job of n processes, or alone."""
    environment = {key: v for key, v in os.environ.items() if not key.startswith("OPENBLAS")}
    for library in ("OMPI", "PRTE"):
        environment |= {f"{library}_ALLOW_RUN_AS_ROOT{end}": "1" for end in ("", "_CONFIRM")}
    if threads is not None:
        environment["OPENBLAS_NUM_THREADS"] = threads
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parallel", "--worker", name]
    command += ["--batch-size", str(batch_size)]
    if n:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        launcher = shutil.which("mpiexec", path=path)
        command = [str(launcher), "--oversubscribe", "-n", str(n), *command]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr[-3000:])
    found: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def by_turns(*jobs: tuple[Any, ...]) -> list[float]:
    """The least seconds of a step of each of these jobs."""
    found = [[run(*job)["step"] for job in jobs] for _ in range(RUNS)]
    return [min(each) for each in zip(*found, strict=True)]


def row(what: str, one: float, other: float, found: str, asked: str = "") -> None:
    print(f"| {what} | {one * 1e3:.2f} | {other * 1e3:.2f} | {found} | {asked} |", flush=True)


def processes() -> None:
    added = run(2, "add")
    times = f"{added['add'] / added['copy']:.1f} times"
    row("copying 10 M numbers, adding them up over two", added["copy"], added["add"], times, "3")
    for size in DIVIDED:
        one, two, apart = by_turns((0, "none", size), (2, "mpi", size), (2, "apart", size))
        asked = "85% from 10 ms on" if one > 0.01 else ""
        row(f"one process, two, {size} rows a step", one, two, f"{one / two / 2:.0%}", asked)
        row("one, two that train apart, each half the rows", one, apart, f"{one / apart / 2:.0%}")
    without, alone = by_turns((0, "none"), (0, "mpi"))
    row("no strategy, one of one process", without, alone, f"{alone / without:.3f}", "1.02")
    capped, left = by_turns((2, "mpi", 4096, "1"), (2, "mpi", 4096, None))
    row("two of one thread, threads left as they are", capped, left, f"{left / capped:.2f}", "1.3")
    one, two = by_turns((0, "local"), (0, "dask"))
    row("one process, two workers of Dask", one, two, f"{one / two / 2:.0%}", "65% at 100 ms")


def shards() -> None:
    """Steps on rows in files beside the same rows in memory."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=SHARDED).astype(np.float32)
    y = rng.normal(size=len(x)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for k, rows in enumerate(np.array_split(x, 8)):
            np.save(f"{folder}/x-{k}.npy", rows)
        sources = x, Shards(f"{folder}/x-*.npy")
        for size in READ:
            found = np.full(2, np.inf)
            for _ in range(RUNS):
                for k, source in enumerate(sources):
                    chain = [layers.Dense(64, activation="relu"), layers.Dense(1)]
                    model = Sequential(chain, seed=0)
                    model.compile("adam", "mse")
                    options = {"batch_size": size, "epochs": 4, "verbose": 0}
                    fit = lambda ends: model.fit(source, y, **options, callbacks=ends)  # noqa: B023, E731  # called at once
                    found[k] = min(found[k], step_seconds(fit, -(-len(x) // size)))
            memory, files = found.tolist()
            row(f"in memory, in files, {size} rows", memory, files, f"{memory / files:.0%}", "50%")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker")
    parser.add_argument("--batch-size", type=int, default=4096)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.batch_size)
        return
    print("| what, beside what | ms | ms | found | asked |")
    print("|---|---|---|---|---|")
    processes()
    shards()


if __name__ == "__main__":
    main()
