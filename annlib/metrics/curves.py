"""Areas under the curves of a classifier: ROC, precision-recall and their gains."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np

from annlib.core.arrays import Array
from annlib.core.packages import missing


def ratio(part: Array, whole: Array) -> Array:
    """The quotient, and 0 where the whole is 0, as Keras has it."""
    quotient = np.zeros_like(whole)
    np.divide(part, whole, out=quotient, where=whole != 0)
    return quotient


def has_no_area(curve: str, ones: Array, zeros: Array) -> Array:
    """Whether a curve is not defined, of targets with this weight of ones and of zeros."""
    return np.asarray((ones == 0) | ((zeros == 0) & (curve != "pr")))


def binned_area(curve: str, method: str, tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    """The area of each row of a confusion matrix at ascending thresholds.

    Parameters
    ----------
    curve : {"roc", "pr", "prgain"}
    method : {"interpolation", "minoring", "majoring"}
    tp, fp, fn, tn : array, (labels, thresholds)
        From a threshold below all predictions to one above all.
    """
    if curve == "pr" and method == "interpolation":
        return _interpolated_pr(tp, tp + fp)
    recall = ratio(tp, tp + fn)
    if curve == "roc":
        x, y = ratio(fp, fp + tn), recall
    elif curve == "pr":
        x, y = recall, ratio(tp, tp + fp)
    else:  # both gains diverge where nothing is found: there they are 0 and 1
        odds, found = ratio(tp + fn, fp + tn), tp != 0
        x = np.where(found, np.maximum(1 - odds * ratio(fn, tp), 0), 0)
        y = np.where(found, 1 - odds * ratio(fp, tp), 1)
    left, right = y[:, :-1], y[:, 1:]
    if method == "interpolation":
        heights = (left + right) / 2
    else:
        heights = np.minimum(left, right) if method == "minoring" else np.maximum(left, right)
    areas: Array = np.sum((x[:, :-1] - x[:, 1:]) * heights, axis=1)
    return areas


def _interpolated_pr(tp: Array, p: Array) -> Array:
    """Between thresholds A < B, TP is linear in P = TP + FP: TP = slope P + intercept.

    The integral of precision TP / P over TP is slope (TP_A - TP_B + intercept log(P_A / P_B)), and
    over recall that divided by all ones (Davis and Goadrich, ICML 2006).
    """
    rise = tp[:, :-1] - tp[:, 1:]
    slope = ratio(rise, p[:, :-1] - p[:, 1:])
    intercept = tp[:, 1:] - slope * p[:, 1:]
    growth = np.where(p[:, 1:] > 0, ratio(p[:, :-1], p[:, 1:]), 1)
    parts = slope * (rise + intercept * np.log(growth))
    return ratio(np.sum(parts, axis=1), tp[:, 0])


def exact_area(curve: str, y: Array, a: Array, weights: Array) -> float:
    """scikit-learn's area under the curve of all rows, NaN where it is not defined.

    Parameters
    ----------
    curve : {"roc", "pr"}
        ``roc_auc_score`` or ``average_precision_score``.
    y, a, weights : array, (n,)
        Truth values, scores and weights.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if has_no_area(curve, weights[y].sum(), weights[~y].sum()) or np.isnan(a).any():
        return math.nan
    largest = np.finfo(a.dtype).max  # scikit-learn takes no infinity
    score = roc_auc_score if curve == "roc" else average_precision_score
    return float(score(y, np.clip(a, -largest, largest), sample_weight=weights))


def require_scikit_learn() -> None:
    """Raise ``ImportError`` with what to install, if scikit-learn is not there."""
    if find_spec("sklearn") is None:
        error = ImportError("there is none")
        raise missing("AUC(num_thresholds=None)", "scikit-learn", "scikit-learn", error)
