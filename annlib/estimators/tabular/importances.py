"""What columns do to predictions: of all rows together, and of single ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from annlib.core.arrays import Array
from annlib.estimators.tabular.ensemble import Ensemble
from annlib.estimators.tabular.features import Prepared
from annlib.estimators.tabular.held_out import HeldOut
from annlib.models import Sequential

#: The rows that are held out and serve here, and all rows that are predicted for it.
_MOST_ROWS, _MOST_PREDICTIONS, _FEWEST_ROWS = 2000, 30_000, 50
#: Rows that are predicted in one pass.
_AT_ONCE = 1024

Places = tuple[Sequence[int], Sequence[int], Sequence[int]]


def permutation_importances(
    ensemble: Ensemble,
    judges: list[list[Sequential]],
    held_out: HeldOut,
    places: Sequence[Places],
    rng: np.random.Generator,
) -> Array:
    """For each column by how much the loss on rows held out grows if its values are permuted."""
    found = np.zeros(len(places))
    if not held_out.size:
        return found
    used = [index for index, own in enumerate(places) if any(own)]
    least = _MOST_PREDICTIONS // max(1, len(used))
    few = _some(held_out, int(np.clip(least, _FEWEST_ROWS, _MOST_ROWS)), rng)
    before = few.loss(ensemble.predict_held_out(few, judges), ensemble.task)
    together = max(1, _AT_ONCE // few.size)
    for start in range(0, len(used), together):
        chosen = used[start : start + together]
        parts = []
        for rows, members in few.parts:
            orders = [rng.permutation(rows.size) for _ in chosen]
            parts.append((_permuted(rows, [places[index] for index in chosen], orders), members))
        changed = ensemble.predict_held_out(few._replace(parts=parts), judges)
        # Of each part come the rows for the first column, then those for the second, ...
        lengths = [rows.size for rows, _ in few.parts]
        cuts = np.cumsum([n * len(chosen) for n in lengths])[:-1]
        by_part = np.split(changed, cuts)
        for position, index in enumerate(chosen):
            own = [
                part[n * position : n * (position + 1)]
                for part, n in zip(by_part, lengths, strict=True)
            ]
            found[index] = few.loss(np.concatenate(own), ensemble.task) - before
    return found


def _permuted(rows: Prepared, columns: Sequence[Places], orders: Sequence[Array]) -> Prepared:
    """Copies of rows one below the other, each with the values of one column in another order."""
    n = rows.size
    found = rows.take(np.tile(np.arange(n), len(columns)))
    for position, (places, order) in enumerate(zip(columns, orders, strict=True)):
        block = slice(n * position, n * (position + 1))
        for part, values, own in zip(found, rows, places, strict=True):
            part[block, own] = values[order][:, own]
    return found


def _some(held_out: HeldOut, most: int, rng: np.random.Generator) -> HeldOut:
    """At most so many of the rows."""
    if held_out.size <= most:
        return held_out
    parts, kept, start = [], [], 0
    for rows, members in held_out.parts:
        count = max(1, most * rows.size // held_out.size)
        at = np.sort(rng.permutation(rows.size)[:count])
        parts.append((rows.take(at), members))
        kept.append(at + start)
        start += rows.size
    every = np.concatenate(kept)
    weights = None if held_out.weights is None else held_out.weights[every]
    if weights is not None and not weights.any():
        weights = None
    return HeldOut(parts, held_out.targets[every], weights)


def _replaced(rows: Prepared, others: Prepared, places: Places) -> Prepared:
    """Rows with the values of others in what one column has made."""
    found = []
    for part, other, own in zip(rows, others, places, strict=True):
        changed = part
        if len(own):
            changed = part.copy()
            changed[:, own] = other[:, own]
        found.append(changed)
    return Prepared(*found)


def typical_row(rows: Prepared, columns: Sequence[Places]) -> Prepared:
    """A row of the middles of numbers, and of the most frequent values of all other columns."""
    found = rows.take([0])  # a copy
    found.numbers[...] = 0
    for _, *places in columns:
        for part, values, own in zip(found[1:], rows[1:], places, strict=True):
            if len(own):
                distinct, counts = np.unique(values[:, own], axis=0, return_counts=True)
                part[:, own] = distinct[counts.argmax()]
    return found


def contributions(
    predict: Callable[[Prepared], Array],
    rows: Prepared,
    typical: Prepared,
    places: Sequence[Places],
    rng: np.random.Generator,
    orders: int,
) -> tuple[Array, Array]:
    """What each column adds to the prediction of each row, beside that of the typical row.

    From the typical row on, the columns are replaced by those of the row, one after the other; what
    the prediction changes by is the column's. The mean over some orders and the same backwards
    (Shapley's value, by samples): it adds up for every order, so it does so for the mean.

    Returns
    -------
    array, (n, columns, outputs), and array, (outputs,)
        The contributions, and the prediction of the typical row.
    """
    n = rows.size
    base = predict(typical)[0]
    found = np.zeros((n, len(places), len(base)))
    used = np.array([index for index, own in enumerate(places) if any(own)], int)
    drawn = [rng.permutation(used) for _ in range((orders + 1) // 2)]
    every = [order for half in drawn for order in (half, half[::-1])][:orders]
    for order in every:
        current = typical.take(np.zeros(n, int))
        before = np.broadcast_to(base, (n, len(base)))
        for index in order:
            current = _replaced(current, rows, places[index])
            after = predict(current)
            found[:, index] += after - before
            before = after
    found /= max(1, len(every))
    return found, base
