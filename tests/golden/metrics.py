"""Results of Keras' metrics, with and without sample weights."""

import numpy as np
import torch

from golden.recorder import draw, draw_probabilities, keras, plain, use_float64, write

# The metrics of one rate where another is large enough, with the argument that says how large.
BEST_AT = {
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
}
AVERAGES = (None, "micro", "macro", "weighted")


def metric_inputs():
    """Return the named pairs of targets and predictions, and the sample weight.

    Among the predictions of ``binary`` and ``labels`` are 0, 1, ties and numbers on thresholds;
    ``ties`` has rows where several classes are as good; ``logits`` are any numbers.
    """
    rng = np.random.default_rng(606)
    n = 40
    bits = rng.integers(0, 2, (n, 1)).astype(float)
    scores = np.round(np.clip(rng.normal(0.35 + 0.3 * bits, 0.25), 0, 1), 2)
    scores[:6, 0] = [0.0, 1.0, 0.5, 0.5, 0.25, 0.75]
    label_bits = rng.integers(0, 2, (n, 3)).astype(float)
    label_scores = np.round(np.clip(rng.normal(0.4 + 0.2 * label_bits, 0.3), 0, 1), 2)
    classes = rng.integers(0, 6, n)
    probabilities = draw_probabilities(rng, n, 6)
    ties = np.round(rng.uniform(0, 1, (n, 6)), 1)
    ties[0] = 0.0
    one_hot = np.eye(6)[classes]
    real, forecast = draw(rng, n, 3), draw(rng, n, 3)
    inputs = {
        "binary": (bits, scores),
        "labels": (label_bits, label_scores),
        "binary_logits": (bits, np.round(8 * scores - 4, 4)),
        "real": (real, np.round(0.8 * real + 0.4 * forecast, 4)),
        "one_real": (real[:, :1], forecast[:, :1]),
        "positive": (np.abs(real), np.abs(forecast)),
        "one_hot": (one_hot, probabilities),
        "ties": (one_hot, ties),
        "logits": (one_hot, draw(rng, n, 6, scale=2.0)),
        "sparse": (classes, probabilities),
        "sparse_ties": (classes, ties),
        "sparse_logits": (classes, draw(rng, n, 6, scale=2.0)),
        "classes": (classes[:, None].astype(float), rng.integers(0, 6, (n, 1)).astype(float)),
        "ids": (classes, np.argsort(-probabilities, axis=1)[:, :5].astype(float)),
        "nothing_true": (np.zeros((4, 3)), label_scores[:4]),
        "all_true": (np.ones((4, 3)), label_scores[:4]),
    }
    weight = np.round(rng.uniform(0, 2, n), 2)
    weight[3] = 0.0
    return inputs, weight


def metric_configurations():
    """List (class, keyword arguments, names of the inputs)."""
    thresholds = {"thresholds": [0.75, 0.2, 0.5]}
    cases = [
        (name, config, ["binary", "labels", "nothing_true", "all_true"])
        for name in (
            *("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"),
            *("Precision", "Recall"),
        )
        for config in ({}, {"thresholds": 0.3}, thresholds)
    ]
    for name in ("Precision", "Recall"):
        cases += [
            (name, {"top_k": 2}, ["one_hot"]),
            (name, {"class_id": 1}, ["labels"]),
            (name, {"top_k": 2, "class_id": 3}, ["one_hot"]),
            (name, {"top_k": 3, "thresholds": [0.1, 0.25]}, ["one_hot"]),
        ]
    edges = ["labels", "nothing_true", "all_true"]
    for curve in ("ROC", "PR", "PRGAIN"):
        for method in ("interpolation", "minoring", "majoring"):
            area = {"curve": curve, "summation_method": method}
            cases += [
                ("AUC", area, ["binary", *edges]),
                ("AUC", {**area, "num_thresholds": 11}, ["binary", "labels"]),
                ("AUC", {**area, "num_thresholds": 2}, ["binary"]),
                ("AUC", {**area, "thresholds": [0.9, 0.1, 0.4]}, ["binary", "labels"]),
                ("AUC", {**area, "multi_label": True}, edges),
                (
                    "AUC",
                    {**area, "multi_label": True, "num_labels": 3, "label_weights": [1, 0.5, 2]},
                    ["labels"],
                ),
            ]
    cases += [
        ("AUC", {"label_weights": [1.0, 0.5, 2.0]}, ["labels"]),
        ("AUC", {"from_logits": True}, ["binary_logits"]),
        ("AUC", {"multi_label": True, "thresholds": [0.3, 0.6]}, ["labels"]),
    ]
    for average in AVERAGES:
        shared = {"average": average}
        cases += [
            ("F1Score", shared, ["one_hot", "ties"]),
            ("F1Score", {**shared, "threshold": 0.5}, ["binary", *edges]),
            ("FBetaScore", {**shared, "beta": 2.0}, ["one_hot"]),
            ("FBetaScore", {**shared, "beta": 0.5, "threshold": 0.3}, ["labels"]),
        ]
    for aggregation in (None, "uniform_average", "variance_weighted_average"):
        cases += [("R2Score", {"class_aggregation": aggregation}, ["real", "one_real"])]
    cases += [("R2Score", {"num_regressors": 7}, ["one_real"])]
    for k in (1, 3, 5):
        cases += [
            ("TopKCategoricalAccuracy", {"k": k}, ["one_hot", "ties"]),
            ("SparseTopKCategoricalAccuracy", {"k": k}, ["sparse", "sparse_ties"]),
        ]
    for config in ({}, {"k": 1}, {"k": 3}):
        cases += [("SparseTopKCategoricalAccuracy", {**config, "from_sorted_ids": True}, ["ids"])]
    for name, argument in BEST_AT.items():
        for least in (0.0, 0.3, 0.7, 0.95, 0.99):
            cases += [(name, {argument: least}, ["binary", "labels", "nothing_true", "all_true"])]
        cases += [
            (name, {argument: 0.6, "num_thresholds": count}, ["binary", "labels"])
            for count in (1, 2, 3, 11)
        ]
        cases += [(name, {argument: 0.6, "class_id": 1}, ["labels", "one_hot"])]
    for name in ("PearsonCorrelation", "ConcordanceCorrelation"):
        cases += [(name, {}, ["real", "one_hot", "logits"])]
    return [(name, config, key) for name, config, keys in cases + means() for key in keys]


def means():
    """The metrics that are means over rows."""
    smooth = {"label_smoothing": 0.1}
    return [
        ("Accuracy", {}, ["classes", "labels"]),
        ("BinaryAccuracy", {}, ["binary", "labels"]),
        ("BinaryAccuracy", {"threshold": 0.25}, ["binary"]),
        ("CategoricalAccuracy", {}, ["one_hot", "ties"]),
        ("SparseCategoricalAccuracy", {}, ["sparse", "sparse_ties"]),
        ("MeanSquaredError", {}, ["real", "one_real"]),
        ("RootMeanSquaredError", {}, ["real", "one_real"]),
        ("MeanAbsoluteError", {}, ["real"]),
        ("MeanAbsolutePercentageError", {}, ["real"]),
        ("MeanSquaredLogarithmicError", {}, ["positive"]),
        ("LogCoshError", {}, ["real"]),
        ("CosineSimilarity", {}, ["real", "one_real"]),
        ("BinaryCrossentropy", {}, ["binary", "labels"]),
        ("BinaryCrossentropy", {"from_logits": True, **smooth}, ["binary_logits"]),
        ("CategoricalCrossentropy", {}, ["one_hot"]),
        ("CategoricalCrossentropy", {"from_logits": True, **smooth}, ["logits"]),
        ("SparseCategoricalCrossentropy", {}, ["sparse"]),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, ["sparse_logits"]),
        ("KLDivergence", {}, ["one_hot"]),
        ("Poisson", {}, ["positive"]),
        ("Hinge", {}, ["labels", "binary_logits"]),
        ("SquaredHinge", {}, ["labels", "binary_logits"]),
        ("CategoricalHinge", {}, ["one_hot", "logits"]),
    ]


def record_metric(class_name, config, y_true, y_pred, sample_weight):
    """Return the result over two batches."""
    metric = getattr(keras.metrics, class_name)(**config)
    cut = len(y_true) // 3
    for part in (slice(cut), slice(cut, None)):
        weight = None if sample_weight is None else sample_weight[part]
        metric.update_state(y_true[part], y_pred[part], weight)
    return plain(metric.result())


def metric_functions():
    """List (function, keyword arguments, name of the inputs)."""
    return [
        ("binary_accuracy", {}, "labels"),
        ("binary_accuracy", {"threshold": 0.25}, "binary"),
        ("categorical_accuracy", {}, "one_hot"),
        ("sparse_categorical_accuracy", {}, "sparse"),
        ("top_k_categorical_accuracy", {"k": 2}, "one_hot"),
        ("sparse_top_k_categorical_accuracy", {"k": 2}, "sparse"),
        ("sparse_top_k_categorical_accuracy", {"k": 3, "from_sorted_ids": True}, "ids"),
        ("pearson_correlation", {}, "real"),
        ("pearson_correlation", {"axis": 0}, "real"),
        ("concordance_correlation", {}, "real"),
        ("concordance_correlation", {"axis": 0}, "one_real"),
        ("binary_crossentropy", {}, "labels"),
        ("binary_focal_crossentropy", {"gamma": 1.5}, "labels"),
        ("categorical_crossentropy", {"label_smoothing": 0.1}, "one_hot"),
        ("categorical_focal_crossentropy", {}, "one_hot"),
        ("sparse_categorical_crossentropy", {"from_logits": True}, "sparse_logits"),
        ("categorical_hinge", {}, "one_hot"),
        ("hinge", {}, "labels"),
        ("squared_hinge", {}, "labels"),
        ("huber", {"delta": 0.5}, "real"),
        ("kl_divergence", {}, "one_hot"),
        ("log_cosh", {}, "real"),
        ("mean_absolute_error", {}, "real"),
        ("mean_absolute_percentage_error", {}, "real"),
        ("mean_squared_error", {}, "real"),
        ("mean_squared_logarithmic_error", {}, "positive"),
        ("poisson", {}, "positive"),
    ]


def record_functions(inputs):
    """Record what each function gives for each row."""
    return [
        {
            "function": name,
            "config": config,
            "inputs": key,
            "result": plain(getattr(keras.metrics, name)(*inputs[key], **config)),
        }
        for name, config, key in metric_functions()
    ]


def record_metrics():
    """Record each metric, without and with sample weights."""
    inputs, sample_weight = metric_inputs()
    records = []
    for class_name, config, key in metric_configurations():
        y_true, y_pred = inputs[key]
        weight = sample_weight[: len(y_true)]
        records.append(
            {
                "class": class_name,
                "config": config,
                "inputs": key,
                "result": record_metric(class_name, config, y_true, y_pred, None),
                "weighted": record_metric(class_name, config, y_true, y_pred, weight),
            }
        )
    keras.utils.clear_session()  # which numbers names from the start
    directions = {}
    for name in sorted({name for name, *_ in metric_configurations()} | {"Mean", "Sum"}):
        required = {BEST_AT[name]: 0.5} if name in BEST_AT else {}
        metric = getattr(keras.metrics, name)(**required)
        directions[name] = {"name": metric.name, "direction": getattr(metric, "_direction", None)}
    return {
        "inputs": {
            key: {"y_true": plain(y_true), "y_pred": plain(y_pred)}
            for key, (y_true, y_pred) in inputs.items()
        },
        "sample_weight": plain(sample_weight),
        "records": records,
        "directions": directions,
        "functions": record_functions(inputs),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, metrics=record_metrics())
