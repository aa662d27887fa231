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
        How logs and History call it; the registered name without one.
    from_logits : bool
        Whether predictions are logits of a sigmoid.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / 2.
    pos_weight : float, or list of float, at least 0, optional
        How much a target of 1 counts, as in the loss.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    DataError
        When it is called, for targets or predictions that are not between 0 and 1.

    Examples
    --------
    >>> round(BinaryCrossentropy()([1, 0], [0.5, 0.5]), 4)  # log 2
    0.6931
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
        How logs and History call it; the registered name without one.
    from_logits : bool
        Whether predictions are logits of a softmax.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / N.
    axis : -1
        Along the outputs of a row; there is no other.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    DataError
        When it is called, for targets that are not between 0 and 1, or negative predictions.

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)  # log 2
    0.6931
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
    """Mean over rows of -log a_y for labels y, 0..N-1: labels (n,), predictions (n, N).

    Parameters
    ----------
    name : str, optional
        How logs and History call it; the registered name without one.
    from_logits : bool
        Whether predictions are logits of a softmax.
    ignore_class : int, any value, optional
        A label of rows that do not count.
    axis : -1
        Along the outputs of a row; there is no other.
    label_smoothing : float, in [0, 1]
        Labels count as rows y (1 - s) + s / N of zeros and a one.

    Raises
    ------
    ConfigurationError
        For an argument out of its range.
    DataError
        When it is called, for what is no label, or predictions that are no probabilities.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)  # log 2
    0.6931
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
    """Mean over rows of sum_i y_i log(y_i / a_i), both clipped to [1e-7, 1].

    Examples
    --------
    >>> round(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]]), 4)  # log 2
    0.6931
    """

    loss = "kl_divergence"
    largest = 1.0


@register("poisson")
class Poisson(MeanLoss):
    """Mean of a - y log(a + 1e-7) over outputs and rows, for counts y.

    Examples
    --------
    >>> round(Poisson()([2.0, 3.0], [1.0, 1.0]), 4)
    1.0
    """

    loss = "poisson"

    def reads(self, units: int) -> Reads:
        return "scores"
