"""The best of one rate where another is large enough, and precision and recall of one row."""

from __future__ import annotations

import math

import numpy as np
import pytest

from annlib import Sequential, layers, load_model, metrics
from annlib.core.errors import AnnlibError, ConfigurationError, ShapeError

BEST_AT = [
    (metrics.PrecisionAtRecall, "recall"),
    (metrics.RecallAtPrecision, "precision"),
    (metrics.SensitivityAtSpecificity, "specificity"),
    (metrics.SpecificityAtSensitivity, "sensitivity"),
]
each = pytest.mark.parametrize(("cls", "argument"), BEST_AT)
Y, P = np.array([0, 0, 0, 1, 1]), np.array([0, 0.3, 0.8, 0.3, 0.8])


@each
def test_labels_are_their_one_hot_rows(cls, argument):
    labels = np.array([0, 2, 1, 2, 0, 1])
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 6)
    for class_id in (None, 0, 2):
        expected = cls(0.5, class_id=class_id)(np.eye(3)[labels], p)
        assert cls(**{argument: 0.5}, class_id=class_id)(labels, p) == expected
        assert cls(0.5, class_id=class_id)(labels[:, None], p) == expected


@each
def test_numbers_that_cannot_be_meant_are_refused(cls, argument):
    for wrong in (-0.1, 1.1, None, "0.5", math.nan, True):
        with pytest.raises(ConfigurationError, match=rf"^{cls.__name__}: expected {argument} as"):
            cls(wrong)
    for keywords in ({"num_thresholds": 0}, {"num_thresholds": 2.5}, {"class_id": -1}):
        with pytest.raises(ConfigurationError, match=next(iter(keywords))):
            cls(0.5, **keywords)
    with pytest.raises(ShapeError, match="class_id=5"):
        cls(0.5, class_id=5)(Y, P)
    with pytest.raises(AnnlibError, match="expected arguments"):
        metrics.get(cls._names[0])


@each
def test_a_prediction_that_is_no_number_shows(cls, argument):
    assert math.isnan(cls(0.5)(Y, [0, 0.3, math.nan, 0.3, 0.8]))
    assert cls(0.5)(np.zeros(0), np.zeros(0)) == 0.0


@each
def test_it_is_watched_in_training_and_saved(cls, argument, tmp_path):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    model = Sequential([layers.Dense(3)], seed=0)
    loss = {"class_name": "SparseCategoricalCrossentropy", "config": {"from_logits": True}}
    model.compile("adam", loss, metrics=[cls(0.4, 21, class_id=1)])
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.metrics[0].get_config() == model.metrics[0].get_config()
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


# Keras' own examples of one row, by hand.
@pytest.mark.parametrize(
    ("metric", "y", "p", "expected"),
    [
        (metrics.Precision(top_k=3), [0, 1, 1, 0, 0], [0.2, 0.1, 0.5, 0, 0.2], 1 / 3),
        (metrics.Recall(top_k=3), [0, 1, 1, 0, 0], [0.2, 0.1, 0.5, 0, 0.2], 1 / 2),
        (metrics.Precision(class_id=2), [0, 1, 1, 0, 0], [0.2, 0.1, 0.6, 0, 0.2], 1.0),
        (metrics.Precision(class_id=2), [0, 1, 1, 0, 0], [0.2, 0.1, 0, 0, 0.2], 0.0),
        (metrics.Recall(class_id=2, top_k=2), [0, 1, 1, 0, 0], [0.2, 0.6, 0.3, 0, 0.2], 1.0),
        (metrics.Precision(0.7, top_k=2), [0, 1, 1, 0, 1], [0.2, 0.8, 0.6, 0, 0.2], 1.0),
    ],
    ids=repr,
)
def test_one_row_of_predictions(metric, y, p, expected):
    assert metric(y, p) == pytest.approx(expected)
    metric.reset_state()
    assert metric([y], [p], [2.0]) == pytest.approx(expected)


def test_sorted_classes_may_have_any_numbers_and_must_be_enough():
    metric = metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True)
    assert metric([700, -4, 12], [[12, 700, 5], [1, 2, -4], [12, 12, 1]]) == pytest.approx(2 / 3)
    with pytest.raises(ShapeError, match="at least k = 2"):
        metric([1], [[1]])
    with pytest.raises(ConfigurationError, match="from_sorted_ids"):
        metrics.SparseTopKCategoricalAccuracy(from_sorted_ids=1)
