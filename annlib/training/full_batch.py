"""Training on all rows at once, by an optimizer that evaluates the loss as it needs it."""

from __future__ import annotations

import numpy as np

from annlib.callbacks import CallbackList, History
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError, DivergenceError
from annlib.data import DataLoader
from annlib.layers import Layer
from annlib.layers.container import Container
from annlib.network.network import Network
from annlib.optimizers import LBFGS
from annlib.training.functions import Functions
from annlib.training.interruption import interruptible
from annlib.training.loop import Logs, Validation, report


class FullBatchTraining:
    """A training by iterations on the whole data set, each of them an epoch.

    Parameters
    ----------
    functions : Functions
        Of a built and compiled network.
    batches : DataLoader
        All rows in one batch.
    validation : Validation, optional
    callbacks : CallbackList
    history : History
    epochs : range
    """

    def __init__(
        self,
        functions: Functions,
        batches: DataLoader,
        validation: Validation | None,
        callbacks: CallbackList,
        history: History,
        *,
        epochs: range,
    ) -> None:
        self._functions = functions
        self._validation = validation
        self._callbacks = callbacks
        self._history = history
        self._epochs = epochs
        self._epoch, self._begun = epochs.start, False
        self._step, vector = functions.step, functions.network.vector
        (self._batch,) = batches.sequential("Sequential.fit")
        self._theta = vector.values[: vector.n_trainable]
        self._gradient = vector.gradients[: vector.n_trainable]
        self._evaluated: Array = np.zeros(0)
        # After the last iteration, in double precision.
        self._accepted = self._theta.astype(np.float64)
        self._logs: Logs = {}
        self._undefined: set[str] = set()

    def run(self) -> None:
        """Train to the end, or until something asks to stop."""
        functions, callbacks = self._functions, self._callbacks
        optimizer = functions.compiled.optimizer
        assert isinstance(optimizer, LBFGS), "the only one so far"
        check_deterministic(functions.network)
        callbacks.stop_training = False
        with (
            functions.running(self._step),
            interruptible(self._history) as self._interruption,
        ):
            callbacks.call("on_train_begin", {})
            if self._epochs:
                start, count = self._accepted, len(self._epochs)
                try:
                    optimizer.minimize(self._loss, start, count, self._end_iteration)
                finally:
                    self._put(self._accepted)
            if self._interruption.asked:
                self._history.interrupted = callbacks.stop_training = True
            callbacks.call("on_train_end", self._logs)

    def _put(self, theta: Array) -> None:
        np.copyto(self._theta, theta, casting="same_kind")

    def _loss(self, theta: Array) -> tuple[float, Array]:
        """The loss, penalties included, and its gradient at ``theta``."""
        if self._interruption.asked:
            raise StopIteration
        if not self._begun:
            self._begun = True
            self._callbacks.call("on_epoch_begin", self._epoch, {})
        self._put(theta)
        try:
            value = self._measure()
        except DivergenceError as error:
            raise DivergenceError(f"Sequential.fit, epoch {self._epoch + 1}: {error}") from None
        self._evaluated = theta.copy()
        return value, self._gradient.astype(np.float64)

    @np.errstate(all="ignore")
    def _measure(self) -> float:
        """The loss of the batch, which becomes the running one, and its gradient."""
        step, batch = self._step, self._batch
        value = step.loss_and_gradient(batch)
        step.check_finite(batch, value)
        if self._callbacks.has("on_gradients"):
            self._callbacks.call("on_gradients", 0, {"x": batch.x})
        step.metrics.reset()
        step.update_metrics(batch, value)
        return value

    def _end_iteration(self, theta: Array) -> None:
        """End an epoch with the loss and the metrics at its new parameters."""
        if not np.array_equal(theta, self._evaluated):
            self._loss(theta)
        self._accepted = theta.copy()
        functions, callbacks, epoch = self._functions, self._callbacks, self._epoch
        results, interruption = self._step.metrics.results(), self._interruption
        parts = functions, self._validation, callbacks
        logs = report(*parts, epoch, results, interruption, self._undefined)
        if interruption.asked:
            raise StopIteration
        self._epoch, self._begun, self._logs = epoch + 1, False, logs
        callbacks.call("on_epoch_end", epoch, logs)
        if callbacks.stop_training:
            raise StopIteration


def check_deterministic(network: Network) -> None:
    """Raise if the loss is no function of the parameters alone, or not every vector is allowed."""
    for layer in (part for outer in network.layers for part in outer._parts()):
        if isinstance(layer, Container):  # the layers inside say what they are
            continue
        if layer.random or (layer.trainable and type(layer).commit is not Layer.commit):
            raise ConfigurationError(
                f"Sequential.fit: expected layers that give the same loss for the same weights "
                f'with LBFGS, got "{layer.name}" ({type(layer).__name__}), which is random or '
                "keeps statistics while training. Leave it out, or take another optimizer."
            )
    for entry in network.vector.entries:
        if entry.trainable and entry.parameter.constraint is not None:
            raise ConfigurationError(
                f'Sequential.fit: expected parameters without constraints with LBFGS, got "'
                f'{entry.path}" with {entry.parameter.constraint!r}. Leave it out, or take another '
                "optimizer."
            )
