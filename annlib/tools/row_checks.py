"""Faults of rows: their order, the target in x, and the same row more than once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.core.arrays import Array
from annlib.tools.findings import Finding
from annlib.tools.subject import Subject

#: Fewer rows may be so by chance.
_FEW = 30
#: So near to y, as a share of its spread, a column tells it whole.
_EXACT = 1e-5
#: More rows than this share that come twice are no chance, in a column of as many values.
_TWICE = 0.02
_CONTINUOUS = 0.25


def row_order(subject: Subject) -> Iterator[Finding]:
    """Whether rows are sorted by class: the last of them are then of the last classes alone."""
    classes = subject.classes
    if classes is None or len(classes) < _FEW:
        return
    changes = np.count_nonzero(classes[1:] != classes[:-1])
    if changes and changes == len(np.unique(classes)) - 1:
        yield Finding(
            "note",
            "row order",
            "the rows are sorted by class: validation_split, which takes the last ones, would hold "
            "out some of the classes alone.",
            "Shuffle x and y together, or split them with sklearn's train_test_split(stratify=y).",
        )


def leak(subject: Subject) -> Iterator[Finding]:
    """Whether a column of x is the target, in other words or on another scale."""
    x = subject.trial.x
    if x.ndim != 2 or len(x) < _FEW or subject.trial.model.layers[0].takes_codes:
        return
    X = x.astype(np.float64)
    if subject.classes is not None and len(subject.classes) == len(X):
        found = _columns_of_classes(X, subject.classes)
    elif subject.is_regression and subject.trial.y.size == len(X) == subject.targets.size:
        found = _columns_of_values(X, subject.trial.y.reshape(-1).astype(np.float64))
    else:
        return
    if len(found):
        several = len(found) > 1
        which, tells = ("columns", "tell") if several else ("column", "tells")
        yield Finding(
            "warning",
            "leak",
            f"{which} {subject.some(list(found))} of x {tells} y exactly.",
            "If y is among the columns of x, leave it out: of new rows it is not known.",
        )


def _columns_of_classes(X: Array, classes: Array) -> Array:
    """The columns that have one value for each class, and another for another."""
    groups = [X[classes == label] for label in np.unique(classes)]
    if len(groups) < 2 or min(map(len, groups)) < 2:
        return np.empty(0, np.intp)
    constant = np.all([np.ptp(group, axis=0) == 0 for group in groups], axis=0)
    values = np.sort([group[0] for group in groups], axis=0)
    return np.flatnonzero(constant & (np.diff(values, axis=0) > 0).all(axis=0))


def _columns_of_values(X: Array, y: Array) -> Array:
    """The columns of which y is a multiple, up to a constant."""
    A, b = X - X.mean(axis=0), y - y.mean()
    with np.errstate(all="ignore"):
        slopes = A.T @ b / np.square(A).sum(axis=0)
        rest = np.abs(A * slopes - b[:, np.newaxis]).max(axis=0)
    spread = float(b.std())
    return np.flatnonzero(rest < _EXACT * spread) if spread else np.empty(0, np.intp)


def duplicates(subject: Subject) -> Iterator[Finding]:
    """Whether rows come more than once: what is held out was then trained on, too."""
    x, y = subject.trial.x, subject.trial.y
    if len(x) < _FEW or subject.trial.model.layers[0].takes_codes:
        return
    rows = np.ascontiguousarray(x.reshape(len(x), -1))
    targets = np.ascontiguousarray(y.reshape(len(y), -1))
    seen = {row.tobytes() + target.tobytes() for row, target in zip(rows, targets, strict=True)}
    twice = len(rows) - len(seen)
    if twice <= _TWICE * len(rows):
        return
    # Of a few values rows are alike by nature.
    if max(len(np.unique(column)) for column in rows.T) < _CONTINUOUS * len(rows):
        return
    last = len(rows) - len(rows) // 5
    first = {row.tobytes() for row in rows[:last]}
    across = sum(row.tobytes() in first for row in rows[last:])
    yield Finding(
        "warning",
        "duplicates",
        f"{twice} of {len(rows)} rows come more than once, and {across} of the last "
        f"{len(rows) - last}, which validation_split=0.2 holds out, are among the others: their "
        "loss says less than it seems.",
        "Leave out the copies (np.unique(x, axis=0), frame.drop_duplicates()) before you split.",
    )
