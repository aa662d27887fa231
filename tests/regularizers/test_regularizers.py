"""Penalties and their gradients are Keras' numbers and their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.linear_model
from golden import recorded
from hypothesis import given
from hypothesis import strategies as st

from annlib import Sequential, layers, optimizers, regularizers
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.core.workspace import Workspace
from annlib.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Ridge

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


@pytest.mark.parametrize("penalty", [L1L2(0.3, 0.2), (np.sum, np.cos)], ids=["class", "pair"])
def test_the_gradient_is_added_at_a_scale(penalty):
    W, regularizer = np.array([1.0, -2.0, 0.0]), regularizers.get(penalty)
    np.testing.assert_allclose(
        gradient(regularizer, W, start=5.0, scale=0.5),
        5.0 + 0.5 * gradient(regularizer, W),
        rtol=1e-15,
    )


def test_the_weights_are_untouched_and_the_type_stays():
    W = np.array([[1.0, -2.0]], np.float32)
    W.flags.writeable = False
    assert gradient(L1L2(0.3, 0.2), W).dtype == np.float32


@pytest.mark.parametrize("factor", [-0.1, math.inf, math.nan])
@pytest.mark.parametrize("cls", [L1, L2])
def test_a_factor_that_cannot_be_meant_is_refused(cls, factor):
    with pytest.raises(ConfigurationError, match=rf"{cls.__name__}.*in \[0, inf\)"):
        cls(factor)


def test_none_is_none_and_names_are_found():
    assert regularizers.get(None) is None
    assert regularizers.get("l1") == regularizers.get(L1) == L1(0.01)
    assert regularizers.get("L2") == L2(0.01)


@pytest.mark.parametrize("name", ["l1_l2", "L1L2", "l1l2", L1L2])
def test_the_name_of_no_penalty_is_refused(name):
    """Keras takes "L1L2" for factors of 0, which nobody would notice."""
    with pytest.raises(ConfigurationError, match=r"expected factors for L1L2.*L1L2\(\.\.\.\)"):
        layers.Dense(2, kernel_regularizer=name)


def test_no_penalty_as_an_object_stays_what_it_is():
    layer = layers.Dense(2, kernel_regularizer=L1L2())
    assert repr(layer) == "Dense(2, kernel_regularizer=L1L2())"
    assert layers.Dense.from_config(layer.get_config()).kernel_regularizer == L1L2()
    assert repr(layers.Dense(2, kernel_regularizer=L2())) == "Dense(2, kernel_regularizer='l2')"


def test_a_pair_of_functions_is_a_penalty_that_cannot_be_saved():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))

    def trained(regularizer):
        layer = layers.Dense(2, kernel_regularizer=regularizer)
        model = Sequential([layer], dtype="float64", seed=0)
        model.compile("sgd", "mse")
        return model.fit(x, y, epochs=3, verbose=0).history["loss"], model

    losses, model = trained((lambda W: 0.2 * (W**2).sum(), lambda W: 0.4 * W))
    assert losses == pytest.approx(trained(L2(0.2))[0], rel=1e-12)
    with pytest.raises(ConfigurationError, match=r"RegularizerFunction\.penalty.*register"):
        model.get_config()
    for wrong in (lambda W: 0.0, (np.sum,), (np.sum, 3), [np.sum, np.sign]):
        with pytest.raises(ConfigurationError, match=r"name, an object|penalty with its gradient"):
            regularizers.get(wrong)


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


@pytest.mark.parametrize("weights", [None, np.array([1.0, 0.0, 3.0, 0.5, 0.5])])
def test_ridge_is_that_of_scikit_learn_whatever_rows_and_weights(weights):
    """Its objective is a sum over the rows, of which annlib's is the mean."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    layer = layers.Dense(1, use_bias=False, kernel_regularizer=Ridge(0.7))
    model = Sequential([layer], dtype="float64", seed=0)
    loss = {"class_name": "HalfSumSquaredError"}
    loss["config"] = {"reduction": "mean_with_sample_weight"}
    model.compile("lbfgs", loss)
    model.optimizer.gtol = 1e-10
    model.fit(x, y, sample_weight=weights, epochs=100, verbose=0)
    theirs = sklearn.linear_model.Ridge(0.7, fit_intercept=False).fit(x, y, weights)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], theirs.coef_, rtol=1e-5)
    n = 5 if weights is None else weights.sum()
    errors = (model.predict(x)[:, 0] - y) ** 2 / 2
    expected = np.average(errors, weights=weights) + 0.35 * (layer.kernel**2).sum() / n
    assert model.evaluate(x, y, sample_weight=weights) == pytest.approx(expected, rel=1e-12)


def test_a_batch_that_weighs_nothing_has_no_ridge():
    assert Ridge(0.7).share(0.0) == 0.0
    assert L2(0.7).share(0.0) == 1.0


def test_orthogonal_vectors_have_no_penalty_and_short_ones_no_infinite_slope():
    regularizer = OrthogonalRegularizer(2.0)
    assert regularizer(np.array([[3.0, 0.0], [0.0, -0.5]])) == 0
    assert regularizer(np.array([[3.0, 1.0]])) == 0
    parallel = np.array([[1.0, 1.0], [-2.0, -2.0], [0.0, 0.0]])
    assert regularizer(parallel) == pytest.approx(2.0 / 3)
    assert np.isfinite(gradient(regularizer, parallel)).all()


def test_orthogonal_refuses_what_is_no_matrix_before_it_trains():
    layer = layers.Dense(3, bias_regularizer=OrthogonalRegularizer(), input_dim=2, name="one")
    with pytest.raises(ShapeError, match=r"expected a matrix, got one/bias of shape \(3,\)"):
        Sequential([layer])


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_trains_kernels_apart(mode):
    layer = layers.Dense(3, kernel_regularizer=OrthogonalRegularizer(1.0, mode), use_bias=False)
    model = Sequential([layers.Input((3,)), layer], dtype="float64", seed=0)
    model.compile(optimizers.SGD(0.1), "mse")
    x, y = np.zeros((4, 3)), np.zeros((4, 3))
    first = model.evaluate(x, y)
    model.fit(x, y, epochs=300, verbose=0)
    assert model.evaluate(x, y) < 0.5 * first
