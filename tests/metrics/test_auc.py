"""Areas in bins and exact ones: where both must agree, and what is not defined."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from annlib.metrics import AUC

rng = np.random.default_rng(0)
BITS = rng.integers(0, 2, 300)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("thresholds", [None, (np.arange(1, 199) / 199).tolist()])
def test_bins_are_exact_where_no_two_scores_that_differ_share_one(dtype, thresholds):
    scores = ((rng.integers(0, 199, 300) + 0.5) / 199).astype(dtype)
    weights = rng.uniform(0, 2, 300)
    area = AUC(thresholds=thresholds)(BITS, scores, weights)
    expected = roc_auc_score(BITS, scores, sample_weight=weights)
    assert area == pytest.approx(expected, rel=1e-12)


def test_more_bins_come_closer_and_the_sums_are_bounds():
    scores = np.clip(rng.normal(0.4 + 0.2 * BITS, 0.2), 0, 1)
    exact = AUC(None)(BITS, scores)
    off = [abs(AUC(bins)(BITS, scores) - exact) for bins in (3, 30, 3000)]
    assert off[0] > off[1] > off[2]
    low, high = (AUC(20, summation_method=m)(BITS, scores) for m in ("minoring", "majoring"))
    assert low < exact < high


def test_an_exact_area_needs_no_probabilities():
    scores = rng.normal(size=300) * 10
    expected = roc_auc_score(BITS, scores)
    for score in (scores, scores.astype(int), np.where(scores > 20, np.inf, scores)):
        assert AUC(None)(BITS, score) == pytest.approx(
            roc_auc_score(BITS, np.clip(score, -1e9, 1e9))
        )
    assert AUC(None, from_logits=True)(BITS, scores) == pytest.approx(expected, rel=1e-12)


def test_logits_may_be_of_any_size():
    scores = np.array([-1e38, -0.5, 0.3, 0.7, 1.5, 1e38], "f4")
    y = [0, 1, 0, 1, 0, 1]
    assert AUC(from_logits=True)(y, scores) == AUC()(
        y, [0, 0.3775407, 0.5744425, 0.6681878, 0.8175745, 1]
    )


@pytest.mark.parametrize("curve", ["ROC", "PR"])
@pytest.mark.parametrize("thresholds", [None, 200])
def test_a_curve_of_one_class_has_no_area(curve, thresholds):
    metric = AUC(thresholds, curve)
    assert math.isnan(metric.result())
    assert math.isnan(metric([0, 0], [0.1, 0.6]))
    assert math.isnan(metric([1], [0.5], sample_weight=[0.0]))
    # The one is between the zeros. In bins PR is the integral of t / (1 + t) for t from 0 to 1.
    expected = 1 - math.log(2) if (curve, thresholds) == ("PR", 200) else 0.5
    assert metric([1], [0.5]) == pytest.approx(expected, rel=1e-12)
    both = AUC(thresholds, curve, multi_label=True)
    assert math.isnan(both([[1, 0], [0, 0]], [[0.5, 0.5], [0.4, 0.3]]))


@pytest.mark.parametrize("metric", [AUC(), AUC(None), AUC(thresholds=[0.5]), AUC(curve="PR")])
def test_nan_stays_nan_until_the_reset(metric):
    assert math.isnan(metric([0, 1], [0.2, math.nan]))
    assert math.isnan(metric([0, 1], [0.2, 0.5]))
    metric.reset_state()
    assert metric([0, 1], [0.2, 0.6]) == 1.0


def test_labels_are_those_of_the_first_batch_until_the_reset():
    metric = AUC(multi_label=True)
    assert metric(np.eye(2), np.eye(2)) == 1.0
    metric.reset_state()
    assert metric(np.eye(3), np.eye(3)) == 1.0


def test_no_weight_for_any_label_is_no_area():
    assert AUC(multi_label=True, label_weights=[0, 0])(np.eye(2), np.eye(2)) == 0.0


def test_scikit_learn_is_asked_only_for_exact_areas(monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, module, None)
    assert AUC()([0, 1], [0.2, 0.9]) == 1.0
    with pytest.raises(ImportError):
        AUC(None)([0, 1], [0.2, 0.9])
