"""What metrics refuse says whose argument or batch it is, and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import metrics
from annlib.core.errors import AnnlibError, ConfigurationError, DataError, ShapeError

ARGUMENTS = [
    (
        metrics.Precision,
        {"thresholds": 1.5},
        r"Precision: .*thresholds as a number in \[0, 1\].*1.5",
    ),
    (metrics.Recall, {"thresholds": [0.5, -0.1]}, "Recall: .*thresholds.*-0.1"),
    (metrics.Recall, {"thresholds": []}, "Recall: expected at least one number in thresholds"),
    (metrics.TruePositives, {"thresholds": "0.5"}, "TruePositives: .*thresholds"),
    (metrics.FalseNegatives, {"thresholds": [0.5, None]}, "FalseNegatives: .*None"),
    (metrics.Precision, {"top_k": 0}, "Precision: expected top_k as an integer >= 1"),
    (metrics.Precision, {"class_id": -1}, "Precision: expected class_id as an integer >= 0"),
    (metrics.AUC, {"num_thresholds": 1}, "AUC: expected num_thresholds as an integer >= 2"),
    (
        metrics.AUC,
        {"curve": "roc-auc"},
        "AUC: expected curve one of roc, pr, prgain, got 'roc-auc'",
    ),
    (metrics.AUC, {"curve": None}, "AUC: expected curve"),
    (metrics.AUC, {"summation_method": "mean"}, "AUC: expected summation_method"),
    (metrics.AUC, {"thresholds": [2]}, "AUC: .*thresholds"),
    (metrics.AUC, {"curve": "PRGAIN", "num_thresholds": None}, "AUC: .*Give num_thresholds"),
    (
        metrics.AUC,
        {"summation_method": "minoring", "num_thresholds": None},
        "AUC: .*Give num_thresholds",
    ),
    (metrics.AUC, {"num_labels": 2}, "AUC: expected num_labels with multi_label=True"),
    (metrics.AUC, {"label_weights": [1, -1]}, "AUC: .*label_weights.*-1"),
    (
        metrics.AUC,
        {"multi_label": True, "num_labels": 2, "label_weights": [1.0]},
        "AUC: expected 2 label_weights",
    ),
    (metrics.F1Score, {"average": "binary"}, "F1Score: expected average one of None, micro"),
    (metrics.F1Score, {"threshold": 0}, r"F1Score: expected threshold as a number in \(0, 1\]"),
    (metrics.FBetaScore, {"beta": 0}, r"FBetaScore: expected beta as a number in \(0, inf\)"),
    (metrics.R2Score, {"class_aggregation": "mean"}, "R2Score: expected class_aggregation"),
    (metrics.R2Score, {"num_regressors": -1}, "R2Score: expected num_regressors"),
    (metrics.TopKCategoricalAccuracy, {"k": 0}, "TopKCategoricalAccuracy: expected k"),
    (metrics.SparseTopKCategoricalAccuracy, {"k": 2.5}, "SparseTopKCategoricalAccuracy: .* k "),
    (metrics.BinaryAccuracy, {"threshold": "x"}, "BinaryAccuracy: expected threshold"),
    (metrics.BinaryCrossentropy, {"label_smoothing": 2}, "BinaryCrossentropy: .*label_smoothing"),
    (metrics.CosineSimilarity, {"axis": 0}, "CosineSimilarity: expected axis=-1"),
    (
        metrics.SparseCategoricalCrossentropy,
        {"ignore_class": 0.5},
        "SparseCategoricalCrossentropy: .*integer of a label",
    ),
]


@pytest.mark.parametrize(("cls", "arguments", "message"), ARGUMENTS)
def test_arguments(cls, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        cls(**arguments)


WRONG = [
    (metrics.Precision(), [0, 2], [0.1, 0.2], DataError, "targets that are 0 or 1, got 2"),
    (metrics.AUC(), [0.0, 0.05], [0.1, 0.2], DataError, "targets that are 0 or 1, got 0.05"),
    (metrics.AUC(None), [0, -1], [0.1, 0.2], DataError, "targets that are 0 or 1, got -1"),
    (metrics.F1Score(), [[0, np.nan]], [[0.1, 0.2]], DataError, "got nan. .*one-hot"),
    (metrics.TruePositives(), [0, 1], np.eye(2), ShapeError, r"shape \(2, 2\), got \(2,\)"),
    (metrics.Recall(), [0, 2], np.eye(2), DataError, r"integer labels in 0\.\.1, got 2"),
    (metrics.F1Score(), [0, 0.5], np.eye(2), DataError, r"integer labels in 0\.\.1, got 0\.5"),
    (metrics.AUC(), [[-1], [0]], np.eye(2), DataError, r"integer labels in 0\.\.1, got -1"),
    (metrics.F1Score(), [0, 1, 0], np.eye(2), ShapeError, r"shape \(2, 2\), got \(3,\)"),
    (metrics.R2Score(), [[0, 1]], [[1]], ShapeError, r"shape \(1, 1\), got \(1, 2\)"),
    (metrics.Precision(top_k=3), np.eye(2), np.eye(2), ShapeError, "at least 3 columns"),
    (metrics.Precision(class_id=2), np.eye(2), np.eye(2), ShapeError, "at least 3 columns"),
    (metrics.AUC(label_weights=[1, 1]), np.eye(3), np.eye(3), ShapeError, r"\(n, 2\).*\(3, 3\)"),
    (
        metrics.AUC(multi_label=True, num_labels=2),
        np.eye(3),
        np.eye(3),
        ShapeError,
        r"\(n, 2\).*See num_labels",
    ),
    (metrics.TopKCategoricalAccuracy(), np.eye(3), np.eye(3), ShapeError, "k = 5 classes.*smaller"),
    (metrics.SparseTopKCategoricalAccuracy(1), [0, 2], np.eye(2), DataError, "0..1, got 2"),
    (metrics.SparseTopKCategoricalAccuracy(1), [0, 0.5], np.eye(2), DataError, "0..1, got 0.5"),
    (metrics.SparseTopKCategoricalAccuracy(1), [-1, 0], np.eye(2), DataError, "0..1, got -1"),
    (metrics.SparseCategoricalCrossentropy(), [2, 0], np.eye(2), DataError, r"0\.\.1"),
    (metrics.Hinge(), [0, 2], [0.1, 0.2], DataError, "-1 and 1, or of 0 and 1"),
    (metrics.MeanSquaredError(), ["a"], [1.0], DataError, "y_true to hold numbers"),
    (metrics.Accuracy(), [1], ["b"], DataError, "y_pred to hold numbers"),
]


@pytest.mark.parametrize(("metric", "y", "a", "error", "message"), WRONG)
def test_batches(metric, y, a, error, message):
    with pytest.raises(error, match=f"^{type(metric).__name__}: .*{message}"):
        metric.update_state(y, a)


@pytest.mark.parametrize(
    "metric", [metrics.F1Score(), metrics.R2Score(), metrics.AUC(multi_label=True)], ids=repr
)
def test_columns_stay_as_many(metric):
    metric.update_state(np.eye(2), np.eye(2))
    with pytest.raises(ShapeError, match=r"\(n, 2\)"):
        metric.update_state(np.eye(3), np.eye(3))


def test_labels_are_looked_at_in_every_part_of_a_long_batch():
    y, a = np.ones(10_000), np.zeros((10_000, 1))
    y[9_999] = 7
    for metric in (metrics.Hinge(), metrics.Precision(), metrics.BinaryCrossentropy()):
        with pytest.raises(DataError):
            metric.update_state(y, a)


@pytest.mark.parametrize("cls", [metrics.Mean, metrics.Sum])
def test_values_and_their_weights(cls):
    with pytest.raises(ShapeError, match="one sample weight a row"):
        cls()([1.0, 2.0], [1.0])
    with pytest.raises(AnnlibError, match="values to hold numbers"):
        cls()(["a"])
