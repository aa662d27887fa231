"""How far the way is from `fit` to the first matrix product: files entered, moves between them.

A reader who follows `fit` reads these files in this order. Counted are all Python calls into
``annlib/`` (generators that go on among them) until `Dense.forward` is entered: the files that
they enter, and how often one is in another file than the call before it. Returns are not counted.
Everything is imported before; "first" is the first `fit` of a compiled model, which builds it, and
"again" one of an object that was fitted before.

    python -m benchmarks.walk
    python -m benchmarks.walk --path          # file by file, with the functions called there
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import annlib
from annlib import MLPClassifier, Sequential, layers

ROOT = Path(annlib.__file__).parent
PRODUCT = ("layers/dense.py", "forward")

Call = tuple[str, str]


def calls_until(end: Call, run: Callable[[], Any]) -> list[Call]:
    """File and function of each call into annlib while ``run`` runs, up to ``end``."""
    calls: list[Call] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            calls.append((path.relative_to(ROOT).as_posix(), frame.f_code.co_name))

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return calls[: calls.index(end) + 1]


def visits(calls: list[Call]) -> list[tuple[str, list[str]]]:
    """Consecutive calls into one file as one visit, with the functions in turn."""
    grouped = groupby(calls, key=lambda call: call[0])
    return [(file, [name for _, name in group]) for file, group in grouped]


def compiled() -> Sequential:
    """A small classifier that was not fitted yet."""
    model = Sequential([layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def walks() -> dict[str, tuple[list[Call], tuple[int, int]]]:
    """Each way with the numbers of files and moves that it is meant to keep within."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(96, 4)), rng.integers(0, 3, 96)
    X32 = X.astype(np.float32)
    warm, model = compiled(), compiled()
    estimator = MLPClassifier((8,), max_iter=1, random_state=0)
    warm.fit(X32, y, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one epoch is not enough to converge
        estimator.fit(X, y)
        of_estimator = calls_until(PRODUCT, lambda: estimator.fit(X, y))
    fit = partial(model.fit, X32, y, verbose=0)
    return {
        "Sequential.fit, first": (calls_until(PRODUCT, fit), (25, 110)),
        "Sequential.fit, again": (calls_until(PRODUCT, fit), (25, 110)),
        "MLPClassifier.fit, again": (of_estimator, (40, 220)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--path", action="store_true", help="print each visit of a file")
    shown = parser.parse_args().path
    counted = walks()
    print(f"{'until Dense.forward':<26}{'calls':>7}{'files':>7}{'aim':>5}{'moves':>7}{'aim':>5}")
    for name, (calls, (files, moves)) in counted.items():
        entered = len({file for file, _ in calls})
        moved = len(visits(calls)) - 1
        print(f"{name:<26}{len(calls):>7}{entered:>7}{files:>5}{moved:>7}{moves:>5}")
    if shown:
        for name, (calls, _) in counted.items():
            print(f"\n{name}")
            for file, functions in visits(calls):
                print(f"  {file:<36}{' '.join(functions)}")


if __name__ == "__main__":
    main()
