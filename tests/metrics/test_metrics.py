"""Metrics that stream over batches of any size are scikit-learn's on the whole set."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from annlib import metrics
from annlib.core.errors import ShapeError, UnknownNameError
from annlib.metrics import (
    BinaryAccuracy,
    CategoricalAccuracy,
    MeanAbsoluteError,
    MeanMetricWrapper,
    MeanSquaredError,
    SparseCategoricalAccuracy,
    resolve_accuracy,
)


@st.composite
def problems(draw):
    """Random seed, rows, outputs, prediction type, weights or None, and where batches begin."""
    n, k = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    weights = None
    if draw(st.booleans()):
        weights = np.array(draw(st.lists(st.floats(0, 3), min_size=n, max_size=n)))
        weights[draw(st.integers(0, n - 1))] += 1.0
    cuts = sorted(draw(st.sets(st.integers(1, n), max_size=6)) - {n})
    dtype = draw(st.sampled_from(["float32", "float64"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng, n, k, dtype, weights, [0, *cuts, n]


def streamed(metric, y, a, weights, cuts):
    for start, stop in itertools.pairwise(cuts):
        part = slice(start, stop)
        metric.update_state(y[part], a[part], None if weights is None else weights[part])
    result = metric.result()
    assert type(result) is float
    return result


@settings(max_examples=100, deadline=None)
@given(problems())
def test_errors_are_those_of_scikit_learn(problem):
    rng, n, k, dtype, weights, cuts = problem
    y, a = rng.normal(size=(n, k)), (10 * rng.normal(size=(n, k))).astype(dtype)
    for metric, reference in (
        (MeanSquaredError(), sklearn.metrics.mean_squared_error),
        (MeanAbsoluteError(), sklearn.metrics.mean_absolute_error),
    ):
        expected = reference(y, a.astype(float), sample_weight=weights)
        assert streamed(metric, y, a, weights, cuts) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(problems())
def test_accuracies_of_classes_are_those_of_scikit_learn(problem):
    rng, n, k, dtype, weights, cuts = problem
    labels, a = rng.integers(0, k + 1, n), rng.random((n, k + 1)).astype(dtype)
    expected = sklearn.metrics.accuracy_score(labels, a.argmax(axis=1), sample_weight=weights)
    column, one_hot = labels.reshape(-1, 1).astype(dtype), np.eye(k + 1)[labels]
    for metric, y in (
        (SparseCategoricalAccuracy(), labels),
        (SparseCategoricalAccuracy(), column),
        (CategoricalAccuracy(), one_hot),
    ):
        assert streamed(metric, y, a, weights, cuts) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(problems(), st.sampled_from([0.3, 0.5]))
def test_accuracy_of_bits_is_that_of_scikit_learn(problem, threshold):
    rng, n, k, dtype, weights, cuts = problem
    y, a = rng.integers(0, 2, (n, k)), rng.random((n, k)).astype(dtype)
    a[0, 0] = threshold  # not above it
    expected = sklearn.metrics.accuracy_score(
        y.ravel(),
        a.ravel() > threshold,
        sample_weight=None if weights is None else np.repeat(weights, k),
    )
    actual = streamed(BinaryAccuracy(threshold=threshold), y, a, weights, cuts)
    assert actual == pytest.approx(expected, rel=1e-12)


def test_columns_and_vectors_mean_the_same():
    y, a = np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.9, 0.4])
    for metric in (MeanSquaredError(), MeanAbsoluteError(), BinaryAccuracy()):
        results = []
        for target in (y, y.reshape(-1, 1)):
            for prediction in (a, a.reshape(-1, 1)):
                metric.reset_state()
                results.append(metric(target, prediction, [[1.0], [2.0], [3.0]]))
        assert len(set(results)) == 1


def test_many_batches_of_single_precision_lose_nothing():
    # The running sum of a million tenths in float32 would be wrong in the third digit.
    metric, y, a = MeanAbsoluteError(), np.zeros((1000, 1), "f4"), np.full((1000, 1), 0.1, "f4")
    for _ in range(1000):
        metric.update_state(y, a)
    assert metric.result() == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_a_difference_of_single_precision_is_taken_in_double():
    y, a = np.array([[0.25]], "f4"), np.array([[2.0**24]], "f4")
    assert MeanAbsoluteError()(y, a) == 2.0**24 - 0.25


@pytest.mark.parametrize("cls", [MeanSquaredError, BinaryAccuracy])
def test_reset_forgets_and_nothing_is_zero(cls):
    metric = cls()
    assert metric.result() == 0.0
    metric.update_state([[1.0]], [[0.0]])
    metric.reset_state()
    assert metric.result() == 0.0
    assert metric([[1.0], [0.0]], [[1.0], [0.0]]) == (1.0 if cls is BinaryAccuracy else 0.0)
    assert metric([[1.0]], [[1.0]], sample_weight=[0.0]) == metric.result()


def test_rows_of_weight_zero_do_not_count():
    assert MeanSquaredError()([[0.0], [0.0]], [[1.0], [9.0]], [2.0, 0.0]) == 1.0
    assert MeanSquaredError()([[0.0]], [[1.0]], [0.0]) == 0.0


@pytest.mark.parametrize(
    ("target", "output", "expected"),
    [
        ((None,), (None, 1), BinaryAccuracy),
        ((None, 1), (None, 1), BinaryAccuracy),
        ((None,), (None, 3), SparseCategoricalAccuracy),
        ((None, 1), (None, 3), SparseCategoricalAccuracy),
        ((None, 3), (None, 3), CategoricalAccuracy),
        ((None, 2), (None, 2), CategoricalAccuracy),
    ],
)
def test_accuracy_means_what_the_shapes_say(target, output, expected):
    metric = resolve_accuracy(target, output, "acc")
    assert type(metric) is expected
    assert metric.name == "acc"
    assert metric.direction == "up"


def test_directions_are_known():
    assert MeanSquaredError.direction == MeanAbsoluteError.direction == "down"
    assert BinaryAccuracy.direction == "up"
    assert MeanMetricWrapper.direction is None


def worst(y_true, y_pred):
    return np.abs(y_true - y_pred).max(axis=1)


@settings(max_examples=30, deadline=None)
@given(problems())
def test_a_plain_function_is_averaged_over_rows(problem):
    rng, n, k, dtype, weights, cuts = problem
    y, a = rng.normal(size=(n, k)), rng.normal(size=(n, k)).astype(dtype)
    expected = np.average(np.abs(y - a).max(axis=1), weights=weights)
    metric = metrics.get(worst)
    assert metric.name == "worst"
    assert streamed(metric, y, a, weights, cuts) == pytest.approx(expected, rel=1e-6)


def test_a_plain_function_may_give_one_number_or_one_an_output():
    y, a = np.zeros((4, 2)), np.arange(8.0).reshape(4, 2)
    assert metrics.get(lambda y, a: np.mean(a - y))(y, a) == 3.5
    assert metrics.get(lambda y, a: a - y)(y, a) == 3.5
    assert MeanMetricWrapper(worst, name="largest").name == "largest"


@pytest.mark.parametrize(
    ("metric", "y", "a"),
    [
        (MeanSquaredError(), np.zeros((3, 2)), np.zeros((3, 1))),
        (MeanSquaredError(), np.zeros(3), np.zeros((3, 2))),
        (MeanAbsoluteError(), np.zeros((1, 2)), np.zeros((3, 2))),
        (BinaryAccuracy(), np.zeros(2), np.zeros((3, 1))),
        (CategoricalAccuracy(), np.zeros(3), np.zeros((3, 2))),
        (SparseCategoricalAccuracy(), np.zeros((3, 2)), np.zeros((3, 2))),
        (SparseCategoricalAccuracy(), np.zeros(1), np.zeros((3, 2))),
    ],
)
def test_shapes_that_do_not_fit_are_errors_and_leave_no_trace(metric, y, a):
    with pytest.raises(ShapeError):
        metric.update_state(y, a)
    assert metric.result() == 0.0
    assert metric.count == 0


@pytest.mark.parametrize("weights", [[1.0], [1.0, 2.0], np.ones((3, 2))])
def test_weights_are_one_a_row(weights):
    metric = MeanSquaredError()
    with pytest.raises(ShapeError, match="one sample weight a row"):
        metric.update_state(np.zeros((3, 1)), np.ones((3, 1)), weights)
    assert metric.count == 0


def test_names_are_found_and_given():
    assert type(metrics.get("mse")) is type(metrics.get("mean_squared_error")) is MeanSquaredError
    assert metrics.get("MeanAbsoluteError").name == "mean_absolute_error"
    assert metrics.get(MeanSquaredError(name="error")).name == "error"
    with pytest.raises(UnknownNameError, match="categorical_accuracy"):
        metrics.get("categorical_acuracy")


def test_predictions_and_targets_are_untouched():
    y, a = np.eye(3), np.eye(3) / 2
    y.flags.writeable = a.flags.writeable = False
    for metric in (
        MeanSquaredError(),
        MeanAbsoluteError(),
        BinaryAccuracy(),
        CategoricalAccuracy(),
    ):
        assert math.isfinite(metric(y, a, np.ones(3)))


# -- running mean and sum --------------------------------------------------------------------------


def test_values_are_averaged_and_added_up():
    values = np.arange(12.0).reshape(6, 2)
    weights = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 3.0])
    mean, total = metrics.Mean(), metrics.Sum()
    for part in (slice(2), slice(2, 6)):
        mean.update_state(values[part], weights[part])
        total.update_state(values[part], sample_weight=weights[part])
    assert mean.result() == pytest.approx(np.average(values.mean(axis=1), weights=weights))
    assert total.result() == (values.sum(axis=1) * weights).sum()
    mean.reset_state()
    total.reset_state()
    assert mean.result() == total.result() == 0.0
    assert mean(3) == total(3) == 3.0  # one number is one row
    assert mean([4.0, 5.0]) == 4.0


# -- what is not defined, and what is not a number -------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 0.1, 1e9 + 0.1])
def test_r2_of_equal_targets(offset):
    y = np.full((30, 2), offset)
    a = y + np.array([0.0, 0.5])
    metric = metrics.R2Score(None)
    for part in (slice(7), slice(7, 30)):
        metric.update_state(y[part], a[part], np.full(len(y[part]), 0.3))
    np.testing.assert_array_equal(metric.result(), [1.0, 0.0])
    for aggregation in ("uniform_average", "variance_weighted_average"):
        assert metrics.R2Score(aggregation)(y, a) == 0.5


def test_r2_loses_no_digits_far_from_zero():
    y, a = np.random.default_rng(0).integers(0, 9, (2, 40)).astype(float)
    near, far = metrics.R2Score()(y, a), metrics.R2Score()(y + 2.0**40, a + 2.0**40)
    assert far == pytest.approx(near, rel=1e-12)


def test_r2_is_adjusted_for_regressors_by_rows():
    y, a = np.random.default_rng(0).normal(size=(2, 12, 2))
    plain = metrics.R2Score()(y, a)
    adjusted = metrics.R2Score(num_regressors=3)(y, a)
    assert adjusted == pytest.approx(1 - (1 - plain) * 11 / 8, rel=1e-12)
    with pytest.warns(UserWarning, match="more than 12 rows"):
        assert metrics.R2Score(num_regressors=11)(y, a) == plain


def test_scores_of_nothing_are_zero():
    y, a = np.zeros((3, 2)), np.zeros((3, 2))
    for metric in (metrics.Precision(), metrics.Recall(), metrics.F1Score("macro")):
        assert metric.result() == 0.0
        assert metric(y, a) == 0.0
    assert metrics.R2Score().result() == 0.0
    np.testing.assert_array_equal(metrics.F1Score()(y, a), [0.0, 0.0])
    assert metrics.F1Score().result().shape == (0,)


def test_all_largest_predictions_are_chosen_unless_they_are_zero():
    metric = metrics.F1Score()
    metric.update_state([[1, 1, 0], [1, 1, 1]], [[0.4, 0.4, 0.2], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(metric.result(), [2 / 3, 2 / 3, 0])


def test_ties_at_the_kth_place_are_among_the_k_largest():
    a = [[0.3, 0.3, 0.3, 0.1]]
    for label, expected in ((0, 1.0), (2, 1.0), (3, 0.0)):
        assert metrics.SparseTopKCategoricalAccuracy(1)([label], a) == expected


@pytest.mark.parametrize(("k", "precision"), [(1, 1.0), (2, 0.5), (3, 2 / 3), (4, 3 / 4)])
def test_no_more_than_the_k_largest_count_as_ones_of_those_that_tie_the_first(k, precision):
    # As Keras: its own test has such ties.
    metric = metrics.Precision(top_k=k)
    assert metric([[1, 0, 1, 1]], [[0.3, 0.3, 0.3, 0.1]]) == pytest.approx(precision)
    weighted = metrics.Recall(top_k=3)
    weighted([[0, 1, 1, 0, 1]], [[0.2, 0.1, 0.4, 0, 0.2]], sample_weight=[[1, 4, 2, 3, 5]])
    recall = weighted([1, 0, 1, 1, 1], [0.2, 0.6, 0.4, 0.2, 0.2], sample_weight=3)
    assert recall == pytest.approx((2 + 5 + 3 + 3) / (4 + 2 + 5 + 3 + 3 + 3 + 3))


def test_where_all_tie_with_nan_the_result_is_nan():
    metric = metrics.Precision(top_k=1)
    assert np.isnan(metric([[1, 0]], [[np.nan, 0.5]]))


@pytest.mark.parametrize(
    "metric",
    [
        metrics.Precision(),
        metrics.Recall([0.1, 0.9]),
        metrics.Precision(top_k=1),
        metrics.TrueNegatives(),
        metrics.F1Score("micro"),
        metrics.F1Score("macro", threshold=0.5),
        metrics.MeanSquaredError(),
        metrics.R2Score(),
    ],
    ids=repr,
)
def test_nan_stays_nan(metric):
    a = np.array([[0.2, 0.8], [0.3, np.nan]])
    assert np.isnan(metric(np.eye(2), a)).all()
    metric.reset_state()
    assert not np.isnan(metric(np.eye(2), np.nan_to_num(a))).any()


def test_a_row_whose_class_has_nan_is_not_among_the_largest():
    a = [[np.nan, 0.2, 0.3], [0.1, np.nan, 0.2]]
    assert metrics.SparseTopKCategoricalAccuracy(3)([0, 0], a) == 0.5
    assert metrics.SparseTopKCategoricalAccuracy(2)([2, 2], a) == 1.0


def test_a_function_of_ones_own_may_be_an_object():
    from annlib import losses

    assert metrics.get(losses.Huber(delta=2.0)).name == "huber_loss"


def test_rows_of_several_choices_count_by_their_share():
    rng = np.random.default_rng(0)
    a, labels = rng.random((5, 3, 4)), rng.integers(0, 4, (5, 3))
    right = (a.reshape(15, 4).argmax(axis=1) == labels.reshape(-1)).mean()
    assert metrics.SparseCategoricalAccuracy()(labels, a) == pytest.approx(right)
    assert metrics.CategoricalAccuracy()(np.eye(4)[labels], a) == pytest.approx(right)
    for metric in (metrics.F1Score(), metrics.R2Score(), metrics.TopKCategoricalAccuracy(k=2)):
        with pytest.raises(ShapeError, match=r"got \(5, 3, 4\).*Flatten"):
            metric(np.eye(4)[labels], a)


@pytest.mark.parametrize("cls", [metrics.Mean, metrics.Sum])
def test_of_nothing_it_is_0(cls):
    assert cls()([]) == cls()(np.zeros((0, 3))) == 0
