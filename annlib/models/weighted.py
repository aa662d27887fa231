"""The weights of a model as a list of arrays, in Keras' order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ShapeError
from annlib.models.stack import Stack


class Weighted(Stack):
    """A stack whose weights can be read and replaced; see ``Sequential``."""

    @property
    def weights(self) -> list[Array]:
        """All parameters, layer after layer: the arrays themselves, not copies."""
        return [value for layer in self._layers for value in layer.values().values()]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those that training changes."""
        return [value for value, trains in self._flagged() if trains]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """Those that it does not: of frozen layers, and moving statistics."""
        return [value for value, trains in self._flagged() if not trains]

    def _flagged(self) -> list[tuple[Array, bool]]:
        return [
            (layer.values()[p.name], layer.trainable and p.trainable)
            for layer in self._layers
            for p in layer.parameters
        ]

    @property
    def trainable(self) -> bool:
        """Whether any layer trains; setting it sets every layer's. Takes effect at ``compile``."""
        return any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = bool(value)

    def get_weights(self) -> list[Array]:
        """Copies of all parameters, layer after layer."""
        self.weights_exist("get_weights")
        return [value.copy() for value in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all parameters; all shapes are checked before any is touched."""
        self.weights_exist("set_weights")
        paths = [f"{layer.name}/{p.name}" for layer in self._layers for p in layer.parameters]
        arrays = [np.asarray(weight) for weight in weights]
        if len(arrays) != len(paths):
            raise ShapeError(
                f"Sequential.set_weights: expected {len(paths)} arrays ({', '.join(paths)}), got "
                f"{len(arrays)}."
            )
        for path, own, array in zip(paths, self.weights, arrays, strict=True):
            if own.shape != array.shape:
                raise ShapeError(
                    f'Sequential.set_weights: expected shape {own.shape} for "{path}", got '
                    f"{array.shape}."
                )
        for own, array in zip(self.weights, arrays, strict=True):
            own[...] = array

    def count_params(self) -> int:
        """How many numbers the parameters hold."""
        self.weights_exist("count_params")
        return sum(layer.count_params() for layer in self._layers)
