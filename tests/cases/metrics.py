"""The cases of metrics. What targets and predictions are, see ``cases.targets_and_predictions``."""

from annlib import metrics
from cases.row import Row

METRICS = [
    Row(metrics.BinaryAccuracy).where(targets="bits", predictions="unit"),
    Row(metrics.BinaryAccuracy, threshold=0.7, name="sure").where(
        targets="bits", predictions="unit"
    ),
    Row(metrics.CategoricalAccuracy).where(targets="one-hot", predictions="simplex"),
    Row(metrics.SparseCategoricalAccuracy).where(targets="labels", predictions="simplex"),
    Row(metrics.MeanSquaredError).where(targets="real", predictions="real"),
    Row(metrics.MeanAbsoluteError).where(targets="real", predictions="real"),
]
