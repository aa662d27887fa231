"""The training of a perceptron: annlib's loop with scikit-learn's batches and stopping rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from annlib.callbacks import Callback, CallbackList, History
from annlib.core.arrays import Array
from annlib.core.errors import DivergenceError
from annlib.data import Batches
from annlib.estimators.inference import as_rows, count_rows
from annlib.estimators.narration import EpochBar, narrator
from annlib.estimators.scoring import HeldOut, epoch_score
from annlib.estimators.shuffling import ShuffledBatches
from annlib.estimators.solvers import RateRule
from annlib.estimators.stopping import Convergence
from annlib.estimators.warning import warn
from annlib.models import Sequential
from annlib.models.full_batch import Descent
from annlib.models.training import Training, Validation

# Rows of validation data at a time.
_AT_ONCE = 512


class Data(NamedTuple):
    """Validated rows with encoded targets and weights."""

    X: Any
    Y: Array
    weights: Array | None

    def part(self, rows: Any) -> Data:
        """Some of the rows."""
        if isinstance(rows, slice):
            return self
        weights = None if self.weights is None else self.weights[rows]
        return Data(self.X[rows], self.Y[rows], weights)

    def batches(
        self, model: Sequential, make: Callable[..., Batches], size: int, **more: Any
    ) -> Batches:
        """In batches of the model's types."""
        loss = model.loss
        assert loss is not None, "compiled"
        labels = loss.target_kind == "labels"
        Y = loss.check_targets(self.Y, model.output_shape, "y")
        return make(
            as_rows(self.X),
            Y,
            self.weights,
            batch_size=size,
            dtype=model.dtype,
            target_dtype=np.intp if labels else model.dtype,
            **more,
        )


def train(
    estimator: Any,
    data: Data,
    held_out: HeldOut | None,
    random_state: Any,
    watchers: list[Callback],
    *,
    once: bool,
) -> None:
    """Train ``estimator.model_``, for one epoch if ``once``, and leave what it has come to.

    Parameters
    ----------
    estimator : Perceptron
    data : Data
    held_out : HeldOut, optional
        To validate on after each epoch.
    random_state : numpy.random.RandomState
        For shuffling.
    watchers : list of Callback
        Besides those of the user.
    once : bool

    Raises
    ------
    ValueError
        If the weights become NaN or infinite.
    """
    model: Sequential = estimator.model_
    optimizer = model.optimizer
    assert optimizer is not None, "compiled"
    rows = count_rows(data.X)
    watches_score = bool(estimator.early_stopping) and not optimizer.full_batch
    epochs = 1 if once else int(estimator.max_iter)
    rule = Convergence(
        estimator._progress,
        rows=rows,
        tol=float(estimator.tol),
        patience=estimator.n_iter_no_change,
        rate=RateRule.of(estimator),
        score=epoch_score(estimator, estimator.scoring, held_out) if held_out else None,
        watches_score=watches_score,
        say=narrator(estimator.verbose),
    )
    history = model.history = History()
    bar = EpochBar() if estimator.verbose == "tqdm" else None
    hooks = CallbackList(
        [rule, estimator.callbacks, watchers, bar, history],
        model,
        f"{type(estimator).__name__}.fit",
        verbose=int(bool(estimator.verbose)),
        epochs=epochs,
        steps=None,
    )
    validation = _validation(estimator, model, held_out)
    span = range(epochs)
    if optimizer.full_batch:
        whole = data.batches(model, Batches, rows)
        run: Any = Descent(model, whole, validation, hooks, epochs=span)
    else:
        size = estimator.rows_of_batch(rows)
        shuffled = random_state if estimator.shuffle else None
        batches = data.batches(model, ShuffledBatches, size, random_state=shuffled)
        run = Training(model, batches, validation, hooks, epochs=span, shuffle=False, steps=None)
    try:
        with hooks:
            run.run()
    except DivergenceError as error:
        if not watches_score:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                f"values and need to be preprocessed. ({error})"
            ) from error
        rule.note_divergence()
    except KeyboardInterrupt:
        history.interrupted = True
    if history.interrupted:
        warn("Training interrupted by user.")
    elif not once and not rule.ended:
        _warn_if_cut_off(optimizer, rule.epochs, epochs)
    if watches_score and rule.progress.best_weights is not None:
        np.copyto(model.vector.values, rule.progress.best_weights)
    estimator.take_up(rule, history)


def _validation(estimator: Any, model: Sequential, held_out: HeldOut | None) -> Validation | None:
    if held_out is None:
        return None
    data = Data(held_out.X, estimator.encode(held_out.y), held_out.weights)
    return Validation(data.batches(model, Batches, _AT_ONCE), None, 1)


def _warn_if_cut_off(optimizer: Any, done: int, epochs: int) -> None:
    if optimizer.full_batch:
        if optimizer.status in (0, 99):
            return
        text = (
            f"lbfgs failed to converge after {done} iteration(s) (status={optimizer.status}):\n"
            f"{optimizer.message}\n"
        )
        if done == epochs:
            text += (
                f"\nIncrease the number of iterations to improve the convergence "
                f"(max_iter={epochs})."
            )
        text += (
            "\nYou might also want to scale the data as shown in:\n"
            "    https://scikit-learn.org/stable/modules/preprocessing.html"
        )
        warn(text, ConvergenceWarning)
    elif done == epochs:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization "
            "hasn't converged yet.",
            ConvergenceWarning,
        )
