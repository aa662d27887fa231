"""annlib's perceptron against scikit-learn's: fit, predict, and the probabilities of one row.

Both train and predict in turn in one process, on one thread, with the same weights and batches;
the ratio is that of the least CPU times, scikit-learn's over annlib's. ``predict`` is of as many
rows as a batch has. OpenBLAS chooses its kernels for the processor at hand.

    python -m benchmarks.mlp_speed
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks.speed.worker import FOREIGN

for _name in FOREIGN:  # before NumPy reads them
    os.environ.pop(_name, None)

import numpy as np
import sklearn.neural_network
from threadpoolctl import threadpool_limits

import annlib

# Inputs, hidden layers and outputs; rows to fit.
NETWORKS = [(50, (100,), 10, 4000), (784, (256, 128), 10, 4000)]
EPOCHS = 5


def cpu_seconds(function: Callable[[], Any], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - start) / calls


def compare(pair: list[Callable[[], Any]], rounds: int, calls: int = 1) -> list[float]:
    """The least seconds of each, called in turn."""
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds):
        for times, function in zip(seconds, pair, strict=True):
            times.append(cpu_seconds(function, calls))
    return [min(times) for times in seconds]


def measure(
    network: tuple[int, tuple[int, ...], int, int], dtype: str, batch: int, rounds: int
) -> dict[str, list[float]]:
    features, hidden, classes, rows = network
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, features)).astype(dtype)
    y = rng.integers(0, classes, rows)
    arguments = {"batch_size": batch, "max_iter": EPOCHS, "random_state": 0}
    pair: list[Any] = [
        package.MLPClassifier(hidden, **arguments) for package in (annlib, sklearn.neural_network)
    ]
    found = {"fit": compare([lambda net=net: net.fit(X, y) for net in pair], rounds)}
    for name, method, size in (("predict", "predict", batch), ("one row", "predict_proba", 1)):
        calls = [lambda net=net, m=method, n=size: getattr(net, m)(X[:n]) for net in pair]
        found[name] = compare(calls, 5 * rounds, calls=max(5, 400 // size))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")  # that training is not at its end
    print("| network | type | batch | fit | predict | one row |")
    print("|---|---|---|---|---|---|")
    worst: dict[str, list[float]] = {}
    for network in NETWORKS:
        features, hidden, classes, _ = network
        name = "-".join(map(str, (features, *hidden, classes)))
        for dtype in ("float32", "float64"):
            for batch in (32, 200):
                cells = []
                with threadpool_limits(1):
                    found = measure(network, dtype, batch, rounds)
                for what, (own, other) in found.items():
                    worst.setdefault(f"{name} {what}", []).append(other / own)
                    cells.append(f"{other / own:.2f} ({own * 1e6:,.0f} us)")
                print(f"| {name} | {dtype} | {batch} | {' | '.join(cells)} |", flush=True)
    for name, ratios in worst.items():
        print(f"{name}: least {min(ratios):.2f}, median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
