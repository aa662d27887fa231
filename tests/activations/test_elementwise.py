"""A callable with its derivative: in a layer, in copies, and what it may not return."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

from annlib import Sequential, activations, layers
from annlib.core.errors import AnnlibError, ConfigurationError, ShapeError
from annlib.testing.activations import ActivationTrial, rules
from annlib.testing.passes import LayerTrial


def cube(Z):
    return Z**3


def cube_slope(Z):
    return 3 * Z**2


def test_it_keeps_the_rules_of_an_activation():
    """But for the memory: that is the functions' affair."""
    activation = activations.Elementwise(np.sin, np.cos)
    rules.check("Elementwise", lambda: ActivationTrial(activation, ()), may_allocate=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_functions_return_is_copied_in_the_layers_type(dtype):
    wide = activations.Elementwise(
        lambda Z: Z.astype(np.float64) * 2, lambda Z: np.full(Z.shape, 2), name="double"
    )
    trial = LayerTrial(layers.Dense(3, activation=wide), (4,), dtype=dtype)
    plain = LayerTrial(layers.Dense(3), (4,), dtype=dtype)
    x, dy = trial.data()
    assert {array.dtype for array in trial.run(x, dy)} == {np.dtype(dtype)}
    np.testing.assert_allclose(trial.run(x, dy)[1], plain.run(x, 2 * dy)[1], rtol=1e-6)
    step = activations.Elementwise(lambda Z: Z > 0, np.zeros_like)  # truth values are numbers
    np.testing.assert_array_equal(step([-1.0, 2.0]), [0.0, 1.0])


def fitted(activation):
    x, y = np.random.default_rng(0).normal(size=(2, 40, 3))
    model = Sequential([layers.Dense(8, activation=activation), layers.Dense(3)], seed=1)
    model.compile("adam", "mse")
    model.fit(x, y, epochs=3, verbose=0)
    return model.predict(x)


def test_a_pair_of_functions_trains_as_the_class_does():
    pair = (np.tanh, lambda Z: 1 - np.tanh(Z) ** 2)
    np.testing.assert_allclose(fitted(pair), fitted("tanh"), rtol=1e-4, atol=1e-5)


def test_copies_have_the_functions():
    layer = layers.Dense(2, activation=(cube, cube_slope))
    assert repr(layer).startswith("Dense(2, activation=Elementwise(<function cube at")
    for other in (layer.clone(), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.activation == layer.activation == activations.get((cube, cube_slope))
        assert other.activation.function is cube
        assert repr(other) == repr(layer)
    assert layer.activation != activations.Elementwise(cube, cube)


def test_it_has_no_configuration_and_the_error_says_what_has():
    layer = layers.Dense(2, activation=(np.sin, np.cos))
    with pytest.raises(ConfigurationError, match=r"Elementwise\.function.*class.*register it"):
        layer.get_config()
    with pytest.raises(ConfigurationError, match="known activation"):
        activations.get("elementwise")


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (np.sum, ShapeError, r"shape, (2, 3), got ()"),
        (lambda Z: Z[0], ShapeError, "got (3,)"),
        (lambda Z: np.full(Z.shape, 1j), ConfigurationError, "real numbers, got complex128"),
        (lambda Z: np.full(Z.shape, None), ConfigurationError, "real numbers, got object"),
    ],
)
def test_results_of_wrong_shape_or_type_are_refused(function, error, message):
    x = np.ones((2, 3))
    with pytest.raises(error, match=re.escape(message)) as raised:
        activations.Elementwise(function, np.cos, name="mine")(x)
    assert str(raised.value).startswith('Elementwise "mine": expected the function to return')
    layer = LayerTrial(layers.Activation((np.sin, function)), (3,))
    layer.forward(x)
    with pytest.raises(error, match=re.escape(message)) as raised:
        layer.backward(x)
    assert str(raised.value).startswith('Elementwise "sin": expected the derivative to return')


def test_a_function_may_not_write_to_its_argument():
    with pytest.raises(ValueError, match="read-only"):
        activations.Elementwise(lambda Z: np.sin(Z, out=Z), np.cos)(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.sin, r"expected a function with its derivative, got <ufunc 'sin'> alone"),
        (lambda x: x, r"\(function, derivative\)"),
        ((np.sin, 3), "got"),
        ((np.sin, np.cos, np.tan), "got"),
    ],
)
def test_what_is_no_pair_of_functions_is_refused(wrong, message):
    for make in (activations.get, lambda f: layers.Dense(3, activation=f)):
        with pytest.raises(AnnlibError, match=message):
            make(wrong)
    with pytest.raises(ConfigurationError, match="expected derivative as a function"):
        activations.Elementwise(np.sin, 3)
