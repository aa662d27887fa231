"""Layers for tables: Scaling, ParametricActivation, SmoothClipping and PeriodicEmbedding."""

import numpy as np
import pytest

from annlib import Sequential, activations, layers
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.testing.passes import LayerTrial


@pytest.fixture
def rng():
    return np.random.default_rng(23)


# -- Scaling and ParametricActivation --------------------------------------------------------------


def test_scaling_starts_as_the_identity_and_learns_which_inputs_help(rng):
    x = rng.normal(size=(200, 4))
    y = x[:, :1] * 2
    model = Sequential([layers.Scaling(), layers.Dense(1, kernel_initializer="ones")], seed=0)
    model.build((None, 4))
    x32 = x.astype("f4")
    np.testing.assert_array_equal(Sequential(model.layers[:1]).predict(x32), x32)
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.01
    model.fit(x, y, epochs=40, verbose=0)
    factors = np.abs(model.layers[0].scale)
    assert factors[0] > 1.2 * factors[1:].max()


@pytest.mark.parametrize("name", ["relu", "selu", "mish", "tanh", "softmax"])
def test_a_mix_is_between_its_activation_and_the_identity(name, rng):
    x = rng.normal(size=(5, 3))
    for alpha in (0.0, 1.0, 0.25):
        trial = LayerTrial(layers.ParametricActivation(name), (3,))
        trial.layer.alpha[...] = alpha
        f = activations.get(name)(x)
        np.testing.assert_allclose(trial.forward(x), (1 - alpha) * x + alpha * f, atol=1e-15)


def test_a_mix_needs_an_activation_that_keeps_the_shape():
    with pytest.raises(ShapeError, match="ParametricActivation: expected an activation whose"):
        Sequential([layers.ParametricActivation("glu")]).build((None, 4))
    with pytest.raises(ConfigurationError, match=r"ParametricActivation\.activation"):
        layers.ParametricActivation("nothing")


# -- SmoothClipping --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("limit", [1e-30, 0.5, 3.0, 1e30])
def test_clipping_at_the_ends_of_the_type(dtype, limit):
    most, least = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    x = np.array([[-np.inf, -most, -limit, -least, 0.0, least, limit, most, np.inf, np.nan]], dtype)
    trial = LayerTrial(layers.SmoothClipping(limit), (10,), dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        y = trial.forward(x)[0]
        dx = trial.layer.backward(np.ones_like(x), trial.work)[0]
    with np.errstate(all="ignore"):
        expected = x[0].astype("f8") / np.hypot(1, x[0].astype("f8") / limit)
    expected[[0, 1, -3, -2]] = -limit, -limit, limit, limit
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert np.isnan(y[-1])
    assert np.isnan(dx[-1])
    np.testing.assert_allclose(dx[[2, 4, 6]], [2**-1.5, 1, 2**-1.5], rtol=1e-6)
    assert (dx[[0, 8]] < 1e-20).all()


@pytest.mark.parametrize("limit", [0, -1, np.inf, np.nan, "3"])
def test_a_limit_is_a_positive_number(limit):
    with pytest.raises(ConfigurationError, match=r"SmoothClipping: expected limit"):
        layers.SmoothClipping(limit)


# -- PeriodicEmbedding -----------------------------------------------------------------------------


def embedded(x, frequencies, phases, kernel, bias, append):
    """One row of one member, feature by feature."""
    parts = []
    for j, value in enumerate(x):
        cosines = np.cos(2 * np.pi * frequencies[j] * value + phases[j])
        parts += [*(cosines @ kernel[j] + bias[j]), *([value] if append else [])]
    return np.array(parts)


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("members", [None, 1, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_an_embedding_is_its_equation_row_by_row(append, members, shared, rng):
    if members is None and not shared:
        pytest.skip("there are no members to have an input each")
    shape = (4,) if shared else (members, 4)
    layer = layers.PeriodicEmbedding(2, 5, members, append)
    trial = LayerTrial(layer, shape)
    x, _ = trial.data()
    y = trial.forward(x)
    assert y.shape == (*((6,) if members is None else (6, members)), 4 * (2 + append))
    weights = trial.layer.get_weights()
    for r in range(len(x)):
        for m in range(members or 1):
            own = weights if members is None else [value[m] for value in weights]
            row = x[r] if shared else x[r, m]
            found = y[r] if members is None else y[r, m]
            np.testing.assert_allclose(found, embedded(row, *own, append), rtol=1e-11, atol=1e-13)


def test_an_embedding_starts_as_its_recipe_says():
    model = Sequential([layers.PeriodicEmbedding(3, 64, members=4)], seed=0)
    model.build((None, 20))
    layer = model.layers[0]
    assert layer.frequencies.shape == (4, 20, 64)
    np.testing.assert_allclose(layer.frequencies.std(), 0.1, rtol=0.03)
    np.testing.assert_allclose(np.abs(layer.phases).max(), np.pi, rtol=0.01)
    np.testing.assert_allclose(layer.kernel.std(), np.sqrt(1 / 64), rtol=0.03)
    assert not layer.bias.any()
    assert len(np.unique(layer.frequencies)) > 0.99 * layer.frequencies.size


def test_an_ensemble_with_embeddings_trains(rng):
    x = rng.uniform(-2, 2, (300, 2))
    y = np.sin(6 * x[:, :1]) + x[:, 1:]
    model = Sequential(
        [
            layers.PeriodicEmbedding(4, 8, members=2, frequency_initializer="random_normal"),
            layers.BatchedDense(2, 32, use_scale=True),
            layers.ParametricActivation("mish"),
            layers.BatchedDense(2, 1),
        ],
        seed=0,
    )
    model.compile("adam", "mse")
    targets = np.repeat(y[:, np.newaxis], 2, axis=1)
    model.optimizer.learning_rate = 0.01
    losses = model.fit(x, targets, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("shape", [(None, 3, 4), (None, None), (None,), (None, 2, 3, 4)])
def test_an_embedding_refuses_other_rows(shape):
    with pytest.raises(ShapeError, match=r"PeriodicEmbedding: expected rows of features"):
        layers.PeriodicEmbedding(members=2)._declare(shape)
