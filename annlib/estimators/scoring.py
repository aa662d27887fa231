"""The score of a network on validation data, after each epoch of a fit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names

from annlib.callbacks import Callback
from annlib.callbacks.base import Logs
from annlib.core.arrays import Array
from annlib.core.suggestion import suggest
from annlib.estimators.rules import invalid
from annlib.estimators.targets import Targets
from annlib.estimators.weights import Samples, by_rows

#: What the logs call the score where there is one alone.
SCORE = "val_score"


def check_scoring_names(estimator: Any) -> None:
    """Raise if ``scoring`` is, or has, a name that no scorer has."""
    scoring = estimator.scoring
    names = list(scoring.values()) if isinstance(scoring, Mapping) else scoring
    for name in names if isinstance(names, list | tuple) else [names]:
        if isinstance(name, str) and name != "loss" and name not in get_scorer_names():
            text = f"None, a callable, 'loss' or a scorer. {suggest(name, get_scorer_names())}"
            raise invalid(estimator, "scoring", text.rstrip("."), scoring)


def score_names(scoring: Any) -> list[str]:
    """What the logs call the scores: ``val_score``, or of several ``val_roc_auc`` and so on."""
    several = isinstance(scoring, list | tuple | Mapping)
    return [f"val_{name}" for name in scoring] if several else [SCORE]


def epoch_scores(
    estimator: Any, data: Samples, default: Callable[[], float] | None = None
) -> Callable[[Logs], dict[str, float]]:
    """A function from the logs of an epoch to its scores; greater is better.

    Parameters
    ----------
    estimator : NetworkEstimator
        Fitted as far as ``predict`` needs it, with the network that is trained; of its
        ``scoring``, ``"loss"`` is minus the loss.
    data : Samples
        To validate on.
    default : callable
        The score where ``scoring`` is None.
    """
    scoring = estimator.scoring
    if isinstance(scoring, str) and scoring == "loss":
        return lambda logs: {SCORE: -float(logs["val_loss"])}
    if scoring is None:
        assert default is not None, "asked for without scoring"
        return lambda logs: {SCORE: default()}
    # Its own data have no column names any more, of which predict would complain.
    bare = copy.copy(estimator)
    vars(bare).pop("feature_names_in_", None)
    scorer = check_scoring(bare, scoring)
    data = data.whole()
    weights = {} if data.weights is None else {"sample_weight": by_rows(data.weights)}

    def score(_logs: Logs) -> dict[str, float]:
        with bare.model_._evaluating():
            found = scorer(bare, data.X, data.y, **weights)
        named = found if isinstance(found, Mapping) else {"score": found}
        return {f"val_{name}": float(value) for name, value in named.items()}

    return score


class Scores(Callback):
    """Adds scores to the logs of every epoch, for the callbacks that come after it.

    Parameters
    ----------
    scores : callable
        From the logs to the scores by name.
    """

    def __init__(self, scores: Callable[[Logs], dict[str, float]]) -> None:
        self.scores = scores

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs |= self.scores(logs)


def default_score(targets: Targets, A: Array, data: Samples) -> float:
    """Accuracy, or R2 or D2, of the network's output A; NaN where it is not finite."""
    if not np.isfinite(A).all():
        return float("nan")
    predicted = targets.decode(A)
    with np.errstate(over="ignore"):  # of a training that diverges, whose score is very low
        return targets.score(data.y, predicted, data.weights)
