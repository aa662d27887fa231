"""Perceptrons on sparse rows beside scikit-learn's: seconds and memory of fit and predict.

Both train and predict in turn in one process, on one thread; the ratio is that of the least times,
annlib's over scikit-learn's. Memory is that of fresh processes: what ``tracemalloc`` sees at most
beyond the data (of Python and NumPy, from which SciPy takes its arrays), and the peak of the whole
process, libraries included. OpenBLAS chooses its kernels for the processor at hand.

    python -m benchmarks.sparse
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.speed.worker import FOREIGN

for _name in FOREIGN:  # before NumPy reads them
    os.environ.pop(_name, None)

import numpy as np
import scipy.sparse
from threadpoolctl import threadpool_limits

PACKAGES = {"annlib": "annlib", "scikit-learn": "sklearn.neural_network"}


class Case(NamedTuple):
    """Random rows with ones in so many columns, and the units of the hidden layer."""

    rows: int
    features: int
    stored: int
    units: int
    dtype: str = "float64"
    solver: str = "adam"

    def data(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        columns = rng.integers(0, self.features, (self.rows, self.stored))
        ends = np.arange(0, columns.size + 1, self.stored)
        ones = np.ones(columns.size, self.dtype)
        X = scipy.sparse.csr_matrix((ones, columns.ravel(), ends), (self.rows, self.features))
        X.sum_duplicates()
        return X, rng.integers(0, 2, self.rows)

    def estimator(self, package: str) -> Any:
        """``MLPClassifier`` of the package, which is imported for it."""
        arguments = {"max_iter": 2, "random_state": 0, "solver": self.solver}
        return importlib.import_module(PACKAGES[package]).MLPClassifier((self.units,), **arguments)


CASES = (
    Case(1_000, 200_000, 50, 5),
    Case(1_000, 200_000, 50, 5, "float32"),
    Case(1_000, 200_000, 50, 5, solver="sgd"),
    Case(1_000, 200_000, 50, 5, solver="lbfgs"),
    Case(20_000, 20_000, 50, 100),
    Case(20_000, 2_000, 100, 50),
)


def calls(case: Case, package: str, X: Any, y: Any) -> dict[str, Callable[[], Any]]:
    """What is measured; ``predict`` is of a fitted estimator."""
    net = case.estimator(package)
    return {"fit": lambda: net.fit(X, y), "predict": lambda: net.predict(X)}


def seconds(case: Case, rounds: int) -> dict[str, list[float]]:
    """The least of each call, annlib's and scikit-learn's."""
    from benchmarks.mlp_speed import compare  # which imports both packages

    X, y = case.data()
    pair = [calls(case, package, X, y) for package in PACKAGES]
    with threadpool_limits(1):
        return {
            "fit": compare([each["fit"] for each in pair], rounds),
            "predict": compare([each["predict"] for each in pair], 5 * rounds, calls=4),
        }


def memory(case: Case, package: str) -> dict[str, float]:
    """Megabytes at most, of fresh processes."""
    found: dict[str, float] = {}
    for traced in (True, False):
        arguments = ["-m", "benchmarks.sparse", "--memory", json.dumps([package, traced, *case])]
        done = subprocess.run(
            [sys.executable, *arguments], check=True, capture_output=True, text=True
        )
        found |= json.loads(done.stdout)
    return found


def measure_memory(package: str, traced: bool, *case: Any) -> dict[str, float]:
    one = Case(*case)
    X, y = one.data()
    net = one.estimator(package)
    with threadpool_limits(1):
        if not traced:
            net.fit(X, y)
            return {"process": peak()}
        tracemalloc.start()
        net.fit(X, y)
        return {"fit": tracemalloc.get_traced_memory()[1] / 1e6}


def peak() -> float:
    """Megabytes of this process at most; ``resource`` counts those of its parent, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # that training is not at its end
    if arguments.memory:
        print(json.dumps(measure_memory(*arguments.memory)))
        return
    columns = ("rows x columns, ones a row, units", "type", "solver", "fit, s", "predict, ms")
    columns += ("memory of fit, MB", "process, MB")
    print(f"| {' | '.join(columns)} |")
    print(f"|{'---|' * len(columns)}")
    for case in CASES:
        times = seconds(case, arguments.rounds)
        space = [memory(case, package) for package in PACKAGES]
        cells = [
            f"{case.rows:,} x {case.features:,}, {case.stored}, {case.units}",
            case.dtype,
            case.solver,
            ratio(times["fit"], "{:.3f}"),
            ratio([1e3 * each for each in times["predict"]], "{:.2f}"),
            *(ratio([each[name] for each in space], "{:.0f}") for name in ("fit", "process")),
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def ratio(pair: list[float], form: str) -> str:
    """annlib's over scikit-learn's, and both."""
    own, other = pair
    return f"{own / other:.2f} ({form.format(own)} / {form.format(other)})"


if __name__ == "__main__":
    main()
