"""The batch engine computes what the paper's row-by-row equations compute."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from annlib import Sequential, layers, losses, optimizers, reference
from annlib.core.random_streams import RandomStreams
from annlib.core.workspace import Workspace
from annlib.data import Batch

HIDDEN = ["relu", "sigmoid", "tanh", "softmax", "linear"]


class UnfusedCategorical(losses.CategoricalCrossentropy):
    """Not in the table of pairs that fuse: the gradient goes through the probabilities."""

    names = ("unfused_categorical",)


class UnfusedBinary(losses.BinaryCrossentropy):
    names = ("unfused_binary",)


class UnfusedSparse(losses.SparseCategoricalCrossentropy):
    names = ("unfused_sparse",)


# Output activation, engine's loss, the paper's loss, kind of targets.
OUTPUTS = [
    *((name, losses.HalfSumSquaredError, "half_sum_squared_error", "values") for name in HIDDEN),
    ("softmax", losses.CategoricalCrossentropy, "categorical_crossentropy", "one-hot"),
    ("softmax", UnfusedCategorical, "categorical_crossentropy", "one-hot"),
    ("softmax", losses.SparseCategoricalCrossentropy, "categorical_crossentropy", "labels"),
    ("softmax", UnfusedSparse, "categorical_crossentropy", "labels"),
    ("sigmoid", losses.BinaryCrossentropy, "binary_log_loss", "binary"),
    ("sigmoid", UnfusedBinary, "binary_log_loss", "binary"),
]


def targets(kind, rows, units, rng):
    """Targets as the engine takes them, and the paper's rows {Y}."""
    if kind == "values":
        Y = rng.normal(size=(rows, units))
    elif kind == "binary":
        Y = rng.integers(0, 2, (rows, units)).astype(float)
    else:
        labels = rng.integers(0, units, rows)
        return (labels if kind == "labels" else np.eye(units)[labels]), np.eye(units)[labels]
    return Y, Y


def network(depth, output, reduction, rate, rng, seed=None):
    """The same random network in the engine and in the paper's notation."""
    activation, engine_loss, paper_loss, kind = output
    names = [*rng.choice(HIDDEN, depth - 1), activation]
    sizes = rng.integers(2, 6, depth + 1)
    model = Sequential(
        [layers.Dense(int(n), a) for n, a in zip(sizes[1:], names, strict=True)],
        seed=seed,
        dtype="float64",
    )
    model.build((None, int(sizes[0])))
    weights = [rng.uniform(-1, 1, w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    model.compile(optimizers.SGD(rate), engine_loss(reduction=reduction))
    stages = []
    for W, b, name in zip(weights[::2], weights[1::2], names, strict=True):
        stages += [reference.FullyConnected(W.T, b), reference.Activation(name)]
    return model, reference.Network(stages, paper_loss), int(sizes[0]), int(sizes[-1]), kind


def share(loss, reduction, rows, units):
    """What the paper's sum over rows and outputs is multiplied by in the engine."""
    over_outputs = 1 / units if loss == "binary_log_loss" else 1.0
    return over_outputs * (1.0 if reduction == "sum" else 1 / rows)


def close(actual, expected, tolerance):
    scale = max(1.0, np.abs(expected).max())
    return np.abs(actual - expected).max() <= tolerance * scale


CASES = list(itertools.product([1, 2, 3, 4], range(len(OUTPUTS)), ["sum", "sum_over_batch_size"]))


@pytest.mark.parametrize(("depth", "output", "reduction"), CASES)
def test_batch_gradients_are_the_accumulated_ones(depth, output, reduction):
    for seed in range(3):
        rng = np.random.default_rng([seed, depth, output])
        model, paper, inputs, units, kind = network(depth, OUTPUTS[output], reduction, 0.1, rng)
        X = rng.normal(size=(7, inputs))
        engine_Y, paper_Y = targets(kind, 7, units, rng)
        value = model._functions.step.loss_and_gradient(Batch(X, engine_Y, None))
        total, accumulated = reference.accumulate_5_2(paper, X, paper_Y)
        factor = share(paper.loss, reduction, 7, units)
        assert close(value, total * factor, 1e-12)
        for layer, (D_EWt, D_EB) in zip(model.layers, accumulated, strict=True):
            assert close(layer.gradients["kernel"], factor * D_EWt.T, 1e-12)
            assert close(layer.gradients["bias"], factor * D_EB[:, 0], 1e-12)


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
@pytest.mark.parametrize("output", range(len(OUTPUTS)))
def test_whole_trainings_end_at_the_same_weights(output, reduction):
    rng = np.random.default_rng([9, output])
    rate, rows, batch, epochs = 0.05, 23, 5, 4
    model, paper, inputs, units, kind = network(3, OUTPUTS[output], reduction, rate, rng, seed=42)
    X = rng.normal(size=(rows, inputs))
    engine_Y, paper_Y = targets(kind, rows, units, rng)
    shuffle = RandomStreams(42).new("shuffle")
    orders = [shuffle.permutation(rows) for _ in range(epochs)]
    model.fit(X, engine_Y, batch_size=batch, epochs=epochs, verbose=0)
    per_output = units if paper.loss == "binary_log_loss" else 1
    reference.train_5_2(
        paper, X, paper_Y, rate / per_output, batch, orders, mean=reduction != "sum"
    )
    weighted = [s for s in paper.layers if isinstance(s, reference.FullyConnected)]
    for layer, stage in zip(model.layers, weighted, strict=True):
        assert close(layer.kernel, stage.Wt.T, 1e-10)
        assert close(layer.bias, stage.B[:, 0], 1e-10)


def test_separate_activation_layers_are_the_same_network():
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    joined = Sequential([layers.Dense(4, "tanh"), layers.Dense(2, "sigmoid")], dtype="float64")
    apart = Sequential(
        [layers.Dense(4), layers.Activation("tanh"), layers.Dense(2), layers.Activation("sigmoid")],
        dtype="float64",
    )
    for model in (joined, apart):
        model.build((None, 3))
        model.compile("sgd", losses.HalfSumSquaredError())
    apart.set_weights(joined.get_weights())
    batch = Batch(X, Y, None)
    value = joined._functions.step.loss_and_gradient(batch)
    assert value == apart._functions.step.loss_and_gradient(batch)
    assert np.array_equal(joined.vector.gradients, apart.vector.gradients)


@pytest.mark.parametrize("batch_size", [1, 4, 12])
def test_the_three_variants_of_section_5_3(batch_size):
    """Stochastic, mini-batch and batch gradient descent, one epoch in the rows' own order."""
    rng = np.random.default_rng(batch_size)
    X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    model = Sequential([layers.Dense(2, "tanh")], dtype="float64", seed=0)
    model.build((None, 3))
    W, b = model.get_weights()
    paper = reference.Network(
        [reference.FullyConnected(W.T, b), reference.Activation("tanh")], "half_sum_squared_error"
    )
    model.compile(optimizers.SGD(0.1), losses.HalfSumSquaredError(reduction="sum"))
    model.fit(X, Y, batch_size=batch_size, shuffle=False, verbose=0)
    reference.train_5_2(paper, X, Y, 0.1, batch_size, [range(12)])
    assert model.optimizer.iterations == 12 // batch_size
    assert close(model.layers[0].kernel, paper.layers[0].Wt.T, 1e-12)


def test_the_softmax_jacobian_is_what_the_engine_does_without_it():
    """Eq. (7) put into eq. (6), row by row, against dZ = A * (dA - rowsum(dA * A))."""
    rng = np.random.default_rng(1)
    Z, dA = rng.normal(size=(2, 50, 7))
    layer = layers.Activation("softmax")
    work = Workspace("float64")
    layer.forward(Z, work)
    dZ = layer.backward(dA.copy(), work)
    for z, da, dz in zip(Z, dA, dZ, strict=True):
        J = reference.softmax_jacobian_8_4(reference.column_2_1(z))
        expected = reference.activation_case_2_7_2(reference.column_2_1(da), J)
        assert np.abs(dz - expected[:, 0]).max() < 1e-15
