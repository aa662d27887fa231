"""The confusion matrix of zeros and ones, at one threshold or several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from annlib.core.arrays import Array
from annlib.core.checks import check_numbers
from annlib.metrics.base import Reads, register
from annlib.metrics.thresholds import ThresholdMetric, is_for_scores


class ConfusionMetric(ThresholdMetric):
    """One result a threshold: a number for one, an array for several."""

    thresholds: float | Sequence[float] | None
    for_scores = ", or cut scores of any size by thresholds=0.0"

    def __init__(
        self, thresholds: float | Sequence[float] | None, name: str | None, default: float = 0.5
    ) -> None:
        self.thresholds = thresholds
        self._given = np.array([default])
        if thresholds is not None:
            self._given = check_numbers(thresholds, type(self).__name__, "thresholds", "[0, 1]")
        self._cuts_scores = is_for_scores(self._given)
        super().__init__(np.unique(self._given), name)

    def reads(self, units: int) -> Reads:
        return "outputs" if self._cuts_scores else "probabilities"

    @property
    def _order(self) -> Array:
        """Where the thresholds, in the order that they were given, stand in a confusion matrix."""
        return np.asarray(1 + np.searchsorted(self._cuts, self._given))

    def result(self) -> float | Array:
        values = self.at(*(counts[0][self._order] for counts in self.confusion()))
        return float(values[0]) if len(values) == 1 else values

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        """The results from the confusion matrix at each threshold, (thresholds,).

        Parameters
        ----------
        tp, fp : ndarray, (thresholds,)
            What is predicted to be 1, rightly and falsely.
        fn, tn : ndarray, (thresholds,)
            What is predicted to be 0, falsely and rightly.

        Returns
        -------
        ndarray, (thresholds,)
        """
        raise NotImplementedError


class _Count(ConfusionMetric):
    """A count of the confusion matrix.

    Parameters
    ----------
    thresholds : float or sequence of float, in [0, 1], optional
        A prediction above it (strictly) counts as 1; 0.5 without one. The result of several is an
        array, (thresholds,). Predictions are probabilities, unless no threshold lies between 0 and
        1: 0 cuts scores of any size.
    """

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None
    ) -> None:
        super().__init__(thresholds, name)


@register("true_positives")
class TruePositives(_Count):
    """TP: the weight of ones that are predicted to be 1.

    Parameters
    ----------
    thresholds : float or sequence of float, in [0, 1], optional
        A prediction above it (strictly) counts as 1; 0.5 without one. The result of several is an
        array, (thresholds,). Predictions are probabilities, unless no threshold lies between 0 and
        1: 0 cuts scores of any size.
    name : str, optional

    Raises
    ------
    ConfigurationError
        For thresholds out of their range.
    DataError
        When it is called, for targets that are not 0 or 1, or predictions that are no
        probabilities.

    Examples
    --------
    >>> TruePositives()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7])
    2.0
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return tp


@register("true_negatives")
class TrueNegatives(_Count):
    """TN: the weight of zeros that are predicted to be 0.

    Examples
    --------
    >>> TrueNegatives()([0, 0, 1, 1], [0.9, 0.2, 0.1, 0.7])
    1.0
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return tn


@register("false_positives")
class FalsePositives(_Count):
    """FP: the weight of zeros that are predicted to be 1.

    Examples
    --------
    >>> FalsePositives(thresholds=[0.1, 0.5])([0, 0, 1, 1], [0.9, 0.2, 0.1, 0.7])
    array([2., 1.])
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return fp


@register("false_negatives")
class FalseNegatives(_Count):
    """FN: the weight of ones that are predicted to be 0.

    Examples
    --------
    >>> FalseNegatives()([0, 1, 1, 1], [0.9, 0.8, 0.1, 0.7])
    1.0
    """

    def at(self, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
        return fn
