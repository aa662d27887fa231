"""Penalties and their gradients are Keras' numbers and their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from golden import recorded
from hypothesis import given
from hypothesis import strategies as st

from annlib import Sequential, layers, regularizers
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace
from annlib.regularizers import L1, L1L2, L2

RECORDS = recorded("regularizers")["regularizers"]


def gradient(regularizer, W, start=0.0, scale=1.0):
    dW = np.full_like(W, start)
    regularizer.add_gradient(W, dW, Workspace(W.dtype), scale)
    return dW


@pytest.mark.parametrize(
    "record", RECORDS["records"], ids=lambda r: f"{r['class']}-{r['config']}-{r['input']}"
)
def test_values_and_gradients_are_those_of_keras(record):
    regularizer = getattr(regularizers, record["class"])(**record["config"])
    W = np.array(RECORDS["inputs"][record["input"]])
    assert regularizer(W) == pytest.approx(record["value"], rel=1e-12)
    np.testing.assert_allclose(gradient(regularizer, W), record["gradient"], rtol=1e-12)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.floats(0, 3), st.floats(0, 3))
def test_the_penalty_is_its_closed_form(values, l1, l2):
    W = np.array(values).reshape(-1, 1)
    expected = l1 * math.fsum(map(abs, values)) + l2 * math.fsum(v * v for v in values)
    assert L1L2(l1, l2)(W) == pytest.approx(expected, rel=1e-12)
    assert L1L2(l1, l2)(W) == pytest.approx(L1(l1)(W) + L2(l2)(W), rel=1e-12)


def test_the_gradient_is_the_slope_of_the_penalty():
    W = np.array([[1.0, -2.0], [0.5, 3.0]])
    dW = gradient(L1L2(0.3, 0.2), W)
    for position in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[position] = 1e-6
        slope = (L1L2(0.3, 0.2)(W + step) - L1L2(0.3, 0.2)(W - step)) / 2e-6
        assert dW[position] == pytest.approx(slope, rel=1e-7)


def test_the_gradient_is_added_at_a_scale():
    W = np.array([1.0, -2.0, 0.0])
    np.testing.assert_allclose(
        gradient(L1L2(0.3, 0.2), W, start=5.0, scale=0.5),
        5.0 + 0.5 * gradient(L1L2(0.3, 0.2), W),
        rtol=1e-15,
    )


def test_the_weights_are_untouched_and_the_type_stays():
    W = np.array([[1.0, -2.0]], np.float32)
    W.flags.writeable = False
    assert gradient(L1L2(0.3, 0.2), W).dtype == np.float32


@pytest.mark.parametrize("factor", [-0.1, math.inf, math.nan])
@pytest.mark.parametrize("cls", [L1, L2])
def test_a_factor_that_cannot_be_meant_is_refused(cls, factor):
    with pytest.raises(ConfigurationError, match="number >= 0"):
        cls(factor)


def test_none_is_none_and_names_are_found():
    assert regularizers.get(None) is None
    assert regularizers.get("l2") == L2(0.01)
    assert regularizers.get("L1L2") == L1L2()


def test_a_penalty_on_activities_is_divided_by_the_rows():
    model = Sequential(
        [layers.Dense(2, use_bias=False, activity_regularizer=L2(0.5))], dtype="float64", seed=0
    )
    x, y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]), np.zeros((3, 2))
    model.compile("sgd", "mse")
    model.build((None, 2))
    output = x @ model.get_weights()[0]
    expected = (output**2).mean() + 0.5 * (output**2).sum() / 3
    assert model.evaluate(x, y) == pytest.approx(expected, rel=1e-12)
