"""What every layer promises, and what single layers do."""

from __future__ import annotations

import numpy as np
import pytest
from cases import DEEP, FLAT, LAYERS

from annlib import layers
from annlib.core.workspace import Workspace
from annlib.testing import check_layer
from annlib.testing.passes import LayerTrial

CASES = [
    pytest.param(row, shape, id=f"{row!r}-{shape}")
    for row in LAYERS
    for shape in getattr(row, "shapes", [FLAT, DEEP])
]
each = pytest.mark.parametrize(("row", "shape"), CASES)
both_modes = pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])


@each
def test_it_keeps_the_rules_of_a_layer(row, shape):
    check_layer(row.make(), shape)


@each
@both_modes
def test_no_gradient_is_zero_for_all(row, shape, training):
    """So that a derivative of zero is no accident of the numbers that the check draws."""
    trial = LayerTrial(row.make(), shape, training=training)
    for array, name in zip(trial.run(*trial.data()), trial.names, strict=True):
        assert array.any() != (name != "the output" and getattr(row, "passive", False)), name


@each
@both_modes
def test_float32_is_float64_rounded(row, shape, training):
    double = LayerTrial(row.make(), shape, training=training)
    if training and double.layer.random:
        pytest.skip("float32 draws other numbers")
    single = double.again("float32")
    single.vector.values[...] = double.vector.values
    x, dy = double.data()
    found = single.run(x.astype("f4"), dy.astype("f4"))
    for one, other in zip(found, double.run(x, dy), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@each
def test_it_keeps_values_if_it_says_so(row, shape):
    trial = LayerTrial(row.make(), shape, training=False)
    x, dy = trial.data()
    y = trial.run(x.copy(), dy)[0]
    assert trial.layer.keeps_values == np.array_equal(y.ravel(), x.ravel())


# -- single layers ---------------------------------------------------------------------------------


def test_dense_is_the_papers_fully_connected_layer_row_by_row():
    """{Z} = [W^T]{X} + {B}; 7.3 for the gradients, summed over the rows (5.2)."""
    trial = LayerTrial(layers.Dense(3), FLAT)
    W, B = trial.layer.kernel, trial.layer.bias
    x, dy = trial.data(4)
    y, dx, dW, dB = trial.run(x, dy)
    dW = dW.reshape(W.shape)
    M, N = W.shape
    accumulated_W, accumulated_B = np.zeros((M, N)), np.zeros(N)
    for r in range(len(x)):
        for i in range(N):
            z = B[i]
            for j in range(M):
                z += W[j, i] * x[r, j]
                accumulated_W[j, i] += dy[r, i] * x[r, j]
            accumulated_B[i] += dy[r, i]
            assert y[r, i] == pytest.approx(z, rel=1e-12)
        for j in range(M):
            expected = sum(W[j, i] * dy[r, i] for i in range(N))
            assert dx[r, j] == pytest.approx(expected, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(dW, accumulated_W, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dB, accumulated_B, rtol=1e-12, atol=1e-14)


def test_dropout_keeps_the_expectation_and_the_share():
    layer, work = layers.Dropout(0.25), Workspace("float64", np.random.default_rng(0))
    x = np.full((500, 200), 3.0)
    y = layer.forward(x, work, training=True)
    assert set(np.unique(y)) == {0.0, 4.0}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(layer.backward(np.ones_like(x), work), y / 3)
    assert layer.forward(x, work, training=False) is x


def test_dropout_of_all_is_zero_both_ways():
    layer, work = layers.Dropout(1.0), Workspace("float64", np.random.default_rng(0))
    assert not layer.forward(np.ones((4, 3)), work, training=True).any()
    assert not layer.backward(np.ones((4, 3)), work).any()


def test_batch_normalization_gives_columns_of_mean_0_and_variance_1():
    trial = LayerTrial(layers.BatchNormalization(), FLAT)
    trial.layer.gamma[...], trial.layer.beta[...] = 1.0, 0.0
    x, _ = trial.data(50)
    y = trial.forward(100 + 20 * x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-4)  # epsilon is in the variance


def test_batch_normalization_commits_what_the_batch_taught_and_not_before():
    trial = LayerTrial(layers.BatchNormalization(), FLAT)
    layer = trial.layer
    x, _ = trial.data(8)
    mean, variance = layer.moving_mean.copy(), layer.moving_variance.copy()
    trial.forward(x)
    np.testing.assert_array_equal(layer.moving_mean, mean)
    layer.commit(trial.work)
    np.testing.assert_allclose(layer.moving_mean, 0.99 * mean + 0.01 * x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        layer.moving_variance, 0.99 * variance + 0.01 * x.var(axis=0), rtol=1e-12
    )
    layer.forward(x, trial.work, training=False)
    before = trial.vector.values.copy()
    layer.commit(trial.work)
    np.testing.assert_array_equal(trial.vector.values, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(0), "units"),
        (lambda: layers.Dense(True), "units"),
        (lambda: layers.Dense(2.5), "units"),
        (lambda: layers.Dense(3, activation="rleu"), 'Did you mean "relu"'),
        (lambda: layers.Dense(3, name="a/b"), "/"),
        (lambda: layers.Dense(3, name=""), "name"),
        (lambda: layers.Dropout(1.5), "rate"),
        (lambda: layers.Dropout(True), "rate"),
        (lambda: layers.BatchNormalization(axis=0), "axis"),
        (lambda: layers.BatchNormalization(momentum=1), "momentum"),
        (lambda: layers.BatchNormalization(epsilon=0), "epsilon"),
        (lambda: layers.Input(5), "Input"),
        (lambda: layers.Input((0,)), "Input"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("shape", [(None,), (None, None), (None, 3, None)])
def test_dense_needs_to_know_its_features(shape):
    with pytest.raises(ValueError, match="features"):
        layers.Dense(2)._declare(shape)
