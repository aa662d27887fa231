"""What is predicted: its predictions, and how far they are off."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.losses import BlockCrossentropy, Loss, MeanSquaredError, SparseCategoricalCrossentropy


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

    def tempered(self, probabilities: Array, temperature: float) -> Array:
        """Probabilities whose logarithms have been divided by a temperature."""
        found = np.log(np.maximum(probabilities, 1e-12)) / temperature
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

    def targets(self, encoded: Array) -> Array:
        """Those that ``encode`` has given, as ``loss`` takes them."""
        if not self.blocks:
            return encoded.astype(np.float32)
        if len(self.blocks) == 1:
            return np.asarray(encoded[:, 0])
        columns = zip(self.blocks, encoded.T, strict=True)
        return np.hstack([np.eye(size, dtype=np.float32)[codes] for size, codes in columns])

    def loss(self, smoothing: float) -> Loss:
        """What is learned by."""
        if not self.blocks:
            return MeanSquaredError()
        if len(self.blocks) == 1:
            return SparseCategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
        return BlockCrossentropy(self.blocks, label_smoothing=smoothing)


def softmax(z: Array) -> None:
    """Softmax over the last axis, in place."""
    z -= z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)
