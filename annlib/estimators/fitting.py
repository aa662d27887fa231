"""Fitting a ``Sequential`` behind scikit-learn's doors: what classifier and regressor share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from annlib import callbacks as callback_family
from annlib import losses, optimizers
from annlib.callbacks import Callback
from annlib.core.arrays import Array
from annlib.core.errors import AnnlibError, DataError
from annlib.estimators.building import build_network, default_network
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.nested import NestedParameters, changed
from annlib.estimators.outputs import check_units, fitting_loss, outputs_of, wants_one_hot
from annlib.estimators.parameters import (
    FLAG,
    NONE,
    RANDOM_STATE,
    Rule,
    check_parameters,
    count,
    instance_of,
    invalid,
    number,
    one_of,
)
from annlib.estimators.targets import ClassTargets, LabelTargets, Targets, learn_targets
from annlib.estimators.tasks import CallbackSupport, tasks, with_callbacks
from annlib.estimators.weights import mean_one, row_weights
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.models.compilation import CROSSENTROPY
from annlib.optimizers import Optimizer

RULES: dict[str, Rule] = {
    "model": NONE
    | instance_of(Sequential, text="a Sequential")
    | Rule("a function that returns one", lambda v: callable(v) and not isinstance(v, type)),
    "metrics": NONE | instance_of(list, tuple, text="a list of metrics"),
    "batch_size": count(1),
    "epochs": count(1),
    "validation_split": number("[0, 1)"),
    "shuffle": FLAG,
    "verbose": one_of(0, 1, 2, "auto") | FLAG,
    "warm_start": FLAG,
    "random_state": RANDOM_STATE,
    "dtype": NONE | one_of("float32", "float64"),
}


class FittedSequential(NestedParameters, CallbackSupport, NetworkEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of ``SequentialClassifier`` and ``SequentialRegressor``."""

    _nests: ClassVar[tuple[str, ...]] = ("model", "optimizer", "loss", "callbacks")
    _rules: ClassVar[Mapping[str, Rule]] = RULES
    _classifies: ClassVar[bool]

    model: Any
    optimizer: Any
    loss: Any
    metrics: Any
    batch_size: int
    epochs: int
    validation_split: float
    callbacks: Any
    shuffle: bool
    verbose: Any
    warm_start: bool
    random_state: Any
    dtype: Any

    classes_: Any
    history_: dict[str, list[Any]]
    n_iter_: int

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train a network for these data; with ``warm_start`` go on with the one that there is.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            Their ratios count: they are scaled to a mean of 1.
        X_val, y_val, sample_weight_val : array-like, default=None
            Data to validate on after each epoch, instead of ``validation_split``.

        Returns
        -------
        self
        """
        held_out = (X_val, y_val, sample_weight_val)
        goes_on = bool(self.warm_start) and hasattr(self, "model_")
        return self._train(X, y, sample_weight, held_out, goes_on=goes_on)

    @with_callbacks
    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: tuple[Any, Any, Any] | None,
        *,
        goes_on: bool,
        classes: Any = None,
    ) -> Self:
        """``fit``, or one epoch of it without ``held_out``."""
        check_parameters(self, self._rules)
        optimizer, loss = self._part("optimizer"), self._part("loss")
        callbacks = [] if held_out is None else self._part("callbacks")
        X, y = self._check_data(X, y, classifier=self._classifies, reset=not goes_on)
        if goes_on:
            targets = self._targets
        else:
            targets = learn_targets(y, classifier=self._classifies, classes=classes)
        class_weight = getattr(self, "class_weight", None)
        weights = row_weights(X, y, sample_weight, class_weight, targets)
        model = self.model_ if goes_on else self._compiled(X, targets, optimizer, loss)
        data, validation = (X, self._encoded(model, y, targets), weights), None
        if held_out is not None:
            data, validation = self._split(model, targets, data, held_out)
        first = self.n_iter_ if goes_on else 0
        epochs = 1 if held_out is None else self.epochs
        fitted = {"model_": model, "_targets": targets, "_outputs": outputs_of(model, model.loss)}
        if isinstance(targets, LabelTargets):
            fitted["classes_"] = targets.classes
        history = model.fit(
            *data[:2],
            sample_weight=mean_one(data[2]),
            validation_data=validation,
            batch_size=self.batch_size,
            initial_epoch=first,
            epochs=first + epochs,
            shuffle=self.shuffle,
            verbose=self.verbose if isinstance(self.verbose, str) else int(self.verbose),
            callbacks=[*callbacks, *tasks(self, epochs, X, y, sample_weight, fitted)],
        )
        before = self.history_ if goes_on else {}
        self.__dict__.update(fitted)
        self._goes_on = held_out is None
        self.history_ = before | {
            name: before.get(name, []) + values for name, values in history.history.items()
        }
        self.n_iter_ = first + len(history.epoch)
        return self

    # -- the network -----------------------------------------------------------------------------

    def _compiled(self, X: Any, targets: Targets, optimizer: Any, loss: Any) -> Sequential:
        where = type(self).__name__
        shape = {
            "n_features_in": X.shape[1],
            "n_outputs": targets.units,
            "output_activation": targets.activation,
        }
        if isinstance(targets, LabelTargets):
            of_columns = getattr(targets, "sizes", None)
            shape["n_classes"] = list(of_columns) if of_columns else len(targets.classes)
        seed = None
        if self.random_state is not None:
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        model = build_network(
            default_network if self.model is None else self.model,
            shape,
            self._nested("model"),
            seed=seed,
            dtype=self.dtype or X.dtype.name,
            where=where,
        )
        check_units(model, targets, X.shape[1], where)
        if loss is None:
            loss = self._changed("loss", losses.get(fitting_loss(model, targets, where)))
        model.compile(optimizer, loss, weighted_metrics=self.metrics)
        return model

    @staticmethod
    def _encoded(model: Sequential, y: Array, targets: Targets) -> Array:
        return targets.encode(y, wants_one_hot(model.loss, model, targets))

    def _split(
        self,
        model: Sequential,
        targets: Targets,
        data: tuple[Any, Array, Array | None],
        held_out: tuple[Any, Any, Any],
    ) -> tuple[tuple[Any, Array, Array | None], tuple[Any, ...] | None]:
        """What to train on, and what to validate on."""
        X_val, y_val, weights_val = held_out
        if (X_val is None) != (y_val is None):
            raise DataError("fit: expected X_val and y_val together, got one without the other.")
        if X_val is not None:
            X_val, y_val = self._check_data(X_val, y_val, classifier=self._classifies, reset=False)
            weights = mean_one(row_weights(X_val, y_val, weights_val))
            codes = self._encoded(model, y_val, targets)
            return data, (X_val, codes) if weights is None else (X_val, codes, weights)
        if not self.validation_split:
            return data, None
        X, y, weights = data
        train, test = self._rows_to_hold_out(model, y, isinstance(targets, ClassTargets))
        parts = X[test], y[test], *([] if weights is None else [mean_one(weights[test])])
        return (X[train], y[train], None if weights is None else weights[train]), parts

    def _rows_to_hold_out(self, model: Sequential, y: Array, labels: bool) -> list[Array]:
        """The rows to train on and to validate on: random ones, and of each class as many."""
        codes = (y if y.ndim == 1 else y.argmax(axis=1)) if labels else None
        n_test = int(np.ceil(self.validation_split * len(y)))
        if not 0 < n_test < len(y):
            raise DataError(
                f"fit: expected rows on both sides of validation_split={self.validation_split}, "
                f"got n_samples={len(y)}. Pass more rows, or X_val and y_val."
            )
        if codes is not None:
            counts = np.bincount(codes.astype(np.intp))
            counts = counts[counts > 0]
            if counts.min() < 2 or min(n_test, len(y) - n_test) < len(counts):
                codes = None
        parts: list[Array] = train_test_split(
            np.arange(len(y)), test_size=n_test, stratify=codes, random_state=model.seed % 2**32
        )
        return parts

    # -- the parts -------------------------------------------------------------------------------

    def _part(self, prefix: str) -> Any:
        value = getattr(self, prefix)
        automatic = isinstance(value, str) and value == "auto"
        if prefix == "model":
            return default_network if value is None else value
        if prefix == "callbacks":
            many = value if isinstance(value, list | tuple) else [value]
            known = [
                self._resolved(prefix, callback_family.get, Callback, each)
                for each in many
                if each is not None
            ]
            return self._changed(prefix, known)
        if prefix == "loss":
            if automatic:
                return None  # until the network is known
            if isinstance(value, str) and value.lower() in CROSSENTROPY:
                return value
            return self._changed(prefix, self._resolved(prefix, losses.get, Loss, value))
        value = "adam" if automatic else value
        found = self._resolved(prefix, optimizers.get, Optimizer, value)
        return self._changed(prefix, found.clone())

    def _changed(self, prefix: str, part: Any) -> Any:
        changes = self._nested(prefix)
        return changed(part, changes, f"{type(self).__name__}: {prefix}") if changes else part

    def _resolved(self, name: str, get: Callable[[Any], Any], base: type, value: Any) -> Any:
        """The object that a parameter means."""
        try:
            return get(value)
        except AnnlibError as error:
            kind = base.__name__
            expected = f"the name of a known {kind}, or an object or class of that kind"
            raise invalid(self, name, expected, value) from error
