"""Dropout and its relatives: Keras' numbers for given draws, and the distributions of the draws."""

import math

import numpy as np
import pytest
from golden import recorded
from scipy import stats

from annlib import Sequential, layers, load_model
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.core.workspace import Workspace

KERAS = recorded("elementwise_layers")["noise"]
#: Enough for shares and moments to be told to a part in a thousand.
SHAPE = (1000, 400)
N = math.prod(SHAPE)


class Given:
    """A generator that draws what it is given."""

    def standard_normal(self, out, dtype):
        out[...] = KERAS["normal"]

    def random(self, out, dtype):
        # Keras keeps what is drawn above the rate, annlib what is drawn below 1 - rate.
        out[...] = 1 - np.array(KERAS["uniform"])


def noisy(layer, x, seed=0, dtype="float64"):
    """The output for a training batch, and the derivative by the input."""
    work = Workspace(dtype, np.random.default_rng(seed))
    y = layer.forward(x, work, training=True).copy()
    return y, layer.backward(np.ones_like(x), work)


@pytest.mark.parametrize(
    "record", KERAS["records"], ids=lambda record: f"{record['class']}({record['argument']})"
)
def test_what_is_made_of_the_draws_is_what_keras_makes(record):
    layer, work = getattr(layers, record["class"])(record["argument"]), Workspace("float64")
    work.rng = Given()
    y = layer.forward(np.array(KERAS["x"]), work, training=True)
    np.testing.assert_allclose(y, record["output"], rtol=1e-12, atol=1e-15)
    dx = layer.backward(np.array(KERAS["cotangent"]), work)
    np.testing.assert_allclose(dx, record["gradients"]["x"], rtol=1e-12, atol=1e-15)


def assert_normal(z):
    """Standard normal, by Kolmogorov and Smirnov, and no number knows its neighbour."""
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    for axis in (0, 1):
        neighbours = (np.delete(z, 0, axis) * np.delete(z, -1, axis)).ravel()
        assert abs(neighbours.mean()) < 4 / math.sqrt(N)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gaussian_noise_is_normal_and_independent_of_x(dtype):
    x = np.full(SHAPE, 3, dtype)
    y, dx = noisy(layers.GaussianNoise(0.25), x, dtype=dtype)
    assert y.dtype == dtype
    assert_normal((y - 3) / 0.25)
    assert (dx == 1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_gaussian_dropout_has_a_normal_factor(rate, dtype):
    y, factor = noisy(layers.GaussianDropout(rate), np.full(SHAPE, -2, dtype), dtype=dtype)
    assert_normal((y / -2 - 1) / math.sqrt(rate / (1 - rate)))
    np.testing.assert_array_equal(factor, y / -2)


def assert_share(left_out, rate):
    """A share of ``rate`` within four times its standard deviation, in each half and in all."""
    for part in (left_out, left_out[::2], left_out[:, ::2]):
        assert abs(part.mean() - rate) <= 4 * math.sqrt(rate * (1 - rate) / part.size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.05, 0.5, 0.75])
def test_dropout_leaves_out_its_share(rate, dtype):
    y, factor = noisy(layers.Dropout(rate), np.full(SHAPE, 3, dtype), dtype=dtype)
    assert_share(y == 0, rate)
    np.testing.assert_allclose(np.unique(y), [0, 3 / (1 - rate)], rtol=1e-6)
    np.testing.assert_allclose(factor, y / 3, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.05, 0.5, 0.75])
def test_alpha_dropout_keeps_mean_and_variance(rate, dtype):
    x = np.random.default_rng(1).standard_normal(SHAPE).astype(dtype)
    y, dx = noisy(layers.AlphaDropout(rate), x, dtype=dtype)
    assert y.dtype == dtype
    assert_share(dx == 0, rate)
    assert len(np.unique(dx)) == 2
    z = y.astype(float)
    assert abs(z.mean()) < 4 * z.std() / math.sqrt(N)
    assert abs(z.var() - 1) < 4 * ((z - z.mean()) ** 2).std() / math.sqrt(N)


NOISES = [
    layers.Dropout(0.5),
    layers.GaussianNoise(0.5),
    layers.GaussianDropout(0.5),
    layers.AlphaDropout(0.5),
]
each = pytest.mark.parametrize("layer", NOISES, ids=repr)


@each
def test_only_training_is_noisy(layer):
    x, work = np.ones((4, 3)), Workspace("float64", np.random.default_rng(0))
    layer.forward(x, work, training=True)
    assert layer.forward(x, work, training=False) is x
    np.testing.assert_array_equal(layer.backward(np.ones_like(x), work), x)


@each
def test_noise_of_strength_zero_is_none_and_draws_nothing(layer):
    still, rng = type(layer)(0), np.random.default_rng(0)
    before, x = rng.bit_generator.state, np.ones((4, 3))
    assert still.forward(x, Workspace("float64", rng), training=True) is x
    assert rng.bit_generator.state == before


@each
def test_every_batch_has_draws_of_its_own_and_every_seed(layer):
    def outputs(own, seed):
        model = Sequential([layers.Input((6,)), type(layer)(0.5, seed=own)], seed=seed)
        return [model(np.ones((5, 6)), training=True).tobytes() for _ in range(2)]

    first, second = outputs(None, 1)
    assert first != second
    assert outputs(None, 1) == [first, second] != outputs(None, 2)
    assert outputs(7, 1) == outputs(7, 2) != [first, second]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dropout(-0.1), r"Dropout: expected rate as a number in \[0, 1\]"),
        (lambda: layers.GaussianNoise(-1), r"GaussianNoise: expected stddev .* \[0, inf\), got -1"),
        (lambda: layers.GaussianNoise(np.inf), "GaussianNoise.*stddev.*inf"),
        (lambda: layers.GaussianNoise("much"), "GaussianNoise.*stddev.*'much'"),
        (lambda: layers.GaussianDropout(1), r"GaussianDropout: expected rate .* \[0, 1\), got 1"),
        (lambda: layers.AlphaDropout(1.0), r"AlphaDropout: expected rate .* \[0, 1\), got 1.0"),
        (lambda: layers.AlphaDropout(np.nan), "AlphaDropout.*rate.*nan"),
        (lambda: layers.GaussianNoise(0.1, seed=-1), "GaussianNoise: expected seed.*-1"),
        (lambda: layers.AlphaDropout(0.1, seed=0.5), r"AlphaDropout: expected seed.*0\.5"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- noise_shape -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [layers.Dropout, layers.AlphaDropout, layers.GaussianDropout])
@pytest.mark.parametrize("noise", [(None, 1, 7), (1, 5, None), (20, 5, 1), [1, 1, 1]])
def test_one_number_serves_all_along_an_axis_of_size_1(cls, noise):
    x = np.ones((20, 5, 7))
    y, dx = noisy(cls(0.5, noise_shape=noise), x)
    shared = tuple(axis for axis, size in enumerate(noise) if size == 1)
    for array in (y, dx):
        assert np.ptp(array, axis=shared).max() == 0
        others = [size for axis, size in enumerate(x.shape) if axis not in shared]
        if others:
            assert len(np.unique(array)) > 1


def test_the_last_batch_may_have_fewer_rows_than_noise_shape_says():
    model = Sequential([layers.Dropout(0.5, (8, 1)), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((11, 3)), np.ones(11), batch_size=8, verbose=0)


@pytest.mark.parametrize("noise", [(None, 2), (None, 1, 1), (4, 4)])
def test_a_noise_shape_that_does_not_fit_the_input_is_refused(noise):
    with pytest.raises(ShapeError, match=r"noise_shape like the input's \(None, 3\)"):
        Sequential([layers.Input((3,)), layers.Dropout(0.5, noise)])


@pytest.mark.parametrize("noise", [3, "ab", (None, 0), (None,), (1, 1.5)])
def test_a_noise_shape_that_is_no_shape_is_refused(noise):
    with pytest.raises(ConfigurationError, match="noise_shape"):
        layers.Dropout(0.5, noise)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("rate", [0.0004, 0.15, 0.5, 0.9999])
def test_dropout_by_bits_leaves_out_its_share_and_keeps_the_mean(rate, bits, dtype):
    layer = layers.Dropout(rate, random_bits=bits)
    share = np.round(rate * 2.0**bits) / 2.0**bits
    assert layer.share == share
    y, factor = noisy(layer, np.full(SHAPE, -2, dtype), dtype=dtype)
    assert_share(y == 0, share)
    np.testing.assert_array_equal(factor, y / -2)
    kept = factor[factor > 0]
    np.testing.assert_allclose(kept, 1 / (1 - share) if kept.size else 0.0, 1e-6)
    for axis in (0, 1):  # no number knows its neighbour
        z = (y == 0) - share
        products = np.delete(z, 0, axis) * np.delete(z, -1, axis)
        assert abs(products.mean()) <= 4 * share * (1 - share) / math.sqrt(products.size)


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("kind", [layers.Dropout, layers.AlphaDropout])
def test_rates_by_bits_of_nothing_and_of_all(kind, bits):
    x = np.arange(1.0, 7).reshape(2, 3)
    np.testing.assert_array_equal(noisy(kind(0.0, random_bits=bits), x)[0], x)
    np.testing.assert_allclose(noisy(kind(1e-12, random_bits=bits), x)[0], x, 1e-12)
    if kind is layers.Dropout:
        np.testing.assert_array_equal(noisy(kind(1.0, random_bits=bits), x)[0], 0 * x)


@pytest.mark.parametrize("bits", [8, 32])
def test_alpha_dropout_by_bits_keeps_mean_and_variance(bits):
    x = np.random.default_rng(1).normal(size=SHAPE)
    y, _ = noisy(layers.AlphaDropout(0.2, random_bits=bits), x)
    assert abs(y.mean()) < 0.01
    assert abs(y.var() - 1) < 0.01


def test_draws_by_bits_follow_the_seed_and_come_back_from_a_file(tmp_path):
    layer = layers.Dropout(0.3, random_bits=8)
    model = Sequential([layers.Dense(4), layer], seed=1)
    model.compile("sgd", "mse")
    x, y = np.ones((40, 3)), np.zeros((40, 4))
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "model.annlib")
    other = load_model(tmp_path / "model.annlib")
    assert other.layers[1].random_bits == 8
    for each in (model, other):
        each.fit(x, y, epochs=2, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("bits", [0, 1, 7, 64, 8.5, "8", True, -8])
def test_other_bits_are_refused(bits):
    with pytest.raises(ConfigurationError, match="random_bits"):
        layers.Dropout(0.3, random_bits=bits)


def test_a_normal_factor_has_no_bits():
    with pytest.raises(ConfigurationError, match="random_bits"):
        layers.GaussianDropout(0.3, random_bits=8)
