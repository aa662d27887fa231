"""What the packs of a fit predict together: their mixture, its temperature, and how far it errs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from annlib.core.arrays import Array
from annlib.estimators.tabular.features import Prepared
from annlib.estimators.tabular.held_out import HeldOut
from annlib.estimators.tabular.pack import outputs
from annlib.estimators.tabular.task import Task
from annlib.models import Sequential

#: Rows for which the weights that were found count as much as equal ones.
_PRIOR = 500
_SHARES = np.linspace(0, 1, 41)
_TEMPERATURES = np.exp(np.linspace(-1.0, 1.0, 81))
#: Parts of the range of predictions in each of which errors have a size of their own.
_PARTS = 10
#: Errors that are kept, in their order.
_ERRORS = 1001
#: Errors that tell by themselves how they are distributed.
_MANY = 100


class Ensemble(NamedTuple):
    """Fitted packs, what each counts, and a temperature by which logits are divided."""

    task: Task
    packs: list[Sequential]
    shares: tuple[float, ...]
    temperature: float

    def predict(self, rows: Prepared) -> Array:
        """Probabilities, or numbers in units of the training, (n, outputs)."""
        found = [
            self.task.predictions(outputs(pack, rows)).mean(axis=1) * share
            for pack, share in zip(self.packs, self.shares, strict=True)
        ]
        return self.finish(np.sum(found, axis=0))

    def predict_held_out(self, held_out: HeldOut, judges: list[list[Sequential]]) -> Array:
        """The same for rows held out, by those who judge them in each pack."""
        found = [
            held_out.predict(own, self.task) * share
            for own, share in zip(judges, self.shares, strict=True)
        ]
        return self.finish(np.sum(found, axis=0))

    def finish(self, mixed: Array) -> Array:
        """A mixture after the temperature."""
        return self.task.tempered(mixed, self.temperature) if self.task.blocks else mixed


def combine(
    packs: list[Sequential],
    judges: list[list[Sequential]],
    held_out: HeldOut,
    task: Task,
    n: int,
) -> Ensemble:
    """The mixture, and then the temperature, with the least loss on rows held out."""
    if not held_out.size:
        return Ensemble(task, packs, tuple([1 / len(packs)] * len(packs)), 1.0)
    found = [held_out.predict(own, task) for own in judges]
    shares: tuple[float, ...] = (1.0,)
    if len(packs) == 2:
        losses = [held_out.loss(w * found[0] + (1 - w) * found[1], task) for w in _SHARES]
        # Of few rows the weights that fit best are noise.
        trust = n / (n + _PRIOR)
        first = trust * float(_SHARES[np.argmin(losses)]) + (1 - trust) / 2
        shares = (first, 1 - first)
    mixed = np.sum([share * each for share, each in zip(shares, found, strict=True)], axis=0)
    temperature = 1.0
    if task.blocks:
        tempered = [held_out.loss(task.tempered(mixed, t), task) for t in _TEMPERATURES]
        trust = held_out.size / (held_out.size + _PRIOR / 5)
        temperature = float(_TEMPERATURES[np.argmin(tempered)] ** trust)
    return Ensemble(task, packs, shares, temperature)


class Errors(NamedTuple):
    """How large errors are, by the prediction: of one column of numbers.

    Parameters
    ----------
    places, sizes : array
        Predictions, and the root mean square of the errors near them.
    quantiles : array
        Errors divided by these sizes, in their order.
    """

    places: Array
    sizes: Array
    quantiles: Array

    @classmethod
    def learn(cls, predicted: Array, targets: Array, weights: Array | None) -> Errors:
        """From predictions of rows that were held out, (n,), and what they should have been."""
        errors = targets - predicted
        order = np.argsort(predicted, kind="stable")
        weights = np.ones(len(errors)) if weights is None else weights
        parts = np.array_split(order, max(1, min(_PARTS, len(order) // 30)))
        parts = [part for part in parts if weights[part].any()]
        overall = np.average(np.square(errors), weights=weights)
        places, sizes = [], []
        for part in parts:
            places.append(np.average(predicted[part], weights=weights[part]))
            own = np.average(np.square(errors[part]), weights=weights[part])
            # As if a few rows more were there, with errors as large as everywhere.
            sizes.append(np.sqrt((own * len(part) + overall * 5) / (len(part) + 5)))
        size = np.maximum(sizes, np.finfo(float).tiny)
        scaled = errors / np.interp(predicted, places, size)
        levels = (np.arange(_ERRORS) + 0.5) / _ERRORS
        quantiles = _weighted_quantiles(scaled, weights, levels)
        count = np.square(weights.sum()) / np.square(weights).sum()
        if count < _MANY:
            # The ends of few errors are too near; of normal ones Student's t has the right ends.
            trust = count / _MANY
            quantiles = trust * quantiles + (1 - trust) * stdtrit(count, levels)
        return cls(np.array(places), size, quantiles)

    def size(self, predicted: Array) -> Array:
        """The standard deviation of what is predicted."""
        return np.interp(predicted, self.places, self.sizes)

    def between(self, predicted: Array, coverage: float) -> tuple[Array, Array]:
        """The ends of intervals that hold the target with this probability."""
        size = self.size(predicted)
        levels = (np.arange(len(self.quantiles)) + 0.5) / len(self.quantiles)
        ends = np.interp([(1 - coverage) / 2, (1 + coverage) / 2], levels, self.quantiles)
        return predicted + ends[0] * size, predicted + ends[1] * size


def _weighted_quantiles(values: Array, weights: Array, levels: Array) -> Array:
    order = np.argsort(values, kind="stable")
    shares = np.cumsum(weights[order])
    middles = (shares - weights[order] / 2) / shares[-1]
    return np.interp(levels, middles, values[order])
