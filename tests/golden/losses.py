"""Values and gradients of the losses, per reduction and sample weight."""

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
    lie outside the clipping bounds (1e-7); ``unnormalised`` ones do not sum to 1;
    the pairs of logits hold very large ones in the last row.
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
        "categorical": (one_hot, probabilities),
        "categorical_unnormalised": (one_hot, unnormalised),
        "categorical_edge": (one_hot, edge_rows),
        "categorical_logits": (one_hot, logits),
        "sparse": (labels, probabilities),
        "sparse_unnormalised": (labels, unnormalised),
        "sparse_edge": (labels, edge_rows),
        "sparse_logits": (labels, logits),
    }
    return inputs, np.array([1.0, 0.5, 2.0, 0.0, 1.5, 0.3])


def loss_configurations():
    """List (class, keyword arguments, names of the inputs)."""
    cases = [("MeanSquaredError", {}, ["regression"])]
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
    cases += [
        (
            "SparseCategoricalCrossentropy",
            {"from_logits": False},
            ["sparse", "sparse_unnormalised", "sparse_edge"],
        ),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, ["sparse_logits"]),
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, losses=record_losses())
