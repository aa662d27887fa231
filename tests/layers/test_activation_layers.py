"""The layers that are an activation: Keras' numbers, what fuses with a loss, and bad arguments."""

from __future__ import annotations

import numpy as np
import pytest
from golden import recorded

from annlib import Sequential, activations, layers, losses
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.testing.passes import LayerTrial
from annlib.training.fused_loss import split

KERAS = recorded("activations")["layers"]


@pytest.mark.parametrize("record", KERAS["records"], ids=lambda r: f"{r['class']}-{r['config']}")
def test_layers_are_those_of_keras(record):
    x, dy = (np.array(KERAS[key]) for key in ("x", "cotangent"))
    trial = LayerTrial(getattr(layers, record["class"])(**record["config"]), x.shape[1:])
    y, dx = trial.run(x, dy)
    np.testing.assert_allclose(y, record["output"], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dx, record["gradient"], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", activations.ReLU()),
        ("leaky_relu", activations.LeakyReLU(0.3)),  # Keras' function has 0.2
        ("elu", activations.ELU(1.0)),
        ("softmax", activations.Softmax(-1)),
    ],
)
def test_the_defaults_are_those_of_keras_layers(name, activation):
    layer = layers.get(name)
    assert layer.activation == activation
    assert Sequential([layer]).layers[0].name == name


def weights_after(*head, loss="sparse_categorical_crossentropy"):
    rng = np.random.default_rng(0)
    x, labels = 30 * rng.normal(size=(50, 4)), rng.integers(0, 3, size=50)
    model = Sequential([*head], seed=2, dtype="float64")
    model.compile("sgd", loss)
    model.fit(x, labels, epochs=2, batch_size=10, verbose=0)
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


def test_a_softmax_layer_fuses_with_its_loss_as_the_activation_does():
    """Inputs of 30 saturate the softmax: without fusion the clipped logarithm has no gradient."""
    expected = weights_after(layers.Dense(3, activation="softmax"))
    for last in (layers.Softmax(), layers.Activation("softmax")):
        np.testing.assert_array_equal(weights_after(layers.Dense(3), last), expected)


@pytest.mark.parametrize(
    ("last", "fuses"),
    [
        (layers.Softmax(), True),
        (layers.Activation("softmax"), True),
        (layers.Softmax(1), False),
        (layers.Softmax(-2), False),
        (layers.Activation(activations.Softmax(1)), False),
        (layers.Activation("log_softmax"), False),
        (layers.ReLU(), False),
    ],
    ids=repr,
)
def test_only_a_softmax_along_the_last_axis_fuses(last, fuses):
    first = layers.Dense(3)
    body, fused = split([first, last], losses.CategoricalCrossentropy())
    assert fused == fuses
    assert body == ([first] if fuses else [first, last])


def test_a_softmax_along_another_axis_trains():
    x, y = np.random.default_rng(0).normal(size=(2, 8, 3, 2))
    model = Sequential([layers.Dense(2), layers.Softmax(axis=1)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.ReLU(-1.0), "ReLU: expected max_value"),
        (lambda: layers.ReLU(negative_slope=None), "ReLU: expected negative_slope"),
        (lambda: layers.ReLU(threshold=-1), "ReLU: expected threshold"),
        (lambda: layers.ReLU(slope_at_zero=1), "slope_at_zero"),
        (lambda: layers.LeakyReLU(-0.1), "LeakyReLU: expected negative_slope"),
        (lambda: layers.ELU(-1), "ELU: expected alpha"),
        (lambda: layers.Softmax(0), "Softmax: expected axis"),
        (lambda: layers.Softmax(axis=2)._declare((None, 3)), "axis 2"),
        (lambda: layers.Softmax(axis=-2)._declare((None, 3)), "batch"),
        (lambda: layers.Activation(activations.LogSoftmax(3))._declare((None, 3)), "axis 3"),
        (lambda: layers.Activation(np.sin), "derivative"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_dense_refuses_an_activation_along_another_axis_of_deep_input():
    layer = layers.Dense(3, activation=activations.Softmax(axis=1))
    assert layer.compute_output_shape((None, 4)) == (None, 3)
    with pytest.raises(ShapeError, match=r"along the last axis.*Activation layer"):
        layer.compute_output_shape((None, 2, 4))


def test_the_old_name_of_leaky_relus_slope_warns_as_in_keras():
    with pytest.warns(UserWarning, match="alpha is deprecated. Use negative_slope") as caught:
        layer = layers.LeakyReLU(alpha=0.1)
    assert caught[0].filename == __file__
    assert layer.get_config() == layers.LeakyReLU(0.1).get_config()
    with pytest.raises(ConfigurationError, match="alfa"):
        layers.LeakyReLU(alfa=0.1)
