"""The trace's numbers are the engine's own, and the paper's; the model stays as it was."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
from cases.random_networks import network

from annlib import Sequential, layers, losses, optimizers


def everything(model):
    """A digest of all that a model is: configuration, weights, optimizer, streams, buffers."""
    digest = hashlib.sha256(pickle.dumps(model))
    if model.built:
        digest.update(model.vector.values.tobytes() + model.vector.gradients.tobytes())
    digest.update(repr((model._network.streams.state(), model.history)).encode())
    return digest.hexdigest()


def bits(arrays):
    return {path: (array.dtype.str, array.shape, array.tobytes()) for path, array in arrays.items()}


@pytest.mark.filterwarnings("ignore:Sequential.fit")  # of networks that nobody would make
@pytest.mark.parametrize("seed", range(200))
def test_gradients_are_to_the_bit_what_the_optimizer_gets(seed):
    model, x, y, weights = network(seed)
    if seed % 3 == 0:  # not only fresh models: one with an optimizer that has a past
        model.fit(x, y, epochs=2, verbose=0)
    before = everything(model)
    trace = model.trace(x, y, weights)
    assert everything(model) == before
    got = {}
    optimizer, step = model.optimizer, model.optimizer.step

    def watched(gradient):
        for entry in model.vector.entries:
            if entry.trainable:
                own = gradient[entry.where].reshape(entry.parameter.shape)
                got[entry.path] = own.copy()
        step(gradient)

    optimizer.step = watched
    model.train_on_batch(x, y, weights)
    assert got
    assert bits(trace.gradients) == bits(got)
    paths = {entry.path: entry for entry in model.vector.entries if entry.trainable}
    after = {p: getattr(e.layer, e.parameter.name) for p, e in paths.items()}
    assert bits(trace.after) == bits(after)
    tolerance = 1e-12 if model.dtype == "float64" else 1e-4
    for one in trace.steps:
        assert not one.distance() > tolerance, one.text


@pytest.mark.parametrize("seed", range(200, 260))
def test_it_verifies(seed):
    model, x, y, weights = network(seed, plain=seed % 2 == 0, dtype="float64")
    report = model.trace(x, y, weights).verify()
    assert report.passed, report
    assert report.worst("reference") <= 1e-12
    assert report.worst("differences") <= 1e-6


def test_the_reference_is_asked_where_it_knows_the_network():
    asked = 0
    for seed in range(200, 260, 2):
        model, x, y, weights = network(seed, plain=True, dtype="float64")
        asked += any(c.against == "reference" for c in model.trace(x, y, weights).verify().checks)
    assert asked >= 10


def test_single_precision_verifies_by_its_own_measure():
    for seed in range(300, 310):
        model, x, y, _ = network(seed, dtype="float32")
        report = model.trace(x, y).verify()
        assert report.passed, report


def test_a_wrong_gradient_is_found():
    class Wrong(layers.Dense):
        def backward(self, dy, work, *, input_gradient=True):
            dx = super().backward(dy, work, input_gradient=input_gradient)
            self.gradients["kernel"] *= 1.01
            return dx

    model = Sequential([Wrong(3, "tanh"), layers.Dense(1)], dtype="float64", seed=0)
    model.compile("sgd", "mse")
    report = model.trace([[1.0, 2.0]], [[1.0]]).verify()
    assert not report.passed
    assert "✗ wrong/kernel: gradient" in str(report)


def mazur():
    first, second = [[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]
    model = Sequential([layers.Dense(2, "sigmoid"), layers.Dense(2, "sigmoid")], dtype="float64")
    model.build((None, 2))
    model.set_weights([np.array(first), [0.35, 0.35], np.array(second), [0.60, 0.60]])
    model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
    return model


def test_mazurs_example_shows_his_printed_numbers():
    """https://mattmazur.com/2015/03/17/a-step-by-step-backpropagation-example/"""
    trace = mazur().trace([0.05, 0.10], [0.01, 0.99])
    trace.digits = 9
    text = repr(trace)
    for number in (
        *("0.377500000", "0.593269992", "0.596884378", "1.10590597", "0.751365070", "0.772928465"),
        *("0.298371109", "0.741365070", "0.186815602", "0.0821670406", "0.138498562"),
        *("0.358916480", "0.408666186", "0.511301270", "0.561370121"),
        *("0.149780716", "0.199561432", "0.249751144", "0.299502287"),
    ):
        assert number in text, number


def test_the_hidden_mask_is_shown_and_is_the_next_steps():
    model = Sequential([layers.Dense(6), layers.Dropout(0.5), layers.Dense(1)], seed=3)
    model.compile("sgd", "mse")
    trace = model.trace(np.ones((2, 4)), [1.0, 2.0])
    step = trace["dropout"].forward[0]
    A, M, X = (operand.array for operand in step.operands)
    assert step.text == "{A} ← {M} ⊛ {X}"
    assert set(np.unique(M)) == {0.0, 2.0}
    assert np.array_equal(A, M * X)
    assert np.array_equal(model(np.ones((2, 4)), training=True), trace["dense_1"]["Z"].value)


def test_rows_add_up_to_the_gradient_with_the_factor_in_them():
    model = Sequential([layers.Dense(3, "softmax")], dtype="float64", seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).normal(size=(3, 4)), [0, 2, 1]
    trace = model.trace(x, y)
    rows = trace["dense"]["[D_E,Wᵀ]ᵣ"].value
    assert np.abs(rows.sum(axis=0).T - trace.gradients["dense/kernel"]).max() < 1e-15
    for r in range(3):
        alone = model.trace(x[r], y[r])
        assert np.abs(alone.gradients["dense/kernel"].T / 3 - rows[r]).max() < 1e-15
    assert "factor 1/3" in repr(trace)


def test_a_penalty_is_a_step_of_its_own():
    model = Sequential([layers.Dense(2, kernel_regularizer="l2")], dtype="float64", seed=1)
    model.compile("sgd", losses.HalfSumSquaredError(reduction="sum"))
    trace = model.trace([1.0, 2.0], [0.0, 1.0])
    total, of_loss, of_penalty = (o.array for o in trace["dense"].update[0].operands)
    assert np.array_equal(total.T, trace.gradients["dense/kernel"])
    W = trace.before["dense/kernel"].T
    assert np.allclose(of_penalty, 2 * 0.01 * W, rtol=1e-15)
    assert np.allclose(total, of_loss + of_penalty, rtol=1e-15)
    assert trace["loss"].forward[-1].text == "E ← E ⊕ Σₖ{Pₖ}"


#: A loss, its output's activation, targets of a row, and those that it compares predictions with.
EFFECTIVE = [
    (losses.CategoricalFocalCrossentropy(label_smoothing=0.2), "softmax", [1, 0, 0, 0], 0.85, 0.05),
    (losses.CategoricalFocalCrossentropy(label_smoothing=0.2), "sigmoid", [1, 0, 0, 0], 0.85, 0.05),
    (losses.CategoricalCrossentropy(label_smoothing=0.2), "softmax", [1, 0, 0, 0], 0.85, 0.05),
    (losses.CategoricalCrossentropy(True, 0.2), "linear", [1, 0, 0, 0], 0.85, 0.05),
    (losses.BinaryCrossentropy(label_smoothing=0.2), "sigmoid", [1, 0, 0, 1], 0.9, 0.1),
    (losses.SumBinaryCrossentropy(label_smoothing=0.2), "sigmoid", [1, 0, 0, 1], 0.9, 0.1),
    (losses.BinaryFocalCrossentropy(True, label_smoothing=0.2), "sigmoid", [1, 0, 0, 1], 0.9, 0.1),
    (losses.BinaryFocalCrossentropy(gamma=0.0), "hard_sigmoid", [1, 0, 0, 1], 1, 0),
    (losses.Hinge(), "linear", [1, 0, 0, 1], 1, -1),
    (losses.Hinge(), "linear", [1, -1, -1, 1], 1, -1),
    (losses.SquaredHinge(), "tanh", [1, 0, 0, 1], 1, -1),
    (losses.CategoricalHinge(), "linear", [1, 0, 0, 0], 1, 0),
    (losses.SparseCategoricalCrossentropy(), "softmax", 0, 1, 0),
    (losses.SparseCategoricalCrossentropy(), "softplus", 0, 1, 0),
]
with_targets = pytest.mark.parametrize(
    ("loss", "activation", "target", "high", "low"), EFFECTIVE, ids=lambda v: repr(v)[:60]
)


def of_targets(loss, activation, target, kernel="glorot_uniform"):
    model = Sequential([layers.Dense(4, activation, kernel_initializer=kernel)], seed=0)
    model.compile("sgd", loss)
    return model.trace(np.ones((2, 3)), np.array([target, target]), np.array([1.0, 0.5]))


@with_targets
def test_the_targets_shown_are_those_that_the_loss_used(loss, activation, target, high, low):
    trace = of_targets(loss, activation, target)
    Y = trace["loss"]["Eᵣ"].operands[-1].array
    ones = np.eye(4)[0] if isinstance(target, int) else np.maximum(target, 0)
    assert np.allclose(Y, np.where(ones, high, low), atol=1e-7)
    assert trace.verify().passed, trace.verify()


@with_targets
@pytest.mark.parametrize("kernel", ["glorot_uniform", "zeros"])
def test_targets_that_the_loss_did_not_use_are_found(
    loss, activation, target, high, low, kernel, monkeypatch
):
    """Also where all outputs of a row are alike, and so its loss is, of whichever class it is."""
    wrong = np.full((2, 4), low, np.float32)
    wrong[:, 1] = high
    monkeypatch.setattr("annlib.tracing.loss.targets", lambda recording: wrong)
    report = of_targets(loss, activation, target, kernel).verify()
    assert "✗ loss: targets" in str(report)


@pytest.mark.parametrize("smoothed", [[0.9, 0.1, 0.1, 0.1], [0.925, 0.025, 0.025, 0.025]])
@pytest.mark.parametrize("kernel", ["glorot_uniform", "zeros"])
def test_another_smoothing_is_found(smoothed, kernel, monkeypatch):
    wrong = np.array([smoothed, smoothed], np.float32)
    monkeypatch.setattr("annlib.tracing.loss.targets", lambda recording: wrong)
    for loss, activation, target, high, _ in EFFECTIVE:
        if high == 0.85:
            assert not of_targets(loss, activation, target, kernel).verify().passed


def test_a_loss_that_tells_of_other_targets_than_it_uses_is_found():
    class Untrue(losses.MeanSquaredError):
        def effective_targets(self, Y, work):
            return Y + 1

    assert not of_targets(Untrue(), "tanh", [1.0, 0.0, 0.0, 0.0]).verify().passed
