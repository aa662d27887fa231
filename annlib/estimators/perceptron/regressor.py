"""MLPRegressor: scikit-learn's multi-layer perceptron for numbers, and what it lacks."""

from __future__ import annotations

from typing import Any

from sklearn.utils.metaestimators import available_if

from annlib.estimators.documentation import documented
from annlib.estimators.perceptron.parameters import ATTRIBUTES, NESTED, PARAMETERS
from annlib.estimators.perceptron.perceptron import Perceptron
from annlib.estimators.perceptron.solvers import is_batchwise
from annlib.estimators.regressor import NetworkRegressor


@documented(parameters=PARAMETERS, nested=NESTED, attributes=ATTRIBUTES)
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
        **nested: Any,
    ) -> None:
        self._store(locals())

    partial_fit = available_if(is_batchwise)(NetworkRegressor.partial_fit)
