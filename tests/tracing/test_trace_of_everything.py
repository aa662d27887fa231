"""Every registered layer, activation and loss can be traced, shown and verified."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from cases import ACTIVATIONS, LAYERS, LOSSES, OPTIMIZERS, as_given, targets_and_predictions
from tracing.tex import check_forms

from annlib import Sequential, activations, layers, losses, optimizers
from annlib.layers import Input
from annlib.testing.passes import LayerTrial


def shown(trace):
    for form in (repr, lambda t: t.to_html()):
        assert form(trace)
    check_forms(trace)
    assert all(not step.distance() > 1e-12 for step in trace)


@pytest.mark.parametrize("row", LAYERS, ids=repr)
def test_layers(row):
    rng = np.random.default_rng(0)
    for shape in getattr(row, "shapes", [(5,), (2, 5)]):
        layer = row.make()
        first = layer.takes_codes or not layer.differentiable or isinstance(layer, Input)
        body = [] if first or not shape else [layers.Dense(shape[-1])]
        end = [layers.Flatten(), layers.Dense(1)]
        model = Sequential([*body, layer, *end], seed=0, dtype="float64")
        model.compile("adam", "mse")
        model.build((None, *shape))
        x = rng.normal(size=(3, *shape))
        if layer.takes_codes:
            x = as_given(layer, LayerTrial(layer, shape).data(3)[0])
        trace = model.trace(x, rng.normal(size=(3, 1)))
        shown(trace)
        assert trace.verify().passed, trace.verify()


@pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
def test_activations(row):
    rng = np.random.default_rng(1)
    inside, apart = layers.Dense(4, row.make()), layers.Activation(row.make())
    units = 4 if row.cls is activations.GLU else 3  # which takes an even number
    model = Sequential([inside, layers.Dense(units), apart], seed=2, dtype="float64")
    model.compile("sgd", losses.HalfSumSquaredError())
    x = rng.normal(size=(2, 3))
    trace = model.trace(x, rng.normal(size=model(x).shape))
    shown(trace)
    assert trace.verify().passed, trace.verify()
    assert trace.jacobian("dense").shape == (row.make()(np.zeros((1, 4))).size, 4)


@pytest.mark.parametrize("row", LOSSES, ids=lambda r: f"{r!r}-{r.targets}-{r.predictions}")
def test_losses(row):
    rng = np.random.default_rng(2)
    Y, A = targets_and_predictions(row, 3, 4, rng)
    # An identity of a layer gives the loss the predictions that it is made for.
    model = Sequential([layers.Dense(4, use_bias=False)], seed=0, dtype="float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a linear layer before a loss of probabilities
        model.compile("sgd", row.make())
    model.build((None, 4))
    model.set_weights([np.eye(4)])
    trace = model.trace(A, Y)
    shown(trace)
    report = trace.verify()
    assert report.passed, report


@pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)
def test_optimizers(row):
    model = Sequential([layers.Dense(2, "tanh")], seed=0, dtype="float64")
    model.compile(row.make(), "mse")
    trace = model.trace([1.0, 2.0], [0.5, -0.5])
    shown(trace)
    moved = {step.symbol for step in trace.update} & {"[Wᵀ]", "{B}"}
    every = model.optimizer.gradient_accumulation_steps or 1
    expected = isinstance(model.optimizer, optimizers.LBFGS) or every > 1
    assert moved == (set() if expected else {"[Wᵀ]", "{B}"})


def test_a_layer_of_ones_own():
    class Twice(layers.Layer):
        """y = 2 x."""

        def forward(self, x, work, *, training=False):
            return np.multiply(x, 2, out=work.array("y", *x.shape))

        def backward(self, dy, work, *, input_gradient=True):
            return np.multiply(dy, 2, out=dy)

    model = Sequential([layers.Dense(2), Twice(), layers.Dense(1)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    trace = model.trace([1.0, 2.0], [1.0])
    shown(trace)
    assert "y = 2 x." in repr(trace)
    assert trace.verify().passed


def test_a_random_layer_of_ones_own_draws_the_same_again():
    class Jitter(layers.Layer):
        random = True

        def forward(self, x, work, *, training=False):
            work["m"] = work.rng.uniform(0.5, 1.5, x.shape)
            return x * work["m"]

        def backward(self, dy, work, *, input_gradient=True):
            return dy * work["m"]

    model = Sequential([layers.Dense(3), Jitter(), layers.Dense(1)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    report = model.trace(np.ones((2, 2)), [1.0, 2.0]).verify()
    assert report.passed, report


def test_an_activation_of_ones_own_says_that_it_is_of_rows():
    class SecondThread(activations.Activation):
        """Each output is half of its row's sum."""

        elementwise = False

        def forward(self, Z, A, work):
            np.copyto(A, Z.sum(axis=-1, keepdims=True) / 2)

        def backward(self, dA, Z, A, work):
            np.copyto(dA, dA.sum(axis=-1, keepdims=True) / 2)

    model = Sequential([layers.Dense(3, SecondThread()), layers.Dense(1)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    trace = model.trace([1.0, 2.0], [1.0])
    shown(trace)
    assert "{D_E,Z} ← [D_A,Z]ᵀ{D_E,A}" in repr(trace["dense"])
    assert trace.verify().passed
