"""TabularClassifier: classes from a table, as it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from annlib.core.arrays import Array
from annlib.estimators.documentation import documented
from annlib.estimators.tabular.features import Prepared
from annlib.estimators.tabular.held_out import HeldOut
from annlib.estimators.tabular.parameters import ATTRIBUTES, PARAMETERS, PARAMETERS_LAST, RULES
from annlib.estimators.tabular.tabular import TabularEstimator
from annlib.estimators.tabular.task import Task
from annlib.estimators.targets import (
    ColumnsTargets,
    IndicatorTargets,
    LabelTargets,
    accuracy,
)
from annlib.estimators.weights import CLASS_WEIGHT


@documented(parameters=PARAMETERS, last=PARAMETERS_LAST, attributes=ATTRIBUTES)
class TabularClassifier(ClassifierMixin, TabularEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier for tables as they come, good without tuning.

    Two packs of small networks, whose numbers go through learned cosines or a piecewise linear
    code, are trained side by side. Each network leaves out a fold of the rows; these tell how good
    it is after each epoch, what each pack counts, and how sure predictions may be. A pack is kept
    as its last epoch leaves it, or as the best one did where that was better by more than one
    standard error.

    Parameters
    ----------
    {parameters}
    class_weight : dict, "balanced" or list of them, default=None
        By class label; multiplied with ``sample_weight``. A list has one for each column of y.
    {last}

    Attributes
    ----------
    classes_ : ndarray or list of ndarray
        The labels, sorted; of several columns a list.
    temperature_ : float
        By which logarithms of probabilities are divided.
    {attributes}

    Raises
    ------
    InvalidParameterError
        In ``fit``, for a parameter that cannot be meant.

    See Also
    --------
    TabularRegressor : Predicts numbers.
    annlib.plots.plot_history : Draws the curves, and which epoch was kept.
    annlib.plots.feature_importances : Draws ``feature_importances_``.
    annlib.plots.contributions : Draws what columns add to predictions.
    annlib.plots.calibration : Draws whether probabilities are right.

    Notes
    -----
    Nothing need be scaled, encoded or filled in. Dates are refused: make numbers of them. Values of
    a column of numbers get flags of their own where rows show that they tell something apart from
    those beside them, as codes and usual amounts do.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import annlib
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> net = annlib.TabularClassifier(epochs=20, random_state=0).fit(X, y)
    >>> net.score(X, y) > 0.9
    True
    >>> net.predict(X[:2]).tolist(), net.predict_proba(X[:2]).shape
    ([0, 0], (2, 3))
    >>> net.decision_function(X[:2]).shape, net.predict_log_proba(X[:2]).shape
    ((2, 3), (2, 3))
    >>> net.contributions(X[:2]).shape
    (2, 4, 3)
    >>> print(net.summary().splitlines()[0])
    TabularClassifier on 4 columns
    """

    _classifies = True
    _importance_measure = "logarithmic loss"
    _loss_name = "logarithmic loss"
    _rules = RULES | {"class_weight": CLASS_WEIGHT}
    _targets: LabelTargets

    def __init__(
        self,
        preset: str = "default",
        *,
        members: int | None = None,
        epochs: int | None = None,
        categorical_features: Any = "from_dtype",
        class_weight: Any = None,
        n_jobs: int | None = None,
        time_limit: float | None = None,
        verbose: Any = 0,
        random_state: Any = None,
    ) -> None:
        self.preset = preset
        self.members = members
        self.epochs = epochs
        self.categorical_features = categorical_features
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.time_limit = time_limit
        self.verbose = verbose
        self.random_state = random_state

    def _encode(self, y: Array) -> Array:
        self.classes_ = self._targets.classes
        return np.stack([codes for _, codes in self._targets.weight_columns(y)], axis=1)

    @staticmethod
    def _task_of(targets: LabelTargets) -> Task:
        if isinstance(targets, IndicatorTargets):
            return Task((2,) * targets.units, 0)
        several = isinstance(targets.classes, list)
        blocks = targets.classes if several else [targets.classes]
        return Task(tuple(len(each) for each in blocks), 0)

    def _learn_scale(self, targets: Array, weights: Array | None) -> Array:
        return targets

    def _scaled(self, targets: Array) -> Array:
        return targets

    def _strata(self, targets: Array) -> Array:
        if targets.shape[1] == 1:
            return targets[:, 0]
        # Of several columns the most frequent combinations; single ones belong together.
        _, found = np.unique(targets, axis=0, return_inverse=True)
        rare = np.bincount(found.reshape(-1))[found.reshape(-1)] == 1
        return np.where(rare, 0, found.reshape(-1) + 1)

    def _judge_held_out(self, predicted: Array, held_out: HeldOut) -> None:
        self.score_out_of_fold_ = accuracy(
            held_out.targets, self._codes(predicted), held_out.weights
        )

    def _codes(self, predicted: Array) -> Array:
        blocks = self._ensemble.task.slices
        return np.stack([predicted[:, block].argmax(axis=1) for block in blocks], axis=1)

    def _shown_loss(self, predicted: Array, held_out: HeldOut) -> float:
        return held_out.loss(predicted, self._ensemble.task)

    def _explained(self, rows: Prepared) -> Array:
        return self._logits(self._ensemble.predict(rows))

    def _explained_outputs(self) -> tuple[list[Any], list[str]]:
        blocks = self._ensemble.task.blocks
        if len(blocks) == 1:
            classes = self.classes_.tolist()
            kind = "log odds" if len(classes) == 2 else "log probability"
            known = classes[1:] if len(classes) == 2 else classes
            return known, [f"{kind} of {label}" for label in known]
        if set(blocks) == {2}:
            return list(range(len(blocks))), [f"log odds of column {k}" for k in range(len(blocks))]
        pairs = [(k, label) for k, own in enumerate(self.classes_) for label in own.tolist()]
        titles = [f"log probability of {label} in column {k}" for k, label in pairs]
        return list(range(len(pairs))), titles

    def _logits(self, predicted: Array) -> Array:
        """Logarithms of probabilities; of two classes the log odds of the second."""
        logs = np.log(np.maximum(predicted, 1e-12))
        if set(self._ensemble.task.blocks) == {2}:
            return logs[:, 1::2] - logs[:, ::2]
        return logs

    @property
    def temperature_(self) -> float:
        """By which logarithms of probabilities are divided."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("temperature_")
        return self._ensemble.temperature

    def predict(self, X: Any) -> Array:
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, DataError
            If X has other columns than that of ``fit``, or of other types.
        """
        predicted = self._predicted(X, "predict")
        if isinstance(self._targets, IndicatorTargets):
            predicted = predicted[:, 1::2] - 0.5
        return self._targets.decode(predicted)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes, calibrated on rows held out.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of them
            Of labels, of which a row has any, the probability of each.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, DataError
            If X has other columns than that of ``fit``, or of other types.
        """
        predicted = self._predicted(X, "predict_proba")
        if isinstance(self._targets, IndicatorTargets):
            return np.ascontiguousarray(predicted[:, 1::2])
        return self._targets.probabilities(predicted)

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of ``predict_proba``.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of them

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, DataError
            If X has other columns than that of ``fit``, or of other types.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            if isinstance(probabilities, list):
                return [np.log(each) for each in probabilities]
            return np.log(probabilities)

    def decision_function(self, X: Any) -> Any:
        """Logarithms of ``predict_proba``; of two classes, or a label, the log odds.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), or list of them
            Of two classes one number, for the second of ``classes_``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, DataError
            If X has other columns than that of ``fit``, or of other types.
        """
        predicted = self._predicted(X, "decision_function")
        if isinstance(self._targets, ColumnsTargets):
            logs = np.log(np.maximum(predicted, 1e-12))
            return [logs[:, block] for block in self._ensemble.task.slices]
        found = self._logits(predicted)
        return found[:, 0] if found.shape[1] == 1 else found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows that are predicted right, in all their columns.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
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
        """
        if isinstance(getattr(self, "_targets", None), ColumnsTargets):
            return accuracy(np.asarray(y), self.predict(X), sample_weight)
        return float(super().score(X, y, sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
