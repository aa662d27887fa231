"""What all estimators share: the steps of ``fit``, checks of data, predictions and tags.

A subclass overrides the steps that ``_train`` names. Once it is fitted it has ``model_`` (the
network), ``_targets`` (what y means) and ``_outputs`` (how the last layer is read).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from annlib.callbacks import Callback, History
from annlib.core.arrays import Array
from annlib.core.checks import all_finite
from annlib.estimators.best_epoch import BestEpoch, find_best
from annlib.estimators.documentation import Documented
from annlib.estimators.files import describe, restore_network
from annlib.estimators.nested import NestedParameters
from annlib.estimators.outputs import Outputs, check_blocks, outputs_of, wants_one_hot
from annlib.estimators.persistence import Persistent
from annlib.estimators.rules import Rule, check_parameters
from annlib.estimators.sklearn_callbacks import CallbackSupport, tasks, with_callbacks
from annlib.estimators.targets import LabelTargets, Targets, check_y, learn_targets
from annlib.estimators.weights import Samples, mean_one, row_weights
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.optimizers import Optimizer

_FLOATS = (np.float64, np.float32)


class Parts(NamedTuple):
    """The objects that an estimator's parameters stand for."""

    #: What builds the network.
    network: Any
    #: These two are None if they follow from network and targets.
    optimizer: Any
    loss: Loss | str | None
    callbacks: list[Callback]


class NetworkEstimator(NestedParameters, CallbackSupport, Documented, Persistent, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of an estimator around a ``Sequential``."""

    _classifies: ClassVar[bool]
    _rules: ClassVar[dict[str, Rule]]

    model_: Sequential
    history_: dict[str, list[Any]]
    best_epoch_: int
    _best: BestEpoch | None
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
        """Train on these data, with new weights unless ``warm_start``.

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

    # -- training --------------------------------------------------------------------------------

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] = (None, None, None),
        *,
        partial: bool = False,
        classes: Any = None,
    ) -> Self:
        """Train to the end, or with ``partial`` for one epoch, which later calls continue."""
        self._require_parameters("partial_fit" if partial else "fit")
        check_parameters(self, self._rules)
        parts = self._make_parts(partial)
        warm = bool(partial or self.warm_start) and self._has_weights()
        X, y = self._check_data(X, y, reset=not warm)
        targets = self._targets_for(y, warm, classes)
        targets.heed(parts.loss)
        class_weight = getattr(self, "class_weight", None)
        data = Samples(X, y, row_weights(X, y, sample_weight, class_weight, targets))
        held_out = self._check_validation(*validation)
        random_state = check_random_state(self.random_state)
        model, loss = self._network_for(X, targets, parts, random_state, warm)
        data = data._replace(Y=self._encode(data.y, targets, model, loss))
        if held_out is not None:
            held_out = held_out._replace(Y=self._encode(held_out.y, targets, model, loss))
        elif self._wants_validation(parts.optimizer, partial):
            data, held_out = self._split(data, sample_weight, targets, model, random_state)
        self._compile(model, parts.optimizer, loss, warm)
        fitted = self._fitted(model, targets, loss)
        callbacks = parts.callbacks
        if not partial:
            callbacks += tasks(self, self._max_epochs, X, y, sample_weight, fitted)
        history = self._run(fitted, data, held_out, callbacks, random_state, warm, partial)
        self.__dict__.update(fitted)
        before = self.history_ if warm and hasattr(self, "history_") else {}
        self._remember_best(history, callbacks, before)
        self.history_ = before | {
            name: before.get(name, []) + values for name, values in history.history.items()
        }
        if not partial:
            self._warn_of(data)
        return self

    def _warn_of(self, data: Samples) -> None:
        """Warn of what the data tell of a training that has not worked."""

    def _prepared(self, X: Any, y: Any, sample_weight: Any) -> tuple[Sequential, Any, Array, Any]:
        """For tools, what ``fit`` would train: a compiled network, and data as it takes them."""
        self._require_parameters("fit")
        fresh = clone(self)
        check_parameters(fresh, self._rules)
        parts = fresh._make_parts(partial=False)
        X, y = fresh._check_data(X, y, reset=True)
        targets = fresh._targets_for(y, warm=False, classes=None)
        targets.heed(parts.loss)
        weights = row_weights(X, y, sample_weight, getattr(fresh, "class_weight", None), targets)
        random_state = check_random_state(fresh.random_state)
        model, loss = fresh._network_for(X, targets, parts, random_state, warm=False)
        Y = fresh._encode(y, targets, model, loss)
        fresh._compile(model, parts.optimizer, loss, warm=False)
        return model, X, Y, mean_one(weights)

    def _remember_best(
        self, history: History, callbacks: list[Callback], before: dict[str, Any]
    ) -> None:
        """Set ``best_epoch_``, with a warm start of all epochs so far."""
        first = 0
        if before and history.epoch:  # where the run has counted anew
            first = max(0, len(before["loss"]) - history.epoch[0])
        found = find_best(history, callbacks, self._score_names(), first)
        known = getattr(self, "_best", None) if before else None
        self._best = found.better(known) if found is not None else known
        if self._best is not None:
            self.best_epoch_ = self._best.epoch

    def _score_names(self) -> list[str]:
        """What the logs call the scores of an epoch, if there are some."""
        raise NotImplementedError

    @property
    def _max_epochs(self) -> int:
        """The most epochs of a ``fit``."""
        raise NotImplementedError

    def _make_parts(self, partial: bool) -> Parts:
        """The parameters as objects; raises for what they cannot mean together."""
        raise NotImplementedError

    def _has_weights(self) -> bool:
        """Whether there are weights that a warm start can continue from."""
        return self.__sklearn_is_fitted__()

    def _targets_for(self, y: Array, warm: bool, classes: Any) -> Targets:
        """What y means, as before with a warm start."""
        known: Targets | None = getattr(self, "_targets", None) if warm else None
        if known is not None:
            return copy.copy(known)
        return learn_targets(y, classifier=self._classifies, classes=classes)

    def _network_for(
        self, X: Any, targets: Targets, parts: Parts, random_state: Any, warm: bool
    ) -> tuple[Sequential, Any]:
        """A built network and its loss (or more, for the steps that follow), or with a warm start
        those there are.
        """
        raise NotImplementedError

    def _encode(self, y: Array, targets: Targets, model: Sequential, loss: Any) -> Array:
        """Targets as the loss takes them."""
        check_blocks(loss, targets, type(self).__name__)
        return targets.encode(y, wants_one_hot(loss, model, targets))

    def _wants_validation(self, optimizer: Optimizer, partial: bool) -> bool:
        """Whether the parameters ask to set samples aside for validation."""
        raise NotImplementedError

    def _split(
        self,
        data: Samples,
        sample_weight: Any,
        targets: Targets,
        model: Sequential,
        random_state: Any,
    ) -> tuple[Samples, Samples]:
        """Samples to train on and to validate on."""
        raise NotImplementedError

    def _compile(self, model: Sequential, optimizer: Optimizer, loss: Any, warm: bool) -> None:
        """Compile the network, if a warm start does not keep how it learns."""
        raise NotImplementedError

    def _fitted(self, model: Sequential, targets: Targets, loss: Any) -> dict[str, Any]:
        """The attributes that make the estimator a fitted one."""
        fitted = {
            "model_": model,
            "_targets": targets,
            "_outputs": outputs_of(model, model.loss, targets),
        }
        if isinstance(targets, LabelTargets):
            fitted["classes_"] = targets.classes
        return fitted

    def _run(
        self,
        fitted: dict[str, Any],
        data: Samples,
        held_out: Samples | None,
        callbacks: list[Callback],
        random_state: Any,
        warm: bool,
        partial: bool,
    ) -> History:
        """Train the compiled network and store what belongs to this kind of estimator."""
        raise NotImplementedError

    # -- files -----------------------------------------------------------------------------------

    @contextmanager
    def _file_content(self) -> Iterator[tuple[dict[str, Any], dict[str, Array]]]:
        """Header and tensors of a file; these may be views of the network's."""
        with self.model_._evaluating():
            yield describe(self)

    def _take_file(self, header: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take over what a file has beside the parameters."""
        restore_network(self, header, tensors)

    def _learned(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """For a file, what training left besides network, targets and ``history_``: as JSON can
        hold it, and arrays by name.
        """
        raise NotImplementedError

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take over what ``_learned`` gave; raises for what it does not give."""
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

    def _check_validation(self, X: Any, y: Any, sample_weight: Any) -> Samples | None:
        """The validation data that ``fit`` was given."""
        if X is None:
            if y is not None or sample_weight is not None:
                given = "sample_weight_val" if y is None else "y_val"
                raise ValueError(f"{given} is provided, but X_val was not provided.")
            return None
        if y is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        X, y = self._check_data(X, y, reset=False)
        return Samples(X, y, row_weights(X, y, sample_weight))

    def _check_inputs(self, X: Any) -> Any:
        if not self.__sklearn_is_fitted__():  # which takes longer to ask in scikit-learn's way
            check_is_fitted(self)
        if self._is_valid(X):
            return X
        return validate_data(self, X, reset=False, accept_sparse="csr", dtype=_FLOATS)

    def _is_valid(self, X: Any) -> bool:
        """Whether ``validate_data`` would return X unchanged (it costs more than predicting one
        sample).
        """
        return (
            type(X) is np.ndarray
            and X.dtype.char in "fd"
            and X.shape == (len(X), self.n_features_in_)
            and len(X) > 0
            and not hasattr(self, "feature_names_in_")
            and X.flags.c_contiguous
            and all_finite(X)
        )

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
