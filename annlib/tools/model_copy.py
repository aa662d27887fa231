"""A private copy of a model, and samples to try things on: the model itself stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import SEED_BITS, check_count, check_instance
from annlib.data import Batch, dense
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.optimizers import Optimizer
from annlib.training.dataset import array_dataset
from annlib.training.loop import train_step


class ModelCopy:
    """A copy of a compiled model with the data in memory, in the layout that its loss takes.

    Parameters
    ----------
    model : Sequential
        Compiled; built or not.
    x, y, sample_weight
        As ``fit`` takes them.
    where : str
        Whose arguments these are, for messages.
    rows : int, optional
        At most so many of them, drawn with ``seed``.
    dtype : str, optional
        Another arithmetic than the model's.
    seed : int
    """

    def __init__(
        self,
        model: Sequential,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        where: str,
        rows: int | None = None,
        dtype: str | None = None,
        seed: int = 0,
    ) -> None:
        check_model(model, where)
        network, compiled = model._network, model._require_compiled(where)
        data = array_dataset(network, compiled, x, y, sample_weight, None, where)
        self.seed = check_count(seed, where, "seed", 0, SEED_BITS)
        self.rng = np.random.default_rng(self.seed)
        self.model = compiled_copy(model, dtype)
        self.model._build_for(data)
        network = self.model._network
        if rows is None or len(data.x) <= rows:
            batch = data.batch(network)
        else:
            chosen = np.sort(self.rng.permutation(len(data.x))[:rows])
            batch = next(data.batches(network, rows).take(chosen))
        assert batch.y is not None, "array_dataset checks the targets"
        self.x, self.y = np.array(dense(batch.x)), np.array(batch.y)
        self.weights = None if batch.weights is None else np.array(batch.weights)

    @property
    def loss_function(self) -> Loss:
        """The loss of the model, resolved for these data."""
        return self.model._require_compiled("ModelCopy").require_loss()

    def __len__(self) -> int:
        return len(self.x)

    def fresh_copy(self, optimizer: Optimizer | None = None, dtype: str | None = None) -> Self:
        """A copy to be trained on these data, with another optimizer or in another type."""
        other = copy.copy(self)
        other.rng = np.random.default_rng(self.seed)
        other.model = compiled_copy(self.model, dtype, optimizer)
        other.model.build((None, *self.x.shape[1:]))
        return other

    def first(self, rows: int, dtype: str) -> Self:
        """A copy of the model with the first samples only, in this type."""
        other = self.fresh_copy(dtype=dtype)
        x, y, weights = self.part(np.arange(min(rows, len(self))))
        other.x = x.astype(dtype) if x.dtype.kind == "f" else x
        other.y = y.astype(dtype) if y.dtype.kind == "f" else y
        other.weights = None if weights is None else weights.astype(dtype)
        return other

    def part(self, index: Array) -> tuple[Array, Array, Array | None]:
        """Select x, y and the weights of some samples."""
        weights = None if self.weights is None else self.weights[index]
        return self.x[index], self.y[index], weights

    def update(self, index: Array) -> float:
        """One training step of the copy on these rows; returns the loss."""
        return train_step(self.model._functions.step, Batch(*self.part(index)))

    def loss(self, index: Array | None = None) -> float:
        """The loss on these rows, or on all, of the model at rest."""
        batch = Batch(*self.part(np.arange(len(self)) if index is None else index))
        functions = self.model._functions
        with self.model._evaluating(), functions.running(functions.evaluation) as metrics:
            functions.evaluation.test(batch)
            return float(metrics.results()["loss"])

    def training_loss(self) -> float:
        """The loss on all rows in a training pass: with dropout, by the batch's own statistics."""
        with np.errstate(all="ignore"):
            batch = Batch(self.x, self.y, self.weights)
            return self.model._functions.step.loss_and_gradient(batch)

    def orders(self, batch_size: int, index: Array | None = None) -> Iterator[Array]:
        """Indices of batches without end, in a new order each time around."""
        rows = np.arange(len(self)) if index is None else index
        while True:
            order = self.rng.permutation(rows)
            for start in range(0, len(order), batch_size):
                yield order[start : start + batch_size]


def check_model(model: Any, where: str) -> None:
    """Raise unless it is a compiled model."""
    check_instance(model, Sequential, where, "model")._require_compiled(where)


def compiled_copy(
    model: Sequential, dtype: str | None = None, optimizer: Optimizer | None = None
) -> Sequential:
    """A compiled copy with the same weights and random streams of its own, from the same seed."""
    compiled = model._require_compiled("Sequential")
    loss = "crossentropy" if compiled.loss is None else compiled.loss.clone()
    own = Sequential(copy.deepcopy(model.layers), seed=model.seed, dtype=dtype or model.dtype)
    if (shape := model._network.expected_input_shape()) is not None:
        own.build(shape)
    own._set_compiled(type(compiled)(optimizer or compiled.optimizer.clone(), loss), anew=False)
    return own
