"""Weights of outputs, missing targets, ignored labels, and ones that weigh more."""

from __future__ import annotations

import numpy as np
import pytest
from golden import recorded

from annlib import explain, losses
from annlib.core.errors import ConfigurationError, ShapeError
from annlib.core.workspace import Workspace
from annlib.testing import check_loss
from annlib.testing.gradients import check_gradient

rng = np.random.default_rng(0)
Y, A = rng.normal(size=(2, 6, 3))
W = rng.uniform(0.1, 2, size=Y.shape)
HOLES = np.where(rng.uniform(size=Y.shape) < 0.4, np.nan, Y)
HOLES[2], HOLES[4] = np.nan, Y[4]
THERE = ~np.isnan(HOLES)
SQUARES = (A - Y) ** 2
GOLDEN = recorded("losses")
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")


def numbers(loss, Y, A, weights=None):
    """The value and the gradient, of which it is checked that it is one."""
    work = Workspace("float64")
    value = loss.value(Y, A, weights, work)
    gradient = loss.gradient(Y, A, weights, work).copy()
    check_gradient(lambda A: loss.value(Y, A, weights, Workspace("float64")), gradient, A)
    return value, gradient


# -- one weight an output --------------------------------------------------------------------------


def test_every_term_counts_times_its_weight():
    expected = {
        "sum_over_batch_size": (W * SQUARES).mean(),
        "sum": (W * SQUARES).mean(axis=1).sum(),
        "none": (W * SQUARES).mean(axis=1),
        "mean_with_sample_weight": (W * SQUARES).sum() / W.sum(),
    }
    for reduction, value in expected.items():
        found = losses.MeanSquaredError(reduction)(Y, A, W)
        np.testing.assert_allclose(found, value, rtol=1e-13)


def test_of_terms_that_are_added_up_the_sum_is_weighted():
    half = losses.HalfSumSquaredError(reduction="sum")
    assert half(Y, A, W) == pytest.approx((W * SQUARES).sum() / 2)
    weighted = losses.HalfSumSquaredError(reduction="mean_with_sample_weight")
    assert weighted(Y, A, W) == pytest.approx((W * SQUARES).sum() / (W.sum() / 3) / 2)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_number_is_the_weight_of_every_row(reduction):
    loss = losses.MeanAbsoluteError(reduction)
    np.testing.assert_array_equal(loss(Y, A, 0.7), loss(Y, A, np.full(6, 0.7)))
    np.testing.assert_array_equal(loss(Y, A, np.float32(2)), loss(Y, A, np.full((6, 1), 2)))


def test_weights_of_steps_are_those_of_their_outputs():
    """As in Keras, whose loss of (n, steps, k) has a number for each row and step."""
    y, a, w = Y.reshape(2, 3, 3), A.reshape(2, 3, 3), W[:, 0].reshape(2, 3)
    expected = (w * ((a - y) ** 2).mean(axis=2)).mean()
    assert losses.MeanSquaredError()(y, a, w) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(6, 2), (5, 3), (3,), (1, 3), (6, 3, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match=r"\(6,\), or one an output, \(6, 3\), got"):
        losses.MeanSquaredError()(Y, A, np.ones(shape))


@pytest.mark.parametrize(
    "loss",
    [losses.CategoricalCrossentropy(True), losses.CosineSimilarity(), losses.KLDivergence()],
    ids=repr,
)
def test_a_row_that_is_one_vector_has_one_weight(loss):
    with pytest.raises(ShapeError, match=r"one sample weight a row, \(6,\), got .* no part has"):
        loss(np.abs(Y) / np.abs(Y).sum(1, keepdims=True), np.abs(A), W)


class OwnForward(losses.MeanSquaredError):
    def forward(self, Y, A, E, work):
        np.mean((A - Y) ** 2, axis=1, out=E)


def test_a_forward_of_ones_own_knows_no_terms():
    with pytest.raises(ShapeError, match="one sample weight a row"):
        OwnForward()(Y, A, W)
    with pytest.raises(ConfigurationError, match="Write terms and slopes"):
        OwnForward(mask_nan=True)


# -- missing targets -------------------------------------------------------------------------------


def test_what_is_missing_counts_in_neither_sum_nor_denominator():
    of_rows = [
        np.mean(row[there]) if there.any() else 0.0
        for row, there in zip(SQUARES, THERE, strict=True)
    ]
    expected = {
        "sum_over_batch_size": SQUARES[THERE].mean(),
        "mean_with_sample_weight": SQUARES[THERE].mean(),
        "none": of_rows,
        "sum": np.sum(of_rows),
    }
    for reduction, value in expected.items():
        loss = losses.MeanSquaredError(reduction, mask_nan=True)
        np.testing.assert_allclose(loss(HOLES, A), value, rtol=1e-13)


@pytest.mark.parametrize("weights", [W, W[:, 0]], ids=["outputs", "rows"])
def test_missing_targets_with_weights(weights):
    each = np.broadcast_to(weights if weights.ndim > 1 else weights[:, None], W.shape)
    total = (each * SQUARES)[THERE].sum()
    loss = losses.MeanSquaredError(mask_nan=True)
    assert loss(HOLES, A, weights) == pytest.approx(total / THERE.sum())
    loss = losses.MeanSquaredError("mean_with_sample_weight", mask_nan=True)
    assert loss(HOLES, A, weights) == pytest.approx(total / each[THERE].sum())


TARGETS = {
    losses.BinaryCrossentropy: (lambda y: (y > 0) * 1.0, lambda a: 1 / (1 + np.exp(-a))),
    losses.BinaryFocalCrossentropy: (lambda y: (y > 0) * 1.0, lambda a: 1 / (1 + np.exp(-a))),
    losses.SumBinaryCrossentropy: (lambda y: (y > 0) * 1.0, lambda a: 1 / (1 + np.exp(-a))),
    losses.Hinge: (np.sign, np.tanh),
    losses.SquaredHinge: (np.sign, np.tanh),
}
SAME = [
    cls
    for cls in losses.registry
    if issubclass(cls, losses.LossOfOutputs) and cls.__module__.startswith("annlib.")
]


@pytest.mark.parametrize("cls", SAME, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_loss_of_what_is_there(cls, weighted):
    """Each output's column for itself, without the rows of which it is missing."""
    of_targets, of_predictions = TARGETS.get(cls, (lambda y: np.abs(y) + 0.1,) * 2)
    y, a, w = of_targets(Y), of_predictions(A), W if weighted else None
    plain = cls(**cls.example_arguments, reduction="sum")
    parts = [
        plain(y[there, j], a[there, j : j + 1], None if w is None else w[there, j])
        for j, there in enumerate(THERE.T)
    ]
    masked = cls(**cls.example_arguments, mask_nan=True)
    rows = THERE.sum() / (1 if cls.averages_outputs else 3)
    found, gradient = numbers(masked, np.where(THERE, y, np.nan), a, w)
    assert found == pytest.approx(sum(parts) / rows, rel=1e-12)
    assert not gradient[~THERE].any()


def test_predictions_for_what_is_missing_may_be_anything():
    wild = np.where(THERE, A, 1e200)
    work, loss = Workspace("float64"), losses.MeanSquaredError(mask_nan=True)
    with np.errstate(over="ignore"):
        assert loss.value(HOLES, wild, None, work) == pytest.approx(SQUARES[THERE].mean())
        assert np.isfinite(loss.gradient(HOLES, wild, None, work)).all()


def test_nothing_there_is_no_loss():
    nothing = np.full_like(Y, np.nan)
    for reduction in REDUCTIONS:
        assert not np.any(losses.MeanSquaredError(reduction, mask_nan=True)(nothing, A))


def test_several_quantiles_of_one_target_miss_it_together():
    loss, y = losses.Quantile([0.1, 0.5, 0.9], mask_nan=True), HOLES[:, 0]
    there = ~np.isnan(y)
    expected = losses.Quantile([0.1, 0.5, 0.9])(y[there], A[there])
    assert loss(y, A) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.MeanSquaredError(mask_nan=True), HOLES),
        (losses.HalfSumSquaredError(mask_nan=True), HOLES),
        (losses.BinaryCrossentropy(True, mask_nan=True), np.where(THERE, Y > 0, np.nan)),
        (losses.SparseCategoricalCrossentropy(True, -1), np.array([0, -1, 2, 1, -1, 1])),
    ],
    ids=repr,
)
def test_with_missing_targets_it_keeps_the_rules_of_a_loss(loss, y):
    check_loss(loss, y, A)
    assert "leave out what is missing" in str(explain(loss))


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record", GOLDEN["ignored_classes"]["records"], ids=lambda r: r["reduction"]
)
def test_ignored_labels_are_those_of_keras(record):
    loss = losses.SparseCategoricalCrossentropy(reduction=record["reduction"], **record["config"])
    weights = np.array(GOLDEN["ignored_classes"]["sample_weight"]) if record["weighted"] else None
    y, a = np.array(record["y_true"]), np.array(record["y_pred"])
    np.testing.assert_allclose(loss(y, a, weights), record["value"], rtol=1e-12, atol=1e-14)
    if "gradient" in record:
        work = Workspace("float64")
        loss.value(y, a, weights, work)
        found = loss.gradient(y, a, weights, work)
        np.testing.assert_allclose(found, record["gradient"], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("ignored", [-1, 0, 255])
def test_an_ignored_label_may_be_any_integer(ignored):
    labels = np.array([0, 1, 2, 1, 0, 2])
    there = np.array([True, False, True, True, False, True])
    expected = losses.SparseCategoricalCrossentropy(True)(labels[there] % 2 + 1, A[there])
    y = np.where(there, labels % 2 + 1, ignored)
    for kind in (np.int64, np.float32, *([np.uint8] if ignored >= 0 else [])):
        loss = losses.SparseCategoricalCrossentropy(True, ignore_class=ignored)
        assert loss(y.astype(kind), A) == pytest.approx(expected)
        assert loss(y.astype(kind).reshape(-1, 1), A) == pytest.approx(expected)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("smoothing", [0.1, 1.0])
def test_smoothed_labels_are_smoothed_rows(from_logits, smoothing):
    labels = rng.integers(0, 3, 6)
    a = A if from_logits else np.abs(A)
    of_labels = losses.SparseCategoricalCrossentropy(from_logits, label_smoothing=smoothing)
    of_rows = losses.CategoricalCrossentropy(from_logits, smoothing)
    for weights in (None, W[:, 0].copy()):
        found = numbers(of_labels, labels, a, weights)
        expected = numbers(of_rows, np.eye(3)[labels], a, weights)
        assert found[0] == pytest.approx(expected[0], rel=1e-13)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-12, atol=1e-15)


# -- ones that weigh more --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record", GOLDEN["positive_weights"], ids=lambda r: f"{r['inputs']}-{r['pos_weight']}"
)
def test_positive_weights_are_those_of_pytorch(record):
    inputs = GOLDEN["losses"]["inputs"][record["inputs"]]
    y, z = np.array(inputs["y_true"]), np.array(inputs["y_pred"])
    loss, work = losses.BinaryCrossentropy(True, pos_weight=record["pos_weight"]), Workspace("f8")
    assert loss.value(y, z, None, work) == pytest.approx(record["value"], rel=1e-13)
    found = loss.gradient(y, z, None, work)
    np.testing.assert_allclose(found, record["gradient"], rtol=1e-9, atol=1e-16)
    if "moderate" in record["inputs"]:
        of_probabilities = losses.BinaryCrossentropy(pos_weight=record["pos_weight"])
        assert of_probabilities(y, 1 / (1 + np.exp(-z))) == pytest.approx(record["value"])


def test_a_positive_weight_of_one_changes_nothing():
    y = (Y > 0) * 1.0
    for logits in (False, True):
        a = A if logits else 1 / (1 + np.exp(-A))
        plain = losses.BinaryCrossentropy(logits, label_smoothing=0.1)
        weighted = losses.BinaryCrossentropy(logits, label_smoothing=0.1, pos_weight=[1.0] * 3)
        found, expected = numbers(weighted, y, a, W), numbers(plain, y, a, W)
        assert found[0] == pytest.approx(expected[0], rel=1e-13)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)


def test_as_many_positive_weights_as_outputs():
    with pytest.raises(ConfigurationError, match="output of 2 units"):
        losses.BinaryCrossentropy(pos_weight=[1.0, 2.0])((Y > 0) * 1.0, np.abs(np.tanh(A)))


@pytest.mark.parametrize(
    "loss",
    [losses.BinaryCrossentropy(pos_weight=[1.0, 2.0]), losses.Quantile([0.1, 0.9])],
    ids=repr,
)
def test_of_a_number_for_each_output_there_is_no_one_curve(loss):
    assert "formula" in str(explain(loss))
