"""One training step: forward, loss, backward, update."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DivergenceError
from annlib.core.workspace import Workspace
from annlib.data import Batch
from annlib.models.compilation import RunningLoss
from annlib.models.head import Head, split
from annlib.models.passes import Pass

if TYPE_CHECKING:
    from annlib.models.learner import Learner


class Step:
    """A compiled model with the memory to train and to test it, batch by batch.

    Made when the first batch comes and again whenever the layout of the parameters changes.
    """

    def __init__(self, model: Learner) -> None:
        loss, vector = model.compiled_loss(), model.vector
        vector.allocate_gradients()
        body, fused = split(model.layers, loss)
        self._training = Pass(body, model.dtype, model.rng_of)
        self._testing = Pass(body, model.dtype)
        self._head = Head(loss, fused, model.dtype)
        self._test_head = Head(loss, fused, model.dtype)
        self._gradient = vector.gradients[: vector.n_trainable]
        self._priced = [
            (entry.parameter.regularizer, vector.values[entry.where], vector.gradients[entry.where])
            for entry in vector.penalized()
        ]
        self._has_penalties = bool(self._priced) or self._training.is_priced
        self._work = Workspace(model.dtype)
        self._vector = vector
        self._compiled = model.compiled_state()
        self._optimizer = self._compiled.optimizer
        self._optimizer.build(vector)
        self.loss = RunningLoss()

    # -- on a batch ------------------------------------------------------------------------------

    def train(self, batch: Batch) -> None:
        """One update of the weights, and the batch in the running loss and metrics."""
        assert batch.y is not None, "the doors see to targets"
        value = self.update(batch.x, batch.y, batch.weights)
        self._record(value, self._head.prediction(), batch)

    def test(self, batch: Batch) -> None:
        """The batch in the running loss and metrics, with the layers at rest."""
        assert batch.y is not None, "the doors see to targets"
        with np.errstate(all="ignore"):
            Z = self._testing.forward(batch.x)
            value = self._test_head.value(Z, batch.y, batch.weights)
        value += self._testing.penalty() + self._penalty()
        self._record(value, self._test_head.prediction(), batch)

    @np.errstate(all="ignore")  # the check says more than NumPy's warnings
    def update(self, X: Array, Y: Array, weights: Array | None = None) -> float:
        """Forward, loss, backward, update; returns the loss, penalties included.

        Raises
        ------
        DivergenceError
            If loss or gradient is NaN or infinite: before anything has been changed.
        """
        value = self.gradient(X, Y, weights)
        gradient = self._gradient
        if not (math.isfinite(value) and math.isfinite(np.dot(gradient, gradient))):
            self._refuse(X, Y, value)
        self._optimizer.step()
        self._training.commit()
        return value

    def gradient(self, X: Array, Y: Array, weights: Array | None = None) -> float:
        """Write the loss' gradient into the model's gradient vector; returns the loss."""
        Z = self._training.forward(X, training=True)
        value = self._head.value(Z, Y, weights)
        self._training.backward(self._head.gradient())
        if self._has_penalties:
            value += self._training.penalty() + self._penalty()
            for regularizer, W, dW in self._priced:
                regularizer.add_gradient(W, dW, self._work)
        return value

    def _penalty(self) -> float:
        return float(sum(regularizer(W) for regularizer, W, _ in self._priced))

    # -- what they add up to ---------------------------------------------------------------------

    def _record(self, value: float, prediction: Array, batch: Batch) -> None:
        self.loss.update_state(value, len(prediction))
        for metric in self._compiled.metrics:
            metric.update_state(batch.y, prediction)

    def reset(self) -> None:
        """Start loss and metrics anew."""
        self.loss.reset_state()
        for metric in self._compiled.metrics:
            metric.reset_state()

    def results(self) -> dict[str, float]:
        """Loss and metrics since the last reset, the loss first."""
        values = [metric.result() for metric in self._compiled.metrics]
        return {"loss": self.loss.result(), **dict(zip(self._compiled.names, values, strict=True))}

    def forget(self) -> None:
        """Let go of the user's data; the buffers stay."""
        for part in (self._training, self._testing, self._head, self._test_head):
            part.forget()

    # -- when it goes wrong ----------------------------------------------------------------------

    def _refuse(self, X: Array, Y: Array, value: float) -> None:
        """Say where the first number that is not finite arose."""
        if math.isfinite(value) and np.isfinite(self._gradient).all():
            return  # only the square of the norm overflows
        if bad := self._not_finite(self._vector.values):
            raise DivergenceError(
                f'expected finite weights, got "{bad[0]}" with NaN or infinity: set so, or by an '
                f"update at a learning rate of {self._optimizer.learning_rate:g} that overflowed. "
                "Set, load or build the weights anew, and take a smaller rate."
            )
        if not np.isfinite(X).all():
            where = f"x of the batch, as {X.dtype}, is not finite"
        elif not np.isfinite(Y).all():
            where = f"y of the batch, as {Y.dtype}, is not finite"
        elif (name := self._training.first_not_finite(X)) is not None:
            where = f'the output of layer "{name}" is the first that is not finite'
        else:
            bad = self._not_finite(self._vector.gradients)
            where = (
                f'the gradient of "{bad[-1]}" is the first that is not finite'
                if bad
                else "the layers' outputs and gradients are finite"
            )
        raise DivergenceError(
            f"expected a finite loss and gradient, got loss {value} ({where}). The weights are "
            f"those after the last good step. Try a learning rate below "
            f"{self._optimizer.learning_rate:g}, clipnorm=1.0 in the optimizer, or inputs scaled "
            "to about [-1, 1]."
        )

    def _not_finite(self, vector: Array) -> list[str]:
        """The parameters that are not finite in a vector of the model's layout."""
        return [
            entry.path
            for entry in self._vector.entries
            if not np.isfinite(vector[entry.where]).all()
        ]
