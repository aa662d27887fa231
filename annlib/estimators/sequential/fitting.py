"""Fitting a ``Sequential`` behind scikit-learn's doors: what classifier and regressor share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from annlib import losses, optimizers
from annlib.core.arrays import Array
from annlib.core.errors import DataError
from annlib.estimators.estimator import NetworkEstimator
from annlib.estimators.nested import callback_objects
from annlib.estimators.outputs import check_units, fitting_loss, outputs_of, wants_one_hot
from annlib.estimators.rows import Rows
from annlib.estimators.rules import Rule, check_parameters
from annlib.estimators.sequential.network import build_network, default_network
from annlib.estimators.sequential.parameters import RULES
from annlib.estimators.sklearn_callbacks import tasks
from annlib.estimators.targets import ClassTargets, LabelTargets, Targets, learn_targets
from annlib.estimators.weights import mean_one, row_weights
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.optimizers import Optimizer
from annlib.training.compiled import CROSSENTROPY


class FittedSequential(NetworkEstimator):
    """Base class of ``SequentialClassifier`` and ``SequentialRegressor``."""

    _nests: ClassVar[tuple[str, ...]] = ("model", "optimizer", "loss", "callbacks")
    _rules: ClassVar[Mapping[str, Rule]] = RULES

    n_iter_: int

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
        check_parameters(self, self._rules)
        optimizer, loss = self._part("optimizer"), self._part("loss")
        callbacks = [] if once else self._part("callbacks")
        goes_on = hasattr(self, "model_") and bool(self.warm_start or once)
        X, y = self._check_data(X, y, reset=not goes_on)
        if goes_on:
            targets = self._targets
        else:
            targets = learn_targets(y, classifier=self._classifies, classes=classes)
        class_weight = getattr(self, "class_weight", None)
        weights = row_weights(X, y, sample_weight, class_weight, targets)
        held_out = self._check_validation(*validation)
        model = self.model_ if goes_on else self._compiled(X, targets, optimizer, loss)
        train = Rows(X, _encoded(model, y, targets), weights)
        if held_out is not None:
            held_out = held_out._replace(y=_encoded(model, held_out.y, targets))
        elif self.validation_split and not once:
            train, held_out = self._split(model, train, isinstance(targets, ClassTargets))
        first, epochs = (self.n_iter_ if goes_on else 0), (1 if once else self.epochs)
        fitted = {"model_": model, "_targets": targets, "_outputs": outputs_of(model, model.loss)}
        if isinstance(targets, LabelTargets):
            fitted["classes_"] = targets.classes
        if not once:
            callbacks += tasks(self, epochs, X, y, sample_weight, fitted)
        history = model.fit(
            train.X,
            train.y,
            sample_weight=mean_one(train.weights),
            validation_data=(
                None if held_out is None else (*held_out[:2], mean_one(held_out.weights))
            ),
            batch_size=self.batch_size,
            initial_epoch=first,
            epochs=first + epochs,
            shuffle=self.shuffle,
            verbose=self.verbose if isinstance(self.verbose, str) else int(self.verbose),
            callbacks=callbacks,
        )
        before = self.history_ if goes_on else {}
        self.__dict__.update(fitted)
        self._goes_on = once
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

    def _split(self, model: Sequential, rows: Rows, labels: bool) -> tuple[Rows, Rows]:
        """Rows to train on and to validate on: random ones, and of each class as many."""
        y = rows.y
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
        train, test = train_test_split(
            np.arange(len(y)), test_size=n_test, stratify=codes, random_state=model.seed % 2**32
        )
        return rows.part(train), rows.part(test)

    def _part(self, prefix: str) -> Any:
        value = getattr(self, prefix)
        if prefix == "model":
            return default_network if value is None else value
        if prefix == "loss" and isinstance(value, str) and value == "auto":
            return None  # until the network is known
        get, kind = _PARTS[prefix]
        expected = f"the name of a known {kind}, or an object or class of that kind"
        return self._resolved(prefix, get, expected)


def _optimizer(given: Any) -> Optimizer:
    automatic = isinstance(given, str) and given == "auto"
    return optimizers.get("adam" if automatic else given).clone()


def _loss(given: Any) -> Loss | str:
    settled = isinstance(given, str) and given.lower() in CROSSENTROPY  # by the shapes
    return given if settled else losses.get(given)


_PARTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "optimizer": (_optimizer, "Optimizer"),
    "loss": (_loss, "Loss"),
    "callbacks": (callback_objects, "Callback"),
}


def _encoded(model: Sequential, y: Array, targets: Targets) -> Array:
    return targets.encode(y, wants_one_hot(model.loss, model, targets))
