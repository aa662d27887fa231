"""RobustScaling and PiecewiseLinearEncoding: what they learn, and what they make of numbers."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import RobustScaler

import annlib
from annlib import Sequential, layers
from annlib.core.errors import ConfigurationError, DataError, ShapeError


@pytest.fixture
def rng():
    return np.random.default_rng(29)


def scaled(x, dtype="float32", data=None):
    layer = layers.RobustScaling()
    layer.adapt(x if data is None else data)
    return Sequential([layer], dtype=dtype).predict(x)


# -- RobustScaling ---------------------------------------------------------------------------------


def test_it_is_the_scaler_of_scikit_learn(rng):
    x = rng.standard_cauchy((501, 4)) * [1, 10, 0.1, 1e4] + [0, 5, -3, 1e5]
    layer, theirs = layers.RobustScaling(), RobustScaler().fit(x)
    layer.adapt(x)
    np.testing.assert_allclose(layer.center, theirs.center_, rtol=1e-14)
    np.testing.assert_allclose(layer.scale, theirs.scale_, rtol=1e-14)
    found = Sequential([layer], dtype="float64").predict(x)
    np.testing.assert_allclose(found, theirs.transform(x), rtol=1e-12)


def test_a_column_whose_quartiles_are_one_number_goes_by_the_others(rng):
    x = np.zeros((400, 3))
    x[:90, 0] = np.arange(1, 91)
    x[:40, 1] = 7.0
    x[:, 2] = 5.0
    layer = layers.RobustScaling()
    layer.adapt(x)
    np.testing.assert_allclose(layer.center, [0, 0, 5])
    np.testing.assert_allclose(layer.scale, [np.quantile(np.arange(1, 91), 0.75), 7, 1])


@pytest.mark.parametrize("small", [True, False], ids=["small", "large"])
def test_a_column_far_from_0_is_right_in_float32(small, rng):
    x = rng.normal(size=(20 if small else 3000, 3))
    far = x + np.array([0.0, 1e6, -1e6]) * np.ptp(x, axis=0)
    np.testing.assert_allclose(scaled(far), scaled(x), atol=2e-5)
    model = Sequential([layers.RobustScaling(), layers.Dense(4)], seed=0)
    for data in (x, far):  # and so is what learns from it
        model.layers[0].adapt(data)
        model.compile("sgd", "mse")
        model.build((None, 3))
        model.set_weights([np.ones((3, 4)), np.zeros(4)])
        model.fit(data, np.ones((len(x), 4)), epochs=2, shuffle=False, verbose=0)
        np.testing.assert_allclose(model.predict(data), model(data), atol=1e-6)
        weights = model.get_weights() if data is x else weights  # noqa: F821  # of the first round
        np.testing.assert_allclose(model.get_weights()[0], weights[0], atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("power", [20, -20, 600, -600])
def test_a_power_of_two_changes_no_bit(dtype, power, rng):
    x = rng.normal(size=(300, 4)) + 3
    np.testing.assert_array_equal(scaled(np.ldexp(x, power), dtype), scaled(x, dtype))


def test_behind_other_layers_and_in_columns(rng):
    x = rng.normal(size=(50, 3)) + 1e6 * np.array([1, 0, 1])
    scaling = layers.RobustScaling()
    scaling.adapt(x[:, [0, 2]])
    model = Sequential([layers.Columns([(scaling, [0, 2]), (layers.Dense(2), [1])])], seed=0)
    np.testing.assert_allclose(model.predict(x)[:, :2], scaled(x)[:, [0, 2]], atol=1e-6)
    again = layers.RobustScaling(scaling.center, scaling.scale)
    behind = Sequential([layers.Identity(), again], dtype="float64")
    np.testing.assert_allclose(behind.predict(x[:, [0, 2]]), scaled(x)[:, [0, 2]], atol=1e-6)


def test_data_may_come_in_batches_or_as_a_frame(rng):
    x = rng.normal(size=(90, 2))
    whole = layers.RobustScaling()
    whole.adapt(x)
    frame = pd.DataFrame(x, columns=["a", "b"])
    for data in (iter([x[:50], x[50:]]), ((x[i : i + 9], 0 * x[:9, 0]) for i in range(0, 90, 9))):
        layer = layers.RobustScaling()
        layer.adapt(data)
        np.testing.assert_array_equal(layer.scale, whole.scale)
    model = Sequential([layers.RobustScaling(), layers.Dense(1)], seed=0)
    model.layers[0].adapt(frame)
    np.testing.assert_array_equal(model.layers[0].center, whole.center)
    model.predict(frame)
    with pytest.raises(DataError, match=r"\["):
        model.predict(frame[["b", "a"]])


def test_it_is_kept_by_files_and_copies(rng, tmp_path):
    x = rng.normal(size=(40, 3)) * 1e3 + 1e6
    encoding = layers.PiecewiseLinearEncoding(num_bins=5, append_input=True)
    model = Sequential([layers.RobustScaling(), encoding, layers.Dense(1)], seed=0)
    model.layers[0].adapt(x)
    encoding.adapt(Sequential(model.layers[:1]).predict(x))
    expected = model.predict(x)
    model.save(tmp_path / "model.safetensors")
    for other in (
        annlib.load_model(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(other.predict(x), expected)
        other.layers[0].adapt(x * 2)
        np.testing.assert_array_equal(other.predict(x * 2), expected)


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        ([[1.0, np.nan]], DataError, "NaN"),
        ([[1.0], [np.inf]], DataError, "inf"),
        (np.ones((3, 2, 2)), ShapeError, r"data of shape \(n, features\)"),
        ([np.ones((3, 2)), np.ones((3, 2))], DataError, "iter"),
        (np.array([[-1e308], [1e308]] * 5), DataError, "order of magnitude"),
        ([], DataError, "at least one row"),
    ],
)
@pytest.mark.parametrize("make", [layers.RobustScaling, layers.PiecewiseLinearEncoding])
def test_data_that_cannot_be_learned_from_change_nothing(make, data, error, match):
    layer = make()
    layer.adapt([[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]])
    before = layer.get_config()
    if "magnitude" in match and make is layers.PiecewiseLinearEncoding:
        pytest.skip("edges are differences of nothing")
    with pytest.raises(error, match=match):
        layer.adapt(data)
    assert layer.get_config() == before
    model = Sequential([layer])
    model.build((None, 2))
    with pytest.raises(ShapeError, match=r"data of shape \(n, 2\)"):
        layer.adapt(np.ones((4, 3)))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([1.0], None), "or neither"),
        (([1.0], [0.0]), "scale"),
        (([1.0], [1.0, 2.0]), r"shapes \(1,\) and \(2,\)"),
        ((["a"], [1.0]), "center"),
        (([np.inf], [1.0]), "center"),
    ],
)
def test_constants_that_are_none_are_refused(arguments, match):
    with pytest.raises(ConfigurationError, match=rf"RobustScaling: .*{match}"):
        layers.RobustScaling(*arguments)


def test_other_features_are_refused():
    with pytest.raises(ShapeError, match="rows of 2 features"):
        Sequential([layers.RobustScaling([0.0, 1.0], [1.0, 1.0])]).build((None, 3))


# -- PiecewiseLinearEncoding -----------------------------------------------------------------------


def encoded(x, edges, extrapolate):
    """The components of one number, as the paper has them."""
    found = []
    for t in range(1, len(edges)):
        share = (x - edges[t - 1]) / (edges[t] - edges[t - 1])
        if share < 0 and (t > 1 or not extrapolate):
            share = 0.0
        if share > 1 and (t < len(edges) - 1 or not extrapolate):
            share = 1.0
        found.append(share)
    return found


@pytest.mark.parametrize("extrapolate", [True, False])
@pytest.mark.parametrize("append", [True, False])
def test_an_encoding_is_its_equation_number_by_number(extrapolate, append, rng):
    edges = [[-1.0, -0.5, 0.25, 2.0], [0.0], [3.0, 4.0], [-0.1, 0.0, 0.1]]
    layer = layers.PiecewiseLinearEncoding(
        edges, append_input=append, extrapolate=extrapolate, offset=-0.5
    )
    x = np.round(rng.normal(size=(40, 4)) * 2, 1)  # some of them are edges
    found = Sequential([layer], dtype="float64").predict(x)
    for row, values in zip(found, x, strict=True):
        expected = []
        for value, own in zip(values, edges, strict=True):
            expected += [share - 0.5 for share in encoded(value, own, extrapolate)]
            expected += [value] if append else []
        np.testing.assert_allclose(row, expected, rtol=1e-12, atol=1e-14)


def test_edges_are_the_values_if_there_are_few_and_quantiles_if_not(rng):
    n = 1000
    x = np.stack(
        [
            rng.integers(0, 4, n),
            rng.normal(size=n),
            np.where(rng.random(n) < 0.6, 0.0, rng.exponential(size=n)),
            np.full(n, 2.0),
        ],
        axis=1,
    )
    layer = layers.PiecewiseLinearEncoding(num_bins=8)
    layer.adapt(x)
    few, normal, inflated, constant = layer.bin_boundaries
    assert few == [0, 1, 2, 3]
    np.testing.assert_allclose(normal, np.quantile(x[:, 1], np.linspace(0, 1, 9)))
    rest = x[x[:, 2] > 0, 2]
    np.testing.assert_allclose(inflated, [0.0, *np.quantile(rest, np.linspace(0, 1, 8))])
    assert constant == [2.0]


@pytest.mark.parametrize(
    ("shape", "bins"), [((100, 2), 4), ((4000, 2), 10), ((40_000, 2), 32), ((40_000, 20), 19)]
)
def test_the_number_of_bins_goes_by_the_size_of_the_table(shape, bins, rng):
    layer = layers.PiecewiseLinearEncoding()
    layer.adapt(rng.normal(size=shape))
    assert {len(edges) - 1 for edges in layer.bin_boundaries} == {bins}


def test_edges_that_are_one_number_in_float32_make_a_step():
    layer = layers.PiecewiseLinearEncoding([[1.0, 1.0 + 1e-12, 2.0]])
    found = Sequential([layer]).predict([[0.5], [1.0], [1.5], [3.0]])
    np.testing.assert_array_equal(found, [[0, 0], [0, 0], [1, 0.5], [1, 1]])


def test_a_built_encoding_keeps_its_size(rng):
    layer = layers.PiecewiseLinearEncoding(num_bins=4)
    layer.adapt(rng.normal(size=(50, 2)))
    model = Sequential([layer, layers.Dense(1)], seed=0)
    model.build((None, 2))
    before = layer.bin_boundaries
    with pytest.raises(ConfigurationError, match="rows of 8 numbers"):
        layer.adapt(np.arange(6.0).reshape(3, 2))
    assert layer.bin_boundaries == before
    layer.adapt(rng.normal(size=(50, 2)) + 5)
    assert (np.array(layer.bin_boundaries) > 0).all()


@pytest.mark.parametrize(
    "edges",
    [[], 3.0, [0.0, 1.0], [[]], [[1.0, 0.0]], [[0.0, 0.0]], [[0.0, np.nan]], [["a"]], "ab"],
)
def test_edges_that_do_not_rise_are_refused(edges):
    with pytest.raises(ConfigurationError, match=r"PiecewiseLinearEncoding: expected .*bin_bound"):
        layers.PiecewiseLinearEncoding(edges)


def test_an_encoding_needs_edges_and_bins():
    with pytest.raises(ConfigurationError, match=r"adapt\(data\)"):
        Sequential([layers.PiecewiseLinearEncoding()]).build((None, 2))
    with pytest.raises(ShapeError, match="a feature with a bin"):
        Sequential([layers.PiecewiseLinearEncoding([[1.0]])]).build((None, 1))
    with pytest.raises(ShapeError, match="rows of 1 features"):
        Sequential([layers.PiecewiseLinearEncoding([[1.0, 2.0]])]).build((None, 2))
