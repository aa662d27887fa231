"""What training makes small: the loss of a batch and the penalties, as one function."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.layers.passes import Pass
from annlib.losses import Loss
from annlib.network.network import Network
from annlib.training.fused_loss import FusedLoss, split


class Objective:
    """E = loss(Y, network(X)) + penalties, and its gradient, for a batch at a time.

    The training step, evaluation, the trace and the gradient check all compute it here.

    Parameters
    ----------
    network : Network
        Built.
    loss : Loss
    training : bool
        Whether gradients are wanted, and layers draw from their random streams.
    to_input : bool
        Whether ``backward`` goes down to the input.

    Attributes
    ----------
    passes : Pass
        The layers up to the loss, with their memory.
    loss : FusedLoss
    """

    def __init__(
        self, network: Network, loss: Loss, *, training: bool = False, to_input: bool = False
    ) -> None:
        vector, dtype = network.vector, network.dtype
        if training:
            vector.allocate_gradients()  # before ``split``, whose layer shares them
        body, fused = split(network.layers, loss)
        rng_of = network.rng_of if training else lambda layer: None
        self.passes = Pass(body, dtype, rng_of, to_input=to_input)
        if training:
            self.passes.check_derivatives()
        self.loss = FusedLoss(loss, fused, dtype)
        #: Of each parameter with a penalty: its regularizer, its values and its gradient.
        self.penalized = [
            (p.regularizer, leaf._values()[p.name], leaf.gradients[p.name] if training else None)
            for layer in network.layers
            for _, leaf in layer._leaves()
            for p in leaf._parameters
            if leaf._effective_trainable and p.trainable and p.regularizer is not None
        ]
        self.work = Workspace(dtype)

    def value(self, X: Array, Y: Array, weights: Array | None, training: bool = False) -> float:
        """The loss of a batch with the penalties on activities; those on weights come apart."""
        Z = self.passes.forward(X, training=training)
        return self.loss.value(Z, Y, weights) + self.passes.penalty()

    def penalties(self) -> Iterator[float]:
        """The penalties on weights, as they count in the loss of the last batch."""
        if self.penalized:
            n = self.loss.denominator
            for regularizer, W, _ in self.penalized:
                yield regularizer.share(n) * regularizer(W)

    def backward(self) -> Array | None:
        """Write the gradient of the last value, penalties included, into the vector.

        Returns
        -------
        array, (n, ...) or None
            dE/dX, with ``to_input``.
        """
        dX = self.passes.backward(self.loss.gradient())
        self.add_penalties()
        return dX

    def of_part(self, X: Array, Y: Array, weights: Array | None, denominator: float) -> float:
        """What some rows add to the loss of a batch, which is divided by this denominator; writes
        what they add to its gradient, both without the penalties on weights.
        """
        loss = self.loss
        value = loss.value(self.passes.forward(X, training=True), Y, weights)
        share = 1.0
        if loss.loss.reduction not in ("sum", "none"):
            share = loss.denominator / denominator if denominator else 0.0
        slope = loss.gradient()
        self.passes.backward(np.multiply(slope, slope.dtype.type(share), out=slope))
        return value * share + self.passes.penalty()

    def add_penalties(self) -> None:
        """Add the gradient of the penalties on weights to that of the loss."""
        if self.penalized:
            n = self.loss.denominator
            for regularizer, W, dW in self.penalized:
                regularizer.add_gradient(W, dW, self.work, regularizer.share(n))

    def clear(self) -> None:
        """Drop references to the user's data; the buffers stay."""
        self.passes.clear()
        self.loss.clear()
