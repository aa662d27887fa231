"""MLPClassifier and MLPRegressor: scikit-learn's multi-layer perceptrons, and what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if

from annlib.activations.names import ActivationLike
from annlib.constraints.names import ConstraintLike
from annlib.core.arrays import Array
from annlib.estimators.classifier import NetworkClassifier
from annlib.estimators.documentation import documented
from annlib.estimators.perceptron.parameters import ATTRIBUTES, NESTED, PARAMETERS
from annlib.estimators.perceptron.perceptron import Perceptron, loss_part
from annlib.estimators.perceptron.training import is_batchwise
from annlib.estimators.regressor import NetworkRegressor
from annlib.estimators.targets import IndicatorTargets, Targets
from annlib.estimators.weights import CLASS_WEIGHT
from annlib.initializers.names import InitializerLike
from annlib.losses.names import LossLike
from annlib.metrics.names import MetricsLike
from annlib.optimizers.names import OptimizerLike
from annlib.regularizers.names import RegularizerLike

#: One activation for all hidden layers, or one a layer.
HiddenActivation: TypeAlias = (
    ActivationLike | Literal["logistic"] | Sequence[ActivationLike | Literal["logistic"]]
)


@documented(parameters=PARAMETERS, nested=NESTED, attributes=ATTRIBUTES)
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

    Raises
    ------
    InvalidParameterError
        In ``fit``, for a parameter that cannot be meant.
    ArgumentError
        For a parameter that there is not.

    See Also
    --------
    MLPRegressor : Predicts numbers.
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

    _rules = Perceptron._rules | {"class_weight": CLASS_WEIGHT}
    _nests = Perceptron._nests | {"loss": loss_part("'log_loss'", classifier=True)}

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: HiddenActivation = "relu",
        *,
        solver: Literal["adam", "sgd", "lbfgs"] = "adam",
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
        loss: LossLike | Literal["log_loss"] = "log_loss",
        class_weight: Any = None,
        optimizer: OptimizerLike | None = None,
        regularizer: RegularizerLike | None = None,
        dropout: Any = 0.0,
        batch_normalization: bool = False,
        callbacks: Any = None,
        scoring: Any = None,
        metrics: MetricsLike | None = None,
        kernel_initializer: InitializerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        dtype: Any = None,
        **nested: Any,
    ) -> None:
        self._store(locals())

    partial_fit = available_if(is_batchwise)(NetworkClassifier.partial_fit)

    def _targets_for(self, y: Array, warm: bool, classes: Any) -> Targets:
        targets = super()._targets_for(y, warm, classes)
        if warm and self.warm_start and not isinstance(self.classes_, list):
            found = self.classes_ if isinstance(targets, IndicatorTargets) else np.unique(y)
            if not np.array_equal(found, self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {found}"
                )
        return targets

    @property
    def _label_binarizer(self) -> LabelBinarizer:
        """scikit-learn's attribute, which converters of models (to ONNX) ask for the targets."""
        several = isinstance(self._targets, IndicatorTargets)
        return LabelBinarizer().fit(np.eye(self._targets.units) if several else self.classes_)


@documented(parameters=PARAMETERS, nested=NESTED, attributes=ATTRIBUTES)
class MLPRegressor(Perceptron, NetworkRegressor):
    """A multi-layer perceptron that predicts numbers: scikit-learn's, on annlib's engine.

    It takes the parameters of ``sklearn.neural_network.MLPRegressor`` with the same meaning and,
    by name, more. The same ``random_state`` gives the same weights and batches.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        Half of the squared error, half of the deviance of ``"poisson"`` (whose output layer is
        exponential), both summed over the outputs; or a loss of annlib: ``"huber"``, ``"gamma"``
        and ``"tweedie"`` (exponential, too), ``"quantile"``, ... ``loss__power=1.7`` is an argument
        of it. With ``loss__quantile=[0.1, 0.5, 0.9]`` there is a column of predictions for each.
    {parameters}
    {nested}

    Attributes
    ----------
    {attributes}

    Raises
    ------
    InvalidParameterError
        In ``fit``, for a parameter that cannot be meant.
    ArgumentError
        For a parameter that there is not.

    See Also
    --------
    MLPClassifier : Predicts classes.
    SequentialRegressor : Any network of one's own.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from annlib import MLPRegressor
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> net = MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X, y)
    >>> net.score(X, y) > 0.99
    True
    """

    _nests = Perceptron._nests | {"loss": loss_part("'squared_error', 'poisson'", classifier=False)}

    def __init__(
        self,
        loss: LossLike | Literal["squared_error"] = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: HiddenActivation = "relu",
        *,
        solver: Literal["adam", "sgd", "lbfgs"] = "adam",
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
        optimizer: OptimizerLike | None = None,
        regularizer: RegularizerLike | None = None,
        dropout: Any = 0.0,
        batch_normalization: bool = False,
        callbacks: Any = None,
        scoring: Any = None,
        metrics: MetricsLike | None = None,
        kernel_initializer: InitializerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        dtype: Any = None,
        **nested: Any,
    ) -> None:
        self._store(locals())

    partial_fit = available_if(is_batchwise)(NetworkRegressor.partial_fit)
