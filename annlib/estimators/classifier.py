"""What all classifiers share: ``partial_fit``, classes, probabilities and the score."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import is_multilabel

from annlib.core.arrays import Array
from annlib.core.errors import AnnlibError, show
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.rules import invalid
from annlib.estimators.targets import (
    ClassTargets,
    ColumnsTargets,
    LabelTargets,
    accuracy,
)


def gives_probabilities(estimator: Any) -> bool:
    """True, so that there is a ``predict_proba``, or an ``AttributeError`` that says why not."""
    if not estimator._gives_probabilities():
        loss = estimator.model_.loss if hasattr(estimator, "model_") else estimator.loss
        raise AttributeError(
            f"{type(estimator).__name__}.predict_proba: expected a network that gives probabilities"
            f", got one with the loss {loss!r} and without sigmoid or softmax. Use "
            "decision_function, or another loss."
        )
    return True


class NetworkClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of a classifier around a ``Sequential``."""

    _classifies = True
    _targets: LabelTargets
    classes_: Any

    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
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
        classes : array-like, default=None
            All classes that will come, at the first call; a list of them for several columns.
        X_val, y_val, sample_weight_val : array-like, default=None
            Data to validate on after the epoch.

        Returns
        -------
        self
        """
        factors = self.class_weight
        each = factors if isinstance(factors, list) else [factors]
        if any(isinstance(one, str) and one == "balanced" for one in each):
            allowed = "a dict or None for partial_fit, which sees a part of y"
            raise invalid(self, "class_weight", allowed, factors)
        known = getattr(self, "_targets", None)
        if known is None and classes is None and not is_multilabel(y):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if known is not None and classes is not None and not known.has_classes(classes):
            raise ValueError(
                f"`classes={show(classes)}` is not the same as on last call to partial_fit, was: "
                f"{show(self.classes_)}"
            )
        validation = X_val, y_val, sample_weight_val
        return self._train(X, y, sample_weight, validation, partial=True, classes=classes)

    @available_if(gives_probabilities)  # type: ignore[untyped-decorator]  # of scikit-learn
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
        AttributeError
            If the network gives no probabilities, as with a hinge.
        """
        X = self._check_inputs(X)
        A = self._outputs.probabilities(self.model_, X)
        return self._probabilities(A)

    def _probabilities(self, A: Any) -> Any:
        """What ``predict_proba`` returns, from the output of sigmoids or a softmax."""
        if self._outputs.link == "sigmoid" and isinstance(self._targets, ClassTargets):
            A = shares(A)
        return self._targets.probabilities(A)

    @available_if(gives_probabilities)  # type: ignore[untyped-decorator]  # of scikit-learn
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

        A single output that has neither, as with ``loss="mse"``, counts from the border between no
        and yes: from 0.5 where they are 0 and 1, from 0 where they are -1 and 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), or list of them
            Of two classes one number, for the second of ``classes_``.
        """
        Z = self._read(self._check_inputs(X))
        return self._targets.decisions(Z)

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
        found = self._own_score(X, y, sample_weight)
        if found is not None:
            return found
        if isinstance(getattr(self, "_targets", None), ColumnsTargets):
            return accuracy(np.asarray(y), self.predict(X), sample_weight)
        return float(super().score(X, y, sample_weight))

    def _gives_probabilities(self) -> bool:
        """Whether the fitted network does, or one that is fitted with these parameters may."""
        if self.__sklearn_is_fitted__():
            return bool(self._outputs.link)
        try:
            loss = self._part("loss")
        except (AnnlibError, TypeError):  # nonsense, which fit will refuse
            return True
        return not getattr(loss, "margin", False)

    def _read(self, X: Any) -> Array:
        # Neither sigmoid nor softmax changes which is the largest, or on which side of a half.
        return self._outputs.decisions(self.model_, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def shares(A: Any) -> Any:
    """Of sigmoids for classes that exclude each other, each one's share; a single one as it is."""
    if A.shape[1] == 1:
        return A
    sums = np.maximum(A.sum(axis=1, keepdims=True), np.finfo(A.dtype).tiny)
    return A / sums
