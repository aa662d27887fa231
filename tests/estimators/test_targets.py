"""What y means, what rows count, and the loss of several classifications at once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

import annlib
from annlib import MLPClassifier, Sequential, SequentialClassifier, layers, losses
from annlib.core.errors import ConfigurationError
from annlib.estimators.target_checks import check_y
from annlib.estimators.targets import (
    BinaryTargets,
    ClassTargets,
    ColumnsTargets,
    IndicatorTargets,
    NumberTargets,
    learn_targets,
)
from annlib.estimators.weights import mean_one, sample_weights
from annlib.losses import BlockCrossentropy
from annlib.testing import check_loss

rng = np.random.default_rng(0)


def learned(y, **options):
    y = check_y(np.asarray(y), classifier=True)
    return learn_targets(y, classifier=True, **options), y


@pytest.mark.parametrize(
    ("y", "kind", "units"),
    [
        (["b", "a", "b"], BinaryTargets, 1),
        ([True, False], BinaryTargets, 1),
        ([3, 3], BinaryTargets, 1),
        ([-1, 5, 2], ClassTargets, 3),
        ([[0, 1, 1], [1, 0, 1]], IndicatorTargets, 3),
        ([["a", "x"], ["b", "y"], ["c", "y"]], ColumnsTargets, 5),
        ([[0, 1], [2, 1]], ColumnsTargets, 3),
    ],
)
def test_kinds_and_the_way_back(y, kind, units):
    targets, y = learned(y)
    assert type(targets) is kind
    assert targets.units == units
    one_hot = targets.encode(y, one_hot=True)
    logits = one_hot - 0.5
    if units == 1:
        np.testing.assert_array_equal(targets.decode(targets.encode(y).reshape(-1, 1) - 0.5), y)
    np.testing.assert_array_equal(targets.decode(logits), y)
    assert targets.decode(logits).dtype.kind == y.dtype.kind


def test_numbers_keep_their_dimensions():
    for y in (np.arange(3.0), np.ones((3, 1)), np.ones((3, 2))):
        targets = learn_targets(check_y(y, classifier=False), classifier=False)
        assert isinstance(targets, NumberTargets)
        np.testing.assert_array_equal(targets.decode(targets.encode(y)), y)


def test_classes_that_are_told():
    targets, _ = learned(["a", "b"], classes=["c", "b", "a"])
    assert targets.classes.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"unseen labels \['d'\]"):
        targets.encode(np.array(["a", "d"]))
    with pytest.raises(ValueError, match="one class a row"):
        targets.encode(np.array([["a", "b"]]))


def test_other_targets_than_before():
    many, _ = learned([[0, 1, 1], [1, 0, 1]])
    with pytest.raises(ValueError, match="indicators of 3 labels"):
        many.encode(np.zeros((2, 2), int))
    columns, _ = learned([[0, 1], [2, 1]])
    with pytest.raises(ValueError, match="2 columns of classes"):
        columns.encode(np.zeros((2, 3), int))


@pytest.mark.parametrize("labels", [["a", "b", "c"], [-2, 0, 9], [0.0, 1.0, 2.0]])
def test_class_weights_are_scikit_learns(labels):
    y = np.array(labels)[rng.integers(0, 3, 40)]
    targets, y = learned(y)
    for how in ("balanced", {labels[0]: 3.0}, {labels[1]: 0.5, labels[2]: 2}):
        expected = compute_sample_weight(
            {**dict.fromkeys(labels, 1.0), **how} if isinstance(how, dict) else how, y
        )
        np.testing.assert_allclose(sample_weights(y[:, None], y, None, how, targets), expected)
    weights = rng.uniform(size=40)
    by_dict = sample_weights(y[:, None], y, weights, {labels[0]: 3.0}, targets)
    np.testing.assert_allclose(by_dict, weights * np.where(y == labels[0], 3, 1))


@pytest.mark.parametrize("labels", [["a", "b"], [-2, 9], [0.0, 1.0], [False, True]])
def test_a_class_that_these_rows_lack_may_have_a_weight(labels):
    """scikit-learn's rule: a name too much and a class without one are a misspelt label."""
    y = np.array(labels)[rng.integers(0, 2, 40)]
    targets, y = learned(y)
    X = y[:, None]
    absent = "c" if isinstance(labels[0], str) else 7
    for how in ({labels[0]: 3.0, labels[1]: 0.5, absent: 5.0}, {labels[1]: 2}, {}):
        expected = compute_sample_weight({**dict.fromkeys(labels, 1.0), **how}, y)
        np.testing.assert_allclose(sample_weights(X, y, None, how, targets), expected)
    for how in ({absent: 5.0}, {labels[0]: 3.0, absent: 5.0}):
        if not isinstance(labels[0], bool):  # theirs takes True for 1 and False for 0
            with pytest.raises(ValueError, match="are not in class_weight"):
                compute_sample_weight(how, y)
        with pytest.raises(ValueError, match="class_weight: expected classes of"):
            sample_weights(X, y, None, how, targets)
    for bad in (-1.0, np.nan, np.inf, "much", None, [2.0]):
        with pytest.raises(ValueError, match="class_weight: expected numbers >= 0, got"):
            sample_weights(X, y, None, {labels[0]: bad}, targets)


def test_balanced_weights_count_rows_by_their_weights():
    targets, y = learned(["a", "b", "a", "b", "b"])
    repeats = np.array([3, 1, 2, 0, 4])
    weighted = sample_weights(y[:, None], y, repeats, "balanced", targets)
    again = np.repeat(y, repeats)
    expected = compute_sample_weight("balanced", again)
    np.testing.assert_allclose(np.repeat(weighted / np.maximum(repeats, 1), repeats), expected)


def test_weights_of_columns():
    y = np.column_stack([rng.integers(0, 3, 30), rng.integers(0, 2, 30)])
    targets, y = learned(y)
    X = np.zeros((30, 1))
    np.testing.assert_allclose(
        sample_weights(X, y, None, "balanced", targets), compute_sample_weight("balanced", y)
    )
    each = [{0: 2.0, 1: 1.0, 2: 1.0}, {0: 1.0, 1: 5.0}]
    np.testing.assert_allclose(
        sample_weights(X, y, None, each, targets), compute_sample_weight(each, y)
    )
    with pytest.raises(ValueError, match="one dict for each of the 2 columns"):
        sample_weights(X, y, None, each[:1], targets)
    many, labels = learned((y > 0).astype(int))
    each = [{1: 2.0}, {0: 1.0, 1: 5.0}]
    expected = np.where(labels[:, 0], 2.0, 1.0) * np.where(labels[:, 1], 5.0, 1.0)
    np.testing.assert_allclose(sample_weights(X, labels, None, each, many), expected)
    for told, of in ((targets, y), (many, labels)):
        with pytest.raises(ValueError, match="should be a list of dicts"):
            compute_sample_weight({0: 1.0, 1: 5.0}, of)
        with pytest.raises(ValueError, match="a list of one dict for each of the 2 columns"):
            sample_weights(X, of, None, {0: 1.0, 1: 5.0, 2: 1.0}, told)


def test_weights_that_cannot_be_meant():
    targets, y = learned(["a", "b"])
    X = np.zeros((2, 1))
    assert sample_weights(X, y, None, None, targets) is None
    np.testing.assert_allclose(mean_one(np.array([1.0, 3.0])), [0.5, 1.5])
    for weights, message in (
        ([0, 0], "zero"),
        ([-1, 1], "Negative"),
        ([np.nan, 1], "NaN"),
        ([1, 1, 1], "shape"),
    ):
        with pytest.raises(ValueError, match=message):
            sample_weights(X, y, weights)
    with pytest.raises(ValueError, match=r"got \['c'\]"):
        sample_weights(X, y, None, {"c": 1.0}, targets)


def test_the_loss_of_blocks():
    """The sum of the log-losses of each block."""
    sizes, n = (3, 2), 8
    Z = rng.normal(size=(n, 5)) * 3
    codes = [rng.integers(0, k, n) for k in sizes]
    Y = np.hstack([np.eye(k)[c] for k, c in zip(sizes, codes, strict=True)])
    P = [np.exp(Z[:, :3]), np.exp(Z[:, 3:])]
    expected = sum(
        log_loss(c, p / p.sum(axis=1, keepdims=True), labels=range(k))
        for c, p, k in zip(codes, P, sizes, strict=True)
    )
    assert BlockCrossentropy(sizes)(Y, Z) == pytest.approx(expected)
    check_loss(BlockCrossentropy(sizes), Y, Z)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_model_of_several_columns_is_saved_and_loaded(tmp_path):
    X = rng.normal(size=(60, 4))
    Y = np.column_stack([np.arange(60) % 3, np.arange(60) % 2])
    stack = Sequential([layers.Dense(5, "relu"), layers.Dense(5)], seed=0)
    for net in (
        MLPClassifier((5,), max_iter=3, random_state=0),
        SequentialClassifier(stack, epochs=2),
    ):
        net.fit(X, Y)
        net.model_.save(tmp_path / "m.safetensors")
        again = annlib.load_model(tmp_path / "m.safetensors")
        assert again.loss == net.model_.loss
        np.testing.assert_array_equal(again.predict(X), net.model_.predict(X))


def test_blocks_that_the_output_does_not_have():
    with pytest.raises(annlib.ShapeError, match="at least 5 units"):
        BlockCrossentropy([2, 3])([[0, 1, 0, 1]], [[0.0, 0.0, 0.0, 0.0]])


COLUMNS_X = rng.normal(size=(120, 4))
COLUMNS = np.column_stack([np.digitize(COLUMNS_X[:, 0], [-0.5, 0.5]), COLUMNS_X[:, 1] > 0]) + 1


def of_columns(which, loss):
    if which == "mlp":
        return MLPClassifier([16], loss=loss, learning_rate_init=0.05, random_state=0)
    return SequentialClassifier(
        loss=loss, epochs=100, random_state=0, optimizer__learning_rate=0.02
    )


@pytest.mark.parametrize("which", ["mlp", "sequential"])
@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        losses.CategoricalCrossentropy(from_logits=True),
        losses.CategoricalFocalCrossentropy(from_logits=True),
        losses.BinaryCrossentropy(from_logits=True),
        losses.BinaryFocalCrossentropy(from_logits=True),
        losses.SumBinaryCrossentropy(from_logits=True),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        "kl_divergence",
        "hinge",
        "squared_hinge",
        "categorical_hinge",
        BlockCrossentropy([2, 3]),
        BlockCrossentropy(),
    ],
    ids=str,
)
def test_a_loss_that_mixes_the_columns_of_classes_is_refused(which, loss):
    net = of_columns(which, loss)
    for fit in (
        lambda: net.fit(COLUMNS_X, COLUMNS),
        lambda: net.partial_fit(COLUMNS_X, COLUMNS, classes=[[1, 2, 3], [1, 2]]),
    ):
        with pytest.raises(ConfigurationError, match=r"one by one.*BlockCrossentropy\(\[3, 2\]\)"):
            fit()
    assert not hasattr(net, "model_")


@pytest.mark.parametrize(
    ("which", "loss"),
    [
        ("mlp", "log_loss"),
        ("sequential", "auto"),
        *((which, loss) for which in ("mlp", "sequential") for loss in (
            BlockCrossentropy([3, 2]), BlockCrossentropy([3]), "mse",
        )),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_loss_that_takes_the_columns_one_by_one_learns_each(which, loss):
    net = of_columns(which, loss).fit(COLUMNS_X, COLUMNS)
    assert net.score(COLUMNS_X, COLUMNS) > 0.9  # both columns right: by chance a sixth
    if loss != "mse":
        for probabilities in net.predict_proba(COLUMNS_X):
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
