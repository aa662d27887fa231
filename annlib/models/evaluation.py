"""A model at rest, tried on batches with targets."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from annlib.data import Batch
from annlib.models.head import Head, split
from annlib.models.passes import Pass
from annlib.models.tally import Tally

if TYPE_CHECKING:
    from annlib.models.learner import Learner


class Evaluation:
    """The memory to test a compiled model batch by batch; changes nothing of the model.

    It has metrics of its own, so that an evaluation in the middle of an epoch leaves the epoch's
    running values alone.
    """

    def __init__(self, model: Learner) -> None:
        loss, compiled = model.compiled_loss(), model.compiled_state()
        body, fused = split(model.layers, loss)
        self._pass = Pass(body, model.dtype)
        self._head = Head(loss, fused, model.dtype)
        self._priced = [
            (
                entry.parameter.regularizer,
                model.vector.values[entry.where].reshape(entry.parameter.shape),
            )
            for entry in model.vector.penalized()
        ]
        self.tally = Tally(compiled.names, copy.deepcopy(compiled.metrics), compiled.unweighted)

    def test(self, batch: Batch) -> None:
        """The batch in the tally."""
        assert batch.y is not None, "the doors see to targets"
        with np.errstate(all="ignore"):
            Z = self._pass.forward(batch.x)
            value = self._head.value(Z, batch.y, batch.weights)
        share = self._head.loss.denominator(len(Z), batch.weights)
        value += self._pass.penalty()
        value += sum(regularizer.share(share) * regularizer(W) for regularizer, W in self._priced)
        self.tally.add(value, share, batch, self._head.prediction())

    def forget(self) -> None:
        """Let go of the user's data; the buffers stay."""
        self._pass.forget()
        self._head.forget()
