"""The cases of metrics. What targets and predictions are, see ``cases.targets_and_predictions``.

``keeps_rows`` is one whose memory grows with the data."""

from annlib import metrics
from cases.row import Row


def bits(cls, **keywords):
    return Row(cls, **keywords).where(targets="bits", predictions="unit")


def values(cls, targets="real", predictions="real", **keywords):
    return Row(cls, **keywords).where(targets=targets, predictions=predictions)


def classes(cls, targets="one-hot", predictions="simplex", **keywords):
    return Row(cls, **keywords).where(targets=targets, predictions=predictions)


METRICS = [
    Row(metrics.Mean).where(targets="real", predictions="weights"),
    Row(metrics.Mean, "average").where(targets="real", predictions="weights"),
    Row(metrics.Sum).where(targets="real", predictions="weights"),
    Row(metrics.Accuracy).where(targets="bits", predictions="bits"),
    bits(metrics.BinaryAccuracy),
    bits(metrics.BinaryAccuracy, threshold=0.7, name="sure"),
    classes(metrics.CategoricalAccuracy),
    classes(metrics.SparseCategoricalAccuracy, "labels"),
    classes(metrics.TopKCategoricalAccuracy, k=2),
    classes(metrics.SparseTopKCategoricalAccuracy, "labels", k=3, name="top"),
    classes(metrics.SparseTopKCategoricalAccuracy, "labels", "bits", k=2, from_sorted_ids=True),
    bits(metrics.TruePositives),
    bits(metrics.TruePositives, thresholds=0.25, name="hits"),
    bits(metrics.TrueNegatives, thresholds=[0.75, 0.5]),
    bits(metrics.FalsePositives),
    bits(metrics.FalseNegatives),
    bits(metrics.Precision),
    bits(metrics.Precision, thresholds=[0.2, 0.8], name="two"),
    classes(metrics.Precision, top_k=2, class_id=1),
    bits(metrics.Recall),
    classes(metrics.Recall, top_k=1),
    bits(metrics.Precision, average="macro", thresholds=[0.2, 0.8], name="of_columns"),
    classes(metrics.Precision, "labels", average="weighted", name="of_labels"),
    classes(metrics.Recall, "labels", average=None),
    classes(metrics.Recall, "labels", top_k=2, average="micro"),
    bits(metrics.AUC),
    classes(metrics.AUC, "labels", average="macro", name="of_labels"),
    classes(metrics.AUC, "labels", average=None, curve="PR", num_thresholds=20),
    bits(metrics.AUC, num_thresholds=11, curve="PR", name="area", label_weights=[1.0, 0.5, 2.0]),
    bits(metrics.AUC, curve="PRGAIN", summation_method="majoring", thresholds=[0.3, 0.6]),
    values(metrics.AUC, "bits", multi_label=True, from_logits=True),
    bits(metrics.AUC, multi_label=True, num_labels=3, label_weights=[1.0, 0.5, 2.0]),
    bits(metrics.AUC, num_thresholds=None).where(keeps_rows=True),
    bits(metrics.PrecisionAtRecall, recall=0.6),
    bits(metrics.PrecisionAtRecall, recall=0.3, num_thresholds=11, class_id=1, name="sharp"),
    bits(metrics.RecallAtPrecision, precision=0.5),
    bits(metrics.SensitivityAtSpecificity, specificity=0.4, num_thresholds=1),
    classes(metrics.SpecificityAtSensitivity, "labels", sensitivity=0.7),
    classes(metrics.F1Score),
    classes(metrics.F1Score, "labels", average="macro", name="of_labels"),
    bits(metrics.F1Score, average="micro", threshold=0.5, name="f1"),
    classes(metrics.FBetaScore),
    bits(metrics.FBetaScore, average="weighted", beta=2.0, threshold=0.3),
    values(metrics.R2Score),
    values(metrics.R2Score, class_aggregation=None, num_regressors=2, name="adjusted"),
    values(metrics.R2Score, class_aggregation="variance_weighted_average"),
    values(metrics.PearsonCorrelation),
    values(metrics.PearsonCorrelation, axis=0, name="along_rows"),
    values(metrics.ConcordanceCorrelation),
    values(metrics.ConcordanceCorrelation, axis=0),
    values(metrics.MeanSquaredError),
    values(metrics.RootMeanSquaredError, name="rmse"),
    values(metrics.MeanAbsoluteError),
    values(metrics.MeanAbsolutePercentageError),
    values(metrics.MeanSquaredLogarithmicError, "positive", "positive"),
    values(metrics.LogCoshError),
    values(metrics.CosineSimilarity, axis=-1),
    bits(metrics.BinaryCrossentropy),
    bits(metrics.BinaryCrossentropy, pos_weight=2.0),
    values(metrics.BinaryCrossentropy, "bits", from_logits=True, label_smoothing=0.2),
    classes(metrics.CategoricalCrossentropy, axis=-1),
    values(metrics.CategoricalCrossentropy, "one-hot", from_logits=True, label_smoothing=0.1),
    classes(metrics.SparseCategoricalCrossentropy, "labels", ignore_class=None, axis=-1),
    classes(metrics.SparseCategoricalCrossentropy, "labels", ignore_class=1, label_smoothing=0.1),
    values(metrics.SparseCategoricalCrossentropy, "labels", from_logits=True, name="nats"),
    classes(metrics.KLDivergence, "simplex"),
    values(metrics.Poisson, "counts", "positive"),
    values(metrics.Hinge, "signs"),
    values(metrics.SquaredHinge, "bits"),
    values(metrics.CategoricalHinge, "one-hot"),
]
