"""Metrics of a support vector machine's outputs: how far they are from the right side."""

from __future__ import annotations

from annlib.metrics.base import register
from annlib.metrics.mean_loss import MeanLoss


@register("hinge")
class Hinge(MeanLoss):
    """Mean of max(1 - y a, 0) for labels y of -1 and 1, or of 0 and 1, where 0 counts as -1.

    Examples
    --------
    >>> Hinge()([0, 1], [-2.0, 0.5])
    0.25
    """

    loss = "hinge"


@register("squared_hinge")
class SquaredHinge(MeanLoss):
    """Mean of max(1 - y a, 0)^2 for labels y of -1 and 1, or of 0 and 1.

    Examples
    --------
    >>> SquaredHinge()([0, 1], [-2.0, 0.5])
    0.125
    """

    loss = "squared_hinge"


@register("categorical_hinge")
class CategoricalHinge(MeanLoss):
    """Mean over rows of max(1 + max_i((1 - y_i) a_i) - sum_i y_i a_i, 0) for one-hot rows y.

    Examples
    --------
    >>> CategoricalHinge()([[0, 1, 0]], [[0.25, 0.5, -1.0]])
    0.75
    """

    loss = "categorical_hinge"
