"""Rows that are alike, taken as one that counts more, and in an order that data alone decide.

So rows that are repeated are the same as weights, and the order in which rows come changes no bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annlib.core.arrays import Array
from annlib.estimators.tabular.frame import Column

#: Copies of a row from which on it is one that will come again.
OFTEN = 5
_ODD = np.uint64(0x9E3779B97F4A7C15)


def distinct_rows(
    columns: Sequence[Column], targets: Array, weights: Array | None
) -> tuple[list[Column], Array, Array | None, Array]:
    """Columns, targets and weights of the distinct rows that count.

    Parameters
    ----------
    columns : sequence of Column
    targets : array, (n, outputs)
    weights : array, (n,), optional

    Returns
    -------
    list of Column, array, array or None, and array
        Weights are None where all count the same; the last is how often each row came, or 1 where
        that was seldom.
    """
    n = len(targets)
    rows = np.arange(n) if weights is None else np.flatnonzero(weights)
    counts = np.ones(n) if weights is None else weights
    parts = [_ranks(column, rows) for column in columns]
    aims = [
        np.unique(target[rows], return_inverse=True)[1].astype(np.uint64) for target in targets.T
    ]
    order, first = _groups(parts + aims)
    counts = np.add.reduceat(counts[rows][order], first)
    repeats = np.diff(first, append=len(rows))
    repeats[repeats < OFTEN] = 1
    distinct = order[first]
    parts, aims = ([each[distinct] for each in some] for some in (parts, aims))
    again = np.argsort(_keys(parts, aims), kind="stable")
    chosen, counts = rows[distinct[again]], counts[again]
    even = bool((counts == counts[0]).all())
    found = [column._replace(values=column.values[chosen]) for column in columns]
    return found, targets[chosen], None if even else counts, repeats[again]


def _groups(parts: list[Array]) -> tuple[Array, Array]:
    """An order in which like rows are neighbours, and where in it a new group begins."""
    hashes = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        hashes = _scrambled(hashes ^ _scrambled(part + _ODD))
    order = np.argsort(hashes, kind="stable")
    sorted_hashes = hashes[order]
    new = np.ones(len(order), bool)
    new[1:] = sorted_hashes[1:] != sorted_hashes[:-1]
    again = np.flatnonzero(~new)
    for part in parts:
        new[again] |= part[order[again]] != part[order[again - 1]]
    return order, np.flatnonzero(new)


def _keys(parts: list[Array], aims: list[Array]) -> Array:
    """Numbers to order distinct rows by, whatever the order of columns; a constant column and a
    copy of another change none.

    A column is told from others by what it has to do with the targets.
    """
    target = np.zeros(len(aims[0]), np.uint64)
    for aim in aims:
        target = _scrambled(target ^ _scrambled(aim + _ODD))
    keys = target.copy()
    seen: dict[int, list[Array]] = {}
    for part in parts:
        own = _scrambled(target + _scrambled(part)).sum(dtype=np.uint64)
        others = seen.setdefault(int(own), [])
        if part.any() and not any(np.array_equal(part, other) for other in others):
            others.append(part)
            keys += _scrambled(_scrambled(part) ^ own)
    return keys


def _ranks(column: Column, rows: Array) -> Array:
    """The places of values in their order, which are the same on any scale."""
    values = column.values[rows]
    if column.labels is None:
        return np.unique(values, return_inverse=True)[1].astype(np.uint64)
    labels = column.labels
    known = np.unique(values[values >= 0]).tolist()
    order = sorted(known, key=lambda code: (type(labels[code]).__name__, labels[code]))
    ranks = np.zeros(len(labels) + 1, np.uint64)
    ranks[order] = np.arange(1, len(order) + 1)
    if not (values < 0).any():  # so that the least is 0
        ranks[order] -= np.uint64(1)
    return ranks[values]


def _scrambled(words: Array) -> Array:
    """Bits of which each depends on all (splitmix64)."""
    found = words.copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        found ^= found >> np.uint64(shift)
        found *= np.uint64(factor)
    return found
