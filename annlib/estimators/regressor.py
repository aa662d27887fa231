"""What all regressors share: ``partial_fit`` and predictions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from annlib.core.arrays import Array
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.targets import NumberTargets
from annlib.network.prediction import infer


class NetworkRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of a regressor around a ``Sequential``."""

    _classifies = False
    _targets: NumberTargets

    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """One epoch on these rows; network and optimizer stay for the next call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        X_val, y_val, sample_weight_val : array-like, default=None
            Data to validate on after the epoch.

        Returns
        -------
        self
        """
        return self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val), partial=True)

    def _read(self, X: Any) -> Array:
        A = infer(self.model_._network, X)
        return np.exp(A, out=A) if self._outputs.link == "exponential" else A

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2 of the predictions; of several quantiles the mean of their D2.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        if getattr(self, "_targets", None) is not None and self._targets.levels:
            return self._targets.score(np.asarray(y), self.predict(X), sample_weight)
        return float(super().score(X, y, sample_weight))
