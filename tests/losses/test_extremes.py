"""Losses at the ends of the range: the right number wherever there is one, and no warning."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from cases import LOSSES, extremes, targets_and_predictions

from annlib import Input, Sequential, layers, losses
from annlib.core.workspace import Workspace

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
EPSILON = 1e-7


def run(loss, Y, A):
    """The rows' losses and their gradients, with every warning an error but that of underflow."""
    E, dA, work = np.empty(len(A), A.dtype), np.empty_like(A), Workspace(A.dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss.forward(Y, A, E, work)
        loss.backward(Y, A, dA, work)
    return E, dA


def wide(values):
    return np.asarray(values).astype(np.longdouble)


def log_cosh(d):
    """By its series where the logarithm of a sum would cancel."""
    far = np.logaddexp(d, -d) - np.log(wide(2))
    return np.where(np.abs(d) < 1e-3, d**2 / 2 - d**4 / 12, far)


def softplus(z):
    return np.logaddexp(0, z)


def expit(z):
    return np.exp(-softplus(-z))


#: The loss, a target, and of predictions a: the loss of each and its derivative.
CASES = {
    "mae": (losses.MeanAbsoluteError(), 0.5, lambda a: abs(a - 0.5), lambda a: np.sign(a - 0.5)),
    "mape": (
        losses.MeanAbsolutePercentageError(),
        2.0,
        lambda a: 50 * abs(a - 2),
        lambda a: 50 * np.sign(a - 2),
    ),
    "mape of much": (
        losses.MeanAbsolutePercentageError(),
        2.0**90,
        lambda a: 100 * abs(a / 2.0**90 - 1),
        lambda a: 100 * np.sign(a - 2.0**90) / 2.0**90,
    ),
    "msle": (
        losses.MeanSquaredLogarithmicError(),
        3.0,
        lambda a: np.log((1 + np.maximum(a, wide(EPSILON))) / 4) ** 2,
        lambda a: np.where(a > EPSILON, 2 * np.log((1 + abs(a)) / 4) / (1 + abs(a)), 0),
    ),
    "huber": (
        losses.Huber(),
        0.0,
        lambda a: np.where(abs(a) <= 1, a**2 / 2, abs(a) - 0.5),
        lambda a: np.clip(a, -1, 1),
    ),
    "wide huber": (
        losses.Huber(1e3),
        0.0,
        lambda a: np.where(abs(a) <= 1e3, a**2 / 2, 1e3 * (abs(a) - 500)),
        lambda a: np.clip(a, -1e3, 1e3),
    ),
    "log_cosh": (losses.LogCosh(), 0.0, log_cosh, np.tanh),
    "hinge": (
        losses.Hinge(),
        1.0,
        lambda a: np.maximum(1 - a, 0),
        lambda a: -np.heaviside(1 - a, 0.5),
    ),
    "hinge of 0": (
        losses.Hinge(),
        0.0,
        lambda a: np.maximum(1 + a, 0),
        lambda a: np.heaviside(1 + a, 0.5),
    ),
    "focal": (
        losses.BinaryFocalCrossentropy(from_logits=True),
        1.0,
        lambda z: expit(-z) ** 2 * softplus(-z),
        lambda z: -(expit(-z) ** 2) * (2 * expit(z) * softplus(-z) + expit(-z)),
    ),
    "strong focal": (
        losses.BinaryFocalCrossentropy(gamma=6, from_logits=True),
        1.0,
        lambda z: expit(-z) ** 6 * softplus(-z),
        lambda z: -(expit(-z) ** 6) * (6 * expit(z) * softplus(-z) + expit(-z)),
    ),
    "balanced focal of 0": (
        losses.BinaryFocalCrossentropy(True, 0.25, 0.5, from_logits=True),
        0.0,
        lambda z: 0.75 * expit(z) ** 0.5 * softplus(z),
        lambda z: 0.75 * expit(z) ** 0.5 * (0.5 * expit(-z) * softplus(z) + expit(z)),
    ),
}


@DTYPES
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_up_to_the_largest_numbers(dtype, name):
    loss, y, value, slope = CASES[name]
    info = np.finfo(dtype)
    A = extremes(dtype)
    if name not in ("mape", "wide huber"):  # which are larger than the prediction
        A = np.append(A, np.array([1e38, -1e38] if dtype == "float32" else [1e308, -1e308], dtype))
    A = A[np.abs(A) < float(info.max) / (1e4 if name in ("mape", "wide huber") else 1)]
    A = A.reshape(-1, 1)
    E, gradient = run(loss, np.full_like(A, y), A)
    with np.errstate(under="ignore"):
        E_true, slope_true = value(wide(A)), slope(wide(A))
    tolerance = {"rtol": 16 * info.eps, "atol": info.tiny}
    np.testing.assert_allclose(E, E_true[:, 0].astype(dtype), **tolerance)
    np.testing.assert_allclose(gradient, slope_true.astype(dtype), **tolerance)


@DTYPES
def test_poisson_up_to_the_largest_numbers(dtype):
    A = np.abs(extremes(dtype)).reshape(-1, 1)
    E, gradient = run(losses.Poisson(), np.full_like(A, 3), A)
    rtol = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(E, (wide(A) - 3 * np.log(wide(A) + 1e-7))[:, 0], rtol=rtol)
    np.testing.assert_allclose(gradient, 1 - 3 / (wide(A) + 1e-7), rtol=rtol, atol=rtol)


@DTYPES
@pytest.mark.parametrize("loss", [losses.MeanSquaredError, losses.SquaredHinge])
def test_squares_are_finite_as_long_as_they_can_be(dtype, loss):
    largest = np.sqrt(np.finfo(dtype).max) / 4
    A = np.array([[largest, -largest], [1e-3 * largest, 0.0]], dtype)
    E, gradient = run(loss(), np.ones_like(A), A)
    expected = (np.float64(A) - 1) ** 2
    if loss is losses.SquaredHinge:
        expected = expected * (A < 1)
    np.testing.assert_allclose(E, expected.mean(1), rtol=1e-5)
    assert np.isfinite(gradient).all()


@DTYPES
@pytest.mark.parametrize("name", ["mae", "huber", "log_cosh", "hinge", "categorical_hinge"])
def test_the_mean_is_finite_where_the_sum_is_not(dtype, name):
    largest = float(np.finfo(dtype).max) / 4
    A = np.full((9, 7), -largest, dtype)
    loss = losses.get(name)
    Y = np.eye(7, dtype=dtype)[np.arange(9) % 7] if "cat" in name else np.ones_like(A)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert loss(Y, A) == pytest.approx(largest, rel=1e-5)
        weighted = type(loss)(reduction="mean_with_sample_weight")
        assert weighted(Y, A, np.arange(9)) == pytest.approx(largest, rel=1e-5)


@DTYPES
@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_binary_log_loss_from_any_logit(dtype, y):
    z = extremes(dtype).reshape(-1, 1)
    Y = np.full_like(z, y)
    E, gradient = run(losses.BinaryCrossentropy(from_logits=True), Y, z)
    y_wide = np.longdouble(np.asarray(y, dtype))
    with np.errstate(under="ignore"):
        truth = (y_wide * softplus(-wide(z)) + (1 - y_wide) * softplus(wide(z)))[:, 0]
    info = np.finfo(dtype)
    # Relative: a right and certain prediction has a small loss, not none.
    np.testing.assert_allclose(E, truth.astype(dtype), rtol=8 * info.eps, atol=info.tiny)
    expected = scipy.special.expit(z.astype(np.float64)) - np.float64(Y)
    np.testing.assert_allclose(gradient, expected, rtol=8 * info.eps, atol=2 * info.eps)


@DTYPES
@pytest.mark.parametrize("k", [2, 5, 40])
def test_log_loss_from_any_logits(dtype, k):
    rng = np.random.default_rng(k)
    Z = np.concatenate([rng.choice(extremes(dtype), size=(200, k)), rng.normal(size=(20, k))])
    Z = Z.astype(dtype)
    labels = rng.integers(0, k, len(Z))
    labels[:50] = Z[:50].argmax(axis=1)  # right and certain
    Y = np.eye(k, dtype=dtype)[labels]
    shifted = wide(Z) - wide(Z).max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        P = np.exp(logs)
    truth, info = -logs[np.arange(len(Z)), labels], np.finfo(dtype)
    for loss, targets in (
        (losses.SparseCategoricalCrossentropy, labels),
        (losses.CategoricalCrossentropy, Y),
    ):
        E, gradient = run(loss(from_logits=True), targets, Z)
        np.testing.assert_allclose(E, truth.astype(dtype), rtol=8 * info.eps, atol=8 * info.eps)
        np.testing.assert_allclose(gradient, np.float64(P - Y), atol=8 * info.eps)


@DTYPES
@pytest.mark.parametrize(
    "loss",
    [
        losses.BinaryCrossentropy(),
        losses.CategoricalCrossentropy(),
        losses.SparseCategoricalCrossentropy(),
        losses.KLDivergence(),
        *(losses.BinaryFocalCrossentropy(gamma=gamma) for gamma in (0, 0.5, 1, 2)),
        *(losses.CategoricalFocalCrossentropy(gamma=gamma) for gamma in (0, 0.5, 1, 2)),
    ],
    ids=repr,
)
def test_probabilities_of_0_and_1_give_finite_loss_and_gradient(dtype, loss):
    tiny = np.finfo(dtype).tiny
    A = np.array([[0, 1], [1, 0], [0, 0], [1, 1], [tiny, 1], [0.5, 1e-30], [tiny, tiny]], dtype)
    for label in (0, 1):
        labels = np.full(len(A), label)
        Y = labels if loss.target_kind == "labels" else np.eye(2, dtype=dtype)[labels]
        E, gradient = run(loss, Y, A)
        assert (E < 16.2).all()  # Keras' clipping: no probability counts as less than 1e-7
        assert np.isfinite(gradient).all()


@DTYPES
def test_a_focal_loss_has_no_plateau_where_it_is_all_wrong(dtype):
    Y = np.eye(2, dtype=dtype)
    E, gradient = run(losses.BinaryFocalCrossentropy(), Y, 1 - Y)
    assert (E > 15.9).all()
    np.testing.assert_allclose(gradient, (1 - 2 * Y) * E.max(), rtol=1e-2)  # gamma / N is 1


@DTYPES
def test_two_classes_from_any_logits_are_one_from_their_difference(dtype):
    rng = np.random.default_rng(0)
    Z = rng.choice(extremes(dtype) / 2, size=(300, 2)).astype(dtype)
    Y = np.eye(2, dtype=dtype)[rng.integers(0, 2, 300)]
    for gamma in (0.5, 2):
        E, gradient = run(losses.CategoricalFocalCrossentropy(1.0, gamma, from_logits=True), Y, Z)
        other = losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)
        expected, slope = run(other, Y[:, :1], Z[:, :1] - Z[:, 1:])
        accuracy = {
            "rtol": 1e-5 if dtype == "float32" else 1e-13,
            "atol": np.finfo(dtype).eps ** 0.5,
        }
        np.testing.assert_allclose(E, expected, **accuracy)
        np.testing.assert_allclose(gradient, np.concatenate([slope, -slope], 1), **accuracy)


@DTYPES
def test_only_directions_count_up_to_the_longest_vectors(dtype):
    rng = np.random.default_rng(0)
    Y, A = rng.normal(size=(2, 8, 5)).astype(dtype)
    E, gradient = run(losses.CosineSimilarity(), Y, A)
    longest = np.finfo(dtype).max / 8
    for long, other in ((A, Y), (Y, A)):
        scale = np.logspace(-5, np.log10(longest / np.abs(long).max()), 8, dtype="f8")[:, None]
        scaled = (long * scale).astype(dtype)
        pair = (other, scaled) if long is A else (scaled, other)
        found, slope = run(losses.CosineSimilarity(), *pair)
        np.testing.assert_allclose(found, E, rtol=3e-5 if dtype == "float32" else 1e-13)
        unscaled = slope * scale if long is A else slope
        np.testing.assert_allclose(unscaled, gradient, rtol=1e-3, atol=1e-5)


@DTYPES
def test_a_vector_of_zeros_has_no_direction_but_a_gradient_towards_one(dtype):
    Y, A = np.array([[3, 4], [0, 0]], dtype), np.array([[0, 0], [1, 2]], dtype)
    E, gradient = run(losses.CosineSimilarity(), Y, A)
    np.testing.assert_array_equal(E, [0, 0])
    np.testing.assert_allclose(gradient, [[-0.6e7, -0.8e7], [0, 0]], rtol=1e-6)


@DTYPES
def test_the_categorical_hinge_up_to_the_largest_numbers(dtype):
    rng = np.random.default_rng(0)
    A = rng.choice(extremes(dtype), size=(200, 3))
    labels = rng.integers(0, 3, 200)
    E, gradient = run(losses.CategoricalHinge(), np.eye(3, dtype=dtype)[labels], A)
    rows = np.arange(200)
    others = wide(A).copy()
    others[rows, labels] = 0
    margin = others.max(1) - A[rows, labels] + 1
    np.testing.assert_allclose(E, np.maximum(margin, 0), rtol=4 * np.finfo(dtype).eps)
    # One or none of the others is pushed down, or several share it; the right one is pushed up.
    np.testing.assert_array_equal(gradient[rows, labels], -np.heaviside(margin, 0.5))
    assert (gradient.sum(1) <= 1e-6).all()


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: f"{row!r}-{row.targets}")
def test_nan_stays_nan_in_its_row(row):
    Y, A = targets_and_predictions(row, 6, 4, np.random.default_rng(0))
    A[2, 1] = np.nan
    E, gradient = run(row.make(), Y, A)
    assert np.isnan(gradient[2]).any()
    assert np.isnan(E[2]) == np.isnan(row.make()(Y, A))
    others = np.arange(6) != 2
    assert np.isfinite(E[others]).all()
    assert np.isfinite(gradient[others]).all()


#: Of the largest number of the type, how large the logits are.
FAR = pytest.mark.parametrize("far", [0.3, 0.6, 1.0])


@DTYPES
@FAR
@pytest.mark.parametrize(
    ("loss", "factor"),
    [
        (losses.CategoricalCrossentropy(from_logits=True), 1.0),
        (losses.BlockCrossentropy(), 1.0),
        (losses.BlockCrossentropy([2]), 1.0),
        (losses.CategoricalFocalCrossentropy(from_logits=True), 0.25),
        (losses.CategoricalFocalCrossentropy(0.5, gamma=0, from_logits=True), 0.5),
        (losses.CategoricalFocalCrossentropy(0.5, gamma=1000, from_logits=True), 0.5),
    ],
    ids=repr,
)
def test_logits_farther_apart_than_the_largest_number(dtype, far, loss, factor):
    big = np.dtype(dtype).type(far * np.finfo(dtype).max)
    Z = np.array([[big, -big], [-big, big], [big, -big], [big, big], [1, -big]], dtype)
    Y = np.array([[1, 0], [0, 1], [0.9375, 0.0625], [1, 0], [1, 0]], dtype)
    E, gradient = run(loss, Y, Z)
    # log a is 0 and -2 big, or -log 2 twice: only the little share of a wrong class is counted.
    gamma = getattr(loss, "gamma", 0)
    expected = np.array([0, 0, factor / 8 * big, factor * np.log(2) / 2**gamma, 0])
    np.testing.assert_allclose(E, expected, rtol=1e-6, atol=1e-30)
    even = factor * (1 + gamma * np.log(2)) / 2**gamma / 2
    np.testing.assert_allclose(gradient[:, 1], [0, 0, -0.0625 * factor, even, 0], atol=1e-6)
    np.testing.assert_allclose(gradient.sum(1), 0, atol=1e-6)
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(run(sparse, np.array([0, 1]), Z[:2])[0], 0)


@DTYPES
@FAR
@pytest.mark.parametrize("end", ["softmax", "Softmax", "Activation"])
@pytest.mark.parametrize(
    "name",
    ["categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence", "mse"],
)
def test_a_network_whose_logits_are_that_far_apart_is_right_and_trains(dtype, far, end, name):
    big = far * float(np.finfo(dtype).max)
    last = {
        "softmax": [layers.Dense(2, activation="softmax")],
        "Softmax": [layers.Dense(2), layers.Softmax()],
        "Activation": [layers.Dense(2), layers.Activation("softmax")],
    }[end]
    model = Sequential([Input((1,)), *last], dtype=dtype, seed=0)
    model.compile("sgd", name)
    weights = [np.array([[big, -big]]), np.zeros(2)]
    model.set_weights(weights)
    x, y = [[1.0], [-1.0]], [[1.0, 0.0], [0.0, 1.0]]
    np.testing.assert_array_equal(model.predict(x), y)
    # Both rows are right and certain: a loss of 0 (KL clips at 1e-7), and nothing to learn.
    assert model.evaluate(x, y) == pytest.approx(0, abs=4e-6)
    model.fit(x, y, verbose=0)
    for after, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(after, before.astype(dtype))
