"""Steps of fitting a ``Sequential`` that classifier and regressor share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import train_test_split

from annlib import losses, optimizers
from annlib.callbacks import Callback, History
from annlib.core.errors import DataError
from annlib.estimators.estimator import NetworkEstimator, Parts
from annlib.estimators.nested import Part, callback_objects
from annlib.estimators.outputs import check_units, fitting_loss, for_arguments
from annlib.estimators.rules import Rule
from annlib.estimators.sequential.network import build_network, default_network
from annlib.estimators.sequential.parameters import RULES
from annlib.estimators.targets import ClassTargets, LabelTargets, Targets
from annlib.estimators.weights import Samples, mean_one
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.optimizers import Optimizer
from annlib.training.compiled import CROSSENTROPY


def _optimizer(_estimator: Any, given: Any) -> Optimizer:
    automatic = isinstance(given, str) and given == "auto"
    return optimizers.get("adam" if automatic else given).clone()


def _loss(_estimator: Any, given: Any) -> Loss | str:
    deferred = isinstance(given, str) and given.lower() in CROSSENTROPY  # the shapes decide
    return given if deferred else losses.get(given)


_EXPECTED = "the name of a known {0}, or an object or class of that kind"


class FittedSequential(NetworkEstimator):
    """Base class of ``SequentialClassifier`` and ``SequentialRegressor``."""

    _nests: ClassVar[dict[str, Part]] = {
        "model": Part(lambda estimator, given: given, "a Sequential or a function"),
        "optimizer": Part(_optimizer, _EXPECTED.format("Optimizer")),
        "loss": Part(_loss, _EXPECTED.format("Loss")),
        "callbacks": Part(callback_objects, _EXPECTED.format("Callback")),
    }
    _rules: ClassVar[dict[str, Rule]] = RULES

    n_iter_: int

    @property
    def _max_epochs(self) -> int:
        return int(self.epochs)

    def _make_parts(self, partial: bool) -> Parts:
        optimizer, loss = self._part("optimizer"), self._part("loss")
        callbacks = [] if partial else self._part("callbacks")
        return Parts(self._part("model"), optimizer, loss, callbacks)

    def _network_for(
        self, X: Any, targets: Targets, parts: Parts, random_state: Any, warm: bool
    ) -> tuple[Sequential, Any]:
        if warm:
            return self.model_, self.model_.loss
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
            seed = int(random_state.randint(np.iinfo(np.int32).max))
        model = build_network(
            parts.network,
            shape,
            self._nested("model"),
            seed=seed,
            dtype=self.dtype or X.dtype.name,
            where=where,
        )
        check_units(model, targets, X.shape[1], where)
        loss = parts.loss
        if loss is None:
            fitting = losses.get(fitting_loss(model, targets, where))
            loss = self._changed("loss", for_arguments(fitting, self._nested("loss")))
        return model, loss

    def _compile(self, model: Sequential, optimizer: Optimizer, loss: Any, warm: bool) -> None:
        if not warm:
            model.compile(optimizer, loss, weighted_metrics=self.metrics)

    def _wants_validation(self, optimizer: Optimizer) -> bool:
        return bool(self.validation_split)

    def _split(
        self,
        data: Samples,
        sample_weight: Any,
        targets: Targets,
        model: Sequential,
        random_state: Any,
    ) -> tuple[Samples, Samples]:
        """Random samples, and of each class as many as its share."""
        codes = targets.encode(data.y) if isinstance(targets, ClassTargets) else None
        n_samples = len(data.y)
        n_test = int(np.ceil(self.validation_split * n_samples))
        if not 0 < n_test < n_samples:
            raise DataError(
                f"fit: expected rows on both sides of validation_split={self.validation_split}, "
                f"got n_samples={n_samples}. Pass more rows, or X_val and y_val."
            )
        if codes is not None:
            counts = np.bincount(codes.astype(np.intp))
            counts = counts[counts > 0]
            if counts.min() < 2 or min(n_test, n_samples - n_test) < len(counts):
                codes = None
        train, test = train_test_split(
            np.arange(n_samples), test_size=n_test, stratify=codes, random_state=model.seed % 2**32
        )
        return data.take(train), data.take(test)

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
        first = self.n_iter_ if warm else 0
        validation = None
        if held_out is not None:
            validation = held_out.X, held_out.Y, mean_one(held_out.weights)
        history: History = fitted["model_"].fit(
            data.X,
            data.Y,
            sample_weight=mean_one(data.weights),
            validation_data=validation,
            batch_size=self.batch_size,
            initial_epoch=first,
            epochs=first + (1 if partial else self._max_epochs),
            shuffle=self.shuffle,
            verbose=self.verbose if isinstance(self.verbose, str) else int(self.verbose),
            callbacks=callbacks,
        )
        self.n_iter_ = first + len(history.epoch)
        return history

    def _part(self, name: str) -> Any:
        value = getattr(self, name)
        if name == "model":  # its parameters are arguments of a function, or of layers
            return default_network if value is None else value
        if name == "loss" and isinstance(value, str) and value == "auto":
            return None
        return super()._part(name)
