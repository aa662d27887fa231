"""What each ingredient of the tabular estimators gives: fits at the defaults without it.

Sets and splits are those of ``benchmarks.tabular``. With and without an ingredient the same rows
are learned from and tested on, so that differences are taken split by split. What only the
prediction needs, such as the temperature, is left out of the same fit.

    python -m benchmarks.tabular_ablations --splits 3 --save ablations.json
    python -m benchmarks.tabular_ablations --data magic abalone --without marks dropout

Shown is by how many percent the loss, logarithmic or root mean squared, is less with the part,
with its standard error over the splits; and in the last columns the means over the sets, of this
and of the gain in accuracy or R2. With ``--save`` each fit goes into a file, and what is in it is
not measured again.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from annlib import Sequential, TabularClassifier, TabularRegressor
from annlib.estimators.tabular import pack, parameters, tabular
from benchmarks.real_data import DATA
from benchmarks.tabular import table

#: Of a prepared estimator the mixture with something changed.
FREE: Mapping[str, Callable[[Any], Any]] = {
    "periodic pack": lambda e: e._replace(packs=e.packs[1:], shares=(1.0,)),
    "piecewise pack": lambda e: e._replace(packs=e.packs[:1], shares=(1.0,)),
    "mixture weights": lambda e: e._replace(shares=(0.5, 0.5)),
    "temperature": lambda e: e._replace(temperature=1.0),
}


def _usual_start(self: Sequential, *_: Any, **__: Any) -> None:
    """Kernels divided by the root of their inputs, biases 0."""
    found = []
    for entry, values in zip(self.vector.entries, self.get_weights(), strict=True):
        kernel = entry.path in pack._KERNELS[:2]
        found.append(values * values.shape[1] ** -0.5 if kernel else values)
    self.set_weights(found)


class _Layers:
    """annlib's layers, of which those of several members have no learned factors."""

    def __getattr__(self, name: str) -> Any:
        from annlib import layers

        kind = getattr(layers, name)
        if name != "BatchedDense":
            return kind
        return lambda *arguments, **named: kind(*arguments, **(named | {"use_scale": False}))


TRAINED: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "marks": lambda: patch.object(tabular, "find_marks", lambda *_, **__: []),
    "second member": nullcontext,
    "start from data": lambda: patch.object(Sequential, "initialize_from_data", _usual_start),
    "learned scale": lambda: patch.object(pack, "layers", _Layers()),
    "mixed activations": lambda: patch.object(
        parameters, "_ACTIVATIONS", dict.fromkeys(parameters._RATES, "relu")
    ),
    "dropout": lambda: patch.object(parameters, "_DROPOUT", 0.0),
    "label smoothing": lambda: patch.object(parameters, "_SMOOTHING", 0.0),
}


def figures(net: Any, ensemble: Any, X: Any, y: Any) -> list[float]:
    """Score and loss on rows to test on, of a fitted estimator with this mixture."""
    used, net._ensemble = net._ensemble, ensemble
    if hasattr(net, "classes_"):
        codes = np.searchsorted(net.classes_, y)
        found = net.predict_proba(X)
        chosen = found[np.arange(len(codes)), codes]
        loss = -np.log(np.maximum(chosen, 1e-15)).mean()
        score = (found.argmax(axis=1) == codes).mean()
    else:
        errors = np.square(net.predict(X) - y).mean()
        score, loss = 1 - errors / y.var(), np.sqrt(errors)
    net._ensemble = used
    return [float(score), float(loss)]


def measure(data: str, seed: int, without: str) -> dict[str, list[float]]:
    """One fit without an ingredient; without none ("") also what is left out of the prediction."""
    X, y = table(data)
    classifies = DATA[data] == "classes"
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.25, random_state=seed, stratify=y if classifies else None
    )
    kind = TabularClassifier if classifies else TabularRegressor
    net = kind(members=1 if without == "second member" else None, random_state=seed)
    with threadpool_limits(1), TRAINED.get(without, nullcontext)():
        net.fit(X, y)
        found = {without: figures(net, net._ensemble, X_test, y_test)}
        if not without:
            for name, change in FREE.items():
                found[name] = figures(net, change(net._ensemble), X_test, y_test)
            if not net._features.marked():  # the same fit
                found["marks"] = found[without]
            if not classifies:
                found["label smoothing"] = found[without]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--without", nargs="+", default=list(TRAINED), choices=list(TRAINED))
    parser.add_argument("--save", type=Path, help="a file for the figures of each fit")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    kept: dict[str, list[float]] = {}
    if options.save is not None and options.save.exists():
        kept = json.loads(options.save.read_text(encoding="utf-8"))

    def key(data: str, seed: int, without: str) -> str:
        return f"{data}, split {seed}, without {without}"

    for without in ["", *options.without]:
        for data in options.data:
            for seed in range(options.splits):
                if key(data, seed, without) in kept:
                    continue
                found = measure(data, seed, without)
                kept |= {key(data, seed, name): each for name, each in found.items()}
                if options.save is not None:
                    options.save.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    print(f"| ingredient | {' | '.join(options.data)} | mean | score |")
    print("|---" * (len(options.data) + 3) + "|")
    seeds = range(options.splits)
    for without in [*FREE, *options.without]:
        cells, losses, scores = [], [], []
        for data in options.data:
            base = np.array([kept[key(data, seed, "")] for seed in seeds])
            less = np.array([kept[key(data, seed, without)] for seed in seeds])
            losses.append(100 * np.log(less[:, 1] / base[:, 1]))
            scores.append(base[:, 0] - less[:, 0])
            cells.append(f"{losses[-1].mean():.1f} ± {_error(losses[-1]):.1f}")
        for values, digits in ((losses, 1), (scores, 4)):
            means = np.mean([each.mean() for each in values])
            error = np.sqrt(np.sum([_error(each) ** 2 for each in values])) / len(values)
            cells.append(f"{means:.{digits}f} ± {error:.{digits}f}")
        print(f"| {without} | {' | '.join(cells)} |")


def _error(values: Any) -> float:
    """The standard error of a mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
