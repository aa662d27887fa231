"""What is measured of many numbers and of a layer's units, and what follows from it in words."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array

#: The shares of the numbers that lie below each number of a summary, after its first.
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_MOST = 4096
#: How near to an end of its range an activation is saturated, and how near it passes no gradient.
_NEAR, _AT = 0.01, 1e-6


@functools.cache
def _chosen(size: int) -> Array:
    """Places spread over so many numbers by chance, always the same ones."""
    rng = np.random.Generator(np.random.PCG64(size))
    return np.sort(rng.choice(size, _MOST, replace=False)).astype(np.int32)


def summary(values: Array) -> Array:
    """Root mean square and quantiles of any number of values; the quantiles of 4,096 of them.

    >>> summary(np.array([6.0, -8.0, 0.0, 0.0])).tolist()
    [5.0, -8.0, -8.0, 0.0, 0.0, 0.0, 6.0, 6.0]
    """
    flat = values.reshape(-1)
    part = np.sort(flat if flat.size <= _MOST else flat[_chosen(flat.size)])
    places = np.rint(np.multiply(QUANTILES, part.size - 1)).astype(int)
    mean = np.sqrt(np.dot(flat, flat) / flat.size)
    return np.array([mean, *part[places]], np.float32)


class Range(NamedTuple):
    """The ends of an activation's range; None where it has none and rises or falls without end."""

    low: float | None
    high: float | None
    #: Whether it lies between its ends where its input is 0, so that near an end is far out.
    saturates: bool


@np.errstate(all="ignore")
def range_of(activation: Any) -> Range | None:
    """The range of an activation that acts number by number, found by trying; else None.

    >>> from annlib import activations
    >>> range_of(activations.tanh)
    Range(low=-1.0, high=1.0, saturates=True)
    >>> range_of(activations.relu)
    Range(low=0.0, high=None, saturates=False)
    """
    if activation is None or not activation.elementwise:
        return None
    pairs = np.array([[-1e5, 1e5], [-1e3, 1e3], [0.0, 0.0]])
    found = np.asarray(activation(pairs), float)
    further, far, zero = found
    flat = np.isfinite(far) & np.isclose(further, far, rtol=1e-3, atol=1e-3)
    low, high = (float(end) if is_flat else None for end, is_flat in zip(far, flat, strict=True))
    inside = low is not None and high is not None and low < zero[0] < high
    return Range(low, high, bool(inside))


@np.errstate(all="ignore")
def bounds_of(activation: Any) -> tuple[float, float]:
    """The least and the largest number that an activation gives, found by trying.

    >>> from annlib import activations
    >>> bounds_of(activations.softmax), bounds_of(activations.relu), bounds_of(None)
    ((0.0, 1.0), (0.0, inf), (-inf, inf))
    """
    if activation is None:
        return -np.inf, np.inf
    z = np.concatenate([np.linspace(-30, 30, 6001), [-1e3, 1e3, -1e5, 1e5, -1e300, 1e300]])
    found = np.asarray(activation(np.column_stack([z, np.zeros_like(z), -z])), float)
    low, high = (
        float(of(found)) if np.isclose(of(found), of(found[:-4]), rtol=1e-3, atol=1e-3) else end
        for of, end in ((np.nanmin, -np.inf), (np.nanmax, np.inf))
    )
    return low, high


def shares(A: Array, limits: Range | None) -> tuple[float, float]:
    """The share of units that pass no gradient for any row, and of outputs that are saturated.

    >>> shares(np.array([[0.0, 2.0], [0.0, 0.0]]), Range(0.0, None, False))
    (0.5, 0.0)
    """
    if limits is None:
        return 0.0, 0.0
    units = A.reshape(len(A), -1) if A.ndim == 2 else A.reshape(-1, A.shape[-1])
    dead = 0.0
    for end in (limits.low, limits.high):
        if end is not None:
            dead += float(np.mean(np.all(np.abs(units - end) <= _AT, axis=0)))
    if not limits.saturates:
        return dead, 0.0
    assert limits.low is not None, "it has two ends"
    assert limits.high is not None, "it has two ends"
    margin = _NEAR * (limits.high - limits.low)
    near = (units < limits.low + margin) | (units > limits.high - margin)
    return dead, float(np.mean(near))


class Findings(NamedTuple):
    """The measures to judge, each a number a layer: medians of the last quarter of the samples,
    or of the first one.
    """

    learning: Sequence[str]
    gradients: Array
    first_gradients: Array
    weights: Array
    updates: Array
    first_updates: Array
    outputs: Sequence[str]
    dead: Array
    saturated: Array
    rows: int


def sentences(found: Findings) -> list[str]:
    """What is out of the ordinary, and what to do about it."""
    units, (large, small) = _of_units(found), _of_updates(found)
    if units and np.max(found.dead, initial=0) >= 0.9 and found.gradients.any():
        return units + large  # no signal comes through: small gradients and updates follow from it
    return [*units, *_of_gradients(found), *large, *small]


def _of_units(found: Findings) -> list[str]:
    said = []
    if found.rows >= 16:  # of fewer rows a unit may well miss all
        for name, share in zip(found.outputs, found.dead, strict=True):
            if share >= 0.3:
                said.append(
                    f'Layer "{name}": {share:.0%} of the units are dead, they give the same for '
                    f"all {found.rows} rows of the probe and pass no gradient. Try a smaller "
                    "learning rate, he_normal initial weights or leaky_relu, and scaled inputs."
                )
    for name, share in zip(found.outputs[:-1], found.saturated[:-1], strict=True):
        if share >= 0.5:
            said.append(
                f'Layer "{name}": {share:.0%} of the outputs are saturated, where the activation '
                "is flat and passes hardly any gradient. Try smaller initial weights, a smaller "
                "learning rate, scaled inputs or relu."
            )
    return said


def _of_gradients(found: Findings) -> list[str]:
    sizes = found.gradients
    if not sizes.size:
        return []
    first, last = found.learning[0], found.learning[-1]
    said: list[str] = []
    if not np.isfinite(sizes).all():
        return ["Gradients are not finite. Try a smaller learning rate, or clipnorm=1.0."]
    if not sizes.any():
        said.append(
            "All gradients are 0: nothing is learned any more. Either the loss is at its least, "
            "or no signal comes through (dead units, initial weights of zero)."
        )
        return said
    if sizes[0] < 1e-3 * sizes[-1]:
        said.append(
            f'Gradients vanish: in "{first}" they are {_times(sizes[-1], sizes[0])} smaller than '
            f'in "{last}". Try relu instead of sigmoid or tanh, he_normal initial weights, '
            "BatchNormalization, or fewer layers."
        )
    growth = float(np.max(sizes / np.maximum(found.first_gradients, 1e-30)))
    relative = np.maximum(sizes, found.first_gradients) / np.maximum(found.weights, 1e-30)
    worst = int(np.argmax(relative))
    if relative[worst] > 1e3:
        said.append(
            f'Gradients explode: in "{found.learning[worst]}" they are {relative[worst]:.0e} times '
            "the size of the weights. Try smaller initial weights, scaled inputs and targets, "
            "clipnorm=1.0, or BatchNormalization."
        )
    elif growth > 1e3:
        said.append(
            f"Gradients explode: they have grown by a factor of {growth:.0e} since the first "
            "steps. Try a smaller learning rate, or clipnorm=1.0."
        )
    return said


def _times(large: float, small: float) -> str:
    """How many times, as people read it."""
    return f"{large / small:,.0f} times" if small > 1e-6 * large else "over a million times"


def _of_updates(found: Findings) -> tuple[list[str], list[str]]:
    """Of those that are too large, and of those that are too small."""
    too_large, too_small = list[str](), list[str]()
    # Where steps are too large weights grow, until they are not: so the beginning counts, too.
    ratios = np.maximum(found.updates, found.first_updates)
    large = [index for index, ratio in enumerate(ratios) if ratio > 0.1]
    small = [index for index, ratio in enumerate(found.updates) if ratio < 1e-5]
    if large:
        most = float(np.max(ratios))
        too_large.append(
            f"{_layers(found, large)}: a step changes the weights by {most:.0%} of their size, "
            "which is too much (about 0.1 % is usual). Try a smaller learning rate."
        )
    if small:
        most = float(np.max(found.updates[small]))
        too_small.append(
            f"{_layers(found, small)}: a step changes the weights by {most:.0e} of their size or "
            "less, which is hardly anything (about 0.001 is usual). Try a larger learning rate, "
            "unless gradients vanish or the training is at its end."
        )
    return too_large, too_small


def _layers(found: Findings, places: Sequence[int]) -> str:
    """One layer by its name, of many the first and how many more."""
    first = f'Layer "{found.learning[places[0]]}"'
    more = len(places) - 1
    return first + (f" and {more} more" if more else "")
