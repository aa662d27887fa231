"""``numpy`` and ``assign`` on what users see; the engine and ``predict`` keep plain arrays."""

import copy
import json
import pickle

import numpy as np
import pytest

from annlib import Sequential, layers, optimizers
from annlib.core.errors import ConfigurationError, DataError, ReadOnlyError, ShapeError
from annlib.core.views import ArrayView, same_memory

X = np.random.default_rng(0).normal(size=(20, 3))


def trained():
    stack = [layers.Dense(4, "relu"), layers.BatchNormalization(), layers.LayerNormalization()]
    stack += [layers.RMSNormalization(), layers.PReLU(), layers.Dense(1)]
    model = Sequential([layers.Input((3,)), *stack], seed=0, dtype="float64")
    model.compile("adam", "mse")
    model.fit(X, X[:, 0], verbose=0)
    return model


def test_every_parameter_is_shown_with_kerass_methods():
    model = trained()
    for layer in model.layers:
        for name, plain in layer._values().items():
            shown = getattr(layer, name)
            assert type(plain) is np.ndarray
            assert type(layer.__dict__[name]) is np.ndarray
            assert same_memory(shown, plain)
            copied = shown.numpy()
            assert type(copied) is np.ndarray
            assert not np.shares_memory(copied, plain)
            new = np.arange(plain.size).reshape(plain.shape) + 0.5
            assert shown.assign(new) is shown
            shown.assign_add(new).assign_sub(new / 2)
            np.testing.assert_array_equal(plain, 1.5 * new)
            assert same_memory(plain, layer.__dict__[name])
    first = [w.numpy() for w in model.weights]
    model.fit(X, X[:, 0], verbose=0)
    assert not np.array_equal(first[0], model.layers[0].kernel)


def test_what_is_computed_is_plain_and_what_is_changed_in_place_stays():
    layer = trained().layers[0]
    assert type(layer.kernel + 1) is type(np.dot(X, layer.kernel)) is np.ndarray
    assert isinstance(layer.kernel.sum(), np.float64)
    before = layer.bias.numpy()
    layer.bias += 1
    layer.bias[...] *= 2
    np.testing.assert_array_equal(layer.bias, 2 * (before + 1))
    assert repr(layer.bias) == repr(layer.bias.numpy())


@pytest.mark.parametrize("method", ["assign", "assign_add", "assign_sub"])
def test_a_value_that_does_not_fit_is_refused_and_nothing_written(method):
    layer = trained().layers[0]
    before = layer.kernel.numpy()
    for value, error in ((1.0, ShapeError), (np.ones((4, 3)), ShapeError), ([["a"]], DataError)):
        with pytest.raises(error, match=method):
            getattr(layer.kernel, method)(value)
    for act in (
        lambda: setattr(layer, "kernel", before),
        lambda: setattr(layer, "kernel", layer.kernel[:, :2]),
        lambda: delattr(layer, "kernel"),
    ):
        with pytest.raises(ReadOnlyError):
            act()
    np.testing.assert_array_equal(layer.kernel, before)
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'kernel'"):
        _ = layers.Dense(2).kernel


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_views_of_their_own(again):
    model = trained()
    other = again(model)
    other.layers[0].bias.assign(np.full(4, 7.0))
    assert (other.get_weights()[1] == 7).all()
    assert not (model.layers[0].bias == 7).any()
    assert type(again(model.layers[0].bias)) is np.ndarray


def test_outputs_have_numpy_and_predict_is_plain():
    model = trained()
    for output in (model(X), model(X, training=True)):
        assert isinstance(output, ArrayView)
        assert type(output.numpy()) is np.ndarray
    assert type(model.predict(X)) is type(model.predict_on_batch(X)) is np.ndarray
    np.testing.assert_allclose(model(X).numpy(), model.predict(X))


def test_the_learning_rate_is_a_number_that_can_be_assigned():
    model = trained()
    rate = model.optimizer.learning_rate
    assert rate == 0.001
    assert isinstance(rate, float)
    assert json.dumps(rate) == repr(rate) == "0.001"
    assert type(rate.numpy()) is type(pickle.loads(pickle.dumps(rate))) is float
    assert rate.assign(0.25) == model.optimizer.learning_rate == 0.25
    with pytest.raises(ConfigurationError, match="learning_rate"):
        rate.assign(-1)
    model.compile(optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 5)), "mse")
    with pytest.raises(TypeError, match="schedule"):
        model.optimizer.learning_rate.assign(0.1)
    assert type(model.fit(X, X[:, 0], verbose=0).history["loss"][0]) is float
