"""A bare Sequential as scikit-learn's displays ask for it: a thin classifier or regressor.

Imported when a display is drawn, since scikit-learn is.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from annlib.core.arrays import Array
from annlib.core.checks import is_number, to_array
from annlib.core.errors import ConfigurationError, DataError, NotCompiledError, show


class _Adapter(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Predicts with a model; ``fit`` trains a model of the same configuration with new weights.

    Parameters
    ----------
    model : Sequential
    arguments : dict, optional
        Of the model's ``fit``.
    """

    def __init__(self, model: Any, arguments: dict[str, Any] | None = None) -> None:
        self.model = model
        self.arguments = arguments

    def fit(self, X: Any, y: Any) -> Self:
        config = self.model.get_compile_config()
        if config is None:
            raise NotCompiledError(
                "annlib.plots: expected a compiled model, got one without loss and optimizer. "
                'Call compile(optimizer="adam", loss="mse") first.'
            )
        fresh = self.model.clone()
        fresh.compile_from_config(config)
        before = self.model.history
        epochs = 10 if before is None else before.params.get("epochs", 10)
        fresh.fit(X, y, **{"verbose": 0, "epochs": epochs, **(self.arguments or {})})
        self.model_ = fresh
        return self

    @property
    def network(self) -> Any:
        """The model that predicts."""
        return getattr(self, "model_", self.model)

    def __sklearn_is_fitted__(self) -> bool:
        return bool(self.network.built)


class SequentialAsClassifier(ClassifierMixin, _Adapter):  # type: ignore[misc]  # as above
    """Classes are 0, 1, ...: the places of the outputs, or of one output its two sides."""

    @property
    def classes_(self) -> Array:
        return np.arange(max(2, self.network.output_shape[-1]))

    def predict_proba(self, X: Any) -> Array:
        outputs = self.network.predict(X)
        A: Array = outputs.reshape(len(outputs), -1)
        loss = self.network.loss
        if loss is not None and loss.margin and A.shape[1] == 1:  # whose sides are -1 and 1
            A = np.clip((A + 1) / 2, 0, 1)
        if loss is not None and loss.from_logits:
            A = np.hstack([np.zeros_like(A), A]) if A.shape[1] == 1 else A
            A = np.exp(A - A.max(axis=1, keepdims=True))
            A /= A.sum(axis=1, keepdims=True)
        return np.hstack([1 - A, A]) if A.shape[1] == 1 else A

    def predict(self, X: Any) -> Array:
        classes: Array = self.predict_proba(X).argmax(axis=1)
        return classes

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return float(super().score(X, labels(y, "plots.learning_curve"), sample_weight))


class SequentialAsRegressor(RegressorMixin, _Adapter):  # type: ignore[misc]  # as above
    """A single output is one number a row."""

    def predict(self, X: Any) -> Array:
        y: Array = self.network.predict(X)
        return y[:, 0] if y.shape[1:] == (1,) else y


def as_estimator(model: Any, where: str, arguments: dict[str, Any] | None = None) -> Any:
    """An estimator as it is, and a bare model as one."""
    if isinstance(model, type):
        raise ConfigurationError(f"{where}: expected model as an object, got {show(model)}.")
    if not isinstance(arguments, dict | None):
        raise ConfigurationError(
            f"{where}: expected fit as a dict of arguments, got {show(arguments)}."
        )
    if hasattr(model, "get_params"):
        if arguments:
            raise ConfigurationError(
                f"{where}: expected fit arguments for a bare Sequential only, got "
                f"{show(arguments)}. Set the estimator's own parameters."
            )
        return model
    if not hasattr(model, "layers") or not hasattr(model, "predict"):
        raise ConfigurationError(
            f"{where}: expected model as a Sequential or a scikit-learn estimator, got "
            f"{show(model)}."
        )
    kind = SequentialAsClassifier if classifies(model) else SequentialAsRegressor
    return kind(model, arguments)


def as_classifier(model: Any, where: str) -> Any:
    """The model as an estimator with classes.

    Raises
    ------
    ConfigurationError
        If it has no classes.
    NotBuiltError
        If it is a ``Sequential`` without weights.
    """
    estimator = as_estimator(model, where)
    if isinstance(estimator, SequentialAsRegressor):
        raise ConfigurationError(
            f"{where}: expected a classifier, got a model without softmax, sigmoid or "
            "cross-entropy."
        )
    if isinstance(estimator, SequentialAsClassifier):
        model._network.require_weights("predict")
    return estimator


def classifies(model: Any) -> bool:
    """Whether the outputs are classes, by the loss and the last activation."""
    last = model._network.output_activation
    of_classes = model.loss is not None and model.loss.task != "regression"
    return of_classes or (last is not None and last.task is not None)


def labels(y: Any, where: str, rows: int | None = None) -> Array:
    """Labels (n,), also of one-hot rows and of a column, of so many rows.

    Raises
    ------
    DataError
        If a row has several classes.
    """
    y = to_array(y, where, "y")
    known = y.dtype.kind in "fiubUS"
    if y.dtype.kind == "O":
        known = all(isinstance(v, str | bool) or is_number(v) for v in y.flat)
    if not known or not y.ndim or rows not in (None, len(y)):
        raise DataError(
            f"{where}: expected a label or a one-hot row in y for each row"
            f"{f' of {rows}' if rows is not None else ''}, got {show(y)}"
            f"{f' of {len(y)}' if y.ndim else ''}."
        )
    own: Array = y
    if y.ndim == 2 and y.shape[1] == 1:
        own = y[:, 0]
    elif y.ndim == 2:
        if not ((y == 0) | (y == 1)).all() or not (y.sum(axis=1) == 1).all():
            raise DataError(
                f"{where}: expected labels (n,) or one-hot rows in y, got an array of shape "
                f"{y.shape} with rows of several classes or none."
            )
        own = y.argmax(axis=1)
    return own
