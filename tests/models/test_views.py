"""Views stay views: whatever is done to a model, its layers share the vector that it trains."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

from annlib import Sequential, clone_model, layers, optimizers
from annlib.core.errors import ConfigurationError
from annlib.core.views import same_memory

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)


def new(dtype="float32", seed=1):
    return Sequential(
        [
            layers.Dense(6, "relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(4, "tanh"),
            layers.Dense(3, "softmax"),
        ],
        seed=seed,
        dtype=dtype,
    )


def build(model):
    model.build((None, 5))


def compile_(model):
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])


def fit(model, epochs=2):
    return model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0)


STAGES = {
    "new": [],
    "built": [build],
    "compiled": [compile_],
    "built and compiled": [build, compile_],
    "compiled and built": [compile_, build],
    "fitted": [compile_, fit],
    "frozen": [build, lambda m: setattr(m.layers[0], "trainable", False), compile_, fit],
}
stages = pytest.mark.parametrize("stage", STAGES)


def at(stage, **arguments):
    model = new(**arguments)
    for act in STAGES[stage]:
        act(model)
    return model


def assert_views(model):
    """Every attribute and every gradient lies in the model's vectors, at its own place."""
    vector, seen = model.vector, []
    for layer in model.layers:
        for name, value in layer._values().items():
            assert same_memory(getattr(layer, name), value)
            assert np.shares_memory(value, vector.values)
            start = value.ctypes.data - vector.values.ctypes.data
            seen.append((start, start + value.nbytes))
        if vector.gradients.size:
            for gradient in layer.gradients.values():
                assert np.shares_memory(gradient, vector.gradients)
    seen.sort()
    edges = [0, *(stop for _, stop in seen)]
    assert [start for start, _ in seen] == edges[:-1]
    assert edges[-1] == vector.values.nbytes
    # And what is written to the one is read from the other.
    before = vector.values.copy()
    vector.values += 1
    total = sum(float(value.sum()) for value in model.weights)
    np.testing.assert_allclose(total, float(vector.values.sum()), rtol=1e-4)
    vector.values[...] = before


def assert_trains_as(model, twin):
    """Both go on to learn, and to the same bits."""
    for one in (model, twin):
        if not one.compiled:
            compile_(one)
    before = model.predict(X)
    np.testing.assert_array_equal(before, twin.predict(X))
    found, expected = fit(model), fit(twin)
    assert found.history == expected.history
    after = model.predict(X)
    np.testing.assert_array_equal(after, twin.predict(X))
    assert (before != after).any()
    np.testing.assert_array_equal(model.vector.values, twin.vector.values)
    assert_views(model)


@stages
def test_views_at_every_stage(stage):
    model = at(stage)
    build(model)
    assert_views(model)
    assert_trains_as(model, at(stage))


COPIES = {
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda model, protocol=protocol: pickle.loads(
            pickle.dumps(model, protocol)
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@stages
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_is_a_model_of_its_own_that_trains_the_same(stage, way):
    model, twin = at(stage), at(stage)
    copied = COPIES[way](model)
    assert repr(copied) == repr(model)
    assert copied.built == model.built
    assert copied.compiled == model.compiled
    if model.built:
        assert_views(copied)
        assert not np.shares_memory(copied.vector.values, model.vector.values)
        np.testing.assert_array_equal(copied.vector.values, model.vector.values)
        assert copied.vector.n_trainable == model.vector.n_trainable
        kept = model.get_weights()
        assert_trains_as(copied, twin)
        for one, other in zip(model.get_weights(), kept, strict=True):
            np.testing.assert_array_equal(one, other)
    else:
        assert_trains_as(copied, twin)
    assert_trains_as(model, at(stage))  # and the original never noticed


def test_a_pickle_carries_every_weight_once():
    model = Sequential([layers.Input((100,)), layers.Dense(500), layers.Dense(100)], seed=0)
    model.predict(np.ones((200, 100)))
    size = model.vector.values.nbytes
    assert len(pickle.dumps(model)) < 1.05 * size
    model.compile(optimizers.SGD(), "mse")
    model.fit(np.ones((200, 100)), np.ones((200, 100)), verbose=0)
    assert len(pickle.dumps(model)) < 1.05 * size  # no gradient and no workspace


def test_a_copy_of_a_copy_and_after_the_original_is_gone():
    model, twin = at("fitted"), at("fitted")
    copied = copy.deepcopy(pickle.loads(pickle.dumps(copy.deepcopy(model))))
    del model
    gc.collect()
    assert_trains_as(copied, twin)


@stages
def test_set_weights_writes_into_the_vector(stage):
    model, twin = at(stage), at(stage)
    build(model)
    vector, kept = model.vector, model.get_weights()
    model.set_weights([weight + 1 for weight in kept])
    assert model.vector is vector
    assert_views(model)
    for weight, old in zip(model.weights, kept, strict=True):
        np.testing.assert_array_equal(weight, old + 1)
    for layer in model.layers:
        layer.set_weights([weight - 1 for weight in layer.get_weights()])
    model.set_weights([np.round(weight, 3) for weight in model.get_weights()])
    build(twin)
    twin.vector.values[...] = np.round((twin.vector.values + 1) - 1, 3)
    assert_trains_as(model, twin)


@stages
def test_load_weights_writes_into_the_vector(stage, tmp_path):
    model, twin = at(stage), at(stage)
    build(model)
    vector, values = model.vector, model.vector.values.copy()
    model.save_weights(tmp_path / "w.safetensors")
    vector.values.fill(7)
    model.load_weights(tmp_path / "w.safetensors")
    assert model.vector is vector
    np.testing.assert_array_equal(vector.values, values)
    assert_trains_as(model, twin)


@pytest.mark.parametrize("frozen", [[0], [4], [1], [0, 1, 3], [1, 4]])
def test_freezing_lays_the_vector_out_anew_and_keeps_every_value(frozen):
    model = at("fitted")
    weights, predictions = model.get_weights(), model.predict(X)
    for index in frozen:
        model.layers[index].trainable = False
    compile_(model)
    assert_views(model)
    np.testing.assert_array_equal(model.predict(X), predictions)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    n = model.vector.n_trainable
    assert n == sum(weight.size for weight in model.trainable_weights)
    rest = model.vector.values[n:].copy()
    fit(model)
    moved = np.concatenate([w.ravel() for w in model.non_trainable_weights])
    still = [model.layers[i].get_weights() for i in frozen]
    for index, arrays in zip(frozen, still, strict=True):
        offset = sum(len(layer._parameters) for layer in model.layers[:index])
        for array, old in zip(arrays, weights[offset : offset + len(arrays)], strict=True):
            np.testing.assert_array_equal(array, old)
    learned = [w for w in (0, 3, 4) if w not in frozen]
    for index in learned:
        offset = sum(len(layer._parameters) for layer in model.layers[:index])
        assert (model.layers[index].kernel != weights[offset]).any()
    assert len(moved) == len(rest)


@pytest.mark.parametrize("times", [1, 2])
def test_freezing_and_thawing_is_as_never(times):
    """The same bits as a model that was compiled as often and never frozen."""
    model, twin = at("fitted"), at("fitted")
    for _ in range(times):
        model.layers[0].trainable = model.layers[3].trainable = False
        compile_(model)
        assert_views(model)
        model.trainable = True
        compile_(model)
        compile_(twin)
    assert_trains_as(model, twin)


def test_a_frozen_model_trains_as_one_that_was_always_frozen():
    model, other = at("fitted"), new()
    build(other)
    other.set_weights(model.get_weights())
    for one in (model, other):
        one.layers[0].trainable = False
        compile_(one)
        one._network.streams.restore({})
    assert_trains_as(model, other)


@pytest.mark.parametrize("index", [0, 1])
def test_freezing_takes_effect_at_compile_and_fit_says_so(index):
    model, twin = at("fitted"), at("fitted")
    model.layers[index].trainable = False
    before = model.layers[0].kernel.copy()
    with pytest.warns(UserWarning, match="Call compile again"):
        fit(model)
    fit(twin)
    np.testing.assert_array_equal(model.predict(X), twin.predict(X))
    assert (model.layers[0].kernel != before).any()
    model.layers[index].trainable = True
    assert_trains_as(model, twin)


@stages
def test_pop_gives_the_layer_back_and_add_takes_it(stage):
    model, twin = at(stage), at(stage)
    build(model)
    build(twin)
    values = [layer.get_weights() for layer in model.layers]
    last = model.pop()
    assert_views(model)
    assert last.built
    assert last._owner is None
    assert not np.shares_memory(last.kernel, model.vector.values)
    assert model.output_shape == (None, 4)
    model.add(last)
    assert_views(model)
    for layer, weights in zip(model.layers, values, strict=True):
        for one, other in zip(layer.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)
    for one in (model, twin):  # compile starts the optimizer anew in both
        compile_(one)
    assert_trains_as(model, twin)


def test_add_keeps_the_weights_below_and_trains():
    model = at("fitted")
    kept = [layer.get_weights() for layer in model.layers]
    model.pop()
    model.add(layers.Dense(5, "relu"))
    model.add(layers.Dense(3, "softmax"))
    assert_views(model)
    for layer, weights in zip(model.layers[:4], kept, strict=False):
        for one, other in zip(layer.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(one, other)
    twin = Sequential.from_config(model.get_config())
    build(twin)
    twin.set_weights(model.get_weights())
    for one in (model, twin):
        compile_(one)
        one._network.streams.restore({})
    assert_trains_as(model, twin)


def test_a_model_built_step_by_step_is_the_one_built_at_once():
    model, twin = Sequential(seed=1), new()
    for layer in new().layers:
        model.add(layer.clone())
    assert_trains_as(model, twin)
    grown = Sequential([layers.Input((5,))], seed=1)
    for layer in new().layers:
        grown.add(layer.clone())
        assert_views(grown)
    assert_trains_as(grown, at("built"))


def test_a_clone_has_the_first_weights_again():
    model = at("fitted")
    clone = clone_model(model)
    assert clone.compiled
    assert clone.optimizer is not model.optimizer
    assert_trains_as(clone, new())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hidden_features_share_the_weights(dtype):
    model = at("fitted", dtype=dtype)
    features = Sequential(model.layers[:-1], dtype=dtype)
    assert features.predict(X).shape == (40, 4)
    before = features.predict(X)
    fit(model)
    after = features.predict(X)
    assert (before != after).any()
    assert same_memory(features.layers[0].kernel, model.layers[0].kernel)
    assert_views(model)


def test_hidden_features_of_another_type_are_refused_with_the_way_out():
    model = at("fitted", dtype="float64")
    with pytest.raises(ConfigurationError, match='dtype="float64"'):
        Sequential(model.layers[:-1])
    fit(model)
    assert_views(model)


@pytest.mark.parametrize("copies", ["deepcopy", "pickle 5"])
def test_a_layer_copied_alone_has_its_weights_and_goes_into_another_model(copies):
    model = at("fitted")
    weights = model.get_weights()
    copied = [COPIES[copies](layer) for layer in model.layers]
    other = Sequential(copied, seed=1)
    assert_views(other)
    for one, two in zip(other.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, two)
    compile_(other)
    fit(other)
    for one, two in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_copied_list_of_layers_is_a_model_of_its_own():
    model = at("fitted")
    other = Sequential(copy.deepcopy(model.layers), seed=1)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert_views(other)


def test_a_refused_layer_leaves_the_model_as_it_was():
    model, twin = at("fitted"), at("fitted")
    for bad in (model.layers[0], layers.Dense(3, name="dense"), layers.Input((3,)), "Dense", 3):
        with pytest.raises((ValueError, RuntimeError)):
            model.add(bad)
    assert_views(model)
    assert_trains_as(model, twin)


def test_a_copy_made_between_freezing_and_compile_trains_as_its_original():
    x, y = np.random.default_rng(0).standard_normal((64, 5)), np.arange(64) % 3
    model = Sequential([layers.Dense(4, "relu"), layers.Dense(3, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    twin = copy.deepcopy(model)
    for each in (model, twin):
        with pytest.warns(UserWarning, match="frozen or unfrozen after compile"):
            each.fit(x, y, verbose=0)
    assert twin.optimizer.iterations == model.optimizer.iterations == 4
    for own, copied in zip(model.weights, twin.weights, strict=True):
        assert np.array_equal(own, copied)
