"""Steps of fitting a ``Sequential`` that classifier and regressor share."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.model_selection import train_test_split

from annlib import optimizers
from annlib.callbacks import Callback, History
from annlib.core.arrays import Array
from annlib.core.checks import check_count
from annlib.core.config import Configurable
from annlib.core.errors import ConfigurationError, DataError, ModelFormatError, show
from annlib.core.tracebacks import warn_user
from annlib.estimators.best_epoch import find_best
from annlib.estimators.estimator import NetworkEstimator, Parts
from annlib.estimators.nested import Part, callback_objects, own_metrics
from annlib.estimators.outputs import (
    check_units,
    fitting_loss,
    for_arguments,
    last_layer,
)
from annlib.estimators.parameter_codes import LeftOut
from annlib.estimators.rows import holds_texts, looks_up
from annlib.estimators.rules import InvalidParameterError, Rule, check_parameters, invalid
from annlib.estimators.scoring import (
    Scores,
    check_scoring_names,
    epoch_scores,
    score_names,
)
from annlib.estimators.sequential.network import (
    build_network,
    compiled_before,
    default_network,
)
from annlib.estimators.sequential.parameters import RULES
from annlib.estimators.targets import ClassTargets, LabelTargets, Targets
from annlib.estimators.weights import Samples, mean_one
from annlib.losses import Loss
from annlib.losses.function import loss_of
from annlib.models import Sequential
from annlib.optimizers import Optimizer
from annlib.training.compiled import CROSSENTROPY, Compiled


def _loss(_estimator: Any, given: Any) -> Loss | str:
    deferred = isinstance(given, str) and given.lower() in CROSSENTROPY  # the shapes decide
    return given if deferred else loss_of(given)


_EXPECTED = "the name of a known {0}, or an object or class of that kind"


class Origin(NamedTuple):
    """What a network was made of: a warm start continues with the same."""

    #: ``model`` and its arguments, ``model__units``, as they were.
    parameters: dict[str, Any]
    random_state: Any
    #: Arguments of ``compile`` that came with the model.
    compiled: Mapping[str, Any]


class Plan(NamedTuple):
    """How a network is to learn: arguments of ``compile``, and what the network was made of."""

    arguments: dict[str, Any]
    origin: Origin


class FittedSequential(NetworkEstimator):
    """Base class of ``SequentialClassifier`` and ``SequentialRegressor``."""

    _nests: ClassVar[dict[str, Part]] = {
        "model": Part(lambda estimator, given: given, "a Sequential or a function"),
        "optimizer": Part(
            lambda estimator, given: optimizers.registry.get(given).clone(),
            _EXPECTED.format("Optimizer"),
        ),
        "loss": Part(_loss, _EXPECTED.format("Loss")),
        "callbacks": Part(callback_objects, _EXPECTED.format("Callback")),
    }
    _rules: ClassVar[dict[str, Rule]] = RULES

    n_iter_: int
    _origin: Origin

    @property
    def _max_epochs(self) -> int:
        return int(self.epochs)

    # -- of a trained model ----------------------------------------------------------------------

    @classmethod
    def _of_trained(
        cls, model: Any, targets: Targets, parameters: dict[str, Any], *, copied: bool = True
    ) -> Self:
        """The fitted estimator that a trained model, or a copy of it, is."""
        estimator = cls(model, **parameters)
        check_parameters(estimator, cls._rules)
        n_features = model.input_shape[1]
        if estimator._nested("model") or estimator.dtype not in (None, model.dtype):
            raise ConfigurationError(
                f"{cls.__name__}.from_fitted: expected arguments that leave the model as it is, "
                f"got {', '.join(parameters)}. Leave out dtype and model__..., or call fit."
            )
        targets.heed(model.loss)
        check_units(model, targets, n_features, f"{cls.__name__}.from_fitted")
        own = copy.deepcopy(model) if copied else model
        if model.feature_names is not None:
            estimator.feature_names_in_ = np.array(model.feature_names, object)
        origin = Origin(
            estimator._model_parameters(), estimator.random_state, compiled_before(model)
        )
        plan = Plan({}, origin)
        estimator.__dict__.update(estimator._fitted(own, targets, plan))
        estimator.n_features_in_ = n_features
        history = model.history
        estimator.history_ = {} if history is None else copy.deepcopy(history.history)
        estimator._best = None if history is None else find_best(history, (), [])
        if estimator._best is not None:
            estimator.best_epoch_ = estimator._best.epoch
        estimator.n_iter_ = 0 if history is None else len(history.epoch)
        return estimator

    # -- what the parameters mean ----------------------------------------------------------------

    def _make_parts(self, partial: bool) -> Parts:
        check_scoring_names(self)
        return Parts(*(self._part(name) for name in ("model", "optimizer", "loss", "callbacks")))

    def _part(self, name: str) -> Any:
        if name == "model":  # its parameters are arguments of a function, or of layers
            return default_network if self.model is None else self.model
        if name in ("optimizer", "loss") and self._is_auto(name):
            return self._automatic(name, self._compiled_before())
        return super()._part(name)

    def _is_auto(self, name: str) -> bool:
        value = getattr(self, name)
        return isinstance(value, str) and value == "auto"

    def _compiled_before(self) -> Mapping[str, Any] | None:
        """What the parameter ``model`` was compiled with; None if only a call can tell."""
        if isinstance(self.model, Sequential):
            return compiled_before(self.model)
        return {} if self.model is None else None

    def _automatic(self, name: str, compiled: Mapping[str, Any] | None) -> Any:
        """The optimizer or loss of a model that was compiled so; None if it is open."""
        if compiled is None:
            return None
        found = compiled.get(name)
        if found is None and name == "optimizer":
            found = optimizers.Adam()
        return None if found is None else self._changed(name, found)

    def _plan(self, model: Sequential, targets: Targets, parts: Parts, origin: Origin) -> Plan:
        """What to compile a built network with: what is given, or else came with the model."""
        compiled = origin.compiled
        optimizer = parts.optimizer or self._automatic("optimizer", compiled)
        loss = parts.loss or self._automatic("loss", compiled)
        if loss is None:
            fitting = loss_of(fitting_loss(model, targets, type(self).__name__))
            loss = self._changed("loss", for_arguments(fitting, self._nested("loss")))
        metrics, weighted = compiled.get("metrics", []), compiled.get("weighted_metrics", [])
        if self.metrics is not None:
            metrics, weighted = [], own_metrics(self.metrics)
        arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "metrics": own_metrics(metrics),
            "weighted_metrics": own_metrics(weighted),
            "jit_compile": compiled.get("jit_compile", "auto"),
        }
        return Plan(arguments, origin)

    def _warn_of_both(self, compiled: Mapping[str, Any]) -> None:
        """Warn of arguments in the place of what the model was compiled with."""
        both = [n for n in ("optimizer", "loss") if compiled.get(n) and not self._is_auto(n)]
        if self.metrics is not None and (compiled.get("metrics") or compiled["weighted_metrics"]):
            both.append("metrics")
        if both:
            names = ", ".join(both)
            warn_user(
                f"{type(self).__name__}.fit: expected {names} from the compiled model or as "
                "arguments, got both; the arguments count. Leave them out to learn as the model "
                "was compiled to."
            )

    # -- the steps of a fit ----------------------------------------------------------------------

    def _network_for(
        self, X: Any, targets: Targets, parts: Parts, random_state: Any, warm: bool
    ) -> tuple[Sequential, Plan]:
        if warm:
            return self._continued(targets, parts, random_state)
        where = type(self).__name__
        units, activation = targets.units, targets.activation
        if isinstance(parts.loss, Loss):
            units, activation = last_layer(parts.loss, targets)
        shape = {
            "n_features_in": X.shape[1],
            "n_outputs": units,
            "output_activation": activation,
        }
        if isinstance(targets, LabelTargets):
            of_columns = getattr(targets, "sizes", None)
            shape["n_classes"] = list(of_columns) if of_columns else len(targets.classes)
        model, compiled = build_network(
            parts.network,
            shape,
            self._nested("model"),
            seed=self._draw_seed(random_state),
            dtype=self.dtype or (X.dtype.name if X.dtype.char in "fd" else "float64"),
            names=tuple(getattr(self, "feature_names_in_", ())),
            where=where,
        )
        if parts.loss is None:
            targets.heed(compiled.get("loss"))
        check_units(model, targets, X.shape[1], where)
        if compiled:
            self._warn_of_both(compiled)
        origin = Origin(self._model_parameters(), self.random_state, compiled)
        return model, self._plan(model, targets, parts, origin)

    def _draw_seed(self, random_state: Any) -> int | None:
        drawn = self.random_state is not None
        return int(random_state.randint(np.iinfo(np.int32).max)) if drawn else None

    def _model_parameters(self) -> dict[str, Any]:
        nested = {f"model__{name}": value for name, value in self._nested("model").items()}
        return {"model": self.model, **nested}

    def _continued(
        self, targets: Targets, parts: Parts, random_state: Any
    ) -> tuple[Sequential, Plan]:
        """The network as it is, for parameters that may have changed.

        Raises
        ------
        InvalidParameterError
            If they describe another network.
        """
        model, origin = self.model_, self._origin
        before, now = origin.parameters, self._model_parameters()
        for name in [*now, *before]:
            known = not isinstance(before.get(name), LeftOut)
            if known and not _same(before.get(name), now.get(name)):
                raise self._fixed(name, before.get(name), now.get(name))
        if self.dtype not in (None, model.dtype):
            raise self._fixed("dtype", model.dtype, self.dtype)
        if isinstance(self.model, Sequential):
            origin = origin._replace(compiled=compiled_before(self.model))
        plan = self._plan(model, targets, parts, origin)
        if not _same(origin.random_state, self.random_state):
            model._network.streams.restart(self._draw_seed(random_state))
            model._reset_functions()
            plan = plan._replace(origin=origin._replace(random_state=self.random_state))
        return model, plan

    def _fixed(self, name: str, before: Any, now: Any) -> InvalidParameterError:
        expected = f"{before!r}, as before, to continue with the network that there is"
        return invalid(self, name, f"{expected} (for a new one, fit with warm_start=False)", now)

    def _loss_of(self, loss: Plan) -> Any:
        return loss.arguments["loss"]

    def _takes_raw(self, X: Any, *, warm: bool) -> bool:
        if warm:
            return looks_up(self.model_)
        if self.model is None or isinstance(self.model, Sequential):
            return looks_up(self.model)
        return holds_texts(X)  # of a function only its call tells

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if looks_up(vars(self).get("model_", self.model)):
            tags.input_tags.string, tags.input_tags.sparse = True, False
        return tags

    def _may_miss(self, loss: Any) -> bool:
        return super()._may_miss(loss) or (loss is None and self._compiled_before() is None)

    def _compile(self, model: Sequential, optimizer: Any, loss: Plan, warm: bool) -> None:
        """Compile the network; with a warm start, if something else was chosen than before."""
        arguments = loss.arguments
        if warm and model._compiled is not None:
            before, now = model._compiled.given, Compiled(**arguments).given
            if _same(before, now):
                return
            if _same(before["optimizer"], now["optimizer"]):
                arguments = {**arguments, "optimizer": before["optimizer"]}
        model.compile(**arguments)

    def _fitted(self, model: Sequential, targets: Targets, loss: Plan) -> dict[str, Any]:
        return super()._fitted(model, targets, loss) | {"_origin": loss.origin}

    def _wants_validation(self, optimizer: Optimizer, partial: bool) -> bool:
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
                f"{type(self).__name__}: expected rows on both sides of "
                f"validation_split={self.validation_split}, got n_samples={n_samples}. Pass more "
                "rows, or leave it out."
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
            if self.scoring is not None:
                callbacks = [self._scores(fitted, held_out), *callbacks]
        fitted["model_"]._warns_of_size = False  # the estimator says it, in its own words
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
        if history.interrupted:
            warn_user("Training interrupted by user.")
        return history

    def _scores(self, fitted: dict[str, Any], held_out: Samples) -> Scores:
        """A callback that adds the scores to the logs; raises if a metric has the name of one."""
        trained = copy.copy(self)
        trained.__dict__.update(fitted)
        metrics = fitted["model_"]._compiled.names
        for name in score_names(self.scoring):
            if name.removeprefix("val_") in metrics:
                text = f"scores of other names than the metrics, which have {name}"
                raise invalid(self, "scoring", text, self.scoring)
        return Scores(epoch_scores(trained, held_out))

    def _score_names(self) -> list[str]:
        return score_names(self.scoring)

    # -- files -----------------------------------------------------------------------------------

    def _learned(self) -> tuple[dict[str, Any], dict[str, Array]]:
        return {"epochs": self.n_iter_}, {}

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        if arrays:
            raise ModelFormatError(f"file: expected no further arrays, got {show([*arrays])}.")
        self.n_iter_ = check_count(learned["epochs"], "file", "epochs", 0)
        compiled = self._compiled_before() or {}
        self._origin = Origin(self._model_parameters(), self.random_state, compiled)


def check_trained(model: Any, where: str) -> Sequential:
    """The model, if it can be an estimator as it is.

    Raises
    ------
    ConfigurationError
        If it is no ``Sequential`` with weights for rows of features.
    """
    if not isinstance(model, Sequential):
        raise ConfigurationError(
            f"{where}: expected model as a trained Sequential, got {show(model)}. A function "
            "that builds one is for fit."
        )
    if not model.built or len(model.input_shape) != 2 or len(model.output_shape) != 2:
        shapes = f"{model.input_shape} to {model.output_shape}" if model.built else "no weights"
        raise ConfigurationError(
            f"{where}: expected model as a trained Sequential from rows of features to rows of "
            f"outputs, got one with {shapes}. Train it, or load it: annlib.load_model(path)."
        )
    return model


def _same(one: Any, other: Any) -> bool:
    """Whether two parameters are equal: objects by what they were made with, models as such."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, Sequential) or not isinstance(one, Configurable):
        return bool(one == other)
    if type(one) is not type(other):
        return False
    excluded = [part.policy.excluded for part in (one, other) if isinstance(part, Optimizer)]
    return len(set(excluded)) < 2 and _same(one._arguments(), other._arguments())
