"""The score of a network on validation data, after each epoch of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, check_scoring, get_scorer_names, r2_score

from annlib.core.arrays import Array
from annlib.core.config import near
from annlib.estimators.inference import infer
from annlib.estimators.parameters import invalid
from annlib.estimators.targets import ColumnsTargets, LabelTargets

Logs = dict[str, float]


class HeldOut(NamedTuple):
    """Data that are not trained on."""

    X: Any
    y: Array
    weights: Array | None


def check_scoring_name(estimator: Any) -> None:
    """Raise if ``scoring`` is a name that no scorer has."""
    scoring = estimator.scoring
    if isinstance(scoring, str) and scoring != "loss" and scoring not in get_scorer_names():
        text = f"None, a callable, 'loss' or a scorer. {near(scoring, get_scorer_names())}"
        raise invalid(estimator, "scoring", text.rstrip("."), scoring)


def epoch_score(estimator: Any, scoring: Any, data: HeldOut) -> Callable[[Logs], float]:
    """What gives the score after an epoch, from its logs; greater is better.

    Parameters
    ----------
    estimator : Perceptron
        With ``model_``, the network that is trained.
    scoring : str, callable or None
        ``"loss"`` is minus the loss; None accuracy or R2.
    data : HeldOut
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


def default_score(estimator: Any, data: HeldOut) -> float:
    """Accuracy or R2; NaN where a prediction is not finite."""
    targets = estimator._targets
    if isinstance(targets, LabelTargets):
        A = estimator._outputs.logits(estimator.model_, data.X)
    else:
        A = infer(estimator.model_, data.X)
    if not np.isfinite(A).all():
        return float("nan")
    predicted = targets.decode(A, 0.0)
    if isinstance(targets, ColumnsTargets):  # accuracy_score refuses them
        right = (predicted == data.y).all(axis=1)
        return float(np.average(right, weights=data.weights))
    measure = accuracy_score if isinstance(targets, LabelTargets) else r2_score
    with np.errstate(over="ignore"):  # of a training that diverges, whose score is very low
        return float(measure(data.y, predicted, sample_weight=data.weights))
