"""Values of a column of numbers that mean something of their own, such as codes and usual amounts.

What an amount of 7,298 says may have nothing to do with what those beside it say. A network that is
given the number alone hardly learns that; of a flag for the value it does. So that flags are not
made in vain, half of the rows must show that the target's mean at each value tells more of the
other half than a curve through all values and than the means of the values beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from annlib.core.arrays import Array
from annlib.layers import PiecewiseLinearEncoding

#: Rows that a value needs for a flag, and the share of the rows that has such values.
_LEAST, _MOST_ROWS = 4, 0.9
#: Flags of all columns together, and how many one can have in any case and at most.
_ALL_FLAGS, _FLAGS = 8192, (8, 128)
#: Columns of more values are not looked at.
_MOST_VALUES = 4000
_BINS = 32
#: Rows for which the mean of a value counts as much as the curve.
_PRIOR = 4
#: What flags must explain: a share of the variance of the target, and so many standard errors.
_SHARE, _ERRORS = 0.003, 1.5


def find_marks(
    values: Array,
    scaled: Callable[[Array], Array],
    targets: Array,
    blocks: Sequence[int],
    weights: Array | None,
    columns: int,
) -> list[float]:
    """The values of a column that are to have a flag each, none or several.

    Parameters
    ----------
    values : array, (n,)
        NaN where they are missing.
    scaled : callable
        What networks are given for values.
    targets : array, (n, columns)
        Codes of classes, or numbers.
    blocks : sequence of int
        The classes of each column of targets; empty for numbers.
    columns : int
        How many columns there are: of many, each can have the fewer.
    """
    known = np.flatnonzero(~np.isnan(values))
    found, counts = np.unique(values[known], return_counts=True)
    kept = counts >= _LEAST
    many = counts[kept].sum() >= _MOST_ROWS * len(known)
    if not many or not _BINS + 1 < len(found) <= _MOST_VALUES:
        return []
    weights = np.ones(len(known)) if weights is None else weights[known]
    group = np.searchsorted(found, values[known])
    rank = np.empty(len(known), int)
    rank[np.argsort(group, kind="stable")] = np.arange(len(known))
    rank -= (np.cumsum(counts) - counts)[group]
    halves = group + rank % 2 * len(found)
    sizes = np.bincount(halves, weights, 2 * len(found)).reshape(2, -1, 1)
    sums = _sums(halves, 2 * len(found), targets[known], blocks, weights)
    sums = sums.reshape(2, len(found), -1)
    codes = _codes(scaled(values[known]), scaled(found))
    gains = sum(_gains(sums, sizes, codes, half) for half in (0, 1)) * kept
    gain = float(gains.sum())
    enough = gain > _SHARE * _variation(targets[known], blocks, weights)
    if not enough or gain < _ERRORS * np.sqrt(np.square(gains).sum()):
        return []
    chosen = np.flatnonzero(kept)
    chosen = chosen[np.argsort(-counts[chosen], kind="stable")][: _most_flags(columns)]
    flagged: list[float] = np.sort(found[chosen]).tolist()
    return flagged


def _most_flags(columns: int) -> int:
    least, most = _FLAGS
    return max(least, min(_ALL_FLAGS // columns, most))


def flags_of(values: Array, marked: Sequence[float]) -> list[Array]:
    """A flag of float32 for each marked value."""
    return [(values == mark).astype(np.float32) for mark in marked]


def _sums(
    groups: Array, count: int, targets: Array, blocks: Sequence[int], weights: Array
) -> Array:
    """Of each group of rows the sum of the targets, or how many are of each class."""
    if not blocks:
        return np.stack([np.bincount(groups, weights * t, count) for t in targets.T], axis=1)
    found = [
        np.bincount(groups * size + codes, weights, count * size).reshape(count, size)
        for size, codes in zip(blocks, targets.T, strict=True)
    ]
    return np.hstack(found)


def _variation(targets: Array, blocks: Sequence[int], weights: Array) -> float:
    """The squared distances of the targets from their mean."""
    total = weights.sum()
    means = _sums(np.zeros(len(targets), int), 1, targets, blocks, weights)[0] / total
    squares = total * len(blocks) if blocks else (weights @ np.square(targets)).sum()
    return float(squares - total * np.square(means).sum())


def _codes(column: Array, places: Array) -> Array:
    """What piecewise linear curves are made of, at each value."""
    encoding = PiecewiseLinearEncoding(num_bins=_BINS)
    encoding.adapt(column[:, np.newaxis])
    edges = np.array((encoding.bin_boundaries or [[]])[0])
    inner = np.clip((places[:, np.newaxis] - edges[:-1]) / np.diff(edges), 0, 1)
    return np.hstack([np.ones((len(places), 1)), inner])


def _gains(sums: Array, sizes: Array, codes: Array, half: int) -> Array:
    """By how much the squared errors in one half are less, value by value, with the means of the
    other than with the better of a curve and of what the values beside say.
    """
    own, size = sums[1 - half], sizes[1 - half]
    gram = codes.T @ (size * codes) + np.eye(codes.shape[1])
    curve = codes @ np.linalg.solve(gram, codes.T @ own)
    rest = own - size * curve
    beside = curve + _beside(rest) / (_beside(size) + _PRIOR)
    alone = curve + rest / (size + _PRIOR)

    def cost(predicted: Array) -> Array:
        found: Array = (predicted * (sizes[half] * predicted - 2 * sums[half])).sum(axis=1)
        return found

    gains: Array = np.minimum(cost(curve), cost(beside)) - cost(alone)
    return gains


def _beside(each: Array) -> Array:
    """The sum over the two values before and after."""
    padded = np.pad(each, ((2, 2), (0, 0)))
    found: Array = padded[:-4] + padded[1:-3] + padded[3:-1] + padded[4:]
    return found
