"""Many processes and rows in files, beside one process and rows in memory.

Each figure is of fresh processes, those of MPI started by ``mpiexec``; of several runs by turns the
least counts. Efficiency is the time of one process over that of n, times n.

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.speed.worker import FOREIGN

for _name in FOREIGN:  # before NumPy reads them
    os.environ.pop(_name, None)

import numpy as np

from annlib import Sequential, layers, parallel
from annlib.data import Shards

RUNS = 5
ROWS, FEATURES = 16_384, 784
SHARDED = 400_000, 100


def seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def network() -> Sequential:
    chain = [layers.Dense(512, activation="relu"), layers.Dense(512, activation="relu")]
    model = Sequential([*chain, layers.Dense(10, activation="softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fits(strategy: Any, batch_size: int) -> float:
    """Seconds of a step."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    y = rng.integers(0, 10, ROWS)
    model = network()
    options = {"batch_size": batch_size, "verbose": 0, "strategy": strategy}
    model.fit(x[:batch_size], y[:batch_size], **options)
    taken = [seconds(lambda: model.fit(x, y, **options)) for _ in range(RUNS)]
    return min(taken) / (ROWS // batch_size)


def reductions(strategy: Any) -> tuple[float, float]:
    """Seconds to add up ten million numbers, and to copy them."""
    flat, other = np.ones(10_000_000, np.float32), np.empty(10_000_000, np.float32)
    np.copyto(other, flat)
    add = min(seconds(lambda: strategy.allreduce_(flat)) for _ in range(RUNS * 2))
    return add, min(seconds(lambda: np.copyto(other, flat)) for _ in range(RUNS * 2))


def worker(name: str, batch_size: int) -> None:
    strategy = None if name == "none" else parallel.MPI()
    found = {"step": fits(strategy, batch_size)} if name != "add" else {}
    if name == "add":
        found["add"], found["copy"] = reductions(strategy)
    if strategy is None or strategy.rank == 0:
        print(json.dumps(found))


def run(n: int, name: str, batch_size: int = 4096, threads: str | None = "1") -> dict[str, float]:
    """What a worker has measured, in a job of n processes, or alone."""
    environment = {key: v for key, v in os.environ.items() if not key.startswith("OPENBLAS")}
    for library in ("OMPI", "PRTE"):
        environment |= {f"{library}_ALLOW_RUN_AS_ROOT{end}": "1" for end in ("", "_CONFIRM")}
    if threads is not None:
        environment["OPENBLAS_NUM_THREADS"] = threads
    command = [sys.executable, "-m", "benchmarks.parallel", "--worker", name]
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


def best(runs: list[dict[str, float]], name: str = "step") -> float:
    return min(found[name] for found in runs)


def processes() -> None:
    print("| rows of a batch | one process, ms | two, ms | efficiency |")
    print("|---|---|---|---|")
    for batch_size in (256, 1024, 4096):
        pairs = [(run(0, "none", batch_size), run(2, "mpi", batch_size)) for _ in range(2)]
        one, two = best([a for a, _ in pairs]), best([b for _, b in pairs])
        print(f"| {batch_size} | {one * 1e3:.1f} | {two * 1e3:.1f} | {one / two / 2:.0%} |")
    alone = [(run(0, "none"), run(0, "mpi")) for _ in range(3)]
    without, with_ = best([a for a, _ in alone]), best([b for _, b in alone])
    print(f"\nA strategy of one process: {with_ / without:.3f} of the time without it.")
    capped, left = (best([run(2, "mpi", threads=t) for _ in range(2)]) for t in ("1", None))
    print(f"Threads left at their default in both processes: {left / capped:.2f} of one thread's.")
    found = run(2, "add")
    print(
        f"Ten million numbers added up over two processes: {found['add'] * 1e3:.1f} ms, copied: "
        f"{found['copy'] * 1e3:.1f} ms, {found['add'] / found['copy']:.1f} times."
    )


def shards() -> None:
    """Epochs on rows in files beside the same rows in memory."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=SHARDED).astype(np.float32)
    y = rng.normal(size=len(x)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for k, rows in enumerate(np.array_split(x, 8)):
            np.save(f"{folder}/x-{k}.npy", rows)
        sources = {"memory": x, "files": Shards(f"{folder}/x-*.npy")}
        print("\n| rows of a batch | in memory, s | in files, s | speed |")
        print("|---|---|---|---|")
        for batch_size in (32, 256, 2048):
            taken: dict[str, list[float]] = {name: [] for name in sources}
            for _ in range(3):
                for name, source in sources.items():
                    model = Sequential(
                        [layers.Dense(64, activation="relu"), layers.Dense(1)], seed=0
                    )
                    model.compile("adam", "mse")
                    model.fit(source[:4096], y[:4096], batch_size=batch_size, verbose=0)
                    fit = lambda: model.fit(source, y, batch_size=batch_size, verbose=0)  # noqa: B023, E731  # called at once
                    taken[name].append(seconds(fit))
            memory, files = min(taken["memory"]), min(taken["files"])
            print(f"| {batch_size} | {memory:.2f} | {files:.2f} | {memory / files:.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker")
    parser.add_argument("--batch-size", type=int, default=4096)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker, arguments.batch_size)
        return
    processes()
    shards()


if __name__ == "__main__":
    main()
