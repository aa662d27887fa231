"""The training step: the memory to train a compiled network batch by batch, and its checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import DivergenceError
from annlib.core.threads import blas_threads_for
from annlib.data import Batch
from annlib.network.network import Network
from annlib.optimizers.rule import Rule
from annlib.training.compiled import Compiled
from annlib.training.objective import Objective
from annlib.training.processes import Communicator, DividedObjective


class CompiledObjective(Protocol):
    """An objective that something else computes, in fewer calls."""

    @property
    def squares(self) -> float | None:
        """The sum of the squares of the last gradient, if it is known."""

    def value_and_gradient(self, X: Any, Y: Array, weights: Array | None) -> float:
        """The loss of a batch without penalties on weights; writes its gradient."""

    def where_not_finite(self, X: Any) -> str | None:
        """What is known of where a number that is not finite arose, if not all rows are here."""

    def commit(self) -> None:
        """Let the layers take over the statistics of the last batch."""

    def clear(self) -> None:
        """Drop references to the user's data."""


class Compiler(Protocol):
    """What makes machine code."""

    def compiled_objective(
        self, objective: Objective, gradient: Array, where: str
    ) -> CompiledObjective:
        """Of an objective, the gradient into which it writes, and what warnings begin with."""

    def compiled_rule(self, rule: Rule, dtype: Any) -> Callable[..., None] | None:
        """The ``update`` of an optimizer's rule for vectors of a type, if it can be."""


class UpdateOverflowError(DivergenceError):
    """An update that would have made a weight NaN or infinite, and was not made."""


class Step:
    """A compiled network with the memory to train it.

    Made when the first batch comes and again whenever the layout of the parameters changes.

    Attributes
    ----------
    objective : Objective
    optimizer : Optimizer
    vector : ParameterVector
    gradient : array
        That of the trainable parameters, which ``loss_and_gradient`` writes.
    metrics : RunningMetrics
    """

    def __init__(
        self,
        network: Network,
        compiled: Compiled,
        compiler: Callable[[], Compiler | None] | None = None,
    ) -> None:
        vector = network.vector
        compiled.optimizer.check_parameters(vector.entries)
        self.objective = Objective(network, compiled.require_loss(), training=True)
        self.gradient = vector.gradients[: vector.n_trainable]
        self.vector = vector
        self.optimizer = compiled.optimizer
        self.metrics = compiled.running_metrics(compiled.metrics)
        self._scheduled = network.scheduled_layers()
        self._compiler = compiler
        self._compiled: CompiledObjective | None = None
        self.use_mode(compiled.jit_compile)

    def divide(self, communicator: Communicator) -> None:
        """From now on compute batches of which other processes have other rows."""
        self._compiled = DividedObjective(
            *(self.objective, self.gradient, communicator), predicts=bool(self.metrics.metrics)
        )

    def compute_by(self, objective: CompiledObjective) -> None:
        """From now on let something else compute the objective."""
        self._compiled = objective

    def use_mode(self, jit_compile: bool | str) -> None:
        """Compute steps compiled, if that is True, or as they stand."""
        compiler = self._compiler() if jit_compile is True and self._compiler else None
        if compiler is None:
            self._compiled = None
            self.optimizer.build(self.vector, jit_compile)
            return
        self._compiled = compiler.compiled_objective(
            self.objective, self.gradient, "Sequential.fit"
        )
        self.optimizer.build(self.vector, jit_compile, compiler.compiled_rule)

    def loss_and_gradient(self, batch: Batch) -> float:
        """Forward, loss, backward: the loss of a batch, penalties included."""
        X, Y, weights = batch
        assert Y is not None, "checked in fit"
        for layer in self._scheduled:
            layer._follow(self.optimizer.steps)
        if self._compiled is not None:
            loss = self._compiled.value_and_gradient(X, Y, weights)
        else:
            loss = self.objective.value(X, Y, weights, training=True)
            self.objective.backward()
        return sum(self.objective.penalties(), loss) if self.objective.penalized else loss

    def commit(self) -> None:
        """Let the layers take over the statistics of the last forward pass, after its update."""
        (self._compiled or self.objective.passes).commit()

    def update_metrics(self, batch: Batch, loss: float) -> None:
        """Take the batch of the last loss into the running loss and metrics."""
        self.metrics.update(loss, batch, self.objective.loss)

    def clear(self) -> None:
        """Drop references to the user's data; the buffers stay."""
        self.objective.clear()
        if self._compiled is not None:
            self._compiled.clear()

    def product_threads(self, rows: int | None) -> int | None:
        """The limit for its matrix products on batches of so many rows, by their size; or None."""
        shapes = (e.parameter.shape for e in self.vector.entries if len(e.parameter.shape) > 1)
        return blas_threads_for((rows or 1) * max(map(math.prod, shapes), default=0))

    # -- when it goes wrong ----------------------------------------------------------------------

    def check_finite(self, batch: Batch, loss: float) -> float:
        """Raise ``DivergenceError`` if the loss or the gradient is NaN or infinite.

        Returns
        -------
        float
            The sum of the gradient's squares, which may be infinite.
        """
        known = None if self._compiled is None else self._compiled.squares
        squares = self.squares() if known is None else known
        if not (math.isfinite(loss) and math.isfinite(squares)):
            self._raise_divergence(batch, loss)
        return squares

    def squares(self) -> float:
        """The sum of the gradient's squares."""
        gradient = self.gradient
        return float(gradient.dot(gradient))

    def update(self, squares: float) -> None:
        """Let the optimizer make its step, by a gradient of which the squares have this sum.

        Raises
        ------
        UpdateOverflowError
            If a parameter, or what the optimizer remembers, would become NaN or infinite; nothing
            has changed then.
        """
        place = self.optimizer.checked_step(self.vector, squares)
        if place is None:
            return
        path = next((e.path for e in self.vector.entries if place < e.where.stop), "")
        rate = self.optimizer.learning_rate
        raise UpdateOverflowError(
            f'expected finite weights, got "{path}" with NaN or infinity, by an update at a '
            f"learning rate of {rate:g} that overflowed and was undone. The weights are those "
            f"after the last good step. Try a learning rate below {rate:g}, clipnorm=1.0 in the "
            "optimizer, or targets scaled to about [-1, 1]."
        )

    def _raise_divergence(self, batch: Batch, loss: float) -> None:
        """Say where the first number that is not finite arose."""
        X, Y, weights = batch
        assert Y is not None, "checked in fit"
        if math.isfinite(loss) and np.isfinite(self.gradient).all():
            return  # only the square of the norm overflows
        self.check_weights()
        if self._compiled is not None and (there := self._compiled.where_not_finite(X)):
            where = there
        elif not np.isfinite(X if isinstance(X, np.ndarray) else X.data).all():
            where = f"x of the batch, as {X.dtype}, is not finite"
        elif not (np.isfinite(Y) | (self.objective.loss.loss.masks and np.isnan(Y))).all():
            where = f"y of the batch, as {Y.dtype}, is not finite"
        elif weights is not None and not np.isfinite(weights).all():
            where = f"sample_weight of the batch, as {weights.dtype}, is not finite"
        elif (name := self.objective.passes.first_not_finite(X)) is not None:
            where = f'the output of layer "{name}" is the first that is not finite'
        else:
            bad = self._not_finite(self.vector.gradients)
            where = (
                f'the gradient of "{bad[-1]}" is the first that is not finite'
                if bad
                else "the layers' outputs and gradients are finite"
            )
        raise DivergenceError(
            f"expected a finite loss and gradient, got loss {loss} ({where}). The weights are "
            f"those after the last good step. Try a learning rate below "
            f"{self.optimizer.learning_rate:g}, clipnorm=1.0 in the optimizer, or inputs scaled "
            "to about [-1, 1]."
        )

    @np.errstate(all="ignore")  # squares may overflow
    def check_weights(self) -> None:
        """Raise ``DivergenceError`` if an update, or the user, made a weight NaN or infinite."""
        values = self.vector.values
        if math.isfinite(np.dot(values, values)):
            return
        if bad := self._not_finite(values):
            raise DivergenceError(
                f'expected finite weights, got "{bad[0]}" with NaN or infinity: set so, or by an '
                f"update at a learning rate of {self.optimizer.learning_rate:g} that overflowed. "
                "Set, load or rebuild the weights, and take a smaller rate."
            )

    def _not_finite(self, vector: Array) -> list[str]:
        """The parameters that are not finite in a vector of the network's layout."""
        return [
            entry.path
            for entry in self.vector.entries
            if not np.isfinite(vector[entry.where]).all()
        ]
