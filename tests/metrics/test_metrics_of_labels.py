"""Scores of integer labels of several classes: in a model, and what cannot be meant."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn.metrics as sk

from annlib import Sequential, layers, load_model, losses, metrics
from annlib.core.errors import ConfigurationError, DataError, ShapeError

rng = np.random.default_rng(3)
X = rng.normal(size=(60, 4))
Y = np.argmax(X[:, :3] + 0.5 * rng.normal(size=(60, 3)), axis=1)
WEIGHTS = rng.uniform(0, 2, 60)


def used():
    return [
        metrics.F1Score(average="macro"),
        metrics.Precision(average="weighted"),
        metrics.Recall(average=None),
        metrics.AUC(None, average="macro"),
        metrics.AUC(average="weighted", name="binned"),
        metrics.Precision(class_id=1, name="of_one"),
    ]


def network(*, logits, **compiled):
    model = Sequential([layers.Dense(3, None if logits else "softmax")], seed=0)
    loss = losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile("adam", loss, **compiled)
    return model


def expected(y, p, w=None):
    best = p.argmax(axis=1)
    area = sk.roc_auc_score(y, p, multi_class="ovr", sample_weight=w)
    return [
        sk.f1_score(y, best, average="macro", sample_weight=w),
        sk.precision_score(y, best, average="weighted", sample_weight=w, zero_division=0),
        sk.recall_score(y, best, average=None, sample_weight=w),
        area,
        sk.precision_score(y == 1, best == 1, sample_weight=w, zero_division=0),
    ]


def compare(found, y, p, w=None):
    f1, precision, recall, area, binned, of_one = found
    for one, other in zip((f1, precision, recall, area, of_one), expected(y, p, w), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    areas = [sk.roc_auc_score(y == k, p[:, k], sample_weight=w) for k in range(3)]
    support = np.bincount(y, w, 3)
    assert binned == pytest.approx(np.average(areas, weights=support), abs=0.02)


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("shape", [(60,), (60, 1)])
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float32])
def test_a_model_gives_scikit_learns_scores(logits, shape, kind, tmp_path):
    model = network(logits=logits, metrics=used())
    y = Y.reshape(shape).astype(kind)
    model.fit(X, y, epochs=3, verbose=0, batch_size=16, validation_split=0.2)
    z = model.predict(X).astype(float)
    p = np.exp(z - z.max(1, keepdims=True)) if logits else z
    p /= p.sum(axis=1, keepdims=True)
    results = model.evaluate(X, y, batch_size=7, verbose=0)
    compare(results[1:], Y, p)
    model.save(tmp_path / "m")
    for again in (load_model(tmp_path / "m"), pickle.loads(pickle.dumps(model))):
        for one, other in zip(again.evaluate(X, y, batch_size=7, verbose=0), results, strict=True):
            np.testing.assert_array_equal(one, other)


def test_weights_and_streams_count():
    model = network(logits=False, weighted_metrics=used())
    parts = [slice(0, 1), slice(1, 40), slice(40, 60)]
    batches = [(X[part], Y[part], WEIGHTS[part]) for part in parts]
    model.fit(iter(batches), verbose=0)
    p = model.predict(X).astype(float)
    p /= p.sum(axis=1, keepdims=True)
    compare(model.evaluate(iter(batches), verbose=0)[1:], Y, p, WEIGHTS)


def test_what_is_no_label_is_refused():
    p = np.full((4, 3), 1 / 3)
    for metric in used()[:5]:
        for wrong in ([0, 1, 2, 3], [0, 1, -1, 2], [0.5, 1, 2, 0]):
            with pytest.raises(DataError, match=r"integer labels in 0\.\.2"):
                metric.update_state(wrong, p)
        with pytest.raises(ShapeError, match="shape"):
            metric.update_state([0, 1, 2], p)
        metric.update_state([0, 1, 2, 0], p)
        with pytest.raises(ShapeError):
            metric.update_state([0, 1], p[:2, :2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(average="macr"), "average one of"),
        (lambda: metrics.Precision(class_id=1, average=None), "Leave one of them out"),
        (lambda: metrics.AUC(average="mean"), "average one of"),
        (lambda: metrics.AUC(multi_label=True, average="micro"), "Leave one of them out"),
        (lambda: metrics.AUC(label_weights=[1, 2], average="weighted"), "label_weights"),
    ],
)
def test_averages_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_columns_that_are_no_classes_have_averages_too():
    bits, p = rng.integers(0, 2, (30, 3)), rng.random((30, 3))
    for average in (None, "micro", "macro", "weighted"):
        found = metrics.Precision(average=average)(bits, p)
        np.testing.assert_allclose(found, sk.precision_score(bits, p > 0.5, average=average))
        found = metrics.AUC(None, average=average)(bits, p)
        np.testing.assert_allclose(found, sk.roc_auc_score(bits, p, average=average))
    assert metrics.AUC(average="macro")(bits, p) == metrics.AUC(multi_label=True)(bits, p)
    two = metrics.Recall([0.3, 0.6], average=None)(bits, p)
    assert two.shape == (3, 2)
    np.testing.assert_allclose(two[:, 1], sk.recall_score(bits, p > 0.6, average=None))
