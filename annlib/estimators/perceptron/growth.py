"""A network with more hidden units or layers that computes what a smaller one does (Net2Net)."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.estimators.perceptron.affine_maps import affine_maps
from annlib.estimators.perceptron.structure import Structure
from annlib.models import Sequential


def obstacle(before: Structure, now: Structure) -> str:
    """Why the hidden layers cannot grow so; nothing if they can."""
    old, new = before.sizes, now.sizes
    kept = new[: len(old)]
    if len(new) < len(old) or any(one < other for one, other in zip(kept, old, strict=True)):
        return "at least as many layers and units"
    wider = [a for a, n, o in zip(before.activations, kept, old, strict=True) if n > o]
    if not all(activation.elementwise for activation in wider):
        return "as many units where the activation mixes them"
    added = new[len(old) :]
    if added and (not old or now.normalized):
        return "as many layers, for a linear or a normalized network"
    if added and min(added) < old[-1]:
        return f"further layers of at least {old[-1]} units"
    if not all(_passes(before.activations[-1], one) for one in now.activations[len(old) :]):
        return "as many layers, where another would change what they give (as ReLU's does not)"
    return ""


def grow(model: Sequential, before: Sequential, random_state: Any) -> None:
    """Give a network the weights with which it computes what the smaller one does.

    Each new unit is a copy of another, with which it shares the weights that lead on: by random
    parts, so that they learn to differ. A new layer is the identity (Chen, Goodfellow & Shlens,
    Net2Net, 2016).
    """
    new, old = affine_maps(model), affine_maps(before)
    units = np.arange(before.input_shape[1] or 0)  # of the smaller layer, for each of the larger
    parts: Array = np.ones(len(units))
    width = len(units)
    for index, (dense, norm) in enumerate(new):
        last, further = index == len(new) - 1, len(old) - 1 <= index < len(new) - 1
        if further:
            source, source_norm = None, None
            kernel, bias = np.eye(width), np.zeros(width)
        else:
            source, source_norm = old[-1] if last else old[index]
            kernel, bias = source.kernel, source.bias
        width = len(bias)
        kernel = kernel[units] * parts[:, None]
        copies = random_state.randint(width, size=dense.units - width)
        units = np.concatenate([np.arange(width), copies])
        shares = random_state.uniform(0.5, 1.5, len(units))
        counts = np.bincount(units, shares, width)
        parts = np.where(np.bincount(units)[units] > 1, shares / counts[units], 1.0)
        dense.kernel[...] = kernel[:, units]
        dense.bias[...] = bias[units]
        if norm is not None and source_norm is not None:
            for name, values in source_norm._values().items():
                norm._values()[name][...] = values[units]
        if source is not None:
            dense.trainable = source.trainable


def _passes(activation: Any, further: Any) -> bool:
    """Whether a further activation leaves as they are what one gives."""
    A = np.asarray(activation(np.linspace(-20.0, 20.0, 401).reshape(-1, 1)))
    return bool(np.array_equal(np.asarray(further(A.copy())), A))
