"""What all regressors share: ``partial_fit`` and predictions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning

from annlib.core.arrays import Array
from annlib.core.checks import check_flag
from annlib.core.errors import ConfigurationError
from annlib.core.tracebacks import warn_user
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.rows import codes_of
from annlib.estimators.targets import NumberTargets
from annlib.estimators.weights import Samples
from annlib.network.prediction import infer
from annlib.network.sampling import sample

#: Root mean squares of targets that need no scaling.
_UNIT = 0.01, 100.0
#: Predictions of which ``return_std`` takes the mean.
_PASSES = 100


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
        X_val : {array-like, sparse matrix} of shape (n_rows, n_features), default=None
            Data to validate on after the epoch.
        y_val : array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_rows,), default=None
            Their weights.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X, y and weights do not fit together, or X holds NaN, infinite values or texts.
        InvalidParameterError
            For a parameter that cannot be meant.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import SequentialRegressor
        >>> net = SequentialRegressor(random_state=0)
        >>> for part in np.linspace(-1, 1, 40).reshape(2, 20, 1):
        ...     net = net.partial_fit(part, part[:, 0])
        >>> net.n_iter_
        2
        """
        return self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val), partial=True)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predictions in the terms of the y that it was fitted on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            Of a network with dropout: mean and standard deviation of 100 predictions, each with
            other units left out (Gal & Ghahramani, 2016). They are the same in each call.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), or tuple of two of them

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X has other columns than that of ``fit``, or holds NaN, infinite values or texts.
        ConfigurationError
            For ``return_std`` without a layer that is random while training.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import MLPRegressor
        >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
        >>> net = MLPRegressor(hidden_layer_sizes=(8,), dropout=0.1, solver="sgd", random_state=0)
        >>> net = net.fit(X, X[:, 0])
        >>> mean, std = net.predict([[0.5], [5.0]], return_std=True)
        >>> mean.shape, bool(std[0] < std[1])
        ((2,), True)
        """
        if not check_flag(return_std, f"{type(self).__name__}.predict", "return_std"):
            return super().predict(X)
        X = self._check_inputs(X)
        layers = self.model_.layers
        if not any(layer.random for layer in layers):
            raise ConfigurationError(
                f"{type(self).__name__}.predict: expected a network with dropout for return_std, "
                f"got one of {', '.join(type(layer).__name__ for layer in layers)}. Pass "
                "dropout=0.1, put Dropout layers into the model, or predict quantiles: "
                'loss="quantile".'
            )
        network = self.model_._network
        found = sample(network, codes_of(network, X), _PASSES, self._linked)
        return tuple(self._targets.decode(each) for each in found)

    def _warn_of(self, data: Samples) -> None:
        y = data.y.astype(float)
        y = y[~np.isnan(y)]
        size = np.sqrt(np.square(y).mean())
        if size == 0 or _UNIT[0] <= size <= _UNIT[1]:
            return
        some, weights = slice(0, 1000), None if data.weights is None else data.weights[:1000]
        if np.isnan(data.y[some]).all() or (weights is not None and not weights.any()):
            return
        A = self._read(data.X[some])
        score = self._targets.score(data.y[some].astype(float), self._targets.decode(A), weights)
        if np.isfinite(score) and score < 0:
            name = type(self).__name__
            warn_user(
                f"{name}.fit: expected targets of about unit scale, got y with a mean of "
                f"{y.mean():.3g} and a standard deviation of {y.std():.3g}, and predictions that "
                f"are worse than that mean (a score of {score:.2g}). Scale y, too: "
                f"TransformedTargetRegressor({name}(...), transformer=StandardScaler()).",
                ConvergenceWarning,
            )

    def _read(self, X: Any) -> Array:
        network = self.model_._network
        return self._linked(infer(network, codes_of(network, X)))

    def _linked(self, A: Array) -> Array:
        """Numbers, of their logarithms where the loss takes these."""
        return np.exp(A, out=A) if self._outputs.link == "exponential" else A

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2 of the predictions; of several quantiles the mean of their D2. Where the loss allows
        for them, targets that are missing are left out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None

        Returns
        -------
        float, at most 1

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X, y and weights do not fit together or the data of ``fit``.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import MLPRegressor
        >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
        >>> net = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0)
        >>> net = net.fit(X, X[:, 0] ** 2)
        >>> net.score(X, X[:, 0] ** 2) > 0.99
        True
        """
        found = self._own_score(X, y, sample_weight)
        if found is not None:
            return found
        if getattr(self, "_targets", None) is not None and self._targets.levels:
            return self._targets.score(np.asarray(y), self.predict(X), sample_weight)
        return float(super().score(X, y, sample_weight))
