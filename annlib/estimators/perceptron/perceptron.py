"""What scikit-learn's perceptrons do, on annlib's engine: the base of both ``MLP`` estimators."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import column_or_1d

from annlib import constraints, initializers, regularizers
from annlib.callbacks import Callback, CallbackList, History
from annlib.callbacks.progress import EpochBar
from annlib.core.arrays import Array
from annlib.core.checks import check_count
from annlib.core.errors import DivergenceError
from annlib.core.tracebacks import warn_user
from annlib.estimators.estimator import NetworkEstimator, Parts
from annlib.estimators.messages import verbose_printer, warn_if_not_converged
from annlib.estimators.nested import Part, callback_objects, own_metrics
from annlib.estimators.parameter_codes import LeftOut
from annlib.estimators.perceptron.affine_maps import affine_maps, dense_layers, folded, unfold
from annlib.estimators.perceptron.architecture import (
    Architecture,
    named_loss,
    output_name,
)
from annlib.estimators.perceptron.growth import grow
from annlib.estimators.perceptron.parameters import RULES
from annlib.estimators.perceptron.structure import Structure, structure_of
from annlib.estimators.perceptron.training import (
    Convergence,
    Progress,
    RateRule,
    batches_of,
    chosen,
    schedule,
)
from annlib.estimators.rules import Rule
from annlib.estimators.scoring import SCORE, check_scoring_names, default_score, epoch_scores
from annlib.estimators.targets import Targets
from annlib.estimators.weights import Samples, sample_weights
from annlib.layers import Layer
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.network.prediction import INFERENCE_BATCH
from annlib.optimizers import Optimizer
from annlib.regularizers import Regularizer
from annlib.training.loop import Validation

#: scikit-learn's default of validation_fraction, which sets nothing aside by itself.
_FRACTION = 0.1
_OBJECT = "the name, the configuration or an object of"


def seed_of(random_state: Any) -> int:
    """A seed that follows from where a RandomState stands, which draws nothing for it."""
    _, words, position, *_ = random_state.get_state()
    return (int(words[0]) << 10) + int(position)


def loss_part(names: str, *, classifier: bool) -> Part:
    """The part ``loss``, which may have one of scikit-learn's names."""
    return Part(
        lambda estimator, given: named_loss(given, classifier=classifier),
        f"{names}, or {_OBJECT} a loss of annlib",
    )


def _regularizer(estimator: Any, given: Any) -> Regularizer | None:
    if given is None and estimator._nested("regularizer"):
        return regularizers.L1L2()  # which has an l1 and an l2
    return None if given is None else regularizers.get(given)


class Setting(NamedTuple):
    """What a training is set to do; one that continues it heeds what has changed."""

    loss: Loss
    structure: Structure
    rate: RateRule
    random_state: Any
    #: Of the kernels, if it is the user's.
    initializer: Any


class Perceptron(NetworkEstimator):
    """Base class: fit and partial_fit, as scikit-learn's perceptrons do it, and more.

    ``coefs_`` and ``intercepts_`` are the network's own arrays, so that a change in place is one
    of the network; what a user puts in their place is copied into the network when it is next used.
    Where a layer is normalized, they are what it and its normalization are together.
    """

    _nests: ClassVar[dict[str, Part]] = {
        "optimizer": Part(
            lambda estimator, given: chosen(estimator), f"None, or {_OBJECT} an optimizer of annlib"
        ),
        "learning_rate": Part(
            schedule,
            "'constant', 'invscaling', 'adaptive', a schedule of annlib, or the name of one with "
            "its arguments as learning_rate__decay_steps=...",
        ),
        "loss": loss_part("a name", classifier=False),
        "regularizer": Part(_regularizer, f"None, or {_OBJECT} a regularizer of annlib"),
        "kernel_initializer": Part(
            lambda estimator, given: None if given is None else initializers.get(given),
            f"None, or {_OBJECT} an initializer of annlib",
        ),
        "kernel_constraint": Part(
            lambda estimator, given: None if given is None else constraints.get(given),
            f"None, or {_OBJECT} a constraint of annlib",
        ),
        "callbacks": Part(callback_objects, "a callback of annlib, its name, or a list of these"),
    }
    _rules: ClassVar[dict[str, Rule]] = RULES

    _progress: Progress
    _setting: Setting
    #: ``coefs_`` and ``intercepts_``: the network's own, or what a user has put in their place; not
    #: those of a network with normalization, which change with it.
    _lists: Mapping[str, Sequence[Array]] = MappingProxyType({})
    #: The network's own arrays that they hold.
    _exposed: tuple[Array, ...] = ()

    # -- the steps of a fit ----------------------------------------------------------------------

    @property
    def _max_epochs(self) -> int:
        return int(self.max_iter)

    def _make_parts(self, partial: bool) -> Parts:
        if self.early_stopping and partial:
            raise ValueError("partial_fit does not support early_stopping=True")
        loss, optimizer = self._part("loss"), self._part("optimizer")
        parts = (self._part(n) for n in ("regularizer", "kernel_initializer", "kernel_constraint"))
        architecture = Architecture(self, loss, *parts)
        architecture.check_deterministic(optimizer)
        check_scoring_names(self)
        return Parts(architecture, optimizer, loss, self._part("callbacks"))

    def _has_weights(self) -> bool:
        return hasattr(self, "coefs_")

    def _network_for(
        self, X: Any, targets: Targets, parts: Parts, random_state: Any, warm: bool
    ) -> tuple[Sequential, Any]:
        architecture = parts.network
        setting = Setting(
            architecture.loss(targets),
            architecture.structure(targets),
            RateRule.of(self),
            self.random_state,
            architecture.initializer,
        )
        before: Sequential | None = getattr(self, "model_", None) if warm else None
        if before is not None:
            architecture.check_continues(self._setting.structure, setting.structure)
            architecture.check_same_initializer(self._setting.initializer)
            self._sync_coefs(before)
        dtype = np.dtype(self.dtype or (X if before is None else before).dtype).name
        same_random_state = before is not None and self._setting.random_state == self.random_state
        same = same_random_state and self._setting.structure == setting.structure
        if before is not None and same and before.dtype == dtype:
            return before, setting
        seed = before.seed if before is not None and same_random_state else seed_of(random_state)
        model: Sequential = architecture.build(X.shape[1], targets, dtype, seed)
        if before is not None:
            if self._setting.structure.sizes != setting.structure.sizes:
                grow(model, before, random_state)
            else:
                _take_over(model, before, streams=same_random_state)
        elif warm:
            self._sync_coefs(model)
        else:
            architecture.draw(model, random_state)
        return model, setting

    def _loss_of(self, loss: Setting) -> Loss:
        return loss.loss

    def _encode(self, y: Array, targets: Targets, model: Sequential, loss: Any) -> Array:
        Y = super()._encode(y, targets, model, loss)
        checked: Array = loss.checked_targets(Y, model.output_shape, "y")
        return checked

    def _wants_validation(self, optimizer: Optimizer, partial: bool) -> bool:
        return self._watches_score(optimizer) or (self._sets_aside() and not partial)

    def _sets_aside(self) -> bool:
        """Whether ``validation_fraction`` by itself asks for validation data."""
        return self.validation_fraction not in (0, _FRACTION)

    def _watches_score(self, optimizer: Optimizer) -> bool:
        """Whether the score on validation data decides when to stop."""
        return bool(self.early_stopping) and not optimizer.full_batch

    def _split(
        self,
        data: Samples,
        sample_weight: Any,
        targets: Targets,
        model: Sequential,
        random_state: Any,
    ) -> tuple[Samples, Samples]:
        """Samples drawn as scikit-learn draws them; class weights do not count in validation."""
        # Of more than two classes it does not draw from each, and a rare one is no error.
        two = self._classifies and targets.units == 1
        train_rows, rest = train_test_split(
            np.arange(len(data.y)),
            random_state=random_state,
            test_size=float(self.validation_fraction),
            stratify=targets.encode(data.y).astype(bool).reshape(-1, 1) if two else None,
        )
        if len(rest) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        weights = sample_weights(data.X, data.y, sample_weight)
        return data.take(train_rows), data._replace(weights=weights).take(rest)

    def _compile(self, model: Sequential, optimizer: Optimizer, loss: Setting, warm: bool) -> None:
        """Compile with the optimizer as it is, unless its parameters have changed."""
        if warm and self.__sklearn_is_fitted__() and self._setting.rate == loss.rate:
            old = self._optimizer
            same = self._setting.structure.sizes == loss.structure.sizes
            if same and _configuration(old) == _configuration(optimizer):
                optimizer = old if model is self.model_ else copy.deepcopy(old)
        model.compile(optimizer, loss.loss, weighted_metrics=own_metrics(self.metrics))

    def _fitted(self, model: Sequential, targets: Targets, loss: Setting) -> dict[str, Any]:
        fitted = super()._fitted(model, targets, loss)
        return {**fitted, "_setting": loss, **_sizes(model), **exposed_coefs(model)}

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
        if self.metrics:
            fitted["model_"]._settle_metrics(data.Y, f"{type(self).__name__}.fit")
        self.__dict__.update(fitted)  # a scorer asks the estimator after each epoch
        if not warm or not hasattr(self, "_progress"):
            self._progress, self.history_ = Progress(), {}
        loss, structure = self._setting.loss, self._setting.structure
        self._progress.begin(loss, self._score_is(loss, structure))
        model, optimizer = self.model_, self._optimizer
        rows = len(data.y)
        size = rows if optimizer.full_batch else self._batch_rows(rows)
        batches = batches_of(model, data, size, random_state if self.shuffle else None)
        validation, scores = None, None
        if held_out is not None:
            validation = Validation(batches_of(model, held_out, INFERENCE_BATCH), None, 1)
            scores = epoch_scores(self, held_out, lambda: self._default_score(held_out))
        watches_score = self._watches_score(optimizer)
        rule = Convergence(
            self._progress,
            rows=rows,
            tol=float(self.tol),
            patience=self.n_iter_no_change,
            rate=RateRule.of(self),
            scores=scores,
            watches_score=watches_score,
            log=verbose_printer(self.verbose),
        )
        epochs = 1 if partial else self._max_epochs
        history, where = History(), f"{type(self).__name__}.fit"
        hooks = CallbackList(
            [rule, *callbacks, EpochBar() if self.verbose == "tqdm" else None, history],
            model,
            where,
            verbose=int(bool(self.verbose)),
            epochs=epochs,
            steps=None,
        )
        try:
            with model._training(where):
                model._run_fit(
                    *(batches, validation, hooks, history), epochs=range(epochs), shuffle=False
                )
        except DivergenceError as error:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain "
                f"large values and need to be preprocessed. ({error})"
            ) from error
        except KeyboardInterrupt:
            if history.interrupted:  # asked for twice
                raise
            history.interrupted = True
        if history.interrupted:
            warn_user("Training interrupted by user.")
        elif not partial and not rule.ended:
            warn_if_not_converged(optimizer, rule.epochs, epochs)
        if watches_score and rule.epochs:
            self._restore_best()
        self._store_results(rule.epochs)
        return history

    def _score_names(self) -> list[str]:
        return [SCORE]

    def _restore_best(self) -> None:
        """Put the weights of the best score into the network.

        Raises
        ------
        ValueError
            If no epoch had a score, by which one would be the best.
        """
        progress = self._progress
        if progress.best_weights is None:
            raise ValueError(
                "early_stopping: expected a finite score of the validation data after one epoch at "
                f"least, got {progress.scores[-1]}. Look for large values in X and y, or pass "
                "another scoring."
            )
        np.copyto(self.model_.vector.values, progress.best_weights)

    def _default_score(self, data: Samples) -> float:
        return default_score(self._targets, self._read(data.X), data)

    def _score_is(self, loss: Loss, structure: Structure) -> tuple[Any, Any]:
        """By what there is a best score."""
        by_loss = isinstance(self.scoring, str) and self.scoring == "loss"
        return loss if by_loss else self.scoring, structure.function

    def _store_results(self, epochs: int) -> None:
        """Set scikit-learn's attributes after a training of so many epochs."""
        progress, optimizer = self._progress, self.model_.optimizer
        self.n_iter_ = epochs
        self.t_ = progress.t
        self._no_improvement_count = progress.epochs_without_improvement  # scikit-learn's tests
        if progress.losses:
            self.loss_ = progress.losses[-1]
        if optimizer is None or not optimizer.full_batch:
            watched, asked = self.early_stopping, self.early_stopping or self._sets_aside()
            scores = progress.scores
            self.loss_curve_ = progress.losses
            self.best_loss_ = None if watched else progress.best_loss
            self.validation_scores_ = scores if asked else None
            best = progress.best_score if watched else max(scores, default=None)
            self.best_validation_score_ = best if asked else None

    @property
    def _optimizer(self) -> Optimizer:
        optimizer = self.model_.optimizer
        assert optimizer is not None, "compiled"
        return optimizer

    # -- files -----------------------------------------------------------------------------------

    def _learned(self) -> tuple[dict[str, Any], dict[str, Array]]:
        self._sync_coefs(self.model_)
        learned = {"epochs": self.n_iter_, "rate": list(self._setting.rate)}
        progress, arrays = self._progress.describe()
        return learned | {"progress": progress}, arrays

    def _restore(self, learned: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        model, structure = self.model_, structure_of(self.model_)
        loss: Any = model.loss  # None where the file could not hold it
        initializer = self.kernel_initializer
        if not isinstance(initializer, LeftOut):
            initializer = self._part("kernel_initializer")
        rate = RateRule.restored(learned["rate"])
        self._setting = Setting(loss, structure, rate, self.random_state, initializer)
        self._progress = Progress.restored(learned["progress"], arrays, model.vector.values)
        progress = self._progress
        progress.loss_is, progress.score_is = loss, self._score_is(loss, structure)
        self.__dict__.update(_sizes(model) | exposed_coefs(model))
        self._store_results(check_count(learned["epochs"], "file", "epochs", 0))

    # -- data ------------------------------------------------------------------------------------

    def _check_data(
        self, X: Any, y: Any, *, reset: bool, raw: bool = False, missing: bool = False
    ) -> tuple[Any, Array]:
        X, y = super()._check_data(X, y, reset=reset, raw=raw, missing=missing)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _batch_rows(self, rows: int) -> int:
        """``batch_size`` for so many rows."""
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows:
            warn_user(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
            )
        return min(int(self.batch_size), rows)

    # -- weights as lists ------------------------------------------------------------------------

    @property
    def coefs_(self) -> Sequence[Array]:
        """The weight matrices, a kernel for each layer of units."""
        return self._weights("coefs_")

    @coefs_.setter
    def coefs_(self, arrays: Sequence[Any]) -> None:
        self._lists = {**self._lists, "coefs_": arrays}

    @property
    def intercepts_(self) -> Sequence[Array]:
        """The biases."""
        return self._weights("intercepts_")

    @intercepts_.setter
    def intercepts_(self, arrays: Sequence[Any]) -> None:
        self._lists = {**self._lists, "intercepts_": arrays}

    def _weights(self, name: str) -> Sequence[Array]:
        if name in self._lists:
            return self._lists[name]
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        # A tuple, since what were put into a list of these would be lost.
        return tuple(folded(self.model_)[name == "intercepts_"])

    def _sync_coefs(self, model: Sequential) -> None:
        """Copy into a network what a user has put in the place of its arrays.

        Raises
        ------
        ValueError
            If it does not fit.
        """
        if not self._lists:
            return
        given, exposed = (*self.coefs_, *self.intercepts_), self._exposed
        if len(given) == len(exposed) and all(a is b for a, b in zip(given, exposed, strict=True)):
            return
        layers = dense_layers(model)
        own = [layer.kernel for layer in layers] + [layer.bias for layer in layers]
        arrays = [np.asarray(values) for values in given]
        if [values.shape for values in arrays] != [values.shape for values in own]:
            raise ValueError(
                f"coefs_ and intercepts_: expected arrays of shapes {[v.shape for v in own]}, got "
                f"{[v.shape for v in arrays]}."
            )
        unfold(model, arrays[: len(layers)], arrays[len(layers) :])
        if getattr(self, "model_", None) is model:
            self.__dict__.update(exposed_coefs(self.model_))

    def _check_inputs(self, X: Any) -> Any:
        X = super()._check_inputs(X)
        self._sync_coefs(self.model_)
        return X

    def _state(self) -> dict[str, Any]:
        fitted = self.__sklearn_is_fitted__()
        if fitted:
            self._sync_coefs(self.model_)
        state = super()._state()
        if fitted:
            for name in ("_lists", "_exposed"):  # views, which would come apart
                state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self.__sklearn_is_fitted__():
            self.__dict__.update(exposed_coefs(self.model_))


def exposed_coefs(model: Sequential) -> dict[str, Any]:
    """The attributes that hold the network's own arrays; none if a layer is normalized."""
    if any(norm is not None for _, norm in affine_maps(model)):
        return {"_lists": {}, "_exposed": ()}
    coefs, intercepts = folded(model)
    lists = {"coefs_": coefs, "intercepts_": intercepts}
    return {"_lists": lists, "_exposed": (*coefs, *intercepts)}


def _sizes(model: Sequential) -> dict[str, Any]:
    """scikit-learn's attributes of what the network is."""
    layers = dense_layers(model)
    return {
        "n_layers_": len(layers) + 1,
        "n_outputs_": int(layers[-1].units),
        "out_activation_": output_name(layers[-1]),
    }


def _configuration(value: Any) -> Any:
    """What an optimizer, with those that it is made of, was given."""
    if isinstance(value, Optimizer):
        return type(value), _configuration(value._arguments()), value.policy.excluded
    if isinstance(value, dict):
        return {key: _configuration(item) for key, item in value.items()}
    return value


def _take_over(model: Sequential, before: Sequential, *, streams: bool) -> None:
    """Give a network the weights of one of the same sizes, and its random streams."""
    for new, old in zip(*map(_with_weights, (model, before)), strict=True):
        new.trainable = old.trainable
    model.set_weights(before.get_weights())
    if streams:
        model._network.streams.restore(before._network.streams.state())


def _with_weights(model: Sequential) -> list[Layer]:
    return [layer for layer in model.layers if layer._parameters]
