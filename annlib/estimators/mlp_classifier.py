"""MLPClassifier: scikit-learn's multi-layer perceptron for classes, and what it lacks."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from annlib.core.arrays import Array
from annlib.estimators.estimator import NetworkClassifier
from annlib.estimators.parameters import invalid
from annlib.estimators.perceptron import Perceptron, is_batchwise, store
from annlib.estimators.perceptron_documentation import documented
from annlib.estimators.perceptron_rules import CLASS_WEIGHT
from annlib.estimators.targets import IndicatorTargets, Targets
from annlib.estimators.tasks import with_callbacks


@documented
class MLPClassifier(Perceptron, NetworkClassifier):
    """A multi-layer perceptron that classifies: scikit-learn's, on annlib's engine.

    It takes the parameters of ``sklearn.neural_network.MLPClassifier`` with the same meaning and,
    by name, more. The same ``random_state`` gives the same weights and batches.

    Parameters
    ----------
    {parameters}
    loss : str or Loss, default="log_loss"
        Or a classification loss of annlib: ``"binary_focal_crossentropy"``, ...
    class_weight : dict, "balanced" or list of them, default=None
        By class label; multiplied with ``sample_weight``. A list has one for each column of y.
    {nested}

    Attributes
    ----------
    classes_ : ndarray or list of ndarray
        The labels, sorted; of several columns a list.
    {attributes}

    See Also
    --------
    MLPRegressor : The same for numbers.
    SequentialClassifier : Any network of one's own.

    Notes
    -----
    y may hold two or more classes of any type, a matrix of indicators (multilabel), or several
    columns of classes: then ``predict_proba`` gives a list.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from annlib import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((20,), learning_rate_init=0.02, tol=1e-3, random_state=0).fit(X, y)
    >>> net.score(X, y) > 0.95
    True
    """

    classes_: Any
    _classifies = True
    _rules = Perceptron._rules | {"class_weight": CLASS_WEIGHT}
    _loss_text = "'log_loss', or the name, the configuration or an object of a loss of annlib"

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        optimizer: Any = None,
        regularizer: Any = None,
        dropout: Any = 0.0,
        batch_normalization: bool = False,
        callbacks: Any = None,
        scoring: Any = None,
        dtype: Any = None,
        **optimizer__parameters: Any,
    ) -> None:
        store(self, locals())

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on these data, anew unless ``warm_start``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        X_val, y_val, sample_weight_val : default=None
            Data of one's own to validate on, instead of a part of X.

        Returns
        -------
        self
        """
        self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val))
        return self

    @available_if(is_batchwise)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on these rows; network and optimizer stay for the next call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like, default=None
            All classes that will come, at the first call; a list of them for several columns.

        Returns
        -------
        self
        """
        if isinstance(self.class_weight, str):
            raise invalid(
                self,
                "class_weight",
                "a dict or None for partial_fit, which sees a part of y",
                self.class_weight,
            )
        known = getattr(self, "_targets", None)
        if known is None and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None and known is not None and not known.has_classes(classes):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
        self._train(X, y, sample_weight, incremental=True, classes=classes)
        return self

    def _targets_for(self, y: Array, first: bool, classes: Any) -> Targets:
        targets = super()._targets_for(y, first, classes)
        if not first and self.warm_start and not isinstance(self.classes_, list):
            found = self.classes_ if isinstance(targets, IndicatorTargets) else np.unique(y)
            if not np.array_equal(found, self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {found}"
                )
        return targets

    def _class_weight(self) -> Any:
        return self.class_weight
