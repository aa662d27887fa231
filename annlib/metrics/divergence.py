"""Metrics of probabilities and of counts: how unlikely the targets are by the predictions."""

from __future__ import annotations

import math

from annlib.metrics.base import Reads, register
from annlib.metrics.mean_loss import MeanLoss

_FOR_SCORES = ", or give the metric from_logits=True"


@register("binary_crossentropy", "bce")
class BinaryCrossentropy(MeanLoss):
    """Mean of -y log a - (1 - y) log(1 - a) over outputs and rows, a in [1e-7, 1 - 1e-7].

    Parameters
    ----------
    name : str, optional
    from_logits : bool
        Whether predictions are logits of a sigmoid.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / 2.
    pos_weight : float, or list of float, optional
        How much a target of 1 counts, as in the loss.

    Examples
    --------
    >>> round(BinaryCrossentropy()([1, 0], [0.5, 0.5]), 6)
    0.693147
    """

    loss = "binary_crossentropy"
    largest = 1.0
    for_scores = _FOR_SCORES

    def __init__(
        self,
        name: str | None = None,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        pos_weight: float | list[float] | None = None,
    ) -> None:
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.pos_weight = pos_weight
        super().__init__(name)


@register("categorical_crossentropy")
class CategoricalCrossentropy(MeanLoss):
    """Mean over rows of -sum_i y_i log a_i for one-hot rows y; a is divided by its sum first.

    Parameters
    ----------
    name : str, optional
    from_logits : bool
        Whether predictions are logits of a softmax.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / N.
    axis : -1
        Along the outputs of a row; there is no other.
    """

    loss = "categorical_crossentropy"
    largest = math.inf
    for_scores = _FOR_SCORES

    def __init__(
        self,
        name: str | None = None,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        super().__init__(name)


@register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(MeanLoss):
    """Mean over rows of -log a_y for labels y, 0..N-1.

    Parameters
    ----------
    name : str, optional
    from_logits : bool
        Whether predictions are logits of a softmax.
    ignore_class : int, optional
        A label of rows that do not count.
    axis : -1
        Along the outputs of a row; there is no other.
    label_smoothing : float, in [0, 1]
        Labels count as rows y (1 - s) + s / N of zeros and a one.
    """

    loss = "sparse_categorical_crossentropy"
    largest = math.inf
    for_scores = _FOR_SCORES

    def __init__(
        self,
        name: str | None = None,
        *,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        label_smoothing: float = 0.0,
    ) -> None:
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        self.label_smoothing = label_smoothing
        super().__init__(name)


@register("kl_divergence")
class KLDivergence(MeanLoss):
    """Mean over rows of sum_i y_i log(y_i / a_i), both clipped to [1e-7, 1]."""

    loss = "kl_divergence"
    largest = 1.0


@register("poisson")
class Poisson(MeanLoss):
    """Mean of a - y log(a + 1e-7) over outputs and rows, for counts y."""

    loss = "poisson"

    def reads(self, units: int) -> Reads:
        return "scores"
