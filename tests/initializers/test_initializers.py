"""Initial values have Keras' distributions."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import scipy.stats
from golden import recorded

from annlib import Sequential, constraints, initializers, layers
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.initializers import (
    Identity,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

MATRICES = recorded("initializers")["matrices"]
RECORDS = {record["class"]: record for record in recorded("initializers")["initializers"]}
by_name = pytest.mark.parametrize("name", RECORDS)
SHAPE = (200, 300)
N = math.prod(SHAPE)
# The standard deviation of a standard normal variable cut off at +-2, by SciPy.
CUT = scipy.stats.truncnorm(-2, 2).std()


def sample(initializer, shape=SHAPE, seed=1):
    return initializer(shape, "float64", np.random.default_rng(seed))


def closed_form(name):
    """Distribution and standard deviation of each initializer with its defaults, by its paper."""
    fan_in, fan_out = SHAPE
    return {
        "GlorotUniform": ("uniform", math.sqrt(2 / (fan_in + fan_out))),
        "GlorotNormal": ("truncated", math.sqrt(2 / (fan_in + fan_out))),
        "HeUniform": ("uniform", math.sqrt(2 / fan_in)),
        "HeNormal": ("truncated", math.sqrt(2 / fan_in)),
        "LecunUniform": ("uniform", math.sqrt(1 / fan_in)),
        "LecunNormal": ("truncated", math.sqrt(1 / fan_in)),
        "VarianceScaling": ("truncated", math.sqrt(1 / fan_in)),
        "RandomUniform": ("uniform", 0.05 / math.sqrt(3)),
        "RandomNormal": ("normal", 0.05),
        "TruncatedNormal": ("truncated", 0.05 * CUT),
    }[name]


def law(kind, std):
    """The distribution of that kind, mean 0 and standard deviation."""
    if kind == "uniform":
        return scipy.stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std)
    if kind == "truncated":
        return scipy.stats.truncnorm(-2, 2, scale=std / CUT)
    return scipy.stats.norm(scale=std)


@by_name
def test_samples_follow_the_law_of_their_paper(name):
    values = sample(getattr(initializers, name)()).ravel()
    assert scipy.stats.kstest(values, law(*closed_form(name)).cdf).pvalue > 1e-4


@by_name
def test_samples_are_spread_as_those_of_keras(name):
    record, values = RECORDS[name], sample(getattr(initializers, name)())
    assert list(values.shape) == record["shape"]
    # Keras' figures and ours are of two samples of N: six standard errors of the difference.
    assert abs(values.mean() - record["mean"]) < 6 * record["std"] * math.sqrt(2 / N)
    assert abs(values.std() / record["std"] - 1) < 6 * math.sqrt(1 / N)
    if name != "RandomNormal":  # the others have limits, which so large a sample comes near to
        assert values.min() == pytest.approx(record["min"], rel=1e-3)
        assert values.max() == pytest.approx(record["max"], rel=1e-3)


@by_name
def test_no_value_lies_outside_the_limits(name):
    kind, std = closed_form(name)
    limit = {"uniform": math.sqrt(3) * std, "truncated": 2 * std / CUT, "normal": math.inf}[kind]
    assert np.abs(sample(getattr(initializers, name)())).max() <= limit * (1 + 1e-12)


def test_small_samples_keep_to_their_limits_too():
    samples = [sample(TruncatedNormal(0.0, 1.0), (3,), seed) for seed in range(500)]
    assert 1.9 < np.abs(samples).max() <= 2.0


@by_name
def test_defaults_are_those_of_keras(name):
    config = getattr(initializers, name)().get_config()
    theirs = RECORDS[name]["default_config"]
    assert {key: config[key] for key in theirs if key in config} == {
        key: value for key, value in theirs.items() if not key.endswith("_axes")
    }


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
def test_variance_scaling_has_the_variance_asked_for(mode, distribution):
    values = sample(VarianceScaling(3.0, mode, distribution))
    n = {"fan_in": 200, "fan_out": 300, "fan_avg": 250}[mode]
    # The variance of a sample of N has a standard error of at most sqrt(2 / N).
    assert values.var() == pytest.approx(3.0 / n, rel=6 * math.sqrt(2 / N))
    assert (np.abs(values).max() > 2.3 * math.sqrt(3 / n)) == (distribution == "untruncated_normal")


def test_a_vector_and_a_stack_of_kernels_have_keras_fans():
    assert sample(initializers.LecunUniform(), (3000,)).max() <= math.sqrt(3 / 3000)
    stack = sample(initializers.LecunUniform(), (5, 20, 30))
    assert 0.99 * math.sqrt(3 / 100) < stack.max() <= math.sqrt(3 / 100)


def test_the_arguments_move_and_scale_the_law():
    uniform = sample(RandomUniform(2.0, 5.0))
    assert 2.0 <= uniform.min() < 2.001
    assert 4.999 < uniform.max() < 5.0
    normal, truncated = sample(RandomNormal(3.0, 0.5)), sample(TruncatedNormal(3.0, 0.5))
    assert normal.mean() == pytest.approx(3.0, abs=0.02)
    assert normal.std() == pytest.approx(0.5, rel=0.02)
    assert 2.0 <= truncated.min() < 2.01
    assert 3.99 < truncated.max() <= 4.0


@by_name
def test_a_seed_of_its_own_repeats_and_a_stream_goes_on(name):
    seeded, free = getattr(initializers, name)(seed=3), getattr(initializers, name)()
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(seeded((4, 5), rng=rng), seeded((4, 5)))
    assert (free((4, 5), rng=rng) != free((4, 5), rng=rng)).all()
    np.testing.assert_array_equal(sample(free, (4, 5)), sample(free, (4, 5)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_is_the_one_asked_for(dtype):
    for initializer in ("zeros", "ones", "glorot_uniform", "he_normal", "random_normal"):
        assert initializers.get(initializer)((2, 3), dtype).dtype == dtype


def test_constants_are_exact_and_only_numbers_are_broadcast():
    np.testing.assert_array_equal(initializers.Constant(0.25)((2, 3)), np.full((2, 3), 0.25))
    np.testing.assert_array_equal(initializers.get("zeros")((2,)), [0, 0])
    np.testing.assert_array_equal(initializers.get("ones")((2,)), [1, 1])
    values = [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(initializers.Constant(values)((2, 2)), values)
    with pytest.raises(ShapeError):
        initializers.Constant([1.0, 2.0])((2, 2))


@pytest.mark.parametrize("record", MATRICES["identities"], ids=lambda r: str(r["shape"]))
def test_identities_are_those_of_keras(record):
    values = Identity(record["gain"])(record["shape"], "float64")
    np.testing.assert_array_equal(values, record["values"])


@pytest.mark.parametrize("record", MATRICES["orthogonal"], ids=lambda r: str(r["shape"]))
def test_orthogonal_matrices_stretch_all_directions_alike(record):
    gain, shape = record["gain"], record["shape"]
    W = sample(Orthogonal(gain), shape).reshape(-1, shape[-1])
    small = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(small, gain**2 * np.eye(len(small)), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.svd(W, compute_uv=False), record["singular_values"], rtol=1e-12
    )


def test_orthogonal_matrices_prefer_no_direction():
    """Each element of a uniform rotation or reflection of space is uniform in [-1, 1]."""
    rng = np.random.default_rng(0)
    draws = np.array([Orthogonal()((3, 3), "float64", rng) for _ in range(2000)])
    for element in draws.reshape(-1, 9).T:
        assert scipy.stats.kstest(element, scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-4
    assert abs(np.linalg.det(draws).mean()) < 6 / math.sqrt(2000)


def test_the_defaults_of_matrices_are_those_of_keras():
    assert Orthogonal().get_config() == MATRICES["default_configs"]["Orthogonal"]
    assert Identity() == Identity(1.0)  # Keras leaves the gain out of its configuration


def test_a_seeded_orthogonal_repeats_and_scales():
    one = Orthogonal(seed=3)((4, 5), "float64", np.random.default_rng(0))
    np.testing.assert_array_equal(Orthogonal(-2.0, seed=3)((4, 5), "float64"), -2.0 * one)


@pytest.mark.parametrize(("name", "shape"), [("orthogonal", (3,)), ("identity", (2, 2, 2))])
def test_what_is_a_matrix_fits_no_other_shape(name, shape):
    with pytest.raises(ShapeError, match=rf"(?i){name}: expected a parameter.*got one of shape"):
        initializers.get(name)(shape)


def test_a_plain_function_is_an_initializer_that_cannot_be_saved():
    def steps(shape, dtype=None):
        return np.arange(math.prod(shape), dtype=dtype).reshape(shape)

    layer = layers.Dense(2, kernel_initializer=steps, input_dim=3)
    model = Sequential([layer], dtype="float64", seed=0)
    np.testing.assert_array_equal(layer.kernel, [[0, 1], [2, 3], [4, 5]])
    with pytest.raises(ConfigurationError, match=r"InitializerFunction\.function.*register"):
        model.get_config()
    with pytest.raises(ShapeError, match=r"shape \(3, 2\).*got \(2,\)"):
        Sequential([layers.Dense(2, kernel_initializer=lambda shape, dtype: [1, 2], input_dim=3)])
    with pytest.raises(ConfigurationError, match="name, an object"):
        initializers.get(constraints.NonNeg())


@pytest.mark.parametrize(
    "function",
    [
        lambda shape, dtype, rng: rng.normal(size=shape),
        lambda s, d, generator: generator.normal(size=s),
        lambda shape, rng: rng.normal(size=shape),
        lambda shape, dtype=None, *, rng=None: rng.normal(size=shape),
        lambda shape, rng, dtype="float32", scale=1.0: scale * rng.normal(size=shape),
        functools.partial(
            lambda scale, shape, dtype, rng: scale * rng.normal(size=shape),
            1.0,
        ),
    ],
)
def test_a_function_that_takes_a_generator_gets_the_parameters_own(function):
    def kernels(seed, initializer, *before):
        model = Sequential(
            [*before, *(layers.Dense(3, kernel_initializer=initializer) for _ in range(2))],
            seed=seed,
            dtype="float64",
        )
        model.build((None, 3))
        return [layer.kernel.copy() for layer in model.layers[-2:]]

    first, second = kernels(1, function)
    assert not np.array_equal(first, second)
    for again in (
        kernels(1, function),
        kernels(1, function, layers.Dropout(0.5)),
        kernels(1, RandomNormal(stddev=1.0)),  # which draws the same from the same streams
    ):
        np.testing.assert_array_equal(again, [first, second])
    assert not np.array_equal(kernels(2, function), [first, second])
    alone = initializers.get(function)
    assert alone((2, 3)).dtype == "float32"
    assert not np.array_equal(alone((2, 3)), alone((2, 3)))


def test_a_function_of_keras_gets_no_generator():
    def scaled(shape, dtype=None, scale=0.5, **keywords):
        assert not keywords
        return np.full(shape, scale, dtype)

    layer = layers.Dense(2, kernel_initializer=scaled, input_dim=3)
    Sequential([layer], seed=0)
    np.testing.assert_array_equal(layer.kernel, np.full((3, 2), 0.5))


@pytest.mark.parametrize(
    ("cls", "keywords"),
    [
        (VarianceScaling, {"scale": 0}),
        (VarianceScaling, {"mode": "fan"}),
        (VarianceScaling, {"distribution": "normal"}),
        (RandomUniform, {"minval": 1.0, "maxval": 0.0}),
        (RandomUniform, {"maxval": math.inf}),
        (RandomNormal, {"mean": "0"}),
        (Orthogonal, {"gain": math.nan}),
        (Orthogonal, {"seed": 1.5}),
        (Identity, {"gain": None}),
        (RandomNormal, {"stddev": -1.0}),
        (RandomNormal, {"seed": -1}),
        (TruncatedNormal, {"seed": 0.5}),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(cls, keywords):
    with pytest.raises(ConfigurationError, match=next(iter(keywords))):
        cls(**keywords)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_an_array_is_an_initializer(dtype):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    model = Sequential([layers.Dense(3, kernel_initializer=values, input_dim=2)])
    np.testing.assert_array_equal(model.get_weights()[0], values)
    again = Sequential.from_config(model.get_config())
    np.testing.assert_array_equal(again.get_weights()[0], values)
    with pytest.raises(ShapeError, match="shape"):
        Sequential([layers.Dense(2, kernel_initializer=values, input_dim=3)])
    with pytest.raises(ConfigurationError, match="finite"):
        layers.Dense(2, kernel_initializer=np.array([np.nan]))
