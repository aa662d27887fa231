"""Rows to judge by: those in folds that single members have not learned from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.estimators.tabular.features import Prepared
from annlib.estimators.tabular.pack import outputs
from annlib.estimators.tabular.task import Task
from annlib.models import Sequential

#: At which epochs are compared.
_TEMPERATURES = np.exp(np.linspace(-0.8, 0.8, 5))


class HeldOut(NamedTuple):
    """Rows to judge by, in parts: each with the members that have not learned from it."""

    parts: list[tuple[Prepared, Any]]
    #: Of all parts, one after the other.
    targets: Array
    weights: Array | None

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.targets)

    def predict(self, judges: list[Sequential], task: Task) -> Array:
        """The mean prediction for each row: by the model of those who judge its part."""
        found = [
            task.predictions(outputs(judge, rows)).mean(axis=1)
            for judge, (rows, _) in zip(judges, self.parts, strict=True)
        ]
        return np.concatenate(found)

    def losses(self, predicted: Array, task: Task) -> Array:
        """Of each row, at the temperature that suits all of them, which is chosen in the end."""
        if not task.blocks:
            return task.losses(predicted, self.targets)
        found = [task.losses(task.tempered(predicted, t), self.targets) for t in _TEMPERATURES]
        return min(found, key=lambda losses: np.average(losses, weights=self.weights))

    def gain(self, before: Array, after: Array) -> tuple[float, float]:
        """By how much losses of rows are less, in the mean, and its standard error."""
        weights = np.ones(self.size) if self.weights is None else self.weights
        gains = before - after
        mean = np.average(gains, weights=weights)
        error = np.sqrt(np.square(weights * (gains - mean)).sum()) / weights.sum()
        return float(mean), float(error)

    def loss(self, predicted: Array, task: Task) -> float:
        return float(np.average(task.losses(predicted, self.targets), weights=self.weights))


def out_of_fold(
    rows: Prepared,
    targets: Array,
    weights: Array | None,
    repeats: Array,
    folds: Array,
    members: int,
) -> tuple[HeldOut, Array]:
    """The rows that each member is judged by, and what each row counts for each member: nothing in
    the fold of its own.

    A row that came often is one that will come again: as if its copies lay in all folds, all learn
    from it and are judged by it, each with its share.

    Parameters
    ----------
    repeats : array of integers, (n,)
        How often each row came, if it came often, and else 1.
    folds : array of integers, (n,)
        -1 for rows that all members learn from.
    """
    counts = np.ones(rows.size) if weights is None else weights
    often = repeats > 1
    most = int(folds.max()) + 1
    share = 1 / max(most, 1)
    learned = np.empty((members, rows.size), np.float32)
    by_fold: dict[int, list[int]] = {}
    for member in range(members):
        fold = member % max(most, 1)
        by_fold.setdefault(fold, []).append(member)
        learned[member] = counts * np.where(often, 1 - share, folds != fold)
    judged = counts * np.where(often, share, 1.0)
    found = [(np.flatnonzero((folds == fold) | often), own) for fold, own in by_fold.items()]
    found = [(at, own) for at, own in found if len(at)]
    every = np.concatenate([np.empty(0, int), *(at for at, _ in found)])
    # For each member there must be something to learn from.
    if not all(own.any() for own in learned) or not judged[every].any():
        learned[...] = counts
        return HeldOut([], targets[:0], None), learned
    even = weights is None and not often.any()
    parts = [(rows.take(at), own) for at, own in found]
    return HeldOut(parts, targets[every], None if even else judged[every]), learned


def assign_folds(strata: Array, folds: int, rng: np.random.Generator) -> Array:
    """A fold for each row, with a like share of each stratum in all; -1 for rows that are alone.

    Parameters
    ----------
    strata : array, (n,)
        Codes of classes, or numbers, whose neighbours come into several folds.
    """
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    found = np.empty(len(strata), int)
    found[order] = np.arange(len(strata)) % folds
    if strata.dtype.kind in "iu":
        counts = np.bincount(strata)
        found[counts[strata] == 1] = -1
    return found
