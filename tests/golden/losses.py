"""Values and gradients of the losses, per reduction and sample weight."""

import inspect

import numpy as np
import torch

from golden.recorder import (
    DTYPE,
    draw,
    draw_probabilities,
    gradient_tensor,
    keras,
    plain,
    use_float64,
    write,
)


def loss_inputs():
    """Return the named pairs of targets and predictions, and the sample weight.

    The pairs called ``edge`` hold probabilities of exactly 0 and 1 and some that
    lie outside the clipping bounds (1e-7), or numbers at the kinks of the losses;
    ``unnormalised`` ones do not sum to 1; the pairs of logits hold very large
    ones in the last row, unless they are ``moderate``.
    """
    rng = np.random.default_rng(202)
    tiny = 1e-8
    values = draw(rng, 6, 4)
    interior = np.round(rng.uniform(0.02, 0.98, (6, 4)), 4)
    bits = rng.integers(0, 2, (6, 4)).astype(DTYPE)
    edge = interior.copy()
    edge[1] = [0.0, 1.0, 0.0, 1.0]
    edge[2] = [tiny, 1.0 - tiny, 1e-6, 1.0 - 1e-6]
    edge_bits = bits.copy()
    edge_bits[1] = [0.0, 1.0, 1.0, 0.0]
    edge_bits[2] = [1.0, 0.0, 1.0, 0.0]
    logits = draw(rng, 6, 4, scale=3.0)
    logits[5] = [90.0, -90.0, 30.0, 0.0]

    labels = np.array([0, 3, 1, 2, 2, 1])
    one_hot = np.eye(4)[labels]
    one_hot[4] = [0.1, 0.2, 0.6, 0.1]
    probabilities = draw_probabilities(rng, 6, 4)
    unnormalised = np.round(rng.uniform(0.05, 1.5, (6, 4)), 4)
    edge_rows = probabilities.copy()
    edge_rows[0] = [1.0, 0.0, 0.0, 0.0]
    edge_rows[1] = [0.5, 0.5, 0.0, 0.0]
    edge_rows[2] = [0.25, tiny, 0.5, 0.25 - tiny]
    inputs = {
        "regression": (draw(rng, 6, 4), values),
        "binary": (bits, interior),
        "binary_edge": (edge_bits, edge),
        "binary_logits": (bits, logits),
        "moderate_binary_logits": (bits, np.clip(logits, -7.0, 7.0)),
        "categorical": (one_hot, probabilities),
        "categorical_unnormalised": (one_hot, unnormalised),
        "categorical_edge": (one_hot, edge_rows),
        "categorical_logits": (one_hot, logits),
        "moderate_categorical_logits": (one_hot, np.clip(logits, -7.0, 7.0)),
        "sparse": (labels, probabilities),
        "sparse_unnormalised": (labels, unnormalised),
        "sparse_edge": (labels, edge_rows),
        "sparse_logits": (labels, logits),
    }
    return {**inputs, **kinked_inputs()}, np.array([1.0, 0.5, 2.0, 0.0, 1.5, 0.3])


def kinked_inputs():
    """Return pairs for the losses that are not smooth; ``edge`` ones lie at their kinks."""
    rng = np.random.default_rng(203)
    targets, values = draw(rng, 2, 6, 4)
    one_hot = np.eye(4)[[0, 3, 1, 2, 2, 1]]
    bits = rng.integers(0, 2, (6, 4)).astype(DTYPE)
    kinks, at_kinks = draw(rng, 2, 6, 4)
    kinks[0] = [0.5, 0.25, -0.5, 1.0]
    at_kinks[0] = kinks[0] + [0.0, 1.0, -1.0, 0.25]  # exactly at 0 and at two deltas
    kinks[1] = [0.0, 0.0, 1e-8, -1e-8]
    at_kinks[2] = kinks[2] + [8.0, -8.0, 3.0, -3.0]
    at_kinks[3] = kinks[3]
    counts = rng.poisson(2.0, (6, 4)).astype(DTYPE)
    positive = np.round(rng.uniform(0.05, 6.0, (6, 4)), 4)
    least = positive.copy()
    least[1] = [0.0, 1e-7, 1e-8, 1e6]
    below = least.copy()
    below[2] = [-0.5, -1e-8, -3.0, 0.0]
    signs = np.where(bits == 1.0, 1.0, -1.0)
    margins = values.copy()
    margins[0], margins[1], margins[2] = signs[0], 0.0, 3.0 * signs[2]
    ahead = values.copy()
    ahead[0] = [1.5, 0.5, 0.5, 0.5]  # as far as it should be, of three others
    ahead[1] = [0.0, 0.0, 0.0, 0.0]
    ahead[2] = [-1.0, 4.0, -2.0, 1.0]
    ahead[3] = [-2.0, -1.0, 0.5, -3.0]
    lengths = values.copy()
    lengths[0] *= 1e-9
    lengths[1] *= 1e6
    directions = targets.copy()
    directions[2], directions[3] = 0.0, 1e-9 * directions[3]
    directions[4] = -2.0 * lengths[4]

    return {
        "regression_edge": (kinks, at_kinks),
        "counts": (counts, positive),
        "counts_edge": (counts, least),
        "positive": (np.round(positive[::-1], 2), positive),
        "positive_edge": (counts, below),
        "signs": (signs, values),
        "signs_edge": (signs, margins),
        "bits": (bits, values),
        "bits_edge": (bits, margins),
        "one_hot": (one_hot, values),
        "one_hot_edge": (one_hot, ahead),
        "directions": (targets, values),
        "directions_edge": (directions, lengths),
    }


def loss_configurations():
    """List (class, keyword arguments, names of the inputs)."""
    regression = ["regression", "regression_edge"]
    cases = [
        ("MeanSquaredError", {}, ["regression"]),
        ("MeanAbsoluteError", {}, regression),
        ("MeanAbsolutePercentageError", {}, regression),
        ("MeanSquaredLogarithmicError", {}, ["positive", "positive_edge"]),
        ("Huber", {}, regression),
        ("Huber", {"delta": 0.25}, regression),
        ("LogCosh", {}, regression),
        ("Poisson", {}, ["counts", "counts_edge"]),
        ("KLDivergence", {}, ["categorical", "categorical_unnormalised", "categorical_edge"]),
        ("CosineSimilarity", {"axis": -1}, ["directions", "directions_edge"]),
        ("Hinge", {}, ["signs", "signs_edge", "bits", "bits_edge"]),
        ("SquaredHinge", {}, ["signs", "signs_edge", "bits", "bits_edge"]),
        ("CategoricalHinge", {}, ["one_hot", "one_hot_edge"]),
    ]
    for smoothing in (0.0, 0.1):
        soft = {"label_smoothing": smoothing}
        cases += [
            ("BinaryCrossentropy", {"from_logits": False, **soft}, ["binary", "binary_edge"]),
            ("BinaryCrossentropy", {"from_logits": True, **soft}, ["binary_logits"]),
            (
                "CategoricalCrossentropy",
                {"from_logits": False, **soft},
                ["categorical", "categorical_unnormalised", "categorical_edge"],
            ),
            ("CategoricalCrossentropy", {"from_logits": True, **soft}, ["categorical_logits"]),
        ]
    # Keras clips the probabilities of focal losses also where they come from logits.
    for config in (
        {},
        {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5},
        {"gamma": 0.0, "label_smoothing": 0.1},
        {"apply_class_balancing": True, "gamma": 0.5, "label_smoothing": 0.1},
    ):
        focal = "BinaryFocalCrossentropy"
        cases += [
            (focal, config, ["binary"]),
            (focal, {**config, "from_logits": True}, ["moderate_binary_logits"]),
        ]
    for config in ({}, {"alpha": 0.4, "gamma": 1.5}, {"gamma": 0.5, "label_smoothing": 0.1}):
        focal = "CategoricalFocalCrossentropy"
        cases += [
            (focal, config, ["categorical", "categorical_unnormalised", "categorical_edge"]),
            (focal, {**config, "from_logits": True}, ["moderate_categorical_logits"]),
        ]
    cases += [
        (
            "SparseCategoricalCrossentropy",
            {"from_logits": False},
            ["sparse", "sparse_unnormalised", "sparse_edge"],
        ),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, ["sparse_logits"]),
        ("CategoricalGeneralizedCrossEntropy", {}, ["sparse", "sparse_unnormalised"]),
        ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, ["sparse"]),
    ]
    return [(name, config, key) for name, config, keys in cases for key in keys]


def record_loss(class_name, config, reduction, y_true, y_pred, sample_weight):
    """Return the value of a loss, and its gradient unless nothing is reduced."""
    loss = getattr(keras.losses, class_name)(reduction=reduction, **config)
    y_pred = gradient_tensor(y_pred)
    value = loss(y_true, y_pred, sample_weight=sample_weight)
    result = {"value": plain(value.detach())}
    if reduction != "none":
        value.backward()
        result["gradient"] = plain(y_pred.grad)
    return result


def record_losses():
    """Record each loss with each reduction, without and with sample weight."""
    inputs, sample_weight = loss_inputs()
    reductions = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")
    records = []
    for class_name, config, key in loss_configurations():
        for reduction in reductions:
            for weighted in (False, True):
                weight = sample_weight if weighted else None
                records.append(
                    {
                        "class": class_name,
                        "dtype": DTYPE,
                        "config": config,
                        "reduction": reduction,
                        "inputs": key,
                        "weighted": weighted,
                        **record_loss(class_name, config, reduction, *inputs[key], weight),
                    }
                )
    return {
        "inputs": {
            key: {"y_true": plain(y_true), "y_pred": plain(y_pred)}
            for key, (y_true, y_pred) in inputs.items()
        },
        "sample_weight": plain(sample_weight),
        "records": records,
    }


def record_ignored_classes():
    """Record the sparse cross-entropy with rows of a class that is ignored."""
    inputs, sample_weight = loss_inputs()
    records = []
    for key, ignored in (("sparse", 2), ("sparse_logits", 2), ("sparse", -1)):
        y_true, y_pred = inputs[key]
        y_true = np.where(y_true == 1, ignored, y_true)
        config = {"from_logits": "logits" in key, "ignore_class": ignored}
        for reduction in ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight"):
            for weight in (None, sample_weight):
                name = "SparseCategoricalCrossentropy"
                found = record_loss(name, config, reduction, y_true, y_pred, weight)
                record = {"config": config, "reduction": reduction, "weighted": weight is not None}
                records.append(
                    {**record, "y_true": plain(y_true), "y_pred": plain(y_pred), **found}
                )
    return {"sample_weight": plain(sample_weight), "records": records}


def record_positive_weights():
    """Record PyTorch's binary cross-entropy whose ones weigh more, or less."""
    inputs, _ = loss_inputs()
    records = []
    for key in ("binary_logits", "moderate_binary_logits"):
        y_true, y_pred = inputs[key]
        for p in (3.0, 0.25, [1.0, 0.5, 4.0, 0.0]):
            logits = gradient_tensor(y_pred)
            of_ones = torch.tensor(p, dtype=logits.dtype)
            loss = torch.nn.BCEWithLogitsLoss(pos_weight=of_ones)
            value = loss(logits, torch.tensor(y_true, dtype=logits.dtype))
            value.backward()
            numbers = {"value": plain(value.detach()), "gradient": plain(logits.grad)}
            records.append({"inputs": key, "pos_weight": p, **numbers})
    return records


def record_names():
    """Record each loss' default name, its arguments in their order, and the strings for it."""
    from keras.src.losses import ALL_OBJECTS_DICT

    classes = sorted({name for name, _, _ in loss_configurations()})
    return {
        "names": {name: getattr(keras.losses, name)().name for name in classes},
        "arguments": {
            name: list(inspect.signature(getattr(keras.losses, name)).parameters)
            for name in classes
        },
        "strings": {
            string: name
            for name in classes
            for string, found in ALL_OBJECTS_DICT.items()
            if getattr(found, "__name__", None) in (name, function_of(name))
        },
    }


def function_of(class_name):
    """Return the name of the function behind a class of losses."""
    return getattr(keras.losses, class_name)().fn.__name__


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(
        __file__,
        losses=record_losses(),
        ignored_classes=record_ignored_classes(),
        positive_weights=record_positive_weights(),
        **record_names(),
    )
