"""Outputs, gradients and penalties of the noises, PReLU, ActivityRegularization and the axes and
options of BatchNormalization.

Where a layer draws, Keras is given the numbers, and so what it makes of them is recorded.
"""

from unittest.mock import patch

import numpy as np
import torch

from golden.recorder import DTYPE, draw, gradient_tensor, keras, plain, use_float64, write


def record_call(layer, x, cotangent, **keywords):
    """Record the output for a batch and the gradients of input and parameters."""
    tensor = gradient_tensor(x)
    output = layer(tensor, **keywords)
    output.backward(torch.tensor(cotangent))
    gradients = {variable.name: plain(variable.value.grad) for variable in layer.trainable_weights}
    return {"output": plain(output.detach()), "gradients": {"x": plain(tensor.grad), **gradients}}


def record_batch_normalization():
    """Record two training steps and an inference for axes and options."""
    rng = np.random.default_rng(511)
    records = []
    for shape, config in (
        ((6, 3), {"center": False, "momentum": 0.9}),
        ((6, 3), {"scale": False, "epsilon": 0.05}),
        ((6, 3), {"center": False, "scale": False, "axis": 1}),
        ((6, 3), {"trainable": False}),
        ((4, 2, 3), {}),
        ((4, 2, 3), {"axis": 1}),
        ((4, 2, 3), {"axis": 2, "scale": False}),
        ((4, 2, 3), {"axis": -2, "center": False, "momentum": 0.5}),
        ((3, 2, 3, 2), {"axis": 2, "epsilon": 0.1}),
        ((3, 2, 3, 2), {"axis": 1, "trainable": False}),
        ((6, 3), {"renorm": True, "momentum": 0.9, "renorm_momentum": 0.8}),
        (
            (4, 2, 3),
            {
                "renorm": True,
                "renorm_clipping": {"rmin": 0.4, "rmax": 1.5, "dmax": 0.5},
                "axis": 1,
                "renorm_momentum": 0.5,
            },
        ),
        ((6, 3), {"renorm": True, "renorm_clipping": {"rmax": 1.2}, "scale": False}),
        ((6, 3), {"renorm": True, "center": False, "epsilon": 0.1}),
        ((6, 3), {"renorm": True, "trainable": False}),
    ):
        layer = keras.layers.BatchNormalization(**config)
        layer.build((None, *shape[1:]))
        for variable in layer.weights:
            value = draw(rng, *variable.shape)
            positive = variable.name in ("moving_variance", "moving_stddev", "renorm_stddev")
            variable.assign(value + 4 if positive else value)
        record = {
            "config": config,
            "weights": plain(layer.get_weights()),
            "x": plain([np.round(draw(rng, *shape, scale=2.0) + 0.5, 4) for _ in range(2)]),
            "cotangent": plain(draw(rng, *shape)),
        }
        record["inference"] = plain(layer(np.array(record["x"][1]), training=False).detach())
        record["steps"] = []
        for x in record["x"]:
            for variable in layer.trainable_weights:
                variable.value.grad = None
            step = record_call(layer, np.array(x), np.array(record["cotangent"]), training=True)
            moving = {"mean": layer.moving_mean, "variance": layer.moving_variance}
            if layer.renorm:
                moving |= {"stddev": layer.moving_stddev, "renorm_mean": layer.renorm_mean}
                moving |= {"renorm_stddev": layer.renorm_stddev}
            record["steps"].append({**step, "moving": plain(moving)})
        records.append(record)
    return records


def record_prelu():
    """Record outputs and gradients for shared axes; there are zeros in the input."""
    rng = np.random.default_rng(512)
    records = []
    for shape, shared_axes in (
        ((6, 4), None),
        ((6, 4), [1]),
        ((4, 2, 3), None),
        ((4, 2, 3), [1]),
        ((4, 2, 3), [2]),
        ((4, 2, 3), [1, 2]),
        ((2, 2, 3, 2), [3, 1]),
    ):
        layer = keras.layers.PReLU(shared_axes=shared_axes)
        layer.build((None, *shape[1:]))
        layer.alpha.assign(draw(rng, *layer.alpha.shape))
        x, cotangent = draw(rng, *shape, scale=2.0), draw(rng, *shape)
        x[0, 0], x[1, -1] = 0.0, -0.0
        record = {"shared_axes": shared_axes, "alpha": plain(layer.alpha)}
        record |= {"x": plain(x), "cotangent": plain(cotangent)}
        records.append(record | record_call(layer, x, cotangent))
    return records


def record_activity_regularization():
    """Record the penalty on the output of a Dense layer, and its gradient."""
    rng = np.random.default_rng(513)
    x, kernel = draw(rng, 5, 4), draw(rng, 4, 3)
    records = []
    for config in ({}, {"l1": 0.1}, {"l2": 0.2}, {"l1": 0.03, "l2": 0.04}):
        layers = keras.layers
        dense = layers.Dense(3, use_bias=False)
        model = keras.Sequential(
            [keras.Input((4,)), dense, layers.ActivityRegularization(**config)]
        )
        model.set_weights([kernel])
        model(x)
        (penalty,) = model.losses
        if config:
            penalty.backward()
        gradient = dense.kernel.value.grad if config else np.zeros_like(kernel)
        records.append(
            {"config": config, "penalty": plain(penalty.detach()), "gradient": plain(gradient)}
        )
    return {"x": plain(x), "kernel": plain(kernel), "records": records}


def record_noise():
    """Record outputs and gradients of the noises for given draws."""
    rng = np.random.default_rng(514)
    x, cotangent = draw(rng, 6, 4), draw(rng, 6, 4)
    normal, uniform = draw(rng, 6, 4), np.round(rng.uniform(0.001, 0.999, (6, 4)), 4)

    def given_normal(shape, mean, stddev, dtype, seed):
        assert shape == x.shape
        return mean + stddev * torch.tensor(normal)

    def given_uniform(shape, seed):
        assert shape == x.shape
        return torch.tensor(uniform)

    records = []
    with (
        patch("keras.src.backend.random.normal", given_normal),
        patch("keras.src.backend.random.uniform", given_uniform),
    ):
        for name, argument in (
            ("GaussianNoise", 0.0),
            ("GaussianNoise", 0.3),
            ("GaussianNoise", 1.0),
            ("GaussianDropout", 0.0),
            ("GaussianDropout", 0.25),
            ("GaussianDropout", 0.9),
            ("AlphaDropout", 0.0),
            ("AlphaDropout", 0.1),
            ("AlphaDropout", 0.6),
        ):
            layer = getattr(keras.layers, name)(argument)
            record = {"class": name, "argument": argument}
            records.append(record | record_call(layer, x, cotangent, training=True))
    inputs = {"x": x, "cotangent": cotangent, "normal": normal, "uniform": uniform}
    return {**plain(inputs), "records": records}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(
        __file__,
        dtype=DTYPE,
        batch_normalization=record_batch_normalization(),
        prelu=record_prelu(),
        activity_regularization=record_activity_regularization(),
        noise=record_noise(),
    )
