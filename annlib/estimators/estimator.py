"""What all estimators share: ``fit``, data at the doors, predictions and tags.

A subclass trains in ``_train``, and has, once it is fitted, ``model_`` (the network), ``_targets``
(what y means) and ``_outputs`` (how the last layer is read).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from annlib.core.arrays import Array
from annlib.estimators.documentation import Documented
from annlib.estimators.inference import is_plain
from annlib.estimators.nested import NestedParameters
from annlib.estimators.outputs import Outputs
from annlib.estimators.persistence import Persistent
from annlib.estimators.rows import Rows
from annlib.estimators.sklearn_callbacks import CallbackSupport, with_callbacks
from annlib.estimators.targets import Targets, check_y
from annlib.estimators.weights import row_weights
from annlib.models import Sequential

_FLOATS = (np.float64, np.float32)


class NetworkEstimator(NestedParameters, CallbackSupport, Documented, Persistent, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of an estimator around a ``Sequential``."""

    _classifies: ClassVar[bool]

    model_: Sequential
    history_: dict[str, list[Any]]
    _targets: Targets
    _outputs: Outputs

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
        X_val, y_val, sample_weight_val : array-like, default=None
            Data of one's own to validate on after each epoch, instead of a part of X.

        Returns
        -------
        self
        """
        return self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] = (None, None, None),
        *,
        once: bool = False,
        classes: Any = None,
    ) -> Self:
        """Train to the end, or ``once`` for one epoch of a training that goes on."""
        raise NotImplementedError

    # -- data ------------------------------------------------------------------------------------

    def _check_data(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        """X of floating-point numbers and y, as scikit-learn validates them."""
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=_FLOATS,
            multi_output=True,
            y_numeric=not self._classifies,
        )
        return X, check_y(y, classifier=self._classifies)

    def _check_validation(self, X: Any, y: Any, sample_weight: Any) -> Rows | None:
        """The validation data that ``fit`` was given."""
        if X is None:
            if y is not None or sample_weight is not None:
                given = "sample_weight_val" if y is None else "y_val"
                raise ValueError(f"{given} is provided, but X_val was not provided.")
            return None
        if y is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        X, y = self._check_data(X, y, reset=False)
        return Rows(X, y, row_weights(X, y, sample_weight))

    def _check_inputs(self, X: Any) -> Any:
        if not self.__sklearn_is_fitted__():  # which takes longer to ask in scikit-learn's way
            check_is_fitted(self)
        if is_plain(self, X):
            return X
        return validate_data(self, X, reset=False, accept_sparse="csr", dtype=_FLOATS)

    # -- predictions -----------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        """Predictions in the terms of the y that it was fitted on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        A = self._read(self._check_inputs(X))
        return self._targets.decode(A)

    def _read(self, X: Any) -> Array:
        """The network's output for validated rows, as ``_targets`` decodes it."""
        raise NotImplementedError

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags
