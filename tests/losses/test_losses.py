"""Losses: derivatives, reductions, the paper's equations, memory, and the doors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from cases import LOSSES, targets_and_predictions
from hypothesis import given
from hypothesis import strategies as st

from annlib import activations, losses
from annlib.core.errors import AnnlibError, ConfigurationError, DataError, ShapeError
from annlib.core.workspace import Workspace
from annlib.testing import check_loss

each = pytest.mark.parametrize("row", LOSSES, ids=lambda row: f"{row!r}-{row.targets}")


def OF_OUTPUTS(cls):
    return issubclass(cls, losses.MeanOverOutputs | losses.HalfSumSquaredError)


def data(row, n=6, k=4, dtype=np.float64, seed=0):
    return targets_and_predictions(row, n, k, np.random.default_rng(seed), dtype)


def run(loss, Y, A, weights, work):
    """The value and a copy of the gradient."""
    return loss.value(Y, A, weights, work), loss.gradient(Y, A, weights, work).copy()


# -- the contracts ---------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("k", [1, 4, 40])
def test_it_keeps_the_rules_of_a_loss(row, k):
    check_loss(row.make(), *data(row, k=k))


@pytest.mark.parametrize("row", [r for r in LOSSES if OF_OUTPUTS(r.cls)], ids=repr)
@pytest.mark.parametrize("shape", [(5, 2, 3), (5,)])
def test_outputs_of_other_dimensions(row, shape):
    flat_Y, flat_A = data(row, 5, math.prod(shape[1:]))
    Y, A = flat_Y.reshape(shape), flat_A.reshape(shape)
    check_loss(row.make(), Y, A)
    assert row.make()(Y, A) == pytest.approx(row.make()(flat_Y, flat_A), rel=1e-14)


@each
def test_no_gradient_is_zero_for_all(row):
    """So that a derivative of zero is no accident of the numbers that the check is given."""
    assert run(row.make(), *data(row), None, Workspace("float64"))[1].any()


@each
def test_none_is_the_reduction_none(row):
    none, named = (row.cls(*row.arguments, **row.keywords, reduction=r) for r in (None, "none"))
    np.testing.assert_array_equal(none(*data(row)), named(*data(row)))


@each
def test_batches_of_other_widths_share_one_memory(row):
    loss, work = row.make(), Workspace("float64")
    for n, k in ((6, 4), (4, 6), (6, 3), (8, 3)):
        Y, A = data(row, n, k)
        value, gradient = run(loss, Y, A, None, work)
        expected, alone = run(loss, Y, A, None, Workspace("float64"))
        assert value == pytest.approx(expected, rel=1e-13)
        np.testing.assert_allclose(gradient, alone, rtol=1e-12, atol=1e-14)


@each
@pytest.mark.parametrize("weighted", [False, True])
def test_float32_is_float64_rounded(row, weighted):
    w = np.arange(6) % 3 * 1.0 if weighted else None
    found, expected = (run(row.make(), *data(row, dtype=d), w, Workspace(d)) for d in ("f4", "f8"))
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-5)


# -- the paper's section 9, row by row -------------------------------------------------------------


def softmax_jacobian(a):
    """[D_AZ] of eq. (7), transposed as in eq. (6)."""
    a = a.reshape(-1, 1)
    return (a @ np.ones((1, len(a))) * (np.eye(len(a)) - np.ones((len(a), 1)) @ a.T)).T


def test_half_sum_of_squares_is_9_1_with_the_right_sign():
    """E = 1/2 sum (y - a)^2 over N; dE/da = a - y (errata 1, 2), accumulated over the rows."""
    Y, A = np.random.default_rng(0).normal(size=(2, 5, 3))
    value, gradient = run(
        losses.HalfSumSquaredError(reduction="sum"), Y, A, None, Workspace("float64")
    )
    E = 0.0
    for r in range(5):
        for i in range(3):
            E += 0.5 * (Y[r, i] - A[r, i]) ** 2
            assert gradient[r, i] == pytest.approx(A[r, i] - Y[r, i], rel=1e-12)
    assert value == pytest.approx(E, rel=1e-12)


def test_the_printed_sign_climbs_and_the_right_one_finds_the_least_squares_solution():
    """Errata 1: W <- W - rho D (5.2) with D from y - a diverges on a convex problem."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 3))
    Y = X @ rng.normal(size=(3, 2)) + rng.normal(size=(30, 2))
    solution = np.linalg.lstsq(X, Y, rcond=None)[0]
    loss, work = losses.HalfSumSquaredError(reduction="sum"), Workspace("float64")
    W, printed = np.zeros((3, 2)), np.zeros((3, 2))
    at_start = loss.value(Y, X @ W, None, work)
    for _ in range(300):
        loss.value(Y, X @ W, None, work)
        W -= 0.01 * X.T @ loss.gradient(Y, X @ W, None, work)
        printed -= 0.01 * X.T @ (Y - X @ printed)
    np.testing.assert_allclose(W, solution, atol=1e-8)
    assert loss(Y, X @ printed) > 1e6 * at_start


@pytest.mark.parametrize("sparse", [False, True])
def test_log_loss_is_9_2_with_the_sign_at_the_error(sparse):
    """E = -sum y log a; dE/da = -y/a (errata 3); with softmax before it, dE/dz = a - y."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 4, 6)
    Y = np.eye(4)[labels]
    A = rng.dirichlet(np.ones(4) * 2, size=6)
    name = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    loss = losses.registry.find(name)(reduction="sum")
    value, gradient = run(loss, labels if sparse else Y, A, None, Workspace("float64"))
    assert value == pytest.approx(-sum(math.log(A[r, labels[r]]) for r in range(6)), rel=1e-12)
    for r in range(6):
        paper = -Y[r] / A[r]
        # Probabilities are divided by their sum first: what would change the sum is projected out.
        np.testing.assert_allclose(gradient[r], paper - paper @ A[r], rtol=1e-12, atol=1e-12)
        to_logits = softmax_jacobian(A[r])
        np.testing.assert_allclose(to_logits @ gradient[r], to_logits @ paper, atol=1e-12)
        np.testing.assert_allclose(to_logits @ gradient[r], A[r] - Y[r], atol=1e-12)


def test_binary_log_loss_has_both_terms():
    """Errata 4: with -y log a alone, rows of y = 0 have no loss and no gradient."""
    Y, A = np.array([[0.0], [1.0]]), np.array([[0.9], [0.9]])
    loss = losses.BinaryCrossentropy(reduction="none")
    np.testing.assert_allclose(loss(Y, A), [-math.log(0.1), -math.log(0.9)], rtol=1e-12)
    gradient = run(losses.BinaryCrossentropy(reduction="sum"), Y, A, None, Workspace("f8"))[1]
    np.testing.assert_allclose(gradient, [[1 / 0.1], [-1 / 0.9]], rtol=1e-12)


def test_sigmoids_with_the_many_class_loss_would_be_content_with_all_ones():
    """Errata 5: -sum y log a is 0 at a = 1 everywhere; the binary loss of each output is not."""
    Y, A = np.eye(3), np.full((3, 3), 1 - 1e-9)
    assert -np.sum(Y * np.log(A)) < 1e-8
    assert losses.BinaryCrossentropy()(Y, A) > 5


@pytest.mark.parametrize(
    ("plain", "N"), [(losses.CategoricalCrossentropy, 4), (losses.BinaryCrossentropy, 2)]
)
@pytest.mark.parametrize("from_logits", [False, True])
def test_smoothed_labels_are_other_labels(plain, N, from_logits):
    """y (1 - s) + s / N for one of N classes, s / 2 for yes or no."""
    rng = np.random.default_rng(3)
    Y = np.eye(4)[rng.integers(0, 4, 6)]
    A = rng.normal(size=(6, 4)) if from_logits else rng.dirichlet(np.ones(4), size=6)
    smooth = plain(from_logits=from_logits, label_smoothing=0.3)
    by_hand = plain(from_logits=from_logits)(Y * 0.7 + 0.3 / N, A)
    assert smooth(Y, A) == pytest.approx(by_hand, rel=1e-13)
    assert smooth(Y, A) != pytest.approx(plain(from_logits=from_logits)(Y, A), rel=1e-3)


@given(st.integers(1, 6), st.integers(2, 40), st.integers(0, 1000))
def test_labels_and_their_one_hot_rows_are_the_same_targets(n, k, seed):
    rng = np.random.default_rng(seed)
    labels, Z = rng.integers(0, k, n), rng.normal(size=(n, k)) * 5
    for A, from_logits in ((Z, True), (scipy.special.softmax(Z, axis=1), False)):
        sparse = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        dense = losses.CategoricalCrossentropy(from_logits=from_logits)
        one = run(sparse, labels, A, None, Workspace("float64"))
        other = run(dense, np.eye(k)[labels], A, None, Workspace("float64"))
        assert one[0] == pytest.approx(other[0], rel=1e-12, abs=1e-15)
        np.testing.assert_allclose(one[1], other[1], rtol=1e-9, atol=1e-12)


@given(st.integers(1, 6), st.integers(2, 40), st.integers(0, 1000))
def test_from_logits_is_the_activation_and_then_the_loss(n, k, seed):
    rng = np.random.default_rng(seed)
    Z, labels = rng.normal(size=(n, k)) * 2, rng.integers(0, k, n)
    softmax, sigmoid = scipy.special.softmax(Z, axis=1), scipy.special.expit(Z)
    bits = rng.integers(0, 2, (n, k))
    for loss, Y, A in (
        (losses.SparseCategoricalCrossentropy, labels, softmax),
        (losses.CategoricalCrossentropy, np.eye(k)[labels], softmax),
        (losses.BinaryCrossentropy, bits, sigmoid),
    ):
        assert loss(from_logits=True)(Y, Z) == pytest.approx(loss()(Y, A), rel=1e-9)
        work = Workspace("float64")
        loss(from_logits=True).value(np.asarray(Y), Z, None, work)
        # What it leaves for the metrics is the activation's output.
        np.testing.assert_allclose(work.array(loss.PROBABILITIES, n, k), A, rtol=1e-12)


# -- the doors -------------------------------------------------------------------------------------


def test_nothing_broadcasts_between_targets_and_predictions():
    mse = losses.MeanSquaredError()
    with pytest.raises(ShapeError, match=r"expected targets y of shape \(4, 1\)|\(n, 1\)"):
        mse(np.ones((4, 4)), np.ones((4, 1)))
    with pytest.raises(ShapeError):
        mse(np.ones((1, 4)), np.ones((4,)))
    with pytest.raises(ShapeError, match="one sample weight a row"):
        mse(np.ones((4, 1)), np.ones((4, 1)), np.ones(3))
    assert mse(np.zeros(4), np.ones((4, 1))) == 1.0  # (n,) is (n, 1) on purpose


@each
def test_targets_of_another_length_are_refused(row):
    Y, A = data(row)
    for rows in (1, 3):
        with pytest.raises(ShapeError, match="one length"):
            row.make()(Y[:rows], A)


def test_labels_that_cannot_be_meant_are_refused():
    loss = losses.SparseCategoricalCrossentropy()
    A = np.full((2, 3), 1 / 3)
    for bad in ([0, 3], [-1, 0], [0.5, 1], [np.nan, 1]):
        with pytest.raises(DataError, match="labels"):
            loss(bad, A)
    with pytest.raises(ShapeError, match="categorical_crossentropy"):
        loss(np.eye(3)[:2], A)
    assert loss([[0], [1]], A) == loss([0.0, 1.0], A) == pytest.approx(math.log(3))


def test_one_hot_losses_point_to_the_sparse_one():
    with pytest.raises(ShapeError, match="sparse_categorical_crossentropy"):
        losses.CategoricalCrossentropy()([0, 2], np.full((2, 3), 1 / 3))


BAD_TARGETS = {
    "hinge": ([0, -1], [1, 2], [0.5, 1], [np.nan, 1]),
    "squared_hinge": ([-1, 0], [-1, 3]),
    "categorical_hinge": ([-1, 1], [1.5, 0]),
    "poisson": ([-1, 2], [np.nan, 1]),
    "msle": ([-0.5, 2],),
    "kld": ([-0.1, 1.0], [1.5, 0]),
    "binary_crossentropy": ([-1, 1],),
    "binary_focal_crossentropy": ([0, 2],),
    "categorical_focal_crossentropy": ([0, 3],),
}


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_targets_that_cannot_be_meant_are_refused(name):
    for targets in BAD_TARGETS[name]:
        with pytest.raises(
            DataError, match=rf"expected (targets|labels) y .* got .*{targets[0]:g}"
        ):
            losses.get(name)([targets], [[0.4, 0.6]])


@pytest.mark.parametrize("name", ["msle", "poisson"])
def test_targets_of_at_least_0_may_be_as_large_as_they_like(name):
    largest = losses.get(name)([[1e30]], [[1e30]])
    assert largest == (0 if name == "msle" else pytest.approx(1e30 - 1e30 * math.log(1e30)))


def test_labels_of_hinges_may_be_of_one_class_and_of_any_type():
    for one, zero in ((1, -1), (1, 0), (True, False)):
        expected = losses.Hinge()([[1.0, 1.0], [-1.0, -1.0]], [[0.3, 2.0], [0.4, -3.0]])
        found = losses.Hinge()([[one, one], [zero, zero]], [[0.3, 2.0], [0.4, -3.0]])
        assert found == expected
        assert losses.Hinge()(np.array([zero]), [[0.5]]) == 1.5
    assert losses.Hinge()(np.array([0, 1], np.uint8), [[0.5], [0.5]]) == 1.0


@pytest.mark.parametrize("name", ["kld", "cosine_similarity", "categorical_hinge"])
def test_losses_of_vectors_want_vectors(name):
    with pytest.raises(ShapeError, match="Flatten"):
        losses.get(name)(np.ones(3), np.ones(3))
    with pytest.raises(ShapeError, match=r"targets y of shape \(n, 3, 4\)"):
        losses.get(name)(np.ones((2, 4)), np.ones((2, 3, 4)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.MeanSquaredError(reduction="median"), "reduction"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=1.5), r"label_smoothing .* \[0, 1\]"),
        (lambda: losses.CategoricalCrossentropy(label_smoothing=-0.1), "label_smoothing"),
        (lambda: losses.BinaryCrossentropy("yes"), "from_logits as True or False"),
        (lambda: losses.SparseCategoricalCrossentropy(1.0), "from_logits"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=1.5), "integer of a label"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=True), "integer of a label"),
        (lambda: losses.SparseCategoricalCrossentropy(label_smoothing=2), "label_smoothing"),
        (lambda: losses.MeanSquaredError(mask_nan=1), "mask_nan as True or False"),
        (lambda: losses.CategoricalCrossentropy(mask_nan=True), '"mask_nan"'),
        (lambda: losses.BinaryCrossentropy(pos_weight=-1.0), r"pos_weight .* \[0, inf\)"),
        (lambda: losses.BinaryCrossentropy(pos_weight=[1.0, "2"]), "each of pos_weight"),
        (lambda: losses.BinaryFocalCrossentropy(pos_weight=2.0), '"pos_weight"'),
        (lambda: losses.CategoricalCrossentropy(axis=1), r"axis=-1, .* got 1"),
        (lambda: losses.SparseCategoricalCrossentropy(axis=0), "axis=-1"),
        (lambda: losses.CosineSimilarity("sum"), "axis=-1"),
        (lambda: losses.Huber(0), r"Huber: expected delta .* \(0, inf\)"),
        (lambda: losses.Huber("1"), "delta"),
        (lambda: losses.BinaryFocalCrossentropy(0.25, 0.5), "apply_class_balancing as True"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1), r"gamma .* \[0, inf\)"),
        (lambda: losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.9]), "alpha as a number"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_the_public_face_takes_lists_and_integers():
    assert losses.MeanSquaredError()([1, 2], [2, 4]) == 2.5
    assert losses.MeanSquaredError(name="mine").name == "mine"
    assert losses.get("mse").name == "mean_squared_error"
    probabilities = activations.softmax([[0.0, 0.0]])
    assert losses.CategoricalCrossentropy()([[0, 1]], probabilities) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("y", "a", "weight", "message"),
    [
        (["a"], [[1.0]], None, "y_true to hold numbers"),
        ([1.0], [["a"]], None, "y_pred to hold numbers"),
        ([1.0], [[1j]], None, "y_pred to hold numbers, got complex"),
        ([1.0], [[1.0]], ["a"], "sample_weight to hold numbers"),
        (1.0, 2.0, None, r"at least 1, got shapes \(\) and \(\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), None, r"at least 1, got shapes \(0, 3\)"),
    ],
)
def test_what_is_no_batch_of_numbers_is_refused(y, a, weight, message):
    with pytest.raises(AnnlibError, match=f"^MeanSquaredError: .*{message}"):
        losses.MeanSquaredError()(y, a, weight)


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: f"{row!r}-{row.targets}")
@pytest.mark.parametrize("rows", [1, 3])
def test_no_loss_is_minus_zero(row, rows):
    loss, alone = row.make(), row.make()._replace(reduction="none")
    Y, A = targets_and_predictions(row, rows, 4, np.random.default_rng(0))
    weights = np.zeros(rows)
    # Perfect, and at the ends of what a prediction may be: minus a sum of zeros is -0.0.
    same = np.eye(4)[Y] if np.shape(Y) != A.shape else Y
    for predicted in (A, same, np.zeros_like(A), -np.zeros_like(A), 1e3 * (2.0 * same - 1)):
        for weight in (None, weights):
            with np.errstate(all="ignore"):
                values = [loss(Y, predicted, weight), *alone(Y, predicted, weight)]
            assert not [value for value in values if value == 0 and np.signbit(value)]
