"""The score of a network on validation data, after each epoch of a fit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names

from annlib.callbacks.base import Logs
from annlib.core.arrays import Array
from annlib.core.config import suggest
from annlib.estimators.rules import invalid
from annlib.estimators.targets import Targets
from annlib.estimators.weights import Samples


def check_scoring_name(estimator: Any) -> None:
    """Raise if ``scoring`` is a name that no scorer has."""
    scoring = estimator.scoring
    if isinstance(scoring, str) and scoring != "loss" and scoring not in get_scorer_names():
        text = f"None, a callable, 'loss' or a scorer. {suggest(scoring, get_scorer_names())}"
        raise invalid(estimator, "scoring", text.rstrip("."), scoring)


def epoch_score(
    estimator: Any, data: Samples, default: Callable[[], float]
) -> Callable[[Logs], float]:
    """A function from the logs of an epoch to its score; greater is better.

    Parameters
    ----------
    estimator : Perceptron
        With ``model_``, the network that is trained; of its ``scoring``, ``"loss"`` is minus the
        loss.
    data : Samples
        To validate on.
    default : callable
        The score where ``scoring`` is None.
    """
    scoring = estimator.scoring
    if isinstance(scoring, str) and scoring == "loss":
        return lambda logs: -float(logs["val_loss"])
    if scoring is None:
        return lambda logs: default()
    scorer = check_scoring(estimator, scoring)
    # Its own data have no column names any more, of which predict would complain.
    bare = copy.copy(estimator)
    vars(bare).pop("feature_names_in_", None)
    weights = {} if data.weights is None else {"sample_weight": data.weights}
    return lambda logs: float(scorer(bare, data.X, data.y, **weights))


def default_score(targets: Targets, A: Array, data: Samples) -> float:
    """Accuracy, or R2 or D2, of the network's output A; NaN where it is not finite."""
    if not np.isfinite(A).all():
        return float("nan")
    predicted = targets.decode(A)
    with np.errstate(over="ignore"):  # of a training that diverges, whose score is very low
        return targets.score(data.y, predicted, data.weights)
