"""The loss of a network that trains, fused with the output activation where that is possible.

Softmax or sigmoid followed by its cross-entropy has the gradient a - y, computed from the logits:
no clipping, no plateau and no NaN however wrong the prediction is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.activations import Activation, Linear
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.core.tracebacks import warn_user
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.losses import Loss
from annlib.network.output import output_of, split_activation

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


def split(layers: Sequence[Layer], loss: Loss) -> tuple[list[Layer], bool]:
    """The layers to run before the loss, and whether the loss takes the last activation over."""
    body = list(layers)
    last, activation = split_activation(body[-1])
    fuses = (
        not loss.from_logits
        and loss.fuses_with in _own_names(activation)
        and loss._holds("fuses_with")
        and body[-1].activity_regularizer is None
    )
    if fuses:
        body[-1:] = [] if last is None else [last]
    return body, fuses


def _own_names(activation: Activation | None) -> tuple[str, ...]:
    """The registered names of its class, which a subclass does not share."""
    return activation._names if activation is not None and activation._registered else ()


def check_output(layers: Sequence[Layer], loss: Loss, where: str, warn: bool = True) -> None:
    """Warn if a cross-entropy of probabilities gets what a linear layer gives.

    Raises
    ------
    ConfigurationError
        If one of logits gets probabilities: it would take the softmax of a softmax.
    """
    output = output_of(layers)
    activation, layer = output.given, layers[output.place]
    if loss.from_logits and activation is not None and activation.task:
        raise ConfigurationError(
            f"{where}: expected logits for {loss!r}, got an output layer "
            f'"{layer.name}" with activation {activation!r}, which gives probabilities. '
            "Leave out from_logits=True (the loss is computed from the logits all the same), or "
            "the activation."
        )
    if warn and loss.fuses_with and type(activation) is Linear and not loss.from_logits:
        warn_user(
            f"{where}: expected probabilities for the loss {loss.name}, got an output "
            f'layer "{layer.name}" without activation. Give it '
            f'activation="{loss.fuses_with}", or the loss from_logits=True: '
            f"{type(loss).__name__}(from_logits=True)."
        )


class FusedLoss:
    """The loss of a batch and its gradient with respect to what the layers before it give.

    Parameters
    ----------
    loss : Loss
    fused : bool
        Whether the layers end in logits and the loss computes the activation as well.
    dtype : dtype
    """

    #: The last prediction, targets and weights.
    _batch: tuple[Any, Array, Array | None]

    def __init__(self, loss: Loss, fused: bool, dtype: npt.DTypeLike) -> None:
        self.fused = fused
        self.loss = loss._replace(from_logits=True) if fused else loss
        self.work, self._link = Workspace(dtype), Workspace(dtype)

    def value(self, Z: Array, Y: Array, weights: Array | None) -> float:
        """The loss of the batch, from the last layer's output and the targets."""
        self._batch = Z, Y, weights
        return self.loss.value(Y, Z, weights, self.work)

    def gradient(self) -> Array:
        """dE/dZ of the last value."""
        Z, Y, weights = self._batch
        return self.loss.gradient(Y, Z, weights, self.work)

    @property
    def linked(self) -> Array:
        """What the activation of a loss that takes logits would make of the prediction."""
        return self.loss.inverse_link(self._batch[0], self._link)

    def see(self, Y: Array, weights: Array | None, prediction: Array | None = None) -> None:
        """Take a batch of which others compute the loss for the last one: ``denominator`` is its,
        and with its prediction so is what metrics take.
        """
        self._batch = prediction, Y, weights
        if self.fused and prediction is not None:
            np.copyto(self.prediction, prediction)

    def clear(self) -> None:
        """Drop references to the last batch."""
        self.__dict__.pop("_batch", None)

    @property
    def denominator(self) -> float:
        """What the last value was divided by: the number of rows, or the sum of their weights;
        of those whose targets are there.
        """
        _, Y, weights = self._batch
        if not self.loss.masks:  # at once, which every step asks for
            return self.loss.denominator(len(Y), weights)
        return self.denominator_of(Y, weights)

    def denominator_of(self, Y: Array, weights: Array | None) -> float:
        """What the loss of a batch with these targets and weights is divided by."""
        if self.loss.masks:
            _, weights, n = self.loss.counted(Y, weights, self.work)
            return self.loss.denominator(n, weights)
        return self.loss.denominator(len(Y), weights)

    def targets(self) -> tuple[Array, Array | None]:
        """The targets of the last value as metrics can take them, and their weights: 0 for those
        that are missing, whatever the rows weigh; None where none can be. The weights are
        the caller's to write over.
        """
        Y = self._batch[1]
        return self.loss.present(Y, self.work) if self.loss.masks else (Y, None)

    @property
    def prediction(self) -> Array:
        """The network's output for the batch of the last value."""
        Z = self._batch[0]
        return self.work.array(self.loss.PROBABILITIES, *Z.shape) if self.fused else Z
