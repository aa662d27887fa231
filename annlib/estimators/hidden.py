"""HiddenLayerTransformer: what a hidden layer of a fitted network makes of X."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
    is_regressor,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from annlib.core.arrays import Array
from annlib.core.checks import is_whole
from annlib.core.errors import ConfigurationError, ModelFormatError, show
from annlib.estimators.documentation import Documented
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.files import (
    class_of,
    describe_model,
    describe_parameters,
    prefixed,
    restore_parameters,
    restored_model,
    under,
)
from annlib.estimators.graphs import Exportable, hidden_outputs
from annlib.estimators.parameter_codes import decode, encode
from annlib.estimators.persistence import Persistent
from annlib.estimators.rows import codes_of
from annlib.estimators.rules import FLAG, RANDOM_STATE, Rule, check_parameters, invalid
from annlib.estimators.sequential import SequentialClassifier, SequentialRegressor
from annlib.estimators.sequential.fitting import check_trained
from annlib.estimators.targets import NumberTargets
from annlib.models import Sequential
from annlib.network.prediction import infer

_LAYER = Rule(
    "an int or a str, the place or the name of a layer",
    lambda v: isinstance(v, str) or is_whole(v),
)


class HiddenLayerTransformer(
    Documented,
    Exportable,
    Persistent,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # scikit-learn has no types
    MetaEstimatorMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """The output of a hidden layer as features: what a network has learned to look for.

    Parameters
    ----------
    estimator : estimator or Sequential, default=None
        One of annlib's, or what ends in one: a pipeline, a search, a ``FrozenEstimator``. It is
        copied and fitted, unless it is ``prefit``. None is a ``SequentialClassifier`` where y holds
        classes, and a ``SequentialRegressor`` where it holds numbers; a ``Sequential`` is the
        model of one.
    layer : int in [-n, n) of n layers, or str, default=-2
        Which layer of the network, by its place or name; -2 is the one before the last.
    prefit : bool, default=False
        Whether ``estimator`` is fitted already and stays as it is.
    random_state : int in [0, 4294967295], RandomState or None, default=None
        Given to the estimator that is fitted, unless None.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one.

    Raises
    ------
    ConfigurationError
        In ``fit``, if the network has no such layer, or ``estimator`` ends in none of annlib's.

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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Without it, a regressor learns to give X again: an auto-encoder.
        **fit_params
            For its ``fit``; with metadata routing those that it requests.

        Returns
        -------
        self

        Raises
        ------
        NotFittedError
            If ``estimator`` is ``prefit`` and is not fitted.
        ConfigurationError
            If the network has no such layer, or ``estimator`` ends in none of annlib's.
        ValueError
            If X and y do not fit together, or X holds NaN, infinite values or texts.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import HiddenLayerTransformer, SequentialRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 6))
        >>> coder = SequentialRegressor(epochs=2, random_state=0, model__units=3, model__depth=1)
        >>> HiddenLayerTransformer(coder).fit(X).transform(X).shape
        (50, 3)
        """
        self._check_parameters()
        if self.estimator is not None and (
            isinstance(self.estimator, type) or not hasattr(self.estimator, "fit")
        ):
            raise invalid(self, "estimator", "an estimator or None", self.estimator)
        if self.prefit:
            fitted = self._prefit()
        else:
            fitted = self._unfitted(y)
            if y is None:
                y = self._own_targets(fitted, X)
            if get_config()["enable_metadata_routing"]:
                fit_params = process_routing(self, "fit", **fit_params).estimator.fit
            fitted.fit(X, y, **fit_params)
        self._upto(fitted)
        self.estimator_ = fitted
        return self

    def _check_parameters(self) -> None:
        rules = {"layer": _LAYER, "prefit": FLAG, "random_state": RANDOM_STATE}
        check_parameters(self, rules)

    def _prefit(self) -> Any:
        """The estimator that is fitted already; of a ``Sequential`` one around it."""
        if isinstance(self.estimator, Sequential):
            model = check_trained(self.estimator, type(self).__name__)
            targets = NumberTargets(np.empty((0, model.output_shape[-1] or 1)))
            return SequentialRegressor._of_trained(model, targets, {}, copied=False)
        check_is_fitted(self.estimator)
        return self.estimator

    def _unfitted(self, y: Any) -> Any:
        estimator = self.estimator
        if estimator is None or isinstance(estimator, Sequential):
            classes = y is not None and not type_of_target(y).startswith("continuous")
            kind = SequentialClassifier if classes else SequentialRegressor
            estimator = kind(estimator)
        else:
            estimator = clone(estimator)
        if self.random_state is not None and "random_state" in estimator.get_params():
            estimator.set_params(random_state=self.random_state)
        return estimator

    def _own_targets(self, estimator: Any, X: Any) -> Any:
        """X as what a regressor is to give again."""
        if not is_regressor(estimator):
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: "
                f"{type(estimator).__name__} learns classes. Without y a regressor learns X itself."
            )
        return X.toarray() if hasattr(X, "toarray") else X

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the estimator as ``estimator__epochs=20``.

        Parameters
        ----------
        **params
            By name; those of the estimator as ``estimator__epochs=20``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a name that is none.
        ConfigurationError
            For parameters of an estimator that is not given.

        Examples
        --------
        >>> from annlib import HiddenLayerTransformer, SequentialClassifier
        >>> HiddenLayerTransformer(SequentialClassifier()).set_params(layer=0, estimator__epochs=20)
        HiddenLayerTransformer(estimator=SequentialClassifier(epochs=20), layer=0)
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

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X has other columns than that of ``fit``, or holds NaN, infinite values or texts.
        """
        check_is_fitted(self)
        fitted = self._fitted()
        *before, net = steps_of(fitted)
        for transformer in before:
            X = transformer.transform(X)
        network = self._upto(fitted)._network
        features = infer(network, codes_of(network, net._check_inputs(X)))
        return features.reshape(len(features), -1)

    def _outputs_of(self, where: str) -> Any:
        fitted = self._fitted()
        return hidden_outputs(steps_of(fitted), self._upto(fitted)._network, where)

    def _fitted(self) -> Any:
        return self._prefit() if self.prefit else self.estimator_

    def __sklearn_is_fitted__(self) -> bool:
        return bool(self.prefit) or hasattr(self, "estimator_")

    def _upto(self, fitted: Any) -> Sequential:
        """The network up to the layer; it shares the weights."""
        model = getattr(steps_of(fitted)[-1], "model_", None)
        if not isinstance(model, Sequential):
            raise invalid(
                self, "estimator", "an estimator of annlib, what ends in one, or None", fitted
            )
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

    # -- files -----------------------------------------------------------------------------------

    def _network_kept(self) -> Sequential:
        network: Sequential = self._kept().model_
        return network

    def _kept(self) -> Any:
        """The fitted estimator, if a file can hold it."""
        fitted = self._fitted()
        if not isinstance(fitted, NetworkEstimator):
            raise ConfigurationError(
                f"{type(self).__name__}.save: expected one of annlib's own estimators, got "
                f"{show(fitted)}, of which only the network can be in a file. Save that of its "
                "last step, and load it into HiddenLayerTransformer(net, prefit=True), or use "
                "joblib or skops."
            )
        return fitted

    def _describe(self) -> tuple[dict[str, Any], dict[str, Array]]:
        where = f"{type(self).__name__}.save"
        header, tensors = self._kept()._describe()
        own: dict[str, Array] = {}
        estimator: Any = self.estimator
        if self.prefit:
            estimator = "model" if isinstance(estimator, Sequential) else "fitted"
        elif isinstance(estimator, Sequential):
            estimator = {"model": describe_model(estimator, "model", own)}
        elif estimator is not None:
            estimator = describe_parameters(estimator, own)
        left_out = header["left_out"]
        parameters = {n: getattr(self, n) for n in ("layer", "prefit", "random_state")}
        return {
            "class_name": type(self).__name__,
            "parameters": encode(parameters, where),
            "left_out": {f"estimator__{name}": text for name, text in left_out.items()},
            "estimator": estimator,
            "fitted": header,
        }, prefixed("fitted/", tensors) | prefixed("estimator/", own)

    @classmethod
    def _from_file(
        cls, header: Mapping[str, Any], tensors: Mapping[str, Array], kinds: Mapping[str, Any]
    ) -> Any:
        inner, found = header["fitted"], header["estimator"]
        fitted = class_of(inner, kinds)._from_file(inner, under("fitted/", tensors), kinds)
        if not isinstance(fitted, NetworkEstimator):
            raise ModelFormatError(f"file: expected a network's estimator, got {show(fitted)}.")
        parameters, own = decode(header["parameters"]), under("estimator/", tensors)
        estimator: Any = {"model": fitted.model_, "fitted": fitted, None: None}
        if isinstance(found, str | None):
            estimator = estimator[found]
        elif "model" in found:
            estimator = restored_model(found["model"], "model", own)
        else:
            kind = class_of(found, kinds)
            estimator = kind(**restore_parameters(found, own))
        made = cls(estimator, **parameters)
        made.estimator_ = fitted
        made._check_parameters()
        made._upto(fitted)
        return made

    # -- data ------------------------------------------------------------------------------------

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
        upto = self._upto(fitted)
        shape = upto.compute_output_shape(upto.input_shape)
        return int(np.prod([size or 0 for size in shape[1:]]))

    def get_metadata_routing(self) -> MetadataRouter:
        """Which metadata the estimator requests.

        Returns
        -------
        MetadataRouter

        Examples
        --------
        >>> from annlib import HiddenLayerTransformer, SequentialClassifier
        >>> routing = HiddenLayerTransformer(SequentialClassifier()).get_metadata_routing()
        >>> routing.consumes("fit", ["sample_weight"])
        set()
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        known = not (self.estimator is None or isinstance(self.estimator, Sequential))
        estimator = self.estimator if known else SequentialClassifier()
        return MetadataRouter(owner=self).add(estimator=estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        known = not (self.estimator is None or isinstance(self.estimator, Sequential))
        tags.target_tags.required = not self.prefit and known and not is_regressor(self.estimator)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        inner = get_tags(self.estimator) if known else None
        tags.input_tags.sparse = inner is None or inner.input_tags.sparse
        return tags


def steps_of(fitted: Any) -> list[Any]:
    """The transformers before a fitted network, and its estimator: of pipelines, searches and
    regressors of transformed targets.
    """
    if hasattr(fitted, "best_estimator_"):
        return steps_of(fitted.best_estimator_)
    if hasattr(fitted, "regressor_"):
        return steps_of(fitted.regressor_)
    if isinstance(fitted, Pipeline):
        before = [fitted[:-1]] if len(fitted.steps) > 1 else []
        return [*before, *steps_of(fitted.steps[-1][1])]
    return [fitted]
