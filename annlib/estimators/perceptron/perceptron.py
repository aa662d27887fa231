"""What scikit-learn's perceptrons do, on annlib's engine: the base of both ``MLP`` estimators."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d

from annlib import regularizers
from annlib.callbacks import History
from annlib.core.arrays import Array
from annlib.estimators.nested import callback_objects
from annlib.estimators.outputs import outputs_of
from annlib.estimators.perceptron.architecture import (
    Architecture,
    dense_layers,
    named_loss,
    output_name,
)
from annlib.estimators.perceptron.coefficients import Coefficients
from annlib.estimators.perceptron.convergence import Convergence, Progress
from annlib.estimators.perceptron.narration import warn
from annlib.estimators.perceptron.parameters import RULES
from annlib.estimators.perceptron.scoring import check_scoring_name, epoch_score
from annlib.estimators.perceptron.solvers import chosen
from annlib.estimators.perceptron.training import train
from annlib.estimators.rows import Rows
from annlib.estimators.rules import Rule, check_parameters
from annlib.estimators.sklearn_callbacks import tasks
from annlib.estimators.targets import LabelTargets, Targets, learn_targets
from annlib.estimators.weights import row_weights
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.optimizers import Optimizer
from annlib.regularizers import Regularizer

#: The attributes that ``predict`` reads.
_FITTED = {
    *("model_", "_targets", "_outputs", "classes_"),
    *("coefs_", "intercepts_", "_shown"),
}


def seed_of(random_state: Any) -> int:
    """A seed that follows from where a RandomState stands, which draws nothing for it."""
    _, words, position, *_ = random_state.get_state()
    return (int(words[0]) << 10) + int(position)


class Perceptron(Coefficients):
    """Base class: fit and partial_fit, as scikit-learn's perceptrons do it, and more.

    Once it is fitted it has ``_progress`` besides what every ``NetworkEstimator`` has.
    """

    _nests: ClassVar[tuple[str, ...]] = ("optimizer", "loss", "regularizer", "callbacks")
    _rules: ClassVar[dict[str, Rule]] = RULES
    _loss_text: ClassVar[str]

    def _part(self, prefix: str) -> Any:
        text = "the name, the configuration or an object of"
        if prefix == "optimizer":
            text = f"None, or {text} an optimizer of annlib"
            return self._resolved(prefix, lambda given: chosen(self).clone(), text)
        if prefix == "loss":
            return self._resolved(prefix, lambda given: named_loss(self), self._loss_text)
        if prefix == "regularizer":
            text = f"None, or {text} a regularizer of annlib"
            return self._resolved(prefix, _regularizer, text)
        text = "a callback of annlib, its name, or a list of these"
        return self._resolved(prefix, callback_objects, text)

    # -- training --------------------------------------------------------------------------------

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
        if self.early_stopping and once:
            raise ValueError("partial_fit does not support early_stopping=True")
        architecture, optimizer = Architecture(self), self._part("optimizer")
        architecture.check_steady(optimizer)
        check_scoring_name(self)
        callbacks = self._part("callbacks")
        goes_on = hasattr(self, "coefs_") and bool(self.warm_start or once)
        X, y = self._check_data(X, y, reset=not goes_on)
        targets = self._targets_for(y, goes_on, classes)
        class_weight = getattr(self, "class_weight", None)
        data = Rows(X, y, row_weights(X, y, sample_weight, class_weight, targets))
        held_out = self._check_validation(*validation)
        random_state = check_random_state(self.random_state)
        model = self._network(architecture, X, targets, random_state, goes_on)
        loss = architecture.loss(targets)
        if held_out is None and self.early_stopping and not optimizer.full_batch:
            train_rows, rest = self._split(y, targets, random_state)
            held_out = Rows(X, y, row_weights(X, y, sample_weight)).part(rest)
            data = data.part(train_rows)
        encode = partial(_encoded, targets=targets, loss=loss, model=model)
        learned = data._replace(y=encode(data.y))
        watched = None if held_out is None else held_out._replace(y=encode(held_out.y))
        self._compile(model, optimizer, loss)
        if not goes_on or not hasattr(self, "_progress"):
            self._progress = Progress()
            self.history_ = {}
        self._goes_on = once or (self._goes_on and goes_on)
        self._targets, self.model_, self._outputs = targets, model, outputs_of(model, loss)
        self._describe()
        if not once:
            fitted = {name: value for name, value in vars(self).items() if name in _FITTED}
            callbacks += tasks(self, self.max_iter, X, y, sample_weight, fitted)
        score = None if held_out is None else epoch_score(self, self.scoring, held_out)
        train(self, learned, watched, score, random_state, callbacks, once=once)
        return self

    def _network(
        self, architecture: Architecture, X: Any, targets: Targets, random_state: Any, goes_on: bool
    ) -> Sequential:
        """A new network, or the one that goes on, with the weights that a user has set."""
        model: Sequential | None = getattr(self, "model_", None) if goes_on else None
        if model is None:
            dtype = np.dtype(self.dtype or X.dtype).name
            model = architecture.build(X.shape[1], targets, dtype, seed_of(random_state))
        if goes_on:
            self._give_weights_to(model)
        else:
            architecture.draw(model, random_state)
        return model

    def _compile(self, model: Sequential, optimizer: Optimizer, loss: Loss) -> None:
        """With an optimizer that goes on, unless its parameters are others than they were."""
        old = model.optimizer
        same = old is not None and type(old) is type(optimizer)
        if same and old is not None and old._arguments() == optimizer._arguments():
            optimizer = old
        model.compile(optimizer, loss)

    # -- data ------------------------------------------------------------------------------------

    def _check_data(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        X, y = super()._check_data(X, y, reset=reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _split(self, y: Array, targets: Targets, random_state: Any) -> tuple[Array, Array]:
        """Rows to train on and rows to score, drawn as scikit-learn draws them."""
        # Of more than two classes it does not draw from each, and a rare one is no error.
        two = self._classifies and targets.units == 1
        train_rows, rest = train_test_split(
            np.arange(len(y)),
            random_state=random_state,
            test_size=self.validation_fraction,
            stratify=targets.encode(y).astype(bool).reshape(-1, 1) if two else None,
        )
        if len(rest) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        return train_rows, rest

    def _targets_for(self, y: Array, goes_on: bool, classes: Any) -> Targets:
        """What y means, as before if training goes on."""
        known: Targets | None = getattr(self, "_targets", None)
        if goes_on and known is not None:
            return known
        return learn_targets(y, classifier=self._classifies, classes=classes)

    def _rows_of_batch(self, rows: int) -> int:
        """``batch_size`` for so many rows."""
        if self.batch_size == "auto":
            return min(200, rows)
        if self.batch_size > rows:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped",
            )
        return min(int(self.batch_size), rows)

    # -- what a fit leaves -----------------------------------------------------------------------

    def _describe(self) -> None:
        layers = dense_layers(self.model_)
        if isinstance(self._targets, LabelTargets):
            self.classes_ = self._targets.classes
        self.n_layers_ = len(layers) + 1
        self.n_outputs_ = int(layers[-1].units)
        self.out_activation_ = output_name(layers[-1])
        self._show_weights()

    def _take_up(self, rule: Convergence, history: History) -> None:
        """Show what a training has come to."""
        progress, optimizer = rule.progress, self.model_.optimizer
        for name, values in history.history.items():
            self.history_.setdefault(name, []).extend(values)
        self.n_iter_ = rule.epochs
        self.t_ = progress.t
        self._no_improvement_count = progress.stale  # scikit-learn's tests read it
        if progress.losses:
            self.loss_ = progress.losses[-1]
        if optimizer is not None and not optimizer.full_batch:
            watched = self.early_stopping
            self.loss_curve_ = progress.losses
            self.best_loss_ = None if watched else progress.best_loss
            self.validation_scores_ = progress.scores if watched else None
            self.best_validation_score_ = progress.best_score if watched else None

    @property
    def _optimizer(self) -> Optimizer | None:
        return self.model_.optimizer


def _regularizer(given: Any) -> Regularizer | None:
    return None if given is None else regularizers.get(given)


def _encoded(y: Array, targets: Targets, loss: Loss, model: Sequential) -> Array:
    """Targets as the loss takes them."""
    shape = model.output_shape
    one_hot = loss.target_kind != "labels" and shape[-1] != 1
    return loss.check_targets(targets.encode(y, one_hot), shape, "y")
