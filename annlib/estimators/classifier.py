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
        classes : array-like of shape (n_classes,), or list of them, default=None
            All classes that will come, at the first call; a list for several columns.
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
            If the first call has no classes, or a later one others; if X, y and weights do not fit
            together, or X holds NaN, infinite values or texts.
        DataError
            If y holds a class that was not named.
        InvalidParameterError
            For a parameter that cannot be meant.

        Examples
        --------
        >>> from annlib import SequentialClassifier
        >>> net = SequentialClassifier(random_state=0)
        >>> for X, y in [([[0.0], [1.0]], ["no", "no"]), ([[2.0], [3.0]], ["yes", "yes"])]:
        ...     net = net.partial_fit(X, y, classes=["no", "yes"])
        >>> net.n_iter_, net.classes_.tolist()
        (2, ['no', 'yes'])
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
        NotFittedError
            Before ``fit``.
        ValueError
            If X has other columns than that of ``fit``, or holds NaN, infinite values or texts.

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
        >>> net = MLPClassifier((), solver="lbfgs", random_state=0).fit(X, y)
        >>> net.predict_proba([[1.5]]).round(1)
        array([[0.5, 0.5]])
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

        Raises
        ------
        AttributeError
            If the network gives no probabilities, as with a hinge.
        NotFittedError
            Before ``fit``.
        ValueError
            If X has other columns than that of ``fit``, or holds NaN, infinite values or texts.

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
        >>> net = MLPClassifier((), solver="lbfgs", random_state=0).fit(X, y)
        >>> net.predict_log_proba([[1.5]]).round(1)
        array([[-0.7, -0.7]])
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

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X has other columns than that of ``fit``, or holds NaN, infinite values or texts.

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
        >>> net = MLPClassifier((), solver="lbfgs", random_state=0).fit(X, y)
        >>> net.decision_function([[0.0], [3.0]]) > 0
        array([False,  True])
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
        float, in [0, 1]

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X, y and weights do not fit together or the data of ``fit``.

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
        >>> net = MLPClassifier((), solver="lbfgs", random_state=0).fit(X, y)
        >>> net.score(X, ["no", "no", "yes", "no"])
        0.75
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
