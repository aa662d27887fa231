"""annlib's perceptrons against scikit-learn's on real data, at their defaults.

For each seed rows are split (three parts to train on, one to test), prepared by scikit-learn's
StandardScaler and OneHotEncoder, and given to both with that ``random_state``. The files of the
data are looked for in the folder that ``ANNLIB_DATA_HOME`` names.

    python -m benchmarks.real_data
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.neural_network
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import annlib

#: What is predicted of each data set.
DATA = {
    "adult": "classes",
    "california_housing": "numbers",
    "magic": "classes",
    "optdigits": "classes",
    "abalone": "numbers",
    "spambase": "classes",
}
#: The columns that are categories, where there are some.
CATEGORIES = {"adult": slice(6, None)}
PACKAGES = (annlib, sklearn.neural_network)


def load(name: str) -> tuple[Any, Any]:
    """All rows of a data set, as numbers, and what to predict; categories come last."""
    home = os.environ.get("ANNLIB_DATA_HOME")
    if home is None:
        raise SystemExit("Set ANNLIB_DATA_HOME to the folder with the data.")
    with np.load(Path(home) / f"{name}.npz") as file:
        if "X" in file.files:
            return file["X"].astype(float), file["y"]
        parts = []
        for part in ("train", "test"):
            names = (f"x_{part}", f"x_num_{part}", f"x_cat_{part}")
            columns = [file[key].reshape(len(file[key]), -1) for key in names if key in file]
            parts.append(np.hstack(columns))
        y = np.concatenate([file["y_train"], file["y_test"]])
        return np.concatenate(parts).astype(float), y


def build(package: Any, name: str, seed: int, dtype: str) -> Any:
    """A perceptron at its defaults behind the usual preparation for a data set."""
    prepare: Any = StandardScaler()
    if name in CATEGORIES:
        encoder = OneHotEncoder(handle_unknown="ignore", dtype=dtype)
        prepare = ColumnTransformer([("encode", encoder, CATEGORIES[name])], remainder=prepare)
    if DATA[name] == "classes":
        return make_pipeline(prepare, package.MLPClassifier(random_state=seed))
    net = make_pipeline(prepare, package.MLPRegressor(random_state=seed))
    return TransformedTargetRegressor(net, transformer=StandardScaler())


def cpu_seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def measure(name: str, seed: int, dtype: str) -> list[tuple[float, float]]:
    """The score on the test rows and the seconds of the fit, of either package."""
    X, y = load(name)
    stratify = y if DATA[name] == "classes" else None
    X, X_test, y, y_test = train_test_split(
        X.astype(dtype), y, random_state=seed, stratify=stratify
    )
    found = []
    # The first to come is another each time.
    for package in PACKAGES[:: 1 - 2 * (seed % 2)]:
        net = build(package, name, seed, dtype)
        seconds = cpu_seconds(lambda net=net: net.fit(X, y))
        found.append((float(net.score(X_test, y_test)), seconds))
    return found[:: 1 - 2 * (seed % 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dtype", default="float64", help="of the features")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # that training is not at its end
    print("| data | score | annlib | scikit-learn | difference | its error | no worse |", end="")
    print(" fit, seconds | times faster |")
    print("|---" * 9 + "|")
    for name, kind in DATA.items():
        with threadpool_limits(1):
            runs = [measure(name, seed, options.dtype) for seed in range(options.seeds)]
        (own, other), (fast, slow) = np.array(runs).transpose(2, 1, 0)
        gain = own - other
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        cells = [
            name,
            "R2" if kind == "numbers" else "accuracy",
            *(f"{scores.mean():.4f}" for scores in (own, other)),
            f"{gain.mean():+.1e}",
            f"{error:.1e}",
            # Below a billionth it is rounding.
            "yes" if gain.mean() >= -max(error, 1e-9) else "NO",
            f"{fast.mean():.1f}",
            f"{slow.sum() / fast.sum():.2f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
