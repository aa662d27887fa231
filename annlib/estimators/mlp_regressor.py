"""MLPRegressor: scikit-learn's multi-layer perceptron for numbers, and what it lacks."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils.metaestimators import available_if

from annlib.estimators.estimator import NetworkRegressor
from annlib.estimators.perceptron import Perceptron, is_batchwise, store
from annlib.estimators.perceptron_documentation import documented
from annlib.estimators.tasks import with_callbacks


@documented
class MLPRegressor(Perceptron, NetworkRegressor):
    """A multi-layer perceptron that predicts numbers: scikit-learn's, on annlib's engine.

    It takes the parameters of ``sklearn.neural_network.MLPRegressor`` with the same meaning and,
    by name, more. The same ``random_state`` gives the same weights and batches.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        Half of the squared error, half of the deviance of ``"poisson"`` (whose output layer is
        exponential), both summed over the outputs; or a loss of annlib: ``"huber"``, ...
    {parameters}
    {nested}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MLPClassifier : The same for classes.
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

    _classifies = False
    _loss_text = "'squared_error', 'poisson', or the name, the configuration or an object of a \
loss of annlib"

    def __init__(
        self,
        loss: Any = "squared_error",
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
        self._train(X, y, sample_weight, incremental=True)
        return self
