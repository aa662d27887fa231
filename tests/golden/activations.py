"""Outputs of activations and of the layers that wrap them, and their vector-Jacobian products."""

from functools import partial

import numpy as np
import torch

from golden.recorder import DTYPE, draw, gradient_tensor, keras, plain, use_float64, write

#: By the name of the function: the arguments to record it with.
FUNCTIONS = {
    "linear": [{}],
    "relu": [
        {},
        {"negative_slope": 0.25},
        {"max_value": 1.25},
        {"threshold": 0.375},
        {"negative_slope": 0.25, "max_value": 2.5, "threshold": 0.375},
    ],
    "leaky_relu": [{}, {"negative_slope": 0.05}],
    "relu6": [{}],
    "sigmoid": [{}],
    "tanh": [{}],
    "softsign": [{}],
    "elu": [{}, {"alpha": 0.3}],
    "selu": [{}],
    "celu": [{}, {"alpha": 0.3}],
    "exponential": [{}],
    "softplus": [{}],
    "log_sigmoid": [{}],
    "silu": [{}],
    "mish": [{}],
    "gelu": [{}, {"approximate": True}],
    "glu": [{}, {"axis": 1}],
    "hard_sigmoid": [{}],
    "hard_silu": [{}],
    "hard_tanh": [{}],
    "hard_shrink": [{}, {"threshold": 1.25}],
    "soft_shrink": [{}, {"threshold": 1.25}],
    "tanh_shrink": [{}],
    "threshold": [{"threshold": 0.5, "default_value": -2.0}],
    "sparse_plus": [{}],
    "sparse_sigmoid": [{}],
    "squareplus": [{}, {"b": 0.5}],
    "softmax": [{}, {"axis": 1}],
    "log_softmax": [{}, {"axis": 1}],
}

LAYERS = [
    ("ReLU", {}),
    ("ReLU", {"max_value": 1.5, "negative_slope": 0.1, "threshold": 0.25}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.7}),
    ("ELU", {}),
    ("ELU", {"alpha": 2.0}),
    ("Softmax", {}),
    ("Softmax", {"axis": 1}),
    ("Softmax", {"axis": -2}),
]

#: The sizes of extreme numbers, each taken with both signs.
SIZES = [1e-300, 1e-12, 0.02, 3.5, 10, 17.5, 35, 38.5, 88, 120, 700, 712, 1e5, 1e155, 1e308]


def passes(function, x, cotangent):
    """Return the output and the product of the cotangent with the Jacobian."""
    tensor = gradient_tensor(x)
    output = function(tensor)
    cotangent = cotangent.reshape(-1)[: output.numel()].reshape(output.shape)  # glu has fewer
    output.backward(torch.tensor(cotangent))
    return {"dtype": DTYPE, "output": plain(output.detach()), "gradient": plain(tensor.grad)}


def record_activations():
    """Record every function at ordinary numbers, a (5, 4) and for other axes a (3, 4, 2) array."""
    rng = np.random.default_rng(303)
    x = draw(rng, 6, 4, scale=2.0)
    x[1], x[2] = [0.0, 1.5, -1.5, 0.0], [20.0, -20.0, 5.0, -5.0]
    deep = x.reshape(3, 4, 2)
    cotangent = draw(rng, 6, 4)
    records = []
    for name, configs in FUNCTIONS.items():
        for config in configs:
            shape = deep.shape if "axis" in config else x.shape
            function = keras.activations.get(name)
            numbers = passes(
                lambda z, function=function, config=config: function(z, **config),
                x.reshape(shape),
                cotangent.reshape(shape),
            )
            records.append({"name": name, "config": config, **numbers})
    return {"x": plain(x), "cotangent": plain(cotangent), "records": records}


def record_extremes():
    """Record every elementwise function and its derivative at extreme numbers.

    What is not finite is left out: the exponential of 712 and more, and where PyTorch's hard_silu
    overflows on the way. Keras' squareplus cancels below 0.
    """
    x = np.array([sign * size for size in SIZES for sign in (1, -1)])
    records = []
    for name, (config, *_) in FUNCTIONS.items():
        if "max" not in name and name not in ("squareplus", "glu"):
            function = partial(keras.activations.get(name), **config)
            numbers = passes(function, x, np.ones_like(x))
            for key in ("output", "gradient"):
                numbers[key] = [n if np.isfinite(n) else None for n in numbers[key]]
            records.append({"name": name, "config": config, **numbers})
    return {"x": plain(x), "records": records}


def record_layers():
    """Record the layers on a (3, 4, 2) array."""
    rng = np.random.default_rng(304)
    x, cotangent = draw(rng, 3, 4, 2, scale=2.0), draw(rng, 3, 4, 2)
    records = [
        {"class": name, "config": config}
        | passes(getattr(keras.layers, name)(**config), x, cotangent)
        for name, config in LAYERS
    ]
    return {"x": plain(x), "cotangent": plain(cotangent), "records": records}


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(
        __file__,
        activations=record_activations(),
        extremes=record_extremes(),
        layers=record_layers(),
    )
