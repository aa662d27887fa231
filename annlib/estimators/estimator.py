"""What all estimators share: the steps of ``fit``, checks of data, predictions and tags.

A subclass overrides the steps that ``_train`` names. Once it is fitted it has ``model_`` (the
network), ``_targets`` (what y means) and ``_outputs`` (how the last layer is read).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from annlib.callbacks import Callback, History
from annlib.core.arrays import Array
from annlib.core.checks import to_array
from annlib.core.sample_weights import as_sample_weights
from annlib.estimators.best_epoch import BestEpoch, find_best
from annlib.estimators.documentation import Documented
from annlib.estimators.graphs import Exportable, network_outputs
from annlib.estimators.nested import NestedParameters
from annlib.estimators.outputs import Outputs, check_blocks, outputs_of, wants_one_hot
from annlib.estimators.plain_state import PlainlyPersistent
from annlib.estimators.rows import check_inputs, check_rows, is_valid, looks_up, numbers
from annlib.estimators.rules import Rule, check_parameters
from annlib.estimators.sklearn_callbacks import CallbackSupport, tasks, with_callbacks
from annlib.estimators.target_checks import missing_targets
from annlib.estimators.targets import LabelTargets, Targets, learn_targets
from annlib.estimators.weights import Samples, mean_one, sample_weights, shape_of
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.optimizers import Optimizer


class Parts(NamedTuple):
    """The objects that an estimator's parameters stand for."""

    #: What builds the network.
    network: Any
    #: These two are None if they follow from network and targets.
    optimizer: Any
    loss: Loss | str | None
    callbacks: list[Callback]


class NetworkEstimator(
    NestedParameters,
    CallbackSupport,  # type: ignore[misc]  # scikit-learn has no types
    Documented,
    Exportable,
    PlainlyPersistent,
    BaseEstimator,  # type: ignore[misc]
):
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
            NaN are missing targets where the loss says ``mask_nan=True``: of numbers, or of labels.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            One an output where the loss has a term for each: of several numbers, or of labels.
        X_val : {array-like, sparse matrix} of shape (n_rows, n_features), default=None
            Data of one's own to validate on after each epoch, instead of a part of X.
        y_val : array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_rows,), default=None
            Their weights.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            For a parameter that cannot be meant; also a ``ConfigurationError``.
        ValueError
            If X, y and weights do not fit together, or X holds NaN, infinite values or texts.
        DivergenceError
            If the loss becomes NaN or infinite.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import MLPRegressor
        >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
        >>> net = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0)
        >>> net = net.fit(X, X[:, 0] ** 2)
        >>> net.predict([[0.5]]).round(1)
        array([0.2])
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
        how = {"raw": self._takes_raw(X, warm=warm), "missing": self._may_miss(parts.loss)}
        X, y = self._check_data(X, y, reset=not warm, **how)
        targets = self._targets_for(y, warm, classes)
        targets.heed(parts.loss)
        class_weight = getattr(self, "class_weight", None)
        data = Samples(X, y, sample_weights(X, y, sample_weight, class_weight, targets))
        held_out = self._check_validation(*validation, **how)
        random_state = check_random_state(self.random_state)
        model, loss = self._network_for(X, targets, parts, random_state, warm)
        if how["raw"] and not looks_up(model):
            data = data._replace(X=numbers(self, data.X))
            held_out = held_out and held_out._replace(X=numbers(self, held_out.X))
        data = self._encoded(data, targets, model, loss)
        if held_out is not None:
            held_out = self._encoded(held_out, targets, model, loss)
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

    def _prepared(self, X: Any, y: Any, sample_weight: Any) -> tuple[Sequential, Any, Any, Any]:
        """For tools, what ``fit`` would train: a compiled network, and data as it takes them."""
        self._require_parameters("fit")
        fresh = clone(self)
        check_parameters(fresh, self._rules)
        parts = fresh._make_parts(partial=False)
        how = {"raw": fresh._takes_raw(X, warm=False), "missing": fresh._may_miss(parts.loss)}
        X, y = fresh._check_data(X, y, reset=True, **how)
        targets = fresh._targets_for(y, warm=False, classes=None)
        targets.heed(parts.loss)
        weights = sample_weights(X, y, sample_weight, getattr(fresh, "class_weight", None), targets)
        random_state = check_random_state(fresh.random_state)
        model, loss = fresh._network_for(X, targets, parts, random_state, warm=False)
        if how["raw"] and not looks_up(model):
            X = numbers(fresh, X)
        data = fresh._encoded(Samples(X, y, weights), targets, model, loss)
        fresh._compile(model, parts.optimizer, loss, warm=False)
        return model, X, data.Y, mean_one(weights)

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

    def _may_miss(self, loss: Any) -> bool:
        """Whether targets may be NaN, for this loss or where only the network will tell its own."""
        return isinstance(loss, Loss) and loss.masks

    def _encoded(self, data: Samples, targets: Targets, model: Sequential, loss: Any) -> Samples:
        """The samples with targets as the loss takes them.

        Raises
        ------
        ShapeError
            For a weight an output, of a loss that has none for each.
        """
        known = self._loss_of(loss)
        Y = self._encode(data.y, targets, model, known)
        if data.weights is not None and isinstance(known, Loss):
            where = f"{type(self).__name__}: expected sample_weight of shape"
            as_sample_weights(data.weights, Y.shape, each=known.weighs_outputs, expected=where)
        return data._replace(Y=Y)

    def _loss_of(self, loss: Any) -> Any:
        """The loss, or its name, of what ``_network_for`` gave."""
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

    def _learned(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """For a file, what training left besides network, targets and ``history_``: as JSON can
        hold it, and arrays by name.
        """
        raise NotImplementedError

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take over what ``_learned`` gave; raises for what it does not give."""
        raise NotImplementedError

    # -- data ------------------------------------------------------------------------------------

    def _check_data(
        self, X: Any, y: Any, *, reset: bool, raw: bool = False, missing: bool = False
    ) -> tuple[Any, Array]:
        """X and y as scikit-learn validates them; see ``check_rows``."""
        rows: tuple[Any, Array] = check_rows(self, X, y, reset=reset, raw=raw, missing=missing)
        return rows

    def _takes_raw(self, X: Any, *, warm: bool) -> bool:
        """Whether X is for a network that looks values up, or may be if that is yet to be made."""
        return False

    def _check_validation(self, X: Any, y: Any, sample_weight: Any, **how: bool) -> Samples | None:
        """The validation data that ``fit`` was given."""
        if X is None:
            if y is not None or sample_weight is not None:
                given = "sample_weight_val" if y is None else "y_val"
                raise ValueError(f"{given} is provided, but X_val was not provided.")
            return None
        if y is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        X, y = self._check_data(X, y, reset=False, **how)
        return Samples(X, y, sample_weights(X, y, sample_weight))

    def _check_inputs(self, X: Any) -> Any:
        if not self.__sklearn_is_fitted__():  # which takes longer to ask in scikit-learn's way
            check_is_fitted(self)
        if is_valid(X, self.n_features_in_) and not hasattr(self, "feature_names_in_"):
            return X
        return check_inputs(self, X, raw=self._takes_raw(X, warm=True))

    # -- predictions -----------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        """Predictions in the terms of the y that it was fitted on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X has other columns than that of ``fit``, or holds NaN, infinite values or texts.

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
        >>> net = MLPClassifier((), solver="lbfgs", random_state=0).fit(X, y)
        >>> net.predict([[0.5], [2.5]]).tolist()
        ['no', 'yes']
        """
        A = self._read(self._check_inputs(X))
        return self._targets.decode(A)

    def _outputs_of(self, where: str) -> Any:
        return network_outputs(self, where)

    def _named_arrays(self) -> list[tuple[str, Any]]:
        from annlib.graph.network_graph import named_arrays

        return named_arrays(self.model_._network)

    def _own_score(self, X: Any, y: Any, sample_weight: Any) -> float | None:
        """The score where targets are missing or outputs have their own weights, of which
        scikit-learn's scores know nothing; else None.
        """
        if not self.__sklearn_is_fitted__():
            return None
        missing = missing_targets(y) if self._may_miss(self.model_.loss) else None
        if missing is None and len(shape_of(sample_weight)) < 2:
            return None
        y = np.asarray(y.toarray() if hasattr(y, "toarray") else y) if missing is None else missing
        weights = None
        if sample_weight is not None:
            weights = to_array(sample_weight, "score", "sample_weight", float)
        predicted = self.predict(X)
        check_consistent_length(predicted, y)
        if weights is not None:
            as_sample_weights(
                weights, y.shape, each=True, expected="score: expected sample_weight of shape"
            )
        return self._targets.score(y, predicted, weights)

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
