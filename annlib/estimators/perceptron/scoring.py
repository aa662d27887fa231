"""The score of a network on validation data, after each epoch of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names

from annlib.callbacks.base import Logs
from annlib.core.arrays import Array
from annlib.core.config import suggest
from annlib.estimators.rows import Rows
from annlib.estimators.rules import invalid
from annlib.estimators.targets import LabelTargets, accuracy


def check_scoring_name(estimator: Any) -> None:
    """Raise if ``scoring`` is a name that no scorer has."""
    scoring = estimator.scoring
    if isinstance(scoring, str) and scoring != "loss" and scoring not in get_scorer_names():
        text = f"None, a callable, 'loss' or a scorer. {suggest(scoring, get_scorer_names())}"
        raise invalid(estimator, "scoring", text.rstrip("."), scoring)


def epoch_score(estimator: Any, scoring: Any, data: Rows) -> Callable[[Logs], float]:
    """What gives the score after an epoch, from its logs; greater is better.

    Parameters
    ----------
    estimator : Perceptron
        With ``model_``, the network that is trained.
    scoring : str, callable or None
        ``"loss"`` is minus the loss; None accuracy or R2.
    data : Rows
    """
    if isinstance(scoring, str) and scoring == "loss":
        return lambda logs: -float(logs["val_loss"])
    if scoring is None:
        return lambda logs: default_score(estimator, data)
    scorer = check_scoring(estimator, scoring)
    # Its own data have no column names any more, of which predict would complain.
    bare = object.__new__(type(estimator))
    vars(bare).update(vars(estimator))
    vars(bare).pop("feature_names_in_", None)
    weights = {} if data.weights is None else {"sample_weight": data.weights}
    return lambda logs: float(scorer(bare, data.X, data.y, **weights))


def default_score(estimator: Any, data: Rows) -> float:
    """Accuracy or R2; NaN where a prediction is not finite."""
    targets = estimator._targets
    A = estimator._read(data.X)
    if not np.isfinite(A).all():
        return float("nan")
    predicted = targets.decode(A)
    with np.errstate(over="ignore"):  # of a training that diverges, whose score is very low
        measure = accuracy if isinstance(targets, LabelTargets) else r2
        return measure(data.y, predicted, data.weights)


def r2(y: Array, predicted: Array, weights: Array | None = None) -> float:
    """1 - sum (y - a)^2 / sum (y - mean y)^2, the mean over outputs; of constant y 1 or 0."""
    y, predicted = (values.reshape(len(values), -1).astype(float) for values in (y, predicted))
    centre = np.average(y, axis=0, weights=weights)
    missed, spread = (
        np.average(np.square(y - values), axis=0, weights=weights) for values in (predicted, centre)
    )
    scores = (missed == 0).astype(float)
    np.divide(spread - missed, spread, out=scores, where=spread != 0)
    return float(scores.mean())
