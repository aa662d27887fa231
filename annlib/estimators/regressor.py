"""What all regressors share: ``partial_fit`` and predictions."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import RegressorMixin

from annlib.core.arrays import Array
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.targets import NumberTargets
from annlib.network.prediction import infer


class NetworkRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of a regressor around a ``Sequential``."""

    _classifies = False
    _targets: NumberTargets

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows; network and optimizer stay for the next call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        return self._train(X, y, sample_weight, partial=True)

    def _read(self, X: Any) -> Array:
        return infer(self.model_._network, X)
