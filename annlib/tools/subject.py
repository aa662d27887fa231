"""The subject of a check-up: a trial, what task it is, and what its layers make of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.activations import Activation
from annlib.core.arrays import Array
from annlib.core.cached import cached_property
from annlib.layers import Dense, Layer
from annlib.layers.passes import Pass
from annlib.losses import Loss
from annlib.tools.model_copy import ModelCopy


class Subject:
    """A model and data that a check-up examines.

    Attributes
    ----------
    trial : ModelCopy
    columns : sequence, optional
        The names of the columns of x.
    """

    def __init__(self, trial: ModelCopy, columns: Sequence[Any] | None) -> None:
        self.trial = trial
        self.columns = columns

    @cached_property
    def loss(self) -> Loss:
        """The loss of the model."""
        return self.trial.loss_function

    @property
    def is_regression(self) -> bool:
        """Whether it is a regression: such a loss, and targets that are not all 0 and 1."""
        return self.loss.task == "regression" and not self._are_bits(self.trial.y)

    @cached_property
    def output(self) -> Activation | None:
        """The activation that the outputs come from."""
        return self.trial.model._network.output_activation

    @property
    def units(self) -> int:
        """The size of the output."""
        return int(self.predictions.shape[-1])

    @cached_property
    def targets(self) -> Array:
        """Those that are there, if some may be missing."""
        y = self.trial.y
        return y[~self.loss.missing(y)] if self.loss.masks else y

    @cached_property
    def classes(self) -> Array | None:
        """The class of each row, if the rows have one class each."""
        y = self.trial.y
        if self.loss.target_kind == "labels":
            return self.targets.reshape(-1)  # of several networks side by side each its own
        if y.ndim != 2 or not self._are_bits(y):
            return None
        if y.shape[1] == 1:
            return y[:, 0].astype(int)
        one_each = np.array_equal(y.sum(axis=1), np.ones(len(y)))
        return np.argmax(y, axis=1) if one_each else None

    @staticmethod
    def _are_bits(y: Array) -> bool:
        return bool(np.isin(y, (0, 1)).all())

    @cached_property
    def outputs(self) -> list[tuple[Layer, Array, Array]]:
        """Each layer with what goes into it and what comes out, in a training pass."""
        model = self.trial.model
        steps = Pass(model.layers, model.dtype).steps
        found, x = [], self.trial.x
        with np.errstate(all="ignore"):
            for index, (layer, work) in enumerate(steps):
                if layer.random:
                    work.rng = np.random.default_rng(index)
                y = np.array(layer.forward(x, work, training=True))
                found.append((layer, x, y))
                x = y
        return found

    @cached_property
    def weighted(self) -> list[tuple[Layer, Array, Array]]:
        """Those of them that multiply by a matrix that is learned."""
        return [
            (layer, x, y)
            for layer, x, y in self.outputs
            if isinstance(layer, Dense) and layer.kernel.ndim == 2
        ]

    @cached_property
    def predictions(self) -> Array:
        """What the model gives before it has learned."""
        return self.outputs[-1][2]

    @cached_property
    def hidden(self) -> list[tuple[str, Activation, Array]]:
        """The activations before the last layer, with their outputs, by the layer's name."""
        found = []
        for layer, _, y in self.outputs[:-1]:
            activation = getattr(layer, "activation", None)
            if isinstance(activation, Activation) and not activation._default_for_none:
                found.append((str(layer.name), activation, y))
        return found

    def column(self, index: int) -> str:
        """A column of x as messages call it."""
        if self.columns is not None and index < len(self.columns):
            return f'"{self.columns[index]}"'
        return str(index)

    def some(self, indices: Sequence[int]) -> str:
        """The first of several columns."""
        names = [self.column(int(index)) for index in indices[:3]]
        return ", ".join(names) + (" and others" if len(indices) > 3 else "")
