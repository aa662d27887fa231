"""When a perceptron has learned enough: scikit-learn's rule, as a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from annlib.callbacks import Callback
from annlib.callbacks.base import Logs
from annlib.core.arrays import Array
from annlib.estimators.perceptron.solvers import RateRule


@dataclass
class Progress:
    """How far a training has come, over all calls that go on from each other."""

    losses: list[float] = field(default_factory=list)
    best_loss: float = np.inf
    scores: list[float] = field(default_factory=list)
    best_score: float = -np.inf
    #: All parameters of the model, where the score was best.
    best_weights: Array | None = None
    #: Epochs in a row without progress.
    stale: int = 0
    #: Rows seen.
    t: int = 0

    def without_weights(self) -> Progress:
        """The same for a training that does not go on."""
        return replace(self, best_weights=None)


class Convergence(Callback):
    """Ends a training without progress: ``tol`` at least, in more than ``patience`` epochs.

    Parameters
    ----------
    progress : Progress
        Where it goes on from; changed in place.
    rows : int
        Of an epoch.
    tol, patience : float
    rate : RateRule
    score : callable, optional
        From the logs of an epoch to the score on the validation data.
    watches_score : bool
        Whether the score decides, and not the loss on the training data.
    say : callable
        Gets the lines that scikit-learn prints.
    """

    def __init__(
        self,
        progress: Progress,
        *,
        rows: int,
        tol: float,
        patience: float,
        rate: RateRule,
        score: Callable[[Logs], float] | None,
        watches_score: bool,
        say: Callable[[str], None],
    ) -> None:
        self.progress = progress
        self.rows = rows
        self.tol = tol
        self.patience = patience
        self.rate = rate
        self.score = score
        self.watches_score = watches_score
        self.say = say
        self.epochs = 0
        #: Whether the rule has ended the training.
        self.ended = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        progress, optimizer = self.progress, self.model.optimizer
        self.epochs += 1
        progress.losses.append(float(logs["loss"]))
        progress.t += self.rows
        self.say(f"Iteration {self.epochs}, loss = {progress.losses[-1]:.8f}")
        if self.score is not None:
            logs["val_score"] = self.score(logs)
        if not optimizer.full_batch:
            logs["learning_rate"] = optimizer.learning_rate
        if self.watches_score:
            self._note_score(float(logs["val_score"]))
        else:
            self._note_loss()
        self.rate.end_epoch(optimizer, progress.t)
        if progress.stale > self.patience and not optimizer.full_batch:
            what = "Validation score" if self.watches_score else "Training loss"
            goes_on, verdict = self.rate.goes_on(optimizer)
            self.say(
                f"{what} did not improve more than tol={self.tol:f} for {self.patience} "
                f"consecutive epochs. {verdict}"
            )
            if goes_on:
                progress.stale = 0
            else:
                self.ended = True
                self.model.stop_training = True

    def note_divergence(self) -> None:
        """The epoch that was going on has led nowhere."""
        self.epochs += 1
        self.progress.losses.append(np.nan)
        self.progress.t += self.rows
        if self.watches_score:
            self.progress.scores.append(float("nan"))
        self.ended = True

    def _note_loss(self) -> None:
        progress = self.progress
        loss = progress.losses[-1]
        progress.stale = progress.stale + 1 if loss > progress.best_loss - self.tol else 0
        progress.best_loss = min(progress.best_loss, loss)

    def _note_score(self, score: float) -> None:
        progress = self.progress
        progress.scores.append(score)
        self.say(f"Validation score: {score:f}")
        progress.stale = progress.stale + 1 if score < progress.best_score + self.tol else 0
        if score > progress.best_score:
            progress.best_score = score
            values: Any = self.model.vector.values
            if progress.best_weights is None:
                progress.best_weights = values.copy()
            else:
                np.copyto(progress.best_weights, values)
