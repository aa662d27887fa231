"""One training step: forward, loss, backward, update."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DivergenceError
from annlib.core.threads import for_products
from annlib.core.workspace import Workspace
from annlib.data import Batch
from annlib.models.head import Head, split
from annlib.models.passes import Pass
from annlib.models.tally import Tally

if TYPE_CHECKING:
    from annlib.models.learner import Learner


class Step:
    """A compiled model with the memory to train it, batch by batch.

    Made when the first batch comes and again whenever the layout of the parameters changes.
    """

    def __init__(self, model: Learner) -> None:
        loss, vector = model.compiled_loss(), model.vector
        vector.allocate_gradients()
        body, fused = split(model.layers, loss)
        self._training = Pass(body, model.dtype, model.rng_of)
        self._head = Head(loss, fused, model.dtype)
        self._gradient = vector.gradients[: vector.n_trainable]
        self._priced = [
            (
                entry.parameter.regularizer,
                vector.values[entry.where].reshape(entry.parameter.shape),
                vector.gradients[entry.where].reshape(entry.parameter.shape),
            )
            for entry in vector.penalized()
        ]
        self._has_penalties = bool(self._priced) or self._training.is_priced
        self._work = Workspace(model.dtype)
        self._vector = vector
        compiled = model.compiled_state()
        self._optimizer = compiled.optimizer
        self._optimizer.build(vector, compiled.jit_compile)
        self.tally = Tally(compiled.names, compiled.metrics, compiled.unweighted)

    # -- on a batch ------------------------------------------------------------------------------

    def train(self, batch: Batch) -> None:
        """One update of the weights, and the batch in the running loss and metrics."""
        assert batch.y is not None, "the doors see to targets"
        value = self.update(batch.x, batch.y, batch.weights)
        self._count(batch, value)

    @np.errstate(all="ignore")
    def measure(self, batch: Batch) -> float:
        """The loss of this batch alone in the tally and its gradient in the model; no update.

        Raises
        ------
        DivergenceError
            If loss or gradient is NaN or infinite.
        """
        assert batch.y is not None, "the doors see to targets"
        value = self._finite_gradient(batch.x, batch.y, batch.weights)
        self.tally.reset()
        self._count(batch, value)
        return value

    def _count(self, batch: Batch, value: float) -> None:
        share = self._head.loss.denominator(len(batch.x), batch.weights)
        self.tally.add(value, share, batch, self._head.prediction())

    @np.errstate(all="ignore")  # the check says more than NumPy's warnings
    def update(self, X: Array, Y: Array, weights: Array | None = None) -> float:
        """Forward, loss, backward, update; returns the loss, penalties included.

        Raises
        ------
        DivergenceError
            If loss or gradient is NaN or infinite: before anything has been changed.
        """
        value = self._finite_gradient(X, Y, weights)
        self._optimizer.step()
        self._training.commit()
        return value

    def _finite_gradient(self, X: Array, Y: Array, weights: Array | None) -> float:
        value = self.gradient(X, Y, weights)
        gradient = self._gradient
        if not (math.isfinite(value) and math.isfinite(np.dot(gradient, gradient))):
            self._refuse(X, Y, value)
        return value

    def gradient(self, X: Array, Y: Array, weights: Array | None = None) -> float:
        """Write the loss' gradient into the model's gradient vector; returns the loss."""
        Z = self._training.forward(X, training=True)
        value = self._head.value(Z, Y, weights)
        self._training.backward(self._head.gradient())
        if self._has_penalties:
            value += self._training.penalty()
            rows = self._head.loss.denominator(len(X), weights)
            for regularizer, W, dW in self._priced:
                share = regularizer.share(rows)
                value += share * regularizer(W)
                regularizer.add_gradient(W, dW, self._work, share)
        return value

    def product_threads(self, rows: int | None) -> int | None:
        """The limit for its matrix products on batches of so many rows, by their size; or None."""
        shapes = (e.parameter.shape for e in self._vector.entries if e.parameter.name == "kernel")
        return for_products((rows or 1) * max(map(math.prod, shapes), default=0))

    def forget(self) -> None:
        """Let go of the user's data; the buffers stay."""
        self._training.forget()
        self._head.forget()

    # -- when it goes wrong ----------------------------------------------------------------------

    def _refuse(self, X: Array, Y: Array, value: float) -> None:
        """Say where the first number that is not finite arose."""
        if math.isfinite(value) and np.isfinite(self._gradient).all():
            return  # only the square of the norm overflows
        self.check_weights()
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

    @np.errstate(all="ignore")  # squares may overflow
    def check_weights(self) -> None:
        """Raise ``DivergenceError`` if an update, or the user, made a weight NaN or infinite."""
        values = self._vector.values
        if math.isfinite(np.dot(values, values)):
            return
        if bad := self._not_finite(values):
            raise DivergenceError(
                f'expected finite weights, got "{bad[0]}" with NaN or infinity: set so, or by an '
                f"update at a learning rate of {self._optimizer.learning_rate:g} that overflowed. "
                "Set, load or build the weights anew, and take a smaller rate."
            )

    def _not_finite(self, vector: Array) -> list[str]:
        """The parameters that are not finite in a vector of the model's layout."""
        return [
            entry.path
            for entry in self._vector.entries
            if not np.isfinite(vector[entry.where]).all()
        ]
