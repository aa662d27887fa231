"""What all estimators share: data at the doors, predictions, tags, and links to the documentation.

A subclass has, once it is fitted, ``model_`` (the network), ``_targets`` (what y means) and
``_outputs`` (how the last layer is read).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from annlib.core.arrays import Array
from annlib.estimators.documentation import Documented
from annlib.estimators.inference import infer, is_plain
from annlib.estimators.outputs import Outputs
from annlib.estimators.persistence import Persistent
from annlib.estimators.targets import ClassTargets, LabelTargets, NumberTargets, Targets, check_y
from annlib.models import Sequential

_FLOATS = (np.float64, np.float32)


class NetworkEstimator(Documented, Persistent, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of an estimator around a ``Sequential``."""

    model_: Sequential
    _targets: Targets
    _outputs: Outputs

    def _check_data(self, X: Any, y: Any, *, classifier: bool, reset: bool) -> tuple[Any, Array]:
        """X of floating-point numbers and y, as scikit-learn validates them."""
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=_FLOATS,
            multi_output=True,
            y_numeric=not classifier,
        )
        return X, check_y(y, classifier=classifier)

    def _check_inputs(self, X: Any) -> Any:
        if not self.__sklearn_is_fitted__():  # which takes longer to ask in scikit-learn's way
            check_is_fitted(self)
        if is_plain(self, X):
            return X
        return validate_data(self, X, reset=False, accept_sparse="csr", dtype=_FLOATS)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class NetworkClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What classifiers share."""

    _targets: LabelTargets
    classes_: Any

    def predict(self, X: Any) -> Array:
        """The classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the terms of the y that it was fitted on.
        """
        X = self._check_inputs(X)
        # Neither sigmoid nor softmax changes which is the largest, or on which side of a half.
        return self._targets.decode(self._outputs.logits(self.model_, X), 0.0)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes, in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of them
            For labels that do not exclude each other, of each of them; for several columns of
            classes a list, with an array for each column.

        Raises
        ------
        ValueError
            If the network gives no probabilities.
        """
        X = self._check_inputs(X)
        if not self._outputs.link:
            raise ValueError(
                f"{type(self).__name__}.predict_proba: expected a network that gives probabilities,"
                f" got one trained with the loss {self.model_.loss!r} and without sigmoid or "
                "softmax. Use decision_function, or another loss."
            )
        A = self._outputs.probabilities(self.model_, X)
        if self._outputs.link == "sigmoid" and isinstance(self._targets, ClassTargets):
            A = shares(A)
        return self._targets.probabilities(A)

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of ``predict_proba``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of them
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):  # of a probability that is 0 to the type's precision
            if isinstance(probabilities, list):
                return [np.log(each) for each in probabilities]
            return np.log(probabilities)

    def decision_function(self, X: Any) -> Any:
        """The network's output before sigmoid or softmax: the larger, the surer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), or list of them
            Of two classes one number, for the second of ``classes_``.
        """
        X = self._check_inputs(X)
        return self._targets.decisions(self._outputs.logits(self.model_, X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows that are predicted right, in all their columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        if isinstance(getattr(self, "classes_", None), list):  # accuracy_score refuses them
            right = (self.predict(X) == np.asarray(y)).all(axis=1)
            return float(np.average(right, weights=sample_weight))
        return float(super().score(X, y, sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


class NetworkRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What regressors share."""

    _targets: NumberTargets

    def predict(self, X: Any) -> Array:
        """The predicted numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        X = self._check_inputs(X)
        return self._targets.decode(infer(self.model_, X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def shares(A: Array) -> Array:
    """Of sigmoids for classes that exclude each other, each one's share; a single one as it is."""
    if A.shape[1] == 1:
        return A
    sums = np.maximum(A.sum(axis=1, keepdims=True), np.finfo(A.dtype).tiny)
    A /= sums
    return A
