"""What is predicted: its losses and their gradients."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from annlib.core.arrays import Array


class Task(NamedTuple):
    """What is to be predicted: classes of one or several columns, or numbers.

    Parameters
    ----------
    blocks : tuple of int
        The classes of each column; empty for numbers.
    columns : int
        Of numbers.
    """

    blocks: tuple[int, ...]
    columns: int

    @property
    def outputs(self) -> int:
        return sum(self.blocks) or self.columns

    @property
    def slices(self) -> list[slice]:
        """Where the classes of each column lie in the outputs."""
        stops = np.cumsum([0, *self.blocks]).tolist()
        return [slice(*ends) for ends in pairwise(stops)]

    def predictions(self, outputs: Array) -> Array:
        """Probabilities, or numbers, of outputs (..., outputs)."""
        found = outputs.astype(np.float64)
        for block in self.slices:
            softmax(found[..., block])
        return found

    def losses(self, predicted: Array, targets: Array) -> Array:
        """Of each row the logarithmic loss, or the squared error; targets as ``encode`` has them"""
        if not self.blocks:
            errors: Array = np.square(predicted - targets).mean(axis=1)
            return errors
        rows = np.arange(len(targets))
        total = np.zeros(len(targets))
        for block, codes in zip(self.slices, targets.T, strict=True):
            chosen = predicted[:, block][rows, codes]
            total -= np.log(np.maximum(chosen, np.finfo(np.float64).tiny))
        return total

    def step(self, outputs: Array, targets: Array, smoothing: float) -> tuple[Array, Array]:
        """The losses (k, n) of a batch, and their gradient by the outputs, (k, n, outputs), which
        takes the place of these.
        """
        if not self.blocks:
            outputs -= targets
            losses = np.square(outputs).mean(axis=2)
            outputs *= np.float32(2 / self.columns)
            return losses, outputs
        rows = np.arange(len(targets))
        losses = np.zeros(outputs.shape[:2], np.float32)
        for block, codes in zip(self.slices, targets.T, strict=True):
            z = outputs[..., block]
            softmax(z)
            losses -= np.log(np.maximum(z[:, rows, codes], np.finfo(np.float32).tiny))
            z -= np.float32(smoothing / z.shape[-1])
            z[:, rows, codes] -= np.float32(1 - smoothing)
        return losses, outputs


def softmax(z: Array) -> None:
    """Softmax over the last axis, in place."""
    z -= z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)
