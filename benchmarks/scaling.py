"""How the cost grows with the work: rows, widths, depths; and what reporting costs.

Each line is the least of several epochs in one process; the last column should stay level.

    python -m benchmarks.scaling
"""

from __future__ import annotations

import contextlib
import io
import itertools
import resource
import time
from typing import Any

import numpy as np

from annlib import Sequential, callbacks, layers
from annlib.callbacks import Callback

BATCH = 32


class Clock(Callback):
    """The least seconds of an epoch."""

    reads_batch_logs = False

    def on_train_begin(self, logs: Any = None) -> None:
        self.least = np.inf

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.least = min(self.least, time.perf_counter() - self._start)


def network(sizes: list[int], metrics: list[str] | None = None) -> Sequential:
    hidden = [layers.Dense(size, "relu") for size in sizes[1:-1]]
    model = Sequential([layers.Input((sizes[0],)), *hidden, layers.Dense(sizes[-1], "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics, jit_compile=False)
    return model


def epoch_seconds(sizes: list[int], rows: int, epochs: int = 4, **fit: Any) -> float:
    rng = np.random.default_rng(0)
    X, y = rng.random((rows, sizes[0]), np.float32), rng.integers(0, sizes[-1], rows)
    model, clock = network(sizes, fit.pop("metrics", None)), Clock()
    options = {"verbose": 0, **fit}
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(X, y, BATCH, epochs, callbacks=[clock], **options)
    return clock.least


def by_rows() -> None:
    print("\nrows of 784-128-64-10      epoch, ms    us a step")
    for rows in (1_000, 4_000, 16_000, 64_000):
        seconds = epoch_seconds([784, 128, 64, 10], rows)
        print(f"{rows:>26,}{seconds * 1e3:>13.1f}{seconds / (rows / BATCH) * 1e6:>13.1f}")


def by_width() -> None:
    print("\nwidth of 784-w-w-10         us a step    ns a parameter")
    for width in (16, 32, 64, 128, 256, 512, 1024, 2048):
        sizes = [784, width, width, 10]
        step = epoch_seconds(sizes, 2_000) / (2_000 / BATCH)
        count = sum(a * b + b for a, b in itertools.pairwise(sizes))
        print(f"{width:>26,}{step * 1e6:>13.1f}{step / count * 1e9:>18.2f}")


def by_depth() -> None:
    print("\nhidden layers of 64         us a step    us a layer")
    for depth in (1, 2, 4, 8, 16, 32):
        step = epoch_seconds([64] * (depth + 1) + [10], 4_000) / (4_000 / BATCH)
        print(f"{depth:>26,}{step * 1e6:>13.1f}{step / (depth + 1) * 1e6:>14.1f}")


def by_memory() -> None:
    print("\nmemory of training 784-512-512-10 beyond data and library, MB")
    for rows in (2_000, 20_000, 60_000):
        rng = np.random.default_rng(0)
        X, y = rng.integers(0, 256, (rows, 784), np.uint8), rng.integers(0, 10, rows)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        model = network([784, 512, 512, 10])
        model.fit(X, y, 128, 1, verbose=0)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        own = model.count_params() * 4 * (2 + 2) / 1e6
        print(f"{rows:>26,}{(after - before) / 1e3:>13.1f}   of which vectors {own:.1f}")


def by_reports() -> None:
    print("\n784-128-64-10 with reports  us a step    over the silent run")
    sizes, rows = [784, 128, 64, 10], 16_000
    kinds: dict[str, dict[str, Any]] = {
        "silent": {},
        "accuracy": {"metrics": ["accuracy"]},
        "accuracy, verbose=1": {"metrics": ["accuracy"], "verbose": 1},
    }
    steps = dict.fromkeys(kinds, np.inf)
    for _ in range(5):
        for name, kind in kinds.items():
            step = epoch_seconds(sizes, rows, **kind) / (rows / BATCH)
            steps[name] = min(steps[name], step)
    for name, step in steps.items():
        print(f"{name:>26}{step * 1e6:>13.1f}{step / steps['silent']:>14.2f}")


def main() -> None:
    assert callbacks  # the package is loaded before anything is timed
    by_memory()
    by_rows()
    by_width()
    by_depth()
    by_reports()


if __name__ == "__main__":
    main()
