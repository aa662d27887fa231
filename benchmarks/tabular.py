"""annlib's estimators of tables beside gradient boosting and scikit-learn's perceptron, untuned.

Each set is cut to at most 20,000 rows and split five times, three parts to fit and one to test; all
contenders get the same rows, at their defaults, with one thread. Boosting is told which columns are
categories, scikit-learn's perceptron gets them one-hot beside scaled numbers, and a scaled target.
XGBoost, LightGBM, CatBoost, and RealMLP and TabM of pytabkit take part where they are installed.

    python -m benchmarks.tabular
    python -m benchmarks.tabular --presets fast default best --data magic abalone --splits 2
    python -m benchmarks.tabular --presets best --save best.json

With ``--save`` each fit goes into a file, and what is in it is not measured again. Shown are means
over the splits: the score (accuracy or R2), the logarithmic loss or the root mean squared error,
the expected calibration error (ten bins of the largest probability, of equal width) or the coverage
of 90 % intervals, and the CPU seconds of a fit and of predicting the test rows.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from annlib import TabularClassifier, TabularRegressor
from benchmarks.real_data import CATEGORIES, DATA, load

MOST_ROWS = 20_000
COVERAGE = 0.9
BOOSTING, PERCEPTRON = "HistGradientBoosting", "scikit-learn's MLP"


class Figures(NamedTuple):
    """What one fit gave; of a loss less is better."""

    score: float
    loss: float
    calibration: float
    seconds: float
    predicting: float


def table(name: str) -> tuple[pd.DataFrame, Any]:
    """At most 20,000 rows of a set as a frame whose categories are such, and what to predict."""
    X, y = load(name)
    rows = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
    frame = pd.DataFrame(X[rows], columns=[f"x{k}" for k in range(X.shape[1])])
    categories = frame.columns[CATEGORIES[name]] if name in CATEGORIES else []
    frame = frame.astype(dict.fromkeys(categories, "category"))
    return frame, y[rows] if DATA[name] == "classes" else y[rows].astype(float)


def perceptron(classifies: bool, seed: int) -> Any:
    """scikit-learn's, behind the usual preparation."""
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    kinds = [("categories", encoder, lambda X: X.columns[X.dtypes == "category"])]
    prepare = ColumnTransformer(kinds, remainder=StandardScaler())
    if classifies:
        return make_pipeline(prepare, MLPClassifier(random_state=seed))
    net = make_pipeline(prepare, MLPRegressor(random_state=seed))
    return TransformedTargetRegressor(net, transformer=StandardScaler())


def boosting(classifies: bool, seed: int) -> Any:
    kind = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    return kind(random_state=seed)


def of_preset(preset: str) -> Callable[[bool, int], Any]:
    """annlib's, with a preset."""

    def build(classifies: bool, seed: int) -> Any:
        kind = TabularClassifier if classifies else TabularRegressor
        return kind(preset, random_state=seed)

    return build


def installed(module: str, classes: tuple[str, str], **arguments: Any) -> Any:
    """What builds an estimator of another package; None where it is not installed."""
    if find_spec(module.partition(".")[0]) is None:
        return None

    def build(classifies: bool, seed: int) -> Any:
        kind = getattr(import_module(module), classes[not classifies])
        return kind(random_state=seed, **arguments)

    return build


def contenders(presets: list[str]) -> dict[str, Callable[[bool, int], Any]]:
    others: Mapping[str, Any] = {
        BOOSTING: boosting,
        PERCEPTRON: perceptron,
        "XGBoost": installed(
            "xgboost", ("XGBClassifier", "XGBRegressor"), n_jobs=1, enable_categorical=True
        ),
        "LightGBM": installed(
            "lightgbm", ("LGBMClassifier", "LGBMRegressor"), n_jobs=1, verbose=-1
        ),
        "CatBoost": installed(
            "catboost", ("CatBoostClassifier", "CatBoostRegressor"), thread_count=1, verbose=False
        ),
        "RealMLP": installed(
            "pytabkit", ("RealMLP_TD_Classifier", "RealMLP_TD_Regressor"), device="cpu"
        ),
        "TabM": installed("pytabkit", ("TabM_D_Classifier", "TabM_D_Regressor"), device="cpu"),
    }
    own = {f"annlib, {preset}": of_preset(preset) for preset in presets}
    return own | {name: build for name, build in others.items() if build is not None}


def calibration_error(probabilities: Any, right: Any) -> float:
    """The mean distance of how often the largest probability is right from what it says."""
    sure = probabilities.max(axis=1)
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [
        abs(right[bins == k].mean() - sure[bins == k].mean()) * (bins == k).mean()
        for k in np.unique(bins)
    ]
    return float(np.sum(gaps))


def measure(build: Callable[[bool, int], Any], name: str, seed: int) -> Figures:
    """One fit, and what it predicts of the rows to test on."""
    X, y = table(name)
    classifies = DATA[name] == "classes"
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.25, random_state=seed, stratify=y if classifies else None
    )
    net = build(classifies, seed)
    started = time.process_time()
    net.fit(X, y)
    fitted = time.process_time()
    if classifies:
        probabilities = np.asarray(net.predict_proba(X_test), float)
        done = time.process_time()
        codes = np.searchsorted(np.unique(y), y_test)
        right = probabilities.argmax(axis=1) == codes
        chosen = probabilities[np.arange(len(codes)), codes]
        loss = -np.log(np.maximum(chosen, 1e-15)).mean()
        found = (right.mean(), loss, calibration_error(probabilities, right))
    else:
        predicted = net.predict(X_test)
        done = time.process_time()
        errors = np.square(predicted - y_test).mean()
        covered = float("nan")
        if hasattr(net, "predict_interval"):
            low, high = net.predict_interval(X_test, coverage=COVERAGE).T
            covered = float(((low <= y_test) & (y_test <= high)).mean())
        found = (1 - errors / y_test.var(), np.sqrt(errors), covered)
    score, loss, calibration = map(float, found)
    return Figures(score, loss, calibration, fitted - started, done - fitted)


class Kept:
    """Figures of fits, in a file that is written after each of them.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.figures: dict[str, list[float]] = {}
        if path is not None and path.exists():
            self.figures = json.loads(path.read_text(encoding="utf-8"))

    def measured(
        self, contender: str, build: Callable[[bool, int], Any], data: str, seed: int
    ) -> list[float]:
        key = f"{data}, split {seed}, {contender}"
        if key not in self.figures:
            with threadpool_limits(1):
                self.figures[key] = list(measure(build, data, seed))
            if self.path is not None:
                self.path.write_text(json.dumps(self.figures, indent=1), encoding="utf-8")
        return self.figures[key]


def compared(own: Any, other: Any) -> float:
    """1 for ahead, 0 for behind, and 1/2 within one standard error; greater is better."""
    gain = own - other
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return 0.5 if abs(gain.mean()) <= error else float(gain.mean() > 0)


def summarize(results: Mapping[str, Mapping[str, Any]], name: str) -> None:
    """How a contender of annlib's compares with those of scikit-learn, over the sets."""
    classes = [data for data in results if DATA[data] == "classes"]
    for other in (BOOSTING, PERCEPTRON):
        scores = [compared(r[name][:, 0], r[other][:, 0]) for r in results.values()]
        losses = [compared(-results[d][name][:, 1], -results[d][other][:, 1]) for d in classes]
        ratios = [r[name][:, 3].mean() / r[other][:, 3].mean() for r in results.values()]
        print(
            f"{name} against {other}: ahead on {sum(scores):g} of {len(scores)} sets, in "
            f"logarithmic loss on {sum(losses):g} of {len(losses)}; "
            f"{np.exp(np.mean(np.log(ratios))):.1f} times the seconds (geometric mean)"
        )
    errors = [results[d][name][:, 2].mean() for d in classes]
    if errors:
        print(f"{name}: mean calibration error {np.mean(errors):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--presets", nargs="+", default=["default"])
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--save", type=Path, help="a file for the figures of each fit")
    options = parser.parse_args()
    kept = Kept(options.save)
    warnings.simplefilter("ignore")  # that a perceptron is not at its end
    names = contenders(options.presets)
    results: dict[str, dict[str, Any]] = {}
    print("| data | | score | its error | loss | calibration | fit, s | predict, s |")
    print("|---" * 8 + "|")
    for data in options.data:
        results[data] = {}
        for name, build in names.items():
            runs = np.array(
                [kept.measured(name, build, data, seed) for seed in range(options.splits)]
            )
            results[data][name] = runs
            score, loss, calibration, seconds, predicting = runs.mean(axis=0)
            error = runs[:, 0].std(ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else 0.0
            cells = [data, name, f"{score:.4f}", f"{error:.4f}", f"{loss:.4f}"]
            cells += ["" if np.isnan(calibration) else f"{calibration:.4f}"]
            cells += [f"{seconds:.2f}", f"{predicting:.3f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
    print()
    for preset in options.presets:
        summarize(results, f"annlib, {preset}")


if __name__ == "__main__":
    main()
