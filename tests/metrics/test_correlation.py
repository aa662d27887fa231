"""Correlations along a row's outputs and along the rows, and where there is none."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import pearsonr

from annlib import Sequential, layers, metrics
from annlib.core.errors import ConfigurationError, ShapeError

rng = np.random.default_rng(4)
Y = rng.normal(size=(40, 1))
A = (Y + rng.normal(size=(40, 1))).astype(np.float32)


def test_one_output_has_a_correlation_along_the_rows_alone():
    found = metrics.PearsonCorrelation(axis=0)
    for part in (slice(0, 1), slice(1, 30), slice(30, 40)):
        found.update_state(Y[part, 0], A[part])
    assert found.result() == pytest.approx(pearsonr(Y[:, 0], A[:, 0].astype(float)).statistic)
    for cls in (metrics.PearsonCorrelation, metrics.ConcordanceCorrelation):
        with pytest.raises(ShapeError, match=rf"^{cls.__name__}: expected rows of several.*axis=0"):
            cls()(Y, A)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -3.7])
def test_equal_numbers_have_no_correlation(value):
    same = np.full((7, 3), value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for axis in (-1, 0):
            metric = metrics.PearsonCorrelation(axis=axis)
            assert math.isnan(metric(rng.normal(size=(7, 3)), same))
            metric.reset_state()
            assert math.isnan(metric(same, rng.normal(size=(7, 3))))
            assert metrics.ConcordanceCorrelation(axis=axis)(same, same + 1) == 0.0


def test_a_model_says_that_equal_predictions_have_no_correlation():
    model = Sequential([layers.Dense(3, kernel_initializer="zeros")])
    model.compile("sgd", "mse", metrics=[metrics.PearsonCorrelation()])
    message = "value of pearson_correlation, got a row or column of equal numbers: NaN"
    with pytest.warns(UserWarning, match=message):
        assert math.isnan(model.evaluate(*rng.normal(size=(2, 7, 3)))[1])


@pytest.mark.parametrize("axis", [1, -2, None, (0, 1), True, 0.0])
def test_another_axis_is_refused(axis):
    with pytest.raises(ConfigurationError, match=r"^PearsonCorrelation: expected axis=-1.*or 0"):
        metrics.PearsonCorrelation(axis=axis)


def test_a_shift_costs_concordance_and_not_correlation():
    y = rng.normal(size=(30, 2)) + 1e5
    assert metrics.PearsonCorrelation(axis=0)(y, y + 3) == pytest.approx(1.0, rel=1e-9)
    far = metrics.ConcordanceCorrelation(axis=0)(y, y + 3)
    variance = y.var(axis=0)
    assert far == pytest.approx(np.mean(2 * variance / (2 * variance + 9)), rel=1e-6)


def test_it_goes_with_a_network():
    model = Sequential([layers.Dense(1)], seed=0)
    used = metrics.PearsonCorrelation(axis=0)
    model.compile("adam", "mse", metrics=[used, "mae"], weighted_metrics=["r2_score"])
    history = model.fit(Y, 2 * Y, epochs=3, verbose=0, batch_size=7).history
    assert abs(history["pearson_correlation"][-1]) == pytest.approx(1.0)
    model.compile("adam", "mse", metrics=["pearson_correlation"])
    before = model.get_weights()
    with pytest.raises(ShapeError, match="axis=0"):
        model.fit(Y, 2 * Y, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
