"""Rows that are alike, taken as one that counts more, and in an order that data alone decide.

So rows that are repeated are the same as weights, none of two like rows is judged by what has
learned from the other, and the order in which rows come changes no bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annlib.core.arrays import Array
from annlib.estimators.tabular.frame import Column

_ODD = np.uint64(0x9E3779B97F4A7C15)


def distinct_rows(
    columns: Sequence[Column], targets: Array, weights: Array | None
) -> tuple[list[Column], Array, Array | None]:
    """Columns, targets and weights of the distinct rows that count.

    Parameters
    ----------
    columns : sequence of Column
    targets : array, (n, outputs)
    weights : array, (n,), optional

    Returns
    -------
    list of Column, array, and array or None
        None where all count the same.
    """
    n = len(targets)
    kept = np.arange(n) if weights is None else np.flatnonzero(weights)
    parts = [_comparable(column, kept) for column in columns]
    parts += [np.ascontiguousarray(target[kept]) for target in targets.T]
    hashes = np.zeros(len(kept), np.uint64)
    for part in parts:
        hashes ^= _scrambled(_words(part))
        hashes = _scrambled(hashes + _ODD)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    new = np.ones(len(kept), bool)
    new[1:] = hashes[1:] != hashes[:-1]
    if not new.all():
        again = np.flatnonzero(~new)
        for part in parts:
            words = _words(part)
            new[again] |= words[order[again]] != words[order[again - 1]]
    counts = np.ones(len(kept)) if weights is None else weights[kept]
    first = np.flatnonzero(new)
    counts = np.add.reduceat(counts[order], first)
    chosen = kept[order[first]]
    even = bool((counts == counts[0]).all())
    found = [column._replace(values=column.values[chosen]) for column in columns]
    return found, targets[chosen], None if even else counts


def _comparable(column: Column, rows: Array) -> Array:
    """Values that are alike for like rows, whatever power of two a column is scaled by."""
    values = column.values[rows]
    if column.labels is None:
        most = np.nanmax(np.abs(values)) if not np.isnan(values).all() else 1.0
        scaled: Array = np.ldexp(values, -int(np.frexp(most)[1]))
        scaled[np.isnan(scaled)] = np.nan
        return scaled + 0.0  # of -0 too
    labels = column.labels
    order = sorted(range(len(labels)), key=lambda i: (type(labels[i]).__name__, labels[i]))
    ranks = np.empty(len(labels) + 1, np.int64)
    used = np.unique(values[values >= 0])
    known = set(used.tolist())
    ranks[-1] = -1
    rank = 0
    for place in order:
        ranks[place] = rank
        rank += place in known
    return ranks[values]


def _words(part: Array) -> Array:
    return part.astype(np.float64 if part.dtype.kind == "f" else np.int64).view(np.uint64)


def _scrambled(words: Array) -> Array:
    """Bits of which each depends on all (splitmix64)."""
    found = words.copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        found ^= found >> np.uint64(shift)
        found *= np.uint64(factor)
    return found
