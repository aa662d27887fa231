"""Constraints make of a parameter what Keras' make of it."""

from __future__ import annotations

import numpy as np
import pytest
from golden import recorded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annlib import Sequential, constraints, layers, regularizers
from annlib.constraints import MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.testing.rules import allocated

RECORDS = recorded("constraints")["constraints"]
matrices = hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.floats(-10, 10))


def projected(constraint, W):
    """What becomes of a copy of W, which must happen in place."""
    W = np.array(W)
    assert constraint(W) is W
    return W


@pytest.mark.parametrize(
    "record", RECORDS["records"], ids=lambda r: f"{r['class']}-{r['config']}-{r['input']}"
)
def test_projections_are_those_of_keras(record):
    constraint = getattr(constraints, record["class"])(**record["config"])
    W = RECORDS["inputs"][record["input"]]
    np.testing.assert_allclose(projected(constraint, W), record["output"], rtol=1e-12)


@given(matrices)
def test_non_neg_keeps_what_is_positive_and_nothing_else(W):
    after = projected(NonNeg(), W)
    assert (after >= 0).all()
    np.testing.assert_array_equal(after[W > 0], W[W > 0])
    assert not after[W <= 0].any()


@given(matrices, st.floats(0.1, 5), st.sampled_from([0, 1]))
def test_max_norm_limits_norms_and_keeps_directions(W, limit, axis):
    after = projected(MaxNorm(limit, axis), W)
    before_norms, norms = (np.linalg.norm(a, axis=axis, keepdims=True) for a in (W, after))
    assert (norms <= limit * (1 + 1e-9)).all()
    np.testing.assert_allclose(norms, np.minimum(before_norms, limit), rtol=1e-4, atol=2e-7)
    np.testing.assert_allclose(after * before_norms, W * norms, rtol=1e-9, atol=1e-12)


@given(matrices, st.floats(0, 1))
def test_a_rate_goes_that_part_of_the_way(W, rate):
    start, end = W, projected(MinMaxNorm(1.0, 2.0), W)
    np.testing.assert_allclose(
        projected(MinMaxNorm(1.0, 2.0, rate), W), start + rate * (end - start), atol=2e-7
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constraint", [UnitNorm(), MaxNorm(1), MinMaxNorm(1.0)], ids=repr)
def test_weights_whose_squares_overflow_keep_their_direction(constraint, dtype):
    largest = np.finfo(dtype).max / 8
    W = np.array([[3 * largest / 4, 0.6, 3e-30], [-largest, 0.8, 4e-30]], dtype)
    after = projected(constraint, W)
    np.testing.assert_allclose(after[:, :2], [[0.6, 0.6], [-0.8, 0.8]], rtol=1e-6)
    assert np.isfinite(after).all()


@pytest.mark.parametrize("constraint", [NonNeg(), UnitNorm(1), MaxNorm(1), MinMaxNorm()], ids=repr)
def test_nothing_of_the_parameters_size_is_allocated(constraint):
    W = np.ones((1000, 1000), np.float32)
    constraint(W)
    assert allocated(lambda: constraint(W)) < W.nbytes / 20


def test_a_model_satisfies_its_constraints_after_training():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2)) * 10
    layer = layers.Dense(2, kernel_constraint=MaxNorm(0.5), bias_constraint="non_neg")
    model = Sequential([layer], seed=0)
    model.compile("adam", "mse")
    model.fit(x, y - 20, epochs=5, verbose=0)
    assert (np.linalg.norm(layer.kernel, axis=0) <= 0.5 + 1e-6).all()
    assert (layer.bias >= 0).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: MaxNorm(0), r"MaxNorm.*max_value.*\(0, inf\)"),
        (lambda: MaxNorm(axis=0.5), "axis as an integer or a list"),
        (lambda: UnitNorm(axis=[]), "UnitNorm.*axis"),
        (lambda: UnitNorm(axis=True), "axis"),
        (lambda: MinMaxNorm(-1.0), "min_value"),
        (lambda: MinMaxNorm(max_value=np.nan), "max_value"),
        (lambda: MinMaxNorm(2.0, 1.0), "min_value <= max_value"),
        (lambda: MinMaxNorm(rate=1.5), "rate"),
        (lambda: constraints.get("max_nrom"), "max_norm"),
        (lambda: constraints.get(3), "name, an object"),
        (lambda: constraints.get(regularizers.L2()), "name, an object"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_named(make, named):
    with pytest.raises(ConfigurationError, match=named):
        make()


@pytest.mark.parametrize("axis", [1, -2, [0, 1]])
def test_a_parameter_without_the_axis_is_refused(axis):
    with pytest.raises(ShapeError, match=r"UnitNorm.*axis.*\(3,\)"):
        UnitNorm(axis)(np.ones(3))


def test_none_is_none_and_names_are_found():
    assert constraints.get(None) is None
    assert constraints.get("max_norm") == MaxNorm(2)
    assert constraints.get("UnitNorm") == constraints.get(UnitNorm) == UnitNorm()


def test_axes_are_a_list_in_the_configuration():
    constraint = UnitNorm(axis=(0, 1))
    assert UnitNorm.from_config(constraint.get_config()) == constraint
    assert repr(constraint) == "UnitNorm(axis=[0, 1])"


@pytest.mark.parametrize(
    "function",
    [lambda W: np.clip(W, -0.1, 0.1), lambda W: np.copyto(W, np.clip(W, -0.1, 0.1))],
    ids=["returns", "in place"],
)
def test_a_plain_function_is_a_constraint_that_cannot_be_saved(function):
    layer = layers.Dense(1, kernel_constraint=function)
    model = Sequential([layer], seed=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 3)), np.full((8, 1), 5.0), verbose=0)
    np.testing.assert_array_equal(np.abs(layer.kernel), np.float32(0.1))
    with pytest.raises(ConfigurationError, match=r"ConstraintFunction\.function.*register"):
        model.get_config()


def test_an_axis_that_the_parameter_has_not_is_refused_before_training():
    layer = layers.Dense(3, bias_constraint=constraints.UnitNorm(axis=1))
    with pytest.raises(ShapeError, match=r"UnitNorm: expected .* axis 1, got dense/bias of shape"):
        Sequential([layers.Input((4,)), layer])
