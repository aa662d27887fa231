"""Losses as functions of targets and predictions: one number a row.

>>> from annlib import losses
>>> losses.mean_squared_error([[0.0, 0.0], [1.0, 1.0]], [[0.0, 2.0], [1.0, 1.0]])
array([2., 0.])
"""

from __future__ import annotations

from typing import Any

from annlib.core.arrays import Array
from annlib.core.constructors import OfFunction
from annlib.core.errors import ConfigurationError, show
from annlib.core.tracebacks import with_short_tracebacks
from annlib.losses.absolute_error import (
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
)
from annlib.losses.base import Loss
from annlib.losses.binary_crossentropy import BinaryCrossentropy
from annlib.losses.cosine import CosineSimilarity
from annlib.losses.crossentropy import CategoricalCrossentropy, SparseCategoricalCrossentropy
from annlib.losses.divergence import KLDivergence, Poisson
from annlib.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from annlib.losses.generalized_crossentropy import CategoricalGeneralizedCrossEntropy
from annlib.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from annlib.losses.squared_error import MeanSquaredError, MeanSquaredLogarithmicError


@OfFunction("reduction", "name", "dtype")
class LossFunction:
    """The loss of each row, as Keras' functions give it; in ``compile`` the class of that name.

    Parameters
    ----------
    cls : type of Loss
        The class, whose arguments the function takes behind y_true and y_pred.
    name : str, optional
        Keras' name of the function, where it is not that of the class.

    Raises
    ------
    ConfigurationError
        If ``cls`` is no class of losses.

    Examples
    --------
    >>> huber = LossFunction(Huber)
    >>> huber([[0.0], [0.0]], [[1.0], [-3.0]], delta=2.0)
    array([0.5, 4. ])
    """

    def __init__(self, cls: type[Loss], name: str | None = None) -> None:
        if not isinstance(cls, type) or not issubclass(cls, Loss):
            raise ConfigurationError(
                f"LossFunction: expected cls as a class of losses, got {show(cls)}."
            )
        self.cls = cls
        self.__name__ = name or cls._names[0]

    @with_short_tracebacks
    def __call__(self, y_true: Any, y_pred: Any, *arguments: Any, **keywords: Any) -> Array:
        """The loss of each row, (n,).

        Parameters
        ----------
        y_true : array_like
            Targets of the prediction's shape, or labels (n,) for a sparse loss.
        y_pred : array_like, (n, units)
        *arguments, **keywords
            Those of the class: ``binary_crossentropy(y, z, from_logits=True)``.

        Returns
        -------
        ndarray, (n,)
            The loss of each row: that of the class with ``reduction="none"``.

        Raises
        ------
        ShapeError, DataError
            As the loss itself.
        """
        loss = self.cls(*arguments, **(keywords | {"reduction": "none"}))
        return loss(y_true, y_pred)  # type: ignore[no-any-return]  # not reduced, it is an array

    def __repr__(self) -> str:
        return f"<function losses.{self.__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return LossFunction, (self.cls, self.__name__)


binary_crossentropy = LossFunction(BinaryCrossentropy)
binary_focal_crossentropy = LossFunction(BinaryFocalCrossentropy)
categorical_crossentropy = LossFunction(CategoricalCrossentropy)
categorical_focal_crossentropy = LossFunction(CategoricalFocalCrossentropy)
categorical_generalized_cross_entropy = LossFunction(CategoricalGeneralizedCrossEntropy)
categorical_hinge = LossFunction(CategoricalHinge)
cosine_similarity = LossFunction(CosineSimilarity)
hinge = LossFunction(Hinge)
huber = LossFunction(Huber, "huber")
kl_divergence = kld = KLD = kullback_leibler_divergence = LossFunction(KLDivergence)
log_cosh = logcosh = LossFunction(LogCosh)
mean_absolute_error = mae = MAE = LossFunction(MeanAbsoluteError)
mean_absolute_percentage_error = mape = MAPE = LossFunction(MeanAbsolutePercentageError)
mean_squared_error = mse = MSE = LossFunction(MeanSquaredError)
mean_squared_logarithmic_error = msle = MSLE = LossFunction(MeanSquaredLogarithmicError)
poisson = LossFunction(Poisson)
sparse_categorical_crossentropy = LossFunction(SparseCategoricalCrossentropy)
squared_hinge = LossFunction(SquaredHinge)
