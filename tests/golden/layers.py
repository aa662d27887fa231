"""Outputs, statistics and gradients of layers."""

import numpy as np
import torch

from golden.recorder import DTYPE, draw, gradient_tensor, keras, plain, use_float64, write


def record_batch_normalization():
    """Record training and inference outputs, statistics and gradients."""
    rng = np.random.default_rng(404)
    batches = [draw(rng, 8, 5, scale=2.0) + 0.5 for _ in range(3)]
    batches = [np.round(batch, 4) for batch in batches]
    gamma, beta = draw(rng, 5), draw(rng, 5)
    cotangent = draw(rng, 8, 5)
    layer = keras.layers.BatchNormalization()
    layer.build((None, 5))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)

    x = gradient_tensor(batches[0])
    output = layer(x, training=True)
    output.backward(torch.tensor(cotangent))
    gradients = {
        "x": plain(x.grad),
        "gamma": plain(layer.gamma.value.grad),
        "beta": plain(layer.beta.value.grad),
    }
    outputs = [plain(output.detach())]
    statistics = [plain([layer.moving_mean, layer.moving_variance])]
    for batch in batches[1:]:
        outputs.append(plain(layer(batch, training=True).detach()))
        statistics.append(plain([layer.moving_mean, layer.moving_variance]))
    return {
        "dtype": DTYPE,
        "config": {"momentum": layer.momentum, "epsilon": layer.epsilon, "axis": layer.axis},
        "batches": plain(batches),
        "gamma": plain(gamma),
        "beta": plain(beta),
        "cotangent": plain(cotangent),
        "training_outputs": outputs,
        "gradients_of_first_call": gradients,
        "moving_mean": [mean for mean, _ in statistics],
        "moving_variance": [variance for _, variance in statistics],
        "inference_output_of_first_batch": plain(layer(batches[0], training=False).detach()),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, batch_normalization=record_batch_normalization())
