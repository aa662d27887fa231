"""HiddenLayerTransformer: what a hidden layer of a fitted network makes of X."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from annlib.core.arrays import Array
from annlib.core.checks import is_whole
from annlib.core.errors import ConfigurationError, show
from annlib.estimators.documentation import Documented
from annlib.estimators.rules import FLAG, RANDOM_STATE, Rule, check_parameters, invalid
from annlib.estimators.sequential import SequentialClassifier, SequentialRegressor
from annlib.models import Sequential
from annlib.network.prediction import infer

_LAYER = Rule(
    "an int or a str, the place or the name of a layer",
    lambda v: isinstance(v, str) or is_whole(v),
)


class HiddenLayerTransformer(
    Documented,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    MetaEstimatorMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """The output of a hidden layer as features: what a network has learned to look for.

    Parameters
    ----------
    estimator : estimator, default=None
        One of annlib's, or one that behaves as it (``FrozenEstimator``). It is copied and fitted,
        unless it is ``prefit``. None is a ``SequentialClassifier`` where y holds classes, and a
        ``SequentialRegressor`` where it holds numbers.
    layer : int or str, default=-2
        Which layer of the network, by its place or name; -2 is the one before the last.
    prefit : bool, default=False
        Whether ``estimator`` is fitted already and stays as it is.
    random_state : int, RandomState or None, default=None
        Given to the estimator that is fitted, unless None.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one.

    See Also
    --------
    SequentialClassifier, SequentialRegressor, MLPClassifier, MLPRegressor

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from annlib import HiddenLayerTransformer, SequentialClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> net = SequentialClassifier(random_state=0, epochs=20, model__units=8).fit(X, y)
    >>> hidden = HiddenLayerTransformer(net, prefit=True).set_output(transform="pandas")
    >>> hidden.transform(X).shape
    (150, 8)
    """

    estimator_: Any

    def __init__(
        self,
        estimator: Any = None,
        *,
        layer: int | str = -2,
        prefit: bool = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.layer = layer
        self.prefit = prefit
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator, unless it is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **fit_params
            For its ``fit``; with metadata routing those that it requests.

        Returns
        -------
        self
        """
        rules = {"layer": _LAYER, "prefit": FLAG, "random_state": RANDOM_STATE}
        check_parameters(self, rules)
        if self.estimator is not None and (
            isinstance(self.estimator, type) or not hasattr(self.estimator, "fit")
        ):
            raise invalid(self, "estimator", "an estimator or None", self.estimator)
        if self.prefit:
            check_is_fitted(self.estimator)
            fitted = self.estimator
        else:
            fitted = self._unfitted(y)
            if get_config()["enable_metadata_routing"]:
                fit_params = process_routing(self, "fit", **fit_params).estimator.fit
            fitted.fit(X, y, **fit_params)
        self._upto(fitted)
        self.estimator_ = fitted
        return self

    def _unfitted(self, y: Any) -> Any:
        estimator = self.estimator
        if estimator is None:
            if y is None:
                raise ValueError(
                    f"{type(self).__name__} requires y to be passed, but the target y is None."
                )
            classes = not type_of_target(y).startswith("continuous")
            estimator = SequentialClassifier() if classes else SequentialRegressor()
        else:
            estimator = clone(estimator)
        if self.random_state is not None and "random_state" in estimator.get_params():
            estimator.set_params(random_state=self.random_state)
        return estimator

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the estimator as ``estimator__epochs=20``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a name that is none.
        """
        nested = [name for name in params if name.startswith("estimator__")]
        if nested and params.get("estimator", self.estimator) is None:
            raise ConfigurationError(
                f"{type(self).__name__}: expected an estimator that has {nested[0]}, got None, for "
                "which y decides. Pass estimator=SequentialClassifier() or another, too."
            )
        super().set_params(**params)
        return self

    def transform(self, X: Any) -> Array:
        """The output of the layer for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_units)
        """
        check_is_fitted(self)
        fitted = self._fitted()
        features = infer(self._upto(fitted)._network, fitted._check_inputs(X))
        return features.reshape(len(features), -1)

    def _fitted(self) -> Any:
        return self.estimator if self.prefit else self.estimator_

    def __sklearn_is_fitted__(self) -> bool:
        return bool(self.prefit) or hasattr(self, "estimator_")

    def _upto(self, fitted: Any) -> Sequential:
        """The network up to the layer; it shares the weights."""
        model = getattr(fitted, "model_", None)
        if not isinstance(model, Sequential):
            raise invalid(self, "estimator", "an estimator of annlib, or None", fitted)
        names = [layer.name for layer in model.layers]
        if isinstance(self.layer, str):
            if self.layer not in names:
                raise ConfigurationError(
                    f"{type(self).__name__}: expected the name of a layer, got {show(self.layer)}. "
                    f"Known: {', '.join(map(str, names))}."
                )
            end = names.index(self.layer) + 1
        else:
            end = self.layer + 1 + (len(names) if self.layer < 0 else 0)
        if not 1 <= end <= len(names):
            raise ConfigurationError(
                f"{type(self).__name__}: expected a layer of {len(names)}, got layer={self.layer}. "
                f"They are {', '.join(map(str, names))}."
            )
        return Sequential(model.layers[:end], dtype=model.dtype)

    @property
    def n_features_in_(self) -> int:
        """The features that the estimator was fitted on."""
        return int(self._known().n_features_in_)

    @property
    def feature_names_in_(self) -> Any:
        """Their names, where it has seen some."""
        return self._known().feature_names_in_

    def _known(self) -> Any:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__} has no features before fit.")
        return self._fitted()

    @property
    def _n_features_out(self) -> int:
        fitted = self._fitted()
        shape = self._upto(fitted).compute_output_shape((None, fitted.n_features_in_))
        return int(np.prod([size or 0 for size in shape[1:]]))

    def get_metadata_routing(self) -> MetadataRouter:
        """Which metadata the estimator requests.

        Returns
        -------
        MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        estimator = SequentialClassifier() if self.estimator is None else self.estimator
        return MetadataRouter(owner=self).add(estimator=estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = not self.prefit
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        inner = None if self.estimator is None else get_tags(self.estimator)
        tags.input_tags.sparse = inner is None or inner.input_tags.sparse
        return tags
