"""Whole networks: the gradient of a training step is the derivative of the loss it reports."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cases import FLAT, LAYERS, LOSSES, targets_and_predictions
from hypothesis import given, settings
from hypothesis import strategies as st

from annlib import Sequential, layers, optimizers, regularizers
from annlib.core.workspace import Workspace
from annlib.data import Batch
from annlib.layers.passes import Pass
from annlib.losses import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from annlib.testing import check_gradient
from annlib.training.fused_loss import FusedLoss, split
from annlib.training.loop import train_step

# Losses meet linear outputs here on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Sequential.compile. expected probabilities")

OUTPUT_OF = {
    "real": "linear",
    "fractions": "linear",
    "positive": "softplus",
    "unit": "sigmoid",
    "simplex": "softmax",
}


def compiled(stack, loss, **keywords):
    """A float64 model whose step changes nothing, so that a loss is a function of the weights."""
    model = Sequential([layers.Input((5,)), *stack], seed=3, dtype="float64", **keywords)
    model.compile(optimizers.SGD(0.0), loss)
    values = model.vector.values
    values += np.random.default_rng(4).uniform(0.05, 0.4, len(values))
    return model


def loss_and_gradient(model, x, y, weights=None):
    """The value and a copy of the gradient, with the same random numbers and statistics."""
    values, streams = model.vector.values.copy(), model._network.streams.state()
    value = train_step(model._functions.step, Batch(x, y, weights))
    gradient = model.vector.gradients[: model.vector.n_trainable].copy()
    model.vector.values[...] = values  # moving statistics have been committed
    model._network.streams.restore(streams)
    return value, gradient


def assert_step_gradient(model, x, y, weights=None):
    n = model.vector.n_trainable
    values = model.vector.values
    model.vector.allocate_gradients()
    model.vector.gradients.fill(np.nan)
    _ = model._functions.step
    _, gradient = loss_and_gradient(model, x, y, weights)
    here = values.copy()

    def f(theta):
        values[:n] = theta
        value, _ = loss_and_gradient(model, x, y, weights)
        values[...] = here
        return value

    assert gradient.any()
    check_gradient(f, gradient, here[:n])


def data(row, n=7, k=3):
    rng = np.random.default_rng(8)
    y, _ = targets_and_predictions(row, n, k, rng)
    return rng.normal(size=(n, 5)), y, rng.uniform(0, 2, n)


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: f"{row!r}-{row.targets}")
@pytest.mark.parametrize("separate", [False, True], ids=["in Dense", "Activation layer"])
def test_every_loss_behind_its_output_layer(row, separate):
    name = OUTPUT_OF[row.predictions]
    output = [layers.Dense(3), layers.Activation(name)] if separate else [layers.Dense(3, name)]
    model = compiled([layers.Dense(4, "tanh"), *output], row.make())
    x, y, weights = data(row)
    assert_step_gradient(model, x, y)
    assert_step_gradient(model, x, y, weights)


PENALTIES = {
    "kernel": {"kernel_regularizer": "l2"},
    "bias": {"bias_regularizer": regularizers.L1L2(0.1, 0.3)},
    "activity": {"activity_regularizer": regularizers.L1L2(0.1, 0.2)},
    "all": {
        "kernel_regularizer": regularizers.L1(0.2),
        "bias_regularizer": "l2",
        "activity_regularizer": "l2",
    },
}


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("place", ["hidden", "output"])
@pytest.mark.parametrize("loss", ["mse", "sparse_categorical_crossentropy"])
def test_penalties_are_in_the_gradient_and_in_the_loss(penalty, place, loss):
    output = "softmax" if loss.startswith("sparse") else None
    arguments = {"hidden": {}, "output": {}} | {place: PENALTIES[penalty]}

    def stack(hidden, last):
        return [layers.Dense(4, "tanh", **hidden), layers.Dense(3, output, **last)]

    row = next(r for r in LOSSES if r.cls._names and loss in r.cls._names)
    x, y, weights = data(row)
    model = compiled(stack(arguments["hidden"], arguments["output"]), loss)
    plain = compiled(stack({}, {}), loss)
    plain.set_weights(model.get_weights())
    assert_step_gradient(model, x, y, weights)
    more = loss_and_gradient(model, x, y, weights)[0] - loss_and_gradient(plain, x, y, weights)[0]
    layer = model.layers[place == "output"]
    below = model.layers[: 1 + (place == "output")]
    activity = Sequential(below, dtype="float64").predict(x)
    given = PENALTIES[penalty]
    R = {"kernel": layer.kernel, "bias": layer.bias, "activity": activity}
    expected = sum(
        regularizers.get(given[f"{part}_regularizer"])(W) / (len(x) if part == "activity" else 1)
        for part, W in R.items()
        if f"{part}_regularizer" in given
    )
    assert more == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "stack",
    [
        lambda: [layers.Dense(4), layers.BatchNormalization(), layers.Activation("relu")],
        lambda: [layers.BatchNormalization(), layers.Dense(4, "tanh"), layers.BatchNormalization()],
        lambda: [layers.Dense(6, "tanh"), layers.Dropout(0.4), layers.Dense(4, "sigmoid")],
        lambda: [layers.Dropout(0.3), layers.Dense(4, "relu"), layers.Dropout(0.3)],
        lambda: [layers.Dense(4, trainable=False), layers.Dense(4, "tanh")],
        lambda: [layers.Dense(4, "tanh"), layers.Dense(4, "tanh", trainable=False)],
        lambda: [layers.Dense(4, "tanh"), layers.BatchNormalization(trainable=False)],
        lambda: [layers.Rescaling(0.5, 0.1), layers.Flatten(), layers.Dense(4, "tanh")],
        lambda: [layers.Dense(4, "softmax"), layers.Dense(4, "softmax")],
        lambda: [layers.GaussianNoise(0.1), layers.Dense(4, "tanh"), layers.AlphaDropout(0.3)],
        lambda: [layers.Dense(4), layers.PReLU(), layers.GaussianDropout(0.3)],
        lambda: [layers.Dense(4, "tanh"), layers.ActivityRegularization(0.1, 0.2)],
        lambda: [
            layers.Dense(6),
            layers.Reshape((2, -1)),
            layers.BatchNormalization(axis=1),
            layers.PReLU(shared_axes=2),
            layers.Identity(),
            layers.Flatten(),
        ],
    ],
)
@pytest.mark.parametrize("loss", ["mse", "sparse_categorical_crossentropy"])
def test_networks_of_every_layer(stack, loss):
    output = "softmax" if loss.startswith("sparse") else None
    row = next(r for r in LOSSES if loss in r.cls._names)
    model = compiled([*stack(), layers.Dense(3, output)], loss)
    x, y, weights = data(row)
    assert_step_gradient(model, x, y)
    assert_step_gradient(model, x, y, weights)


# Without kinks, which a difference across them would find sooner or later, and Columns, which ask
# for a number of features.
SMOOTH = [
    row
    for row in LAYERS
    if row.cls not in (layers.Input, layers.Columns)  # which has columns of its input
    and getattr(row, "shapes", [FLAT])[0] == FLAT
    and not any(kink in repr(row).lower() for kink in ("relu", "l1="))
    and not row.make().takes_codes
    and not getattr(row, "passive", False)
    and not (row.cls is layers.Lambda and row.make().derivative is None)  # for first layers alone
]
HIDDEN = st.lists(st.sampled_from(SMOOTH), max_size=4)
SMOOTH_LOSSES = [
    row
    for row in LOSSES
    if not any(kink in row.cls._names[0] for kink in ("absolute", "hinge", "cosine"))
    and row.arguments != ((1,),)  # of blocks of one class, which learn nothing
]


@given(HIDDEN, st.sampled_from(SMOOTH_LOSSES), st.integers(2, 9), st.integers(2, 4), st.booleans())
@settings(max_examples=40)
def test_any_network(hidden, row, n, k, weighted):
    stack = [r.cls(*r.arguments, **{**r.keywords, "name": None}) for r in hidden]
    stack = [layer for layer in stack if layer.input_shape is layer.input_dim is None]
    model = compiled([*stack, layers.Dense(k, OUTPUT_OF[row.predictions])], row.make())
    x, y, weights = data(row, n, k)
    assert_step_gradient(model, x, y, weights if weighted else None)


def test_rows_of_more_dimensions():
    model = Sequential(
        [
            layers.Input((2, 3)),
            layers.Dense(4, "tanh"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(2),
        ],
        seed=0,
        dtype="float64",
    )
    model.compile(optimizers.SGD(0.0), "mse")
    rng = np.random.default_rng(0)
    assert_step_gradient(model, rng.normal(size=(6, 2, 3)), rng.normal(size=(6, 2)))


def test_an_output_of_more_dimensions():
    model = Sequential([layers.Dense(2, "sigmoid")], seed=0, dtype="float64")
    model.compile(optimizers.SGD(0.0), "bce")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4, 3)), rng.integers(0, 2, (6, 4, 2)) * 1.0
    model.build((None, 4, 3))
    assert_step_gradient(model, x, y)


# -- the fused head --------------------------------------------------------------------------------

HEADS = [
    ("softmax", CategoricalCrossentropy, "one-hot"),
    ("softmax", CategoricalCrossentropy, "simplex"),
    ("softmax", SparseCategoricalCrossentropy, "labels"),
    ("sigmoid", BinaryCrossentropy, "bits"),
]


@pytest.mark.parametrize(("activation", "loss", "targets"), HEADS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_fused_or_not_the_numbers_are_the_same(
    activation, loss, targets, weighted, smoothing, reduction
):
    smooth = {"label_smoothing": smoothing} if targets != "labels" else {}
    row = next(r for r in LOSSES if r.cls is loss and r.targets in (targets, "bits"))
    x, _, weights = data(row)
    rng = np.random.default_rng(2)
    y = {
        "one-hot": np.eye(3)[rng.integers(0, 3, 7)],
        "simplex": rng.dirichlet(np.ones(3), 7),
        "labels": rng.integers(0, 3, 7),
        "bits": rng.integers(0, 2, (7, 3)) * 1.0,
    }[targets]
    weights = weights if weighted else None
    model = compiled(
        [layers.Dense(4, "tanh"), layers.Dense(3, activation)],
        loss(reduction=reduction, **smooth),
    )
    assert split(model.layers, model.loss)[1]
    assert loss.fuses_with == activation
    value, gradient = loss_and_gradient(model, x, y, weights)
    prediction = model._functions.step.objective.loss.prediction.copy()

    plain, head = Pass(model.layers, "float64"), FusedLoss(model.loss, fused=False, dtype="float64")
    A = plain.forward(x, training=True)
    assert value == pytest.approx(head.value(A, y, weights), rel=1e-12)
    np.testing.assert_allclose(prediction, A, rtol=1e-12)
    np.testing.assert_allclose(prediction, model.predict(x), rtol=1e-12)
    model.vector.gradients.fill(np.nan)
    plain.backward(head.gradient())
    np.testing.assert_allclose(model.vector.gradients, gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "tanh", "linear", "relu"])
@pytest.mark.parametrize(
    "loss",
    ["categorical_crossentropy", "sparse_categorical_crossentropy", "bce", "mse"],
)
def test_only_the_pairs_of_the_table_fuse(activation, loss):
    pairs = {
        ("softmax", "categorical_crossentropy"),
        ("softmax", "sparse_categorical_crossentropy"),
        ("sigmoid", "bce"),
    }
    for stack in (
        [layers.Dense(3, activation)],
        [layers.Dense(3), layers.Activation(activation)],
        [layers.Activation(activation)],
    ):
        model = compiled(stack, loss)
        body, fused = split(model.layers, model.loss)
        assert fused == ((activation, loss) in pairs)
        if fused:
            assert not any(
                getattr(layer, "activation", activation) == activation
                for layer in body
                if isinstance(layer, layers.Activation)
            )
        else:
            assert body == model.layers


def test_what_needs_the_activations_output_does_not_fuse():
    loss = CategoricalCrossentropy()
    assert split([layers.Dense(3, "softmax")], loss)[1]
    assert not split([layers.Dense(3, "softmax", activity_regularizer="l2")], loss)[1]
    assert not split([layers.Dense(3, "softmax")], CategoricalCrossentropy(from_logits=True))[1]
    assert not split([layers.Dense(3, "softmax"), layers.Dropout(0.1)], loss)[1]


def test_a_prediction_however_wrong_has_a_gradient():
    """No clipping plateau: the unfused loss has none where a probability was clipped."""
    model = compiled([layers.Dense(2, "softmax", use_bias=False)], "categorical_crossentropy")
    model.layers[0].kernel[...] = [[500.0, 0.0]] * 5
    x, y = np.ones((1, 5)), np.array([[0.0, 1.0]])
    value, gradient = loss_and_gradient(model, x, y)
    assert value == pytest.approx(2500.0)
    np.testing.assert_allclose(gradient.reshape(5, 2), [[1.0, -1.0]] * 5)
    plain, head = Pass(model.layers, "float64"), FusedLoss(model.loss, fused=False, dtype="float64")
    head.value(plain.forward(x, training=True), y, None)
    plain.backward(head.gradient())
    assert not model.vector.gradients.any()


# -- the paper's mini-batch, row by row ------------------------------------------------------------


def row_by_row(weights, X, Y, rho):
    """One mini-batch of 5.2 with 6 and 7: sigmoid, then softmax and log loss, with the errata."""
    W1, B1, W2, B2 = weights
    accumulated = [np.zeros_like(W) for W in weights]
    E = 0.0
    for x, y in zip(X, Y, strict=True):
        z1 = W1.T @ x + B1
        a1 = np.array([1 / (1 + math.exp(-z)) for z in z1])
        z2 = W2.T @ a1 + B2
        a2 = np.array([math.exp(z) for z in z2])
        a2 /= a2.sum()
        E -= sum(y[i] * math.log(a2[i]) for i in range(len(y)))
        d_a2 = -y / a2
        O = np.outer(a2, np.ones(len(a2)))
        d_z2 = (O * (np.eye(len(a2)) - O.T)).T @ d_a2
        d_a1 = W2 @ d_z2
        d_z1 = d_a1 * (a1 * (1 - a1))
        for total, D in zip(
            accumulated, (np.outer(x, d_z1), d_z1, np.outer(a1, d_z2), d_z2), strict=True
        ):
            total += D
    return E, [W - rho * D for W, D in zip(weights, accumulated, strict=True)]


@pytest.mark.parametrize("sparse", [False, True])
def test_a_step_is_the_papers_mini_batch(sparse):
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
    loss = (SparseCategoricalCrossentropy if sparse else CategoricalCrossentropy)(reduction="sum")
    model = Sequential(
        [
            layers.Input((4,)),
            layers.Dense(5, "sigmoid", bias_initializer="normal"),
            layers.Dense(3, "softmax", bias_initializer="normal"),
        ],
        seed=1,
        dtype="float64",
    )
    model.compile(optimizers.SGD(0.1), loss)
    weights = model.get_weights()
    for _ in range(3):
        E, weights = row_by_row(weights, X, np.eye(3)[labels], 0.1)
        found = model.train_on_batch(X, labels if sparse else np.eye(3)[labels])
        assert found == pytest.approx(E, rel=1e-12)
        for one, other in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


# -- memory and types ------------------------------------------------------------------------------


def everything(dtype="float64", loss="sparse_categorical_crossentropy"):
    model = Sequential(
        [
            layers.Input((5,)),
            layers.Dense(6, "relu", kernel_regularizer="l2", activity_regularizer="l1"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(4, "tanh", kernel_constraint="max_norm"),
            layers.Dense(3, "softmax"),
        ],
        seed=2,
        dtype=dtype,
    )
    model.compile(optimizers.Adam(0.01, clipnorm=1.0), loss, metrics=["accuracy"])
    return model


def workspaces(step):
    yield from (work for _, work in step.objective.passes.steps)
    yield from (step.objective.loss.work, step.objective.work)


def test_a_step_sees_nothing_that_the_last_one_left():
    clean, dirty = everything(), everything()
    rng = np.random.default_rng(1)
    for n in (8, 3, 11, 1, 8):
        x, y, weights = rng.normal(size=(n, 5)), rng.integers(0, 3, n), rng.uniform(0.1, 1, n)
        for work in workspaces(dirty._functions.step):
            work.fill(np.nan)
        dirty.vector.gradients.fill(np.nan)
        found = dirty.train_on_batch(x, y, weights)
        assert found == clean.train_on_batch(x, y, weights)
        np.testing.assert_array_equal(dirty.vector.values, clean.vector.values)
        assert dirty.test_on_batch(x, y) == clean.test_on_batch(x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_of_the_model_is_the_type_of_everything(dtype):
    model = everything(dtype)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    for kind in ("f8", "f4", "i8", "u1"):
        model.fit(x.astype(kind) if kind[0] == "f" else np.ones((20, 5), kind), y, verbose=0)
        assert model.predict(x.astype("f4")).dtype == dtype
    model.evaluate(x, y, sample_weight=np.ones(20))
    arrays = [model.vector.values, model.vector.gradients, model.optimizer.state, *model.weights]
    for work in workspaces(model._functions.step):
        arrays += [b for b in work._buffers.values() if b.dtype.kind == "f"]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def read_only(*arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.mark.parametrize("first", [None, layers.Flatten, lambda: layers.Dropout(0.5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_are_never_written_to(first, dtype):
    stack = [first()] if first else []
    model = Sequential([*stack, layers.Dense(3, "relu"), layers.Dense(2)], seed=0, dtype=dtype)
    model.compile("adam", "mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(20, 5)), rng.normal(size=(20, 2)), rng.uniform(size=20)
    x, y, weights = read_only(x.astype(dtype), y.astype(dtype), weights.astype(dtype))
    before = x.tobytes(), y.tobytes(), weights.tobytes()
    model.fit(x, y, sample_weight=weights, batch_size=20, shuffle=False, verbose=0)
    model.fit(x, y, sample_weight=weights, validation_split=0.3, verbose=0)
    model.evaluate(x, y, sample_weight=weights)
    model.train_on_batch(x, y, weights)
    model.test_on_batch(x, y)
    model.predict(x)
    model(x, training=True)
    assert (x.tobytes(), y.tobytes(), weights.tobytes()) == before


@pytest.mark.parametrize(
    "stack",
    [
        lambda: [layers.Dense(3)],
        lambda: [layers.Dropout(0.5)],
        lambda: [layers.Flatten()],
        lambda: [layers.Activation("linear")],
        lambda: [layers.BatchNormalization()],
    ],
)
def test_a_prediction_is_the_callers_own(stack):
    model = Sequential([layers.Input((5,)), *stack()], seed=0)
    x = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    before = x.copy()
    for predict in (model.predict, model.predict_on_batch, model):
        first, second = predict(x), predict(x)
        assert not np.shares_memory(first, x)
        assert not np.shares_memory(first, second)
        kept = first.copy()
        predict(x * 2)
        np.testing.assert_array_equal(first, kept)
        assert first.flags.writeable
        first.fill(9)
        np.testing.assert_array_equal(x, before)
        np.testing.assert_array_equal(predict(x), second)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20, 64])
def test_a_prediction_does_not_depend_on_the_batches(batch_size):
    model = everything()
    x = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(
        model.predict(x, batch_size=batch_size), model.predict(x, batch_size=20), rtol=1e-12
    )


def test_a_pass_that_is_thrown_away_leaves_no_mark():
    model = everything()
    x = np.random.default_rng(0).normal(size=(6, 5))
    before = model.vector.values.copy()
    model(x, training=True)
    Pass(model.layers, "float64", model._network.rng_of).forward(x, training=True)
    np.testing.assert_array_equal(model.vector.values, before)


def test_the_frozen_bottom_of_a_network_is_not_differentiated():
    """Nothing below the first layer that learns is asked for a gradient."""
    model = compiled([layers.Dense(4, trainable=False), layers.Dense(3), layers.Dense(2)], "mse")
    x, y = np.ones((4, 5)), np.ones((4, 2))
    _ = model._functions.step
    model.vector.gradients.fill(np.nan)
    loss_and_gradient(model, x, y)
    gradients = [layer.gradients["kernel"] for layer in model.layers]
    assert np.isnan(gradients[0]).all()
    assert np.isfinite(gradients[1]).all()
    assert np.isfinite(gradients[2]).all()


def test_workspaces_are_the_passes_own():
    model = everything()
    one, other = (Pass(model.layers, "float64") for _ in range(2))
    x = np.random.default_rng(0).normal(size=(6, 5))
    first = one.forward(x).copy()
    other.forward(3 * x)
    for _, work in other.steps:
        assert isinstance(work, Workspace)
        work.fill(np.nan)
    np.testing.assert_array_equal(one.forward(x), first)
