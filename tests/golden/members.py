"""Keras' EinsumDense as several fully connected layers, and losses of outputs (n, k, N)."""

import numpy as np
import torch

from golden.recorder import DTYPE, draw, gradient_tensor, keras, plain, use_float64, write


def record_einsum_dense():
    """Record outputs and gradients for members with an input each and with one for all."""
    rng = np.random.default_rng(611)
    records = []
    for shape, members, units, activation, use_bias in (
        ((6, 3, 4), 3, 5, None, True),
        ((6, 3, 4), 3, 2, "softmax", True),
        ((5, 2, 1), 2, 3, "tanh", False),
        ((5, 2, 3), 2, 1, "gelu", True),
        ((6, 4), 3, 5, "selu", True),
        ((1, 4), 2, 1, None, False),
    ):
        layer = keras.layers.EinsumDense(
            "nki,kio->nko" if len(shape) == 3 else "ni,kio->nko",
            (members, units),
            activation=activation,
            bias_axes="ko" if use_bias else None,
        )
        layer.build((None, *shape[1:]))
        for variable in layer.weights:
            variable.assign(draw(rng, *variable.shape))
        x, cotangent = draw(rng, *shape, scale=2.0), draw(rng, shape[0], members, units)
        tensor = gradient_tensor(x)
        output = layer(tensor)
        output.backward(torch.tensor(cotangent))
        gradients = [plain(variable.value.grad) for variable in layer.trainable_weights]
        records.append(
            {
                "config": {
                    "members": members,
                    "units": units,
                    "activation": activation,
                    "use_bias": use_bias,
                },
                "weights": plain(layer.get_weights()),
                "x": plain(x),
                "cotangent": plain(cotangent),
                "output": plain(output.detach()),
                "gradients": [plain(tensor.grad), *gradients],
            }
        )
    return records


def record_losses():
    """Record losses of vectors with a weight for each, and their gradients."""
    rng = np.random.default_rng(612)
    n, k, units = 5, 3, 4
    P = np.round(rng.dirichlet(np.ones(units), (n, k)), 3)
    Y = np.round(rng.dirichlet(np.ones(units), (n, k)), 3)
    labels = rng.integers(0, units, (n, k))
    W = np.round(rng.uniform(0, 2, (n, k)), 2)
    W[1, 2] = W[3] = 0.0
    records = []
    for name, config, y in (
        ("SparseCategoricalCrossentropy", {}, labels),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, labels),
        ("SparseCategoricalCrossentropy", {"ignore_class": 2}, labels),
        ("CategoricalCrossentropy", {"label_smoothing": 0.1}, Y),
        ("CategoricalCrossentropy", {"from_logits": True}, Y),
        ("CategoricalFocalCrossentropy", {}, Y),
        ("KLDivergence", {}, Y),
        ("CategoricalHinge", {}, Y),
        ("CosineSimilarity", {}, Y),
        ("CategoricalGeneralizedCrossEntropy", {}, labels),
        ("MeanSquaredError", {}, Y),
        ("BinaryCrossentropy", {}, Y),
    ):
        for reduction in ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight"):
            for weights in (None, W):
                loss = getattr(keras.losses, name)(**config, reduction=reduction)
                tensor = gradient_tensor(P)
                value = loss(torch.tensor(y), tensor, sample_weight=weights)
                value.sum().backward()
                records.append(
                    {
                        "class": name,
                        "config": {**config, "reduction": reduction},
                        "y": plain(y),
                        "weights": None if weights is None else plain(weights),
                        "value": plain(value.detach()),
                        "gradient": plain(tensor.grad),
                    }
                )
    return {"predictions": plain(P), "records": records}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, dtype=DTYPE, einsum_dense=record_einsum_dense(), losses=record_losses())
