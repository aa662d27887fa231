"""What scikit-learn's perceptrons do, on annlib's engine: the base of both ``MLP`` estimators."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d

from annlib.callbacks import Callback, History
from annlib.core.arrays import Array
from annlib.core.errors import AnnlibError
from annlib.estimators.architecture import Architecture, dense_layers, output_name
from annlib.estimators.coefficients import Coefficients
from annlib.estimators.nested import NestedParameters, changed
from annlib.estimators.outputs import outputs_of
from annlib.estimators.parameters import Rule, check_parameters, invalid
from annlib.estimators.perceptron_rules import RULES
from annlib.estimators.perceptron_training import Data, train
from annlib.estimators.scoring import HeldOut, check_scoring_name
from annlib.estimators.solvers import chosen
from annlib.estimators.stopping import Convergence, Progress
from annlib.estimators.targets import LabelTargets, Targets, learn_targets
from annlib.estimators.tasks import CallbackSupport, tasks
from annlib.estimators.warning import warn
from annlib.estimators.weights import row_weights
from annlib.losses import Loss
from annlib.models import Sequential
from annlib.optimizers import Optimizer

#: The attributes that ``predict`` reads.
_FITTED = {
    *("model_", "_targets", "_outputs", "classes_"),
    *("coefs_", "intercepts_", "_shown"),
}


def store(estimator: Any, arguments: dict[str, Any]) -> None:
    """Keep a constructor's arguments, all its ``locals()``, each under its own name."""
    nested = arguments.pop("optimizer__parameters")
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)
    estimator._nest(nested)


def seed_of(random_state: Any) -> int:
    """A seed that follows from where a RandomState stands, which draws nothing for it."""
    _, words, position, *_ = random_state.get_state()
    return (int(words[0]) << 10) + int(position)


def is_batchwise(estimator: Any) -> bool:
    """True, so that there is a ``partial_fit``, or an ``AttributeError`` that says why not."""
    optimizer = chosen(estimator)
    if optimizer.full_batch:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{optimizer.names[0]} is not stochastic."
        )
    return True


class Perceptron(NestedParameters, CallbackSupport, Coefficients):  # type: ignore[misc]  # scikit-learn has no types
    """Base class: fit and partial_fit, as scikit-learn's perceptrons do it, and more.

    Once it is fitted it has ``_progress`` besides what every ``NetworkEstimator`` has.
    """

    _nests: ClassVar[tuple[str, ...]] = ("optimizer",)
    _classifies: ClassVar[bool]
    _rules: ClassVar[dict[str, Rule]] = RULES
    _loss_text: ClassVar[str]

    history_: dict[str, list[Any]]

    def _part(self, prefix: str) -> Any:
        return chosen(self)

    # -- training --------------------------------------------------------------------------------

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] = (None, None, None),
        *,
        incremental: bool = False,
        classes: Any = None,
    ) -> None:
        """Train on these data: to the end, or ``incremental`` for one epoch."""
        check_parameters(self, self._rules)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        architecture, optimizer = Architecture(self), self._make_optimizer()
        architecture.check_steady(optimizer)
        check_scoring_name(self)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._check_rows(X, y, reset=first)
        targets = self._targets_for(y, first, classes)
        weights = row_weights(X, y, sample_weight, self._class_weight(), targets)
        held_out = self._check_validation(*validation)
        random_state = check_random_state(self.random_state)
        model = self._network(architecture, X, targets, random_state, first)
        loss = architecture.loss(targets)
        self._compile(model, optimizer, loss)
        train_rows: Any = slice(None)
        if held_out is None and self.early_stopping and not optimizer.full_batch:
            train_rows, rest = self._split(y, targets, random_state)
            plain = row_weights(X, y, sample_weight)
            held_out = HeldOut(X[rest], y[rest], None if plain is None else plain[rest])
        if first or not hasattr(self, "_progress"):
            self._progress = Progress()
            self.history_ = {}
        self._goes_on = incremental or (self._goes_on and not first)
        self._targets, self.model_, self._outputs = targets, model, outputs_of(model, loss)
        self._describe()
        data = Data(X, self.encode(y), weights).part(train_rows)
        watchers = [] if incremental else self._watchers(X, y, sample_weight)
        train(self, data, held_out, random_state, watchers, once=incremental)

    def _watchers(self, X: Any, y: Array, sample_weight: Any) -> list[Callback]:
        """What tells scikit-learn's callbacks, if there are any, of the epochs."""
        if not (hasattr(self, "_skl_callbacks") or hasattr(self, "_parent_callback_ctx")):
            return []
        fitted = {name: value for name, value in vars(self).items() if name in _FITTED}
        return tasks(self, self.max_iter, X, y, sample_weight, fitted)

    def _make_optimizer(self) -> Optimizer:
        """An optimizer of its own, as the parameters say."""
        text = "None, or the name, the configuration or an object of an optimizer of annlib"
        try:
            found = chosen(self)
        except (AnnlibError, TypeError) as error:
            raise invalid(self, "optimizer", text, self.optimizer) from error
        changes = self._nested("optimizer")
        if not changes:
            return found.clone()
        made: Optimizer = changed(found, changes, "optimizer")
        return made

    def _network(
        self, architecture: Architecture, X: Any, targets: Targets, random_state: Any, first: bool
    ) -> Sequential:
        """A new network, or the one that goes on, with the weights that a user has set."""
        model: Sequential | None = None if first else getattr(self, "model_", None)
        if model is None:
            dtype = np.dtype(self.dtype or X.dtype).name
            model = architecture.build(X.shape[1], targets, dtype, seed_of(random_state))
        if first:
            architecture.draw(model, random_state)
        else:
            self._give_weights_to(model)
        return model

    def _compile(self, model: Sequential, optimizer: Optimizer, loss: Loss) -> None:
        """With an optimizer that goes on, unless its parameters are others than they were."""
        old = model.optimizer
        same = old is not None and type(old) is type(optimizer)
        if same and old is not None and old.arguments() == optimizer.arguments():
            optimizer = old
        model.compile(optimizer, loss)

    # -- data ------------------------------------------------------------------------------------

    def _check_rows(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        X, y = self._check_data(X, y, classifier=self._classifies, reset=reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _check_validation(self, X: Any, y: Any, sample_weight: Any) -> HeldOut | None:
        """The validation data that ``fit`` was given."""
        if X is None:
            if y is not None or sample_weight is not None:
                given = "sample_weight_val" if y is None else "y_val"
                raise ValueError(f"{given} is provided, but X_val was not provided.")
            return None
        if y is None:
            raise ValueError("X_val is provided, but y_val was not provided.")
        X, y = self._check_rows(X, y, reset=False)
        return HeldOut(X, y, row_weights(X, y, sample_weight))

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

    def _targets_for(self, y: Array, first: bool, classes: Any) -> Targets:
        """What y means, as before if training goes on."""
        known: Targets | None = getattr(self, "_targets", None)
        if first or known is None:
            return learn_targets(y, classifier=self._classifies, classes=classes)
        return known

    def _class_weight(self) -> Any:
        return None

    def encode(self, y: Array) -> Array:
        """Targets as the loss takes them."""
        loss = self.model_.loss
        labels = loss is not None and loss.target_kind == "labels"
        return self._targets.encode(y, not labels and self.n_outputs_ > 1)

    def rows_of_batch(self, rows: int) -> int:
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

    def take_up(self, rule: Convergence, history: History) -> None:
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
