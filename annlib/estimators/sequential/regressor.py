"""SequentialRegressor: any network of one's own as an estimator of numbers."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np

from annlib.estimators.documentation import documented
from annlib.estimators.regressor import NetworkRegressor
from annlib.estimators.sequential.fitting import FittedSequential, check_trained
from annlib.estimators.sequential.parameters import ATTRIBUTES, PARAMETERS
from annlib.estimators.targets import NumberTargets
from annlib.losses.names import LossLike
from annlib.metrics.names import MetricsLike
from annlib.models import Sequential
from annlib.optimizers.names import OptimizerLike


@documented(parameters=PARAMETERS, attributes=ATTRIBUTES)
class SequentialRegressor(FittedSequential, NetworkRegressor):
    """A regressor around a ``Sequential``.

    Parameters
    ----------
    model : Sequential or function, default=None
        As of ``SequentialClassifier``; a function may ask for ``n_features_in``, ``n_outputs``
        (the columns of y) and ``output_activation``.
    optimizer : str or Optimizer, default="auto"
        ``"auto"`` is the one that the model was compiled with, or else Adam.
    loss : str, Loss or pair of functions, default="auto"
        ``"auto"`` is the one that the model was compiled with, or else the mean squared error.
    {parameters}

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
    SequentialClassifier : Predicts classes.
    sklearn.compose.TransformedTargetRegressor : Scales y, which helps where it is large.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from annlib import SequentialRegressor
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> net = SequentialRegressor(random_state=0, model__units=32).fit(X, y / y.std())
    >>> net.score(X, y / y.std()) > 0.95
    True
    """

    def __init__(
        self,
        model: Any = None,
        *,
        optimizer: OptimizerLike | Literal["auto"] = "auto",
        loss: LossLike | Literal["auto"] = "auto",
        metrics: MetricsLike | None = None,
        scoring: Any = None,
        batch_size: int = 32,
        epochs: int = 100,
        validation_split: float = 0.0,
        callbacks: Any = None,
        shuffle: bool = True,
        verbose: Any = 0,
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Any = None,
        **nested: Any,
    ) -> None:
        self._store(locals())

    @classmethod
    def from_fitted(cls, model: Sequential, **parameters: Any) -> Self:
        """A trained model as a fitted regressor: it predicts as it is, without ``fit``.

        It has a copy of the model, with its optimizer's state: the model stays as it is, and
        ``partial_fit`` goes on training the copy.

        Parameters
        ----------
        model : Sequential
            Trained, or from ``annlib.load_model``; an output for each number to predict.
        **parameters
            Of the estimator, as for its constructor.

        Returns
        -------
        SequentialRegressor

        Raises
        ------
        ConfigurationError
            If the model is not built.

        Examples
        --------
        >>> from annlib import Sequential, SequentialRegressor, layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(1)], seed=0)
        >>> SequentialRegressor.from_fitted(model).predict([[1.0, 0.0]]).shape
        (1,)
        """
        trained = check_trained(model, f"{cls.__name__}.from_fitted")
        levels = trained.loss.levels if trained.loss is not None else ()
        units = trained.output_shape[-1] or 1
        y = np.empty(0) if units == 1 or levels else np.empty((0, units))
        return cls._of_trained(trained, NumberTargets(y), parameters)
