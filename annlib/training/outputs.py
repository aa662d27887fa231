"""The outputs of a network as its metrics see them: what its last activation and loss say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from annlib.activations import Activation
from annlib.core.arrays import Array, BatchShape
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.layers import Layer
from annlib.losses import BlockCrossentropy, Loss
from annlib.metrics import BinaryAccuracy, Metric, resolve_accuracy
from annlib.metrics.base import Reads
from annlib.network.output import output_of

# What an activation is tried on: its outputs say whether they can be probabilities.
_TRIED = (-9.3, -0.6, 0.7, 8.4)
# Rows of targets that are looked at together.
_ROWS = 4096


class Outputs:
    """What a network gives to its loss and its metrics.

    Parameters
    ----------
    layers : sequence of Layer
    loss : Loss
    target_shape, shape : tuple
        Of targets and outputs, with the batch.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss,
        target_shape: BatchShape,
        shape: BatchShape,
    ) -> None:
        self.layer, self.loss = layers[-1], loss
        self.activation: Activation | None = output_of(layers).given
        self.target_shape, self.shape = target_shape, shape

    @property
    def units(self) -> int:
        """How many columns they have."""
        return self.shape[-1] or 0

    @property
    def task(self) -> str:
        """The loss', as far as it says what it is for; "" if not."""
        known = self.loss.task != "regression" or self.loss._holds("task")
        return self.loss.task if known else ""

    @property
    def of_labels(self) -> bool:
        """Whether a row has each class or not."""
        exclusive = self.activation is not None and self.activation.task == "classes"
        return self.task == "binary" and not exclusive

    # -- what a metric gets ----------------------------------------------------------------------

    def accuracy(self, name: str) -> Metric:
        """What ``metrics=["accuracy"]`` means."""
        if self.of_labels:
            return BinaryAccuracy(name, threshold=0.0 if self.loss.margin else 0.5)
        return resolve_accuracy(self.target_shape, self.shape, name)

    def are_linked_for(self, metric: Metric) -> bool:
        """Whether the metric gets them after the activation of a loss that takes logits."""
        return self.loss.has_link and _reads(metric, self.units) in ("scores", "probabilities")

    # -- what it cannot get ----------------------------------------------------------------------

    def check(self, metric: Metric, title: str, where: str) -> None:
        """Raise ``ConfigurationError`` if they are known not to be what the metric takes.

        ``title`` is what messages call it.
        """
        reads, activation = _reads(metric, self.units), self.activation
        if reads == "probabilities":
            if not self._may_be_probabilities():
                raise ConfigurationError(
                    f"{where}: expected outputs that are probabilities for {title}, got "
                    f"{self._described()}. Give the last layer a sigmoid or softmax, or take a "
                    f"cross-entropy with from_logits=True{metric.for_scores}."
                )
        elif reads == "logits" and activation is not None and activation.task:
            raise ConfigurationError(
                f"{where}: expected outputs that are logits for {metric!r}, got "
                f"{self._described()}. Leave out from_logits=True of the metric."
            )

    def check_accuracy(self, name: str, where: str) -> None:
        """Raise ``ConfigurationError`` if no accuracy can be meant."""
        linear = self.activation is not None and self.activation._default_for_none
        if self.task == "regression" and linear:
            raise ConfigurationError(
                f'{where}: expected a loss or an output layer of classes for "{name}", got '
                f"{self._described()}. For classes take a cross-entropy or a hinge loss, or "
                'name "categorical_accuracy" for the largest output of a row; for numbers take '
                '"mae" or "r2_score".'
            )
        if isinstance(self.loss, BlockCrossentropy) and len([*self.loss.blocks(self.units)]) > 1:
            raise ConfigurationError(
                f'{where}: expected a row of one class for "{name}", got {self.loss!r} of several. '
                "Write a metric that looks at the outputs of one of them."
            )

    def check_targets(self, metric: Metric, Y: Array, where: str, *, named: bool) -> None:
        """Raise ``DataError`` if targets that the loss has taken are none of the metric.

        ``named`` says whether "accuracy" was to be what they say.
        """
        of_labels = metric.takes_labels and self.units > 1 and Y.size == len(Y)
        if not of_labels and _is_true_of(type(metric).__mro__, "check_targets"):
            metric.check_targets(Y, f"{where}: {type(metric).__name__}")
        of_classes = metric.of_classes and _is_true_of(type(metric).__mro__, "of_classes")
        if not of_classes or self.task == "classes":
            return
        one_each = named and self.task != ""
        for start in range(0, len(Y), _ROWS):
            part = Y[start : start + _ROWS]
            right = (part.min() >= 0) and (part.max() <= 1)
            if one_each and right:
                right = ((part == 0) | (part == 1)).all() and (part.sum(axis=-1) == 1).all()
            if not right:
                raise DataError(
                    f"{where}: expected targets that are classes for {type(metric).__name__}, "
                    f"one-hot rows, got values such as {part[:1].tolist()} with the loss "
                    f'{self.loss.name}. For several labels a row take loss="binary_crossentropy" '
                    'or metrics.BinaryAccuracy(); for numbers "mae" or "r2_score".'
                )

    def check_weights(
        self, metric: Metric, Y: Array, A: Array, weights: Array, where: str, what: str
    ) -> None:
        """Raise ``ShapeError`` if the metric takes no weight for each of them; ``what`` says why it
        gets some. It is tried on a few rows.
        """
        try:
            metric.clone().update_state(Y, A, weights)
        except ShapeError as error:
            raise ShapeError(
                f"{where}: expected metrics to which each output can have a weight of its own, "
                f'where {what}, got "{metric.name}": {error}'
            ) from None

    def _may_be_probabilities(self) -> bool:
        """Whether a metric that wants them can get them."""
        if self.loss.has_link:
            return self.task != "regression"
        if self.activation is None or self.activation.task:
            return True
        with np.errstate(all="ignore"):
            tried = self.activation(np.tile(_TRIED, (self.units or 1, 1)).T)
        return bool((tried >= 0).all() and (tried <= 1).all())

    def _described(self) -> str:
        activation = self.activation
        layer = f'an output layer "{self.layer.name}"'
        if activation is None or activation._default_for_none:
            layer += " without activation"
        else:
            layer += f" with activation {activation!r}"
        return f"{layer} and the loss {self.loss.name}"


def _reads(metric: Metric, units: int) -> Reads:
    """What a metric takes predictions for."""
    return metric.reads(units) if _is_true_of(type(metric).__mro__, "reads") else "outputs"


@lru_cache(256)
def _is_true_of(bases: tuple[type, ...], fact: str) -> bool:
    """Whether what a class, or a base class, says under this name is true of it: no class below
    that one takes predictions in by a method of its own.
    """

    def place(name: str) -> int:
        return next((i for i, cls in enumerate(bases) if name in vars(cls)), len(bases))

    return place(fact) <= min(place("update_state"), place("rows"))
