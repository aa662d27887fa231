"""BatchedDense: k fully connected layers at once are k layers Dense, and Keras' EinsumDense."""

import numpy as np
import pytest
from golden import recorded

from annlib import Sequential, constraints, initializers, layers, regularizers
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.testing.passes import LayerTrial

KERAS = recorded("members")["einsum_dense"]


@pytest.fixture
def rng():
    return np.random.default_rng(17)


@pytest.mark.parametrize("record", KERAS, ids=lambda r: f"{np.shape(r['x'])} {r['config']}")
def test_it_is_keras_einsum_dense(record):
    x = np.array(record["x"])
    trial = LayerTrial(layers.BatchedDense(**record["config"]), x.shape[1:])
    trial.layer.set_weights(record["weights"])
    found = trial.run(x, np.array(record["cotangent"]))
    for one, other in zip(found, [record["output"], *record["gradients"]], strict=True):
        np.testing.assert_allclose(one.ravel(), np.ravel(other), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("units", [1, 3])
def test_each_member_is_a_dense(shared, units, rng):
    arguments = {"kernel_regularizer": "l2", "bias_initializer": "normal", "activation": "selu"}
    both = LayerTrial(layers.BatchedDense(4, units, **arguments), (5,) if shared else (4, 5))
    x, dy = both.data()
    y, dx, dW, db = both.run(x, dy)
    total = np.zeros_like(dx)
    for m in range(4):
        alone = LayerTrial(layers.Dense(units, **arguments), (5,))
        alone.layer.set_weights([both.layer.kernel[m], both.layer.bias[m]])
        own = alone.run(x if shared else x[:, m], dy[:, m])
        np.testing.assert_allclose(y[:, m], own[0], rtol=1e-12)
        np.testing.assert_allclose(dW.reshape(4, 5, units)[m].ravel(), own[2], rtol=1e-12)
        np.testing.assert_allclose(db.reshape(4, units)[m], own[3], rtol=1e-12)
        (total if shared else total[:, m])[...] += own[1]
    np.testing.assert_allclose(dx, total, rtol=1e-11, atol=1e-13)


def test_the_scale_is_a_diagonal_before_the_kernel(rng):
    trial = LayerTrial(layers.BatchedDense(2, 3, use_scale=True), (2, 5))
    plain = LayerTrial(layers.BatchedDense(2, 3), (2, 5))
    kernel, bias, scale = trial.layer.get_weights()
    plain.layer.set_weights([kernel, bias])
    x, _ = trial.data()
    np.testing.assert_allclose(trial.forward(x), plain.forward(x * scale), rtol=1e-12)


@pytest.mark.parametrize(
    ("initializer", "spread"),
    [
        ("glorot_uniform", np.sqrt(2 / (40 + 200))),
        ("he_normal", np.sqrt(2 / 40)),
        (initializers.LecunNormal(seed=3), np.sqrt(1 / 40)),
    ],
)
def test_each_member_starts_as_a_dense_alone(initializer, spread):
    model = Sequential([layers.BatchedDense(16, 200, kernel_initializer=initializer)], seed=1)
    model.build((None, 40))
    kernel = model.layers[0].kernel
    np.testing.assert_allclose(kernel.std(axis=(1, 2)), spread, rtol=0.05)
    assert all((kernel[0] != other).any() for other in kernel[1:])


def test_an_orthogonal_start_is_one_of_each_member():
    model = Sequential([layers.BatchedDense(3, 4, kernel_initializer="orthogonal")], seed=1)
    model.build((None, 6))
    for W in model.layers[0].kernel:
        np.testing.assert_allclose(W.T @ W, np.eye(4), atol=1e-6)


def test_arrays_and_functions_are_the_kernels_of_all(rng):
    values = rng.normal(size=(2, 3, 4)).astype("f4")
    for given in (values, lambda shape, dtype: values.reshape(shape)):
        model = Sequential([layers.BatchedDense(2, 4, kernel_initializer=given)])
        model.build((None, 3))
        np.testing.assert_array_equal(model.layers[0].kernel, values)
    with pytest.raises(ShapeError, match=r"batched_dense/kernel.*\(2, 3, 4\)"):
        Sequential([layers.BatchedDense(2, 4, kernel_initializer=values[0])]).build((None, 3))


@pytest.mark.parametrize("given", [constraints.MaxNorm(0.5), lambda W: W / 2])
def test_constraints_are_those_of_each_member(given, rng):
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2, 4))
    model = Sequential([layers.BatchedDense(2, 4, kernel_constraint=given)], seed=0)
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    model.optimizer.learning_rate = 0.0
    before = model.layers[0].kernel.copy()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    alone = np.stack([W.copy() for W in before])
    for W in alone:
        new = given(W)
        if new is not None:
            W[...] = new
    np.testing.assert_array_equal(model.layers[0].kernel, alone)


def test_a_regularizer_of_matrices_is_summed_over_the_members(rng):
    penalty = regularizers.OrthogonalRegularizer(0.3)
    model = Sequential([layers.BatchedDense(3, 4, kernel_regularizer=penalty)], seed=0)
    x, y = rng.normal(size=(8, 5)), rng.normal(size=(8, 3, 4))
    model.compile("sgd", "mse", metrics=["mse"])
    loss, mse = model.evaluate(x, y, verbose=0)
    expected = sum(penalty(W) for W in model.layers[0].kernel)
    np.testing.assert_allclose(loss - mse, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "shape", [(None, 3, 5), (None, 5, 2), (None, 2, 3, 5), (None, None), (None,), (None, 2, None)]
)
def test_input_of_other_members_is_refused(shape):
    with pytest.raises(ShapeError, match=r"BatchedDense: expected rows for 2 members, \(n, 2, fea"):
        layers.BatchedDense(2, 4)._declare(shape)


def test_an_activation_along_another_axis_is_refused():
    with pytest.raises(ShapeError, match="an activation along the last axis"):
        layers.BatchedDense(2, 4, layers.Softmax(axis=1))._declare((None, 3))


@pytest.mark.parametrize("arguments", [(0, 3), (2, 0), (2.5, 3), (2, "relu")])
def test_members_and_units_are_counts(arguments):
    with pytest.raises(ConfigurationError, match=r"BatchedDense: expected (members|units)"):
        layers.BatchedDense(*arguments)
