"""A layer in the place of an activation: what it computes, or the layer itself behind the other."""

import json
import pickle

import numpy as np
import pytest

from annlib import Sequential, activations, clone_model, layers, load_model
from annlib.core.errors import ConfigurationError

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X[:, :1] - np.maximum(X[:, 1:2], 0)


def trained(*stack):
    model = Sequential([layers.Input((3,)), *stack, layers.Dense(1)], seed=1, dtype="float64")
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    return model


@pytest.mark.parametrize(
    ("layer", "activation"),
    [
        (layers.ReLU(), "relu"),
        (layers.LeakyReLU(0.1), activations.LeakyReLU(0.1)),
        (layers.Softmax(), "softmax"),
        (layers.Activation("tanh"), "tanh"),
        (layers.Activation(layers.ELU(0.5)), activations.ELU(0.5)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("cls", [layers.Dense, layers.Activation])
def test_a_layer_that_is_an_activation_is_that(cls, layer, activation):
    made = cls(4, activation=layer) if cls is layers.Dense else cls(layer)
    other = cls(4, activation=activation) if cls is layers.Dense else cls(activation)
    assert made.get_config() == other.get_config()
    assert made.activation == other.activation


def test_a_layer_that_learns_is_put_behind_the_other(tmp_path):
    behind = trained(layers.Dense(4, activation=layers.PReLU("ones")))
    apart = trained(layers.Dense(4), layers.PReLU("ones"))
    names = [layer.name for layer in behind.layers]
    assert names == ["dense", "prelu", "dense_1"] == [layer.name for layer in apart.layers]
    for one, other in zip(behind.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert behind.get_config() == apart.get_config()
    behind.save(tmp_path / "m.safetensors")
    for copy in (load_model(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(behind))):
        np.testing.assert_array_equal(copy.predict(X), behind.predict(X))


def test_until_it_stands_in_a_model_the_configuration_has_both():
    layer = layers.Dense(4, activation=layers.PReLU(shared_axes=[1]))
    config = json.loads(json.dumps(layer.get_config()))
    for made in (layer, layers.Dense.from_config(config), layer.clone()):
        model = Sequential([layers.Input((3,)), made])
        assert [type(one) for one in model.layers] == [layers.Dense, layers.PReLU]
        assert model.layers[1].shared_axes == (1,)
        assert len(clone_model(model).layers) == 2


def test_an_activation_with_a_penalty_keeps_it():
    layer = layers.Dense(4, activation=layers.ReLU(activity_regularizer="l2"))
    config = json.loads(json.dumps(layer.get_config()))
    for made in (layer, layers.Dense.from_config(config)):
        model = Sequential([made])
        assert model.layers[1].activity_regularizer is not None


def test_adding_it_is_all_or_nothing():
    model = Sequential([layers.Input((3,)), layers.PReLU(name="taken")])
    layer = layers.Dense(2, activation=layers.PReLU(name="taken"))
    with pytest.raises(ConfigurationError, match='"taken" twice'):
        model.add(layer)
    assert len(model.layers) == 1
    assert [one.name for one in Sequential([layer]).layers] == ["dense", "taken"]
