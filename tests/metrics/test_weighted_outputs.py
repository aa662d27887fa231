"""Metrics in which each output has a weight, and labels that do not count."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from annlib import losses, metrics
from annlib.core.errors import ShapeError

rng = np.random.default_rng(0)
Y, A = rng.normal(size=(2, 30, 3))
BITS, P = (Y > 0) * 1.0, 1 / (1 + np.exp(-A - Y))
W = rng.uniform(0, 2, size=Y.shape)
W[:7, 1] = 0  # a column without weight at first
FLAT = W.reshape(-1)
LABELS = rng.integers(0, 3, 30)


def by_column(function, y, a):
    return np.array([function(y[:, j], a[:, j], sample_weight=W[:, j]) for j in range(3)])


CASES = {
    "mse": (metrics.MeanSquaredError, Y, A, np.average((Y - A) ** 2, weights=W)),
    "rmse": (metrics.RootMeanSquaredError, Y, A, np.average((Y - A) ** 2, weights=W) ** 0.5),
    "accuracy": (metrics.Accuracy, BITS, (P > 0.5) * 1.0, np.average((P > 0.5) == BITS, weights=W)),
    "binary_accuracy": (metrics.BinaryAccuracy, BITS, P, np.average((P > 0.5) == BITS, weights=W)),
    "bce": (
        metrics.BinaryCrossentropy,
        BITS,
        P,
        sklearn.metrics.log_loss(BITS.reshape(-1), P.reshape(-1), sample_weight=FLAT),
    ),
    "precision": (
        metrics.Precision,
        BITS,
        P,
        sklearn.metrics.precision_score(BITS.reshape(-1), P.reshape(-1) > 0.5, sample_weight=FLAT),
    ),
    "auc": (
        lambda: metrics.AUC(None),
        BITS,
        P,
        sklearn.metrics.roc_auc_score(BITS.reshape(-1), P.reshape(-1), sample_weight=FLAT),
    ),
    "auc of labels": (
        lambda: metrics.AUC(None, multi_label=True, num_labels=3),
        BITS,
        P,
        by_column(sklearn.metrics.roc_auc_score, BITS, P).mean(),
    ),
    "f1": (
        lambda: metrics.F1Score(threshold=0.5),
        BITS,
        P,
        by_column(sklearn.metrics.f1_score, BITS, P > 0.5),
    ),
    "r2": (
        lambda: metrics.R2Score(None),
        Y,
        A,
        by_column(sklearn.metrics.r2_score, Y, A),
    ),
    "own": (
        lambda: metrics.MeanMetricWrapper(lambda y, a: np.abs(y - a)),
        Y,
        A,
        np.average(np.abs(Y - A), weights=W),
    ),
}


@pytest.mark.parametrize(("make", "y", "a", "expected"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("size", [30, 7, 1])
def test_each_output_counts_by_its_weight(make, y, a, expected, size):
    metric = make()
    assert metric.weighs_outputs
    for start in range(0, 30, size):
        part = slice(start, start + size)
        metric.update_state(y[part], a[part], W[part])
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-10)


@pytest.mark.parametrize(("make", "y", "a", "expected"), CASES.values(), ids=CASES)
def test_rows_and_outputs_may_come_in_turn(make, y, a, expected):
    """Weights of rows are those of all their outputs, before and after others."""
    spread, mixed = make(), make()
    rows = np.tile(W[:, :1], 3)
    for start, weights in ((0, W[:, 0]), (10, W), (20, W[:, 0])):
        part = slice(start, start + 10)
        mixed.update_state(y[part], a[part], weights[part])
        each = weights if weights.ndim > 1 else rows
        spread.update_state(y[part], a[part], each[part])
    np.testing.assert_allclose(mixed.result(), spread.result(), rtol=1e-10)


@pytest.mark.parametrize(("make", "y", "a", "expected"), CASES.values(), ids=CASES)
def test_a_state_in_the_middle_is_taken_over(make, y, a, expected):
    first, second = make(), make()
    first.update_state(y[:12], a[:12], W[:12])
    second.check_state(first.get_state())
    second.set_state(first.get_state())
    second.update_state(y[12:], a[12:], W[12:])
    np.testing.assert_allclose(second.result(), expected, rtol=1e-10)


def test_a_column_of_equal_targets_that_comes_late_is_still_one():
    metric = metrics.R2Score(None)
    weights = np.ones((4, 2))
    weights[:2, 0] = 0
    y = np.array([[1.0, 1], [1, 2], [0.1, 3], [0.1, 4]])
    for part in (slice(0, 2), slice(2, 4)):
        metric.update_state(y[part], y[part], weights[part])
    assert metric.result().tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "make",
    [
        metrics.CategoricalAccuracy,
        metrics.CosineSimilarity,
        metrics.CategoricalCrossentropy,
        metrics.KLDivergence,
    ],
)
def test_a_row_with_one_number_has_one_weight(make):
    metric = make()
    assert not metric.weighs_outputs
    with pytest.raises(ShapeError, match="one sample weight a row"):
        metric.update_state(np.eye(3)[LABELS], P / P.sum(1, keepdims=True), W)


class OwnRows(metrics.BinaryAccuracy):
    def rows(self, Y, A, work):
        return super().rows(Y, A, work) * 2


def test_a_metric_with_rows_of_its_own_is_asked_for_nothing_else():
    assert not OwnRows().weighs_outputs
    with pytest.raises(ShapeError, match="one sample weight a row"):
        OwnRows()(BITS, P, W)


def test_a_function_of_rows_says_so():
    metric = metrics.MeanMetricWrapper(lambda y, a: np.abs(y - a).mean(axis=1), name="mean")
    with pytest.raises(ShapeError, match='"mean": expected fn to return a number an output'):
        metric.update_state(Y, A, W)


@pytest.mark.parametrize("make", [metrics.MeanSquaredError, metrics.R2Score, metrics.Sum])
def test_a_number_is_the_weight_of_every_row(make):
    one, each = make(), make()
    for part in (slice(0, 10), slice(10, 30)):
        given = (Y[part],) if make is metrics.Sum else (Y[part], A[part])
        one.update_state(*given, sample_weight=0.5)
        each.update_state(*given, sample_weight=np.full(len(Y[part]), 0.5))
    assert one.result() == each.result()


@pytest.mark.parametrize("weights", [None, W[:, 0]], ids=["", "weighted"])
@pytest.mark.parametrize("ignored", [-1, 0, 255])
def test_ignored_labels_do_not_count(weights, ignored):
    there = LABELS != 1
    y, a = np.where(there, LABELS, ignored), P / P.sum(1, keepdims=True)
    there &= y != ignored
    kept = None if weights is None else weights[there]
    for cls in (metrics.SparseCategoricalAccuracy, metrics.SparseCategoricalCrossentropy):
        metric = cls(ignore_class=ignored)
        for part in (slice(0, 7), slice(7, 30)):
            metric.update_state(y[part], a[part], None if weights is None else weights[part])
        assert metric.result() == pytest.approx(cls()(y[there], a[there], kept))


def test_metrics_of_losses_have_their_arguments():
    smooth = metrics.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    expected = losses.CategoricalCrossentropy(True, 0.2)(np.eye(3)[LABELS], A)
    assert smooth(LABELS, A) == pytest.approx(expected)
    weighted = metrics.BinaryCrossentropy(pos_weight=[1.0, 2.0, 3.0])
    assert weighted(BITS, P) == pytest.approx(
        losses.BinaryCrossentropy(pos_weight=[1.0, 2.0, 3.0])(BITS, P)
    )
