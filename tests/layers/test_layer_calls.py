"""A layer called with rows: what a model of it would predict, and nothing else changes."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from cases import DEEP, FLAT, LAYERS

from annlib import Input, Sequential, initializers, layers
from annlib.core.errors import AnnlibError, ConfigurationError, DataError, ShapeError

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 5))
Y = X[:, :1]

CASES = [
    pytest.param(row, shape, id=f"{row!r}-{shape}")
    for row in LAYERS
    for shape in getattr(row, "shapes", [FLAT, DEEP])[:1]
    if row.cls is not layers.Input
]


def data_for(layer, shape):
    if layer.encodes:
        terms = np.array(layer.get_vocabulary(include_special_tokens=False))
        return terms[rng.integers(0, len(terms), (6, *shape))]
    x = rng.normal(size=(6, *shape))
    if layer.codes is not None:
        return rng.integers(0, layer.codes, (6, *shape))
    for place, codes in layer.code_columns(shape[-1] if shape else 0).items():
        x[:, place] = rng.integers(0, codes, 6)
    return x


@pytest.mark.parametrize(("row", "shape"), CASES)
def test_every_layer_gives_what_a_model_of_it_predicts(row, shape):
    layer = row.make()
    x = data_for(layer, shape)
    before = x.copy()
    y = layer(x)
    np.testing.assert_array_equal(y.numpy(), Sequential([layer]).predict(x))
    np.testing.assert_array_equal(x, before)
    assert y.dtype == np.float32 and type(y + 1) is np.ndarray


def test_it_is_built_once_and_keeps_its_weights_in_a_model():
    layer = layers.Dense(3)
    assert not layer.built
    y = layer(X)
    assert layer.built and layer.kernel.shape == (5, 3) and layer.name == "dense"
    np.testing.assert_array_equal(layer(X), y)
    model = Sequential([layer, layers.Dense(1)])
    np.testing.assert_allclose(X @ layer.kernel, y, rtol=1e-5, atol=1e-6)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    assert [each.name for each in model.layers] == ["dense", "dense_1"]
    np.testing.assert_allclose(X @ layer.kernel + layer.bias, layer(X), rtol=1e-5, atol=1e-6)
    assert not np.array_equal(layer(X), y)


def test_what_was_seen_of_its_weights_stays_what_it_computes_with():
    layer = layers.Dense(3)
    layer(X)
    kernel = layer.kernel
    layer(X)
    kernel[...] = 0
    assert not layer(X).any()


def test_it_is_of_its_own_type_or_of_its_models():
    assert layers.Dense(2, dtype="float64")(X).dtype == np.float64
    model = Sequential([layers.Dense(2)], dtype="float64")
    model.build((None, 5))
    assert model.layers[0](X).dtype == np.float64
    np.testing.assert_array_equal(model.layers[0](X), model.predict(X))


def test_layers_of_a_model_one_after_the_other_are_the_model():
    model = Sequential(
        [layers.Normalization(), layers.Dense(4, "tanh"), layers.Dropout(0.5), layers.Dense(1)],
        seed=0,
    )
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    before = copy.deepcopy(model)
    y = X
    for layer in model.layers:
        y = layer(y)
    np.testing.assert_allclose(y, model.predict(X), rtol=1e-6)
    for layer, x in zip(model.layers, [X, X, np.ones((3, 4)), np.ones((3, 4))], strict=True):
        layer(x, training=True)
    for each in (model, before):
        each.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.predict(X), before.predict(X))


def test_a_layer_without_weights_takes_rows_of_any_shape():
    layer = layers.ReLU()
    assert layer(X).shape == (6, 5)
    assert layer(X[:, :2]).shape == (6, 2)
    assert Sequential([layer]).predict(X[:, :3]).shape == (6, 3)


@pytest.mark.parametrize("seed", [None, 3])
def test_training_draws_other_numbers_at_each_call(seed):
    layer = layers.Dropout(0.5, seed=seed)
    ones = np.ones((50, 20))
    one, other = layer(ones, training=True), layer(ones, training=True)
    assert set(np.unique(one)) == {0.0, 2.0}
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(layer(ones), ones)
    np.testing.assert_array_equal(layer(ones, training=None), ones)
    again = layers.Dropout(0.5, seed=seed)(ones, training=True)
    assert np.array_equal(again, one) == (seed is not None)


def test_statistics_of_a_training_call_are_of_its_batch_and_are_not_kept():
    layer = layers.BatchNormalization()
    x = 3 + 2 * X
    np.testing.assert_allclose(layer(x, training=True).mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(layer(x), x, rtol=1e-2)
    assert not layer.moving_mean.any()


def test_a_layer_given_as_activation_comes_behind_it():
    layer = layers.Dense(3, activation=layers.PReLU(alpha_initializer="ones"))
    y = layer(X)
    model = Sequential([layer])
    assert len(model.layers) == 2
    np.testing.assert_array_equal(model.predict(X), y)
    np.testing.assert_allclose(y, X @ model.layers[0].kernel, rtol=1e-4, atol=1e-6)


def test_lists_frames_and_sparse_rows_are_what_they_are_to_a_model(tmp_path):
    layer = layers.Dense(3)
    expected = layer(X)
    np.save(tmp_path / "x.npy", X)
    for x in (
        X.tolist(),
        pd.DataFrame(X),
        scipy.sparse.csr_array(X),
        np.asfortranarray(X),
        X.astype("f"),
        np.load(tmp_path / "x.npy", mmap_mode="r"),
    ):
        np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)
    assert layers.Dense(2, input_dim=1)([1.0, 2.0, 3.0]).shape == (3, 2)
    lookup = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")
    np.testing.assert_array_equal(lookup([["b"], ["x"]]), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    "x",
    [
        None, 3.0, "text", [["a"]], np.zeros((0, 5)), np.zeros((3, 0)), X * np.nan, X + 1j,
        {"a": X}, np.array([[1e300]]), X[0],
    ],
    ids=lambda x: str(x)[:20].replace("\n", ""),
)  # fmt: skip
def test_it_refuses_what_a_model_refuses(x, built):
    def error_of(call):
        try:
            return type(call(x))
        except AnnlibError as error:
            return type(error), str(error).partition(": ")[2]

    layer, other = layers.Dense(3), layers.Dense(3)
    model = Sequential([other])
    if built:
        layer(X)
        model.build((None, 5))
    found = error_of(layer)
    assert found == error_of(model)
    assert layer.built == built


def test_rows_of_another_shape_are_refused():
    layer = layers.Dense(3, name="mine")
    layer(X)
    with pytest.raises(ShapeError, match=r'Dense.__call__: expected x of shape \(n, 5\).*"mine"'):
        layer(X[:, :4])


def test_nothing_is_built_where_a_layer_cannot_be():
    layer = layers.Dense(3, kernel_initializer=initializers.Identity())
    with pytest.raises(AnnlibError):
        layer([*np.ones((2, 3, 4)).tolist(), 1])
    assert not layer.built
    orthogonal = layers.LayerNormalization(axis=3)
    with pytest.raises(AnnlibError):
        orthogonal(X)
    assert not orthogonal.built and not orthogonal._parameters


@pytest.mark.parametrize("made", [Input((4,)), layers.Dense(3), Sequential([layers.Dense(2)])])
@pytest.mark.parametrize("called", [layers.Dense(3), Sequential([layers.Dense(2)])])
def test_what_stands_for_data_shows_how_a_chain_is_written(called, made):
    for x in (made, [made, made]):
        with pytest.raises(ConfigurationError, match=r"Sequential\(\[Input"):
            called(x)


def test_a_tensor_of_keras_is_told_by_its_class():
    symbol = type("KerasTensor", (), {"shape": (None, 4)})()
    with pytest.raises(ConfigurationError, match="KerasTensor, which stands for none"):
        layers.Dense(3)(symbol)


@pytest.mark.parametrize("training", ["yes", 3, [True]])
def test_training_is_a_flag(training):
    with pytest.raises(ConfigurationError, match="expected training"):
        layers.Dense(3)(X, training=training)


def test_columns_find_theirs_by_name():
    frame = pd.DataFrame(X, columns=list("abcde"))
    layer = layers.Columns([(layers.Dense(2), ["b", "a"])], "drop")
    y = layer(frame)
    assert layer.feature_names == tuple("abcde")
    with pytest.raises(DataError, match="columns"):
        layer(frame[list("bacde")])
    np.testing.assert_array_equal(layer(X), y)


def test_many_threads_build_it_once():
    layer, found = layers.Dense(200), []
    start = threading.Barrier(8)

    def work():
        start.wait()
        found.append(layer(X))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 8
    for y in found:
        np.testing.assert_array_equal(y, found[0])
