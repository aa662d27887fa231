"""TabularRegressor: numbers from a table, as it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from annlib.core.arrays import Array
from annlib.core.checks import check_flag, check_number
from annlib.core.errors import ConfigurationError
from annlib.estimators.documentation import documented
from annlib.estimators.tabular.ensemble import Errors
from annlib.estimators.tabular.features import Prepared
from annlib.estimators.tabular.held_out import HeldOut
from annlib.estimators.tabular.parameters import ATTRIBUTES, PARAMETERS, PARAMETERS_LAST, RULES
from annlib.estimators.tabular.tabular import TabularEstimator
from annlib.estimators.tabular.task import Task
from annlib.estimators.targets import NumberTargets, r2


@documented(parameters=PARAMETERS, last=PARAMETERS_LAST, attributes=ATTRIBUTES)
class TabularRegressor(RegressorMixin, TabularEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor for tables as they come, good without tuning.

    As ``TabularClassifier``; y is scaled by itself, and no prediction is outside the range of y.

    Parameters
    ----------
    {parameters}
    {last}

    Attributes
    ----------
    {attributes}

    Raises
    ------
    InvalidParameterError
        In ``fit``, for a parameter that cannot be meant.

    See Also
    --------
    TabularClassifier : Predicts classes.
    annlib.plots.plot_history : Draws the curves, and which epoch was kept.
    annlib.plots.feature_importances : Draws ``feature_importances_``.
    annlib.plots.contributions : Draws what columns add to predictions.
    annlib.plots.prediction_intervals : Draws ``predict_interval`` beside the truth.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> import annlib
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> net = annlib.TabularRegressor(epochs=20, random_state=0).fit(X, y)
    >>> mean, deviation = net.predict(X[:2], return_std=True)
    >>> low, high = net.predict_interval(X[:2], coverage=0.9).T
    >>> bool((low < mean).all() and (mean < high).all())
    True
    >>> added = net.contributions(X[:2]).sum(axis=1)
    >>> bool(np.allclose(net.typical_prediction_ + added, mean, rtol=1e-3))
    True
    >>> print(net.summary().splitlines()[0])
    TabularRegressor on 10 columns
    """

    _classifies = False
    _importance_measure = "squared error, in variances of y,"
    _loss_name = "root mean squared error"
    _rules = RULES
    _targets: NumberTargets
    _errors: list[Errors]
    #: Mean, deviation, least and greatest of y, for each of its columns.
    _scale: Array

    def __init__(
        self,
        preset: str = "default",
        *,
        members: int | None = None,
        epochs: int | None = None,
        categorical_features: Any = "from_dtype",
        n_jobs: int | None = None,
        time_limit: float | None = None,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.preset = preset
        self.members = members
        self.epochs = epochs
        self.categorical_features = categorical_features
        self.n_jobs = n_jobs
        self.time_limit = time_limit
        self.verbose = verbose
        self.random_state = random_state

    def _encode(self, y: Array) -> Array:
        return self._targets.encode(y)

    @staticmethod
    def _task_of(targets: NumberTargets) -> Task:
        return Task((), targets.columns)

    def _learn_scale(self, targets: Array, weights: Array | None) -> Array:
        low, high = targets.min(axis=0), targets.max(axis=0)
        size = np.maximum(np.abs(low), np.abs(high))
        size[size == 0] = 1.0
        # So that neither sums nor squares are beyond the type.
        mean = np.average(targets / size, axis=0, weights=weights)
        spread = np.average(np.square(targets / size - mean), axis=0, weights=weights)
        spread = np.sqrt(spread)
        spread[spread < 1e-12] = 1.0
        self._scale = np.stack([mean * size, spread * size, low, high])
        return self._scaled(targets)

    def _scaled(self, targets: Array) -> Array:
        mean, spread, _, _ = self._scale
        scaled: Array = targets / spread - mean / spread
        return scaled

    def _strata(self, targets: Array) -> Array:
        return targets[:, 0]

    def _judge_held_out(self, predicted: Array, held_out: HeldOut) -> None:
        weights = held_out.weights
        predicted = self._clipped(predicted)
        self.score_out_of_fold_ = r2(held_out.targets, predicted, weights)
        pairs = zip(predicted.T, held_out.targets.T, strict=True)
        self._errors = [Errors.learn(a, y, weights) for a, y in pairs]

    def _clipped(self, predicted: Array) -> Array:
        """Predictions in the units of the training, within the range of y."""
        mean, spread, low, high = self._scale
        return np.clip(predicted, low / spread - mean / spread, high / spread - mean / spread)

    def _shown_loss(self, predicted: Array, held_out: HeldOut) -> float:
        squares = np.square(self._clipped(predicted) - held_out.targets)
        errors = np.sqrt(np.average(squares, axis=0, weights=held_out.weights)) * self._scale[1]
        most = max(errors.max(), np.finfo(float).tiny)
        return float(most * np.sqrt(np.mean(np.square(errors / most))))

    def _explained(self, rows: Prepared) -> Array:
        mean, spread, _, _ = self._scale
        found: Array = self._ensemble.predict(rows) * spread + mean
        return found

    def _explained_outputs(self) -> tuple[list[Any], list[str]]:
        columns = self._ensemble.task.columns
        titles = [f"prediction of column {k}" for k in range(columns)]
        return list(range(columns)), titles if columns > 1 else ["prediction"]

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predictions in the units of y.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether to return a standard deviation too: how large errors were, on rows held out, of
            predictions like these.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), or tuple of two of them

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, DataError
            If X has other columns than that of ``fit``, or of other types.
        ConfigurationError
            If ``return_std`` is no truth value.
        """
        with_std = check_flag(return_std, f"{type(self).__name__}.predict", "return_std")
        predicted = self._clipped(self._predicted(X, "predict"))
        mean, spread, low, high = self._scale
        values = np.clip(predicted * spread + mean, low, high)
        if not with_std:
            return self._targets.decode(values)
        sizes = [
            e.size(column) for e, column in zip(self._known_errors(), predicted.T, strict=True)
        ]
        deviations = np.stack(sizes, axis=1) * spread
        return self._targets.decode(values), self._targets.decode(deviations)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Intervals that hold y with this probability, by the errors on rows held out.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        coverage : float in (0, 1), default=0.9

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            The lower and the upper end.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, DataError
            If X has other columns than that of ``fit``, or of other types.
        ConfigurationError
            If ``coverage`` is no number in (0, 1).
        """
        where = f"{type(self).__name__}.predict_interval"
        share = float(check_number(coverage, where, "coverage", "(0, 1)"))
        predicted = self._clipped(self._predicted(X, "predict_interval"))
        mean, spread, _, _ = self._scale
        pairs = zip(self._known_errors(), predicted.T, strict=True)
        ends = [np.stack(errors.between(column, share), axis=1) for errors, column in pairs]
        found = np.stack(ends, axis=1) * spread[:, np.newaxis] + mean[:, np.newaxis]
        intervals: Array = found[:, 0] if self._targets.flat else found
        return intervals

    def _known_errors(self) -> list[Errors]:
        if not hasattr(self, "_errors"):
            raise ConfigurationError(
                f"{type(self).__name__}: expected rows held out at fit for the size of errors, got "
                "too few rows for some. Pass more rows, or X_val and y_val."
            )
        return self._errors
