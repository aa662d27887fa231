"""The training of a perceptron: annlib's loop with scikit-learn's batches and stopping rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from annlib.callbacks import Callback, CallbackList, History
from annlib.callbacks.base import Logs
from annlib.core.errors import DivergenceError
from annlib.data import ArrayLoader, Batch
from annlib.estimators.inference import as_rows, count_rows
from annlib.estimators.perceptron.convergence import Convergence
from annlib.estimators.perceptron.narration import EpochBar, narrator, warn, warn_if_cut_off
from annlib.estimators.perceptron.solvers import RateRule
from annlib.estimators.rows import Rows
from annlib.models import Sequential
from annlib.network.prediction import INFERENCE_BATCH
from annlib.training.loop import Validation


class ShuffledLoader(ArrayLoader):
    """Batches whose rows are permuted anew in each round, or are left in their order.

    Each round permutes what the last one had; so the same seed gives scikit-learn's batches.

    Parameters
    ----------
    *data, **types
        As for ``ArrayLoader``.
    random_state : numpy.random.RandomState, optional
        None leaves the rows in their order.
    """

    def __init__(self, *data: Any, random_state: Any, **types: Any) -> None:
        super().__init__(*data, **types)
        self._random_state = random_state
        self._order = np.arange(self.rows)

    def start_pass(self, rng: Any, done: int = 0) -> Iterator[Batch]:
        """All rows; ``rng``, the model's own stream, is not used."""
        if self._random_state is None:
            return super().start_pass(None, done)
        permutation = np.arange(self.rows)
        self._random_state.shuffle(permutation)
        self._order = self._order[permutation]
        return self.take(self._order)


def train(
    estimator: Any,
    data: Rows,
    held_out: Rows | None,
    score: Callable[[Logs], float] | None,
    random_state: Any,
    callbacks: list[Callback],
    *,
    once: bool,
) -> None:
    """Train ``estimator.model_``, for one epoch if ``once``, and leave what it has come to.

    Parameters
    ----------
    estimator : Perceptron
    data, held_out : Rows
        To train on, and (or None) to validate on after each epoch; y as the loss takes it.
    score : callable, optional
        From the logs of an epoch to the score on data that are held out.
    random_state : numpy.random.RandomState
        For shuffling.
    callbacks : list of Callback
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
        score=score,
        watches_score=watches_score,
        say=narrator(estimator.verbose),
    )
    history = History()
    bar = EpochBar() if estimator.verbose == "tqdm" else None
    hooks = CallbackList(
        [rule, *callbacks, bar, history],
        model,
        f"{type(estimator).__name__}.fit",
        verbose=int(bool(estimator.verbose)),
        epochs=epochs,
        steps=None,
    )
    validation = None
    if held_out is not None:
        validation = Validation(_batches(model, held_out, ArrayLoader, INFERENCE_BATCH), None, 1)
    if optimizer.full_batch:
        batches = _batches(model, data, ArrayLoader, rows)
    else:
        size = estimator._rows_of_batch(rows)
        shuffled = random_state if estimator.shuffle else None
        batches = _batches(model, data, ShuffledLoader, size, random_state=shuffled)
    try:
        model._run_fit(batches, validation, hooks, history, epochs=range(epochs), shuffle=False)
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
        warn_if_cut_off(optimizer, rule.epochs, epochs)
    if watches_score and rule.progress.best_weights is not None:
        np.copyto(model.vector.values, rule.progress.best_weights)
    estimator._take_up(rule, history)


def _batches(
    model: Sequential, data: Rows, make: Callable[..., ArrayLoader], size: int, **more: Any
) -> ArrayLoader:
    """Rows in batches of the model's types."""
    labels = model.loss is not None and model.loss.target_kind == "labels"
    return make(
        as_rows(data.X),
        data.y,
        data.weights,
        batch_size=size,
        dtype=model.dtype,
        target_dtype=np.intp if labels else model.dtype,
        **more,
    )
