"""Random networks of every kind, with rows to trace."""

from __future__ import annotations

import numpy as np

from annlib import Sequential, layers, losses, optimizers, schedules

ACTIVATIONS = [
    *("relu", "sigmoid", "tanh", "softmax", "linear", "elu", "gelu", "silu", "softplus"),
    *("leaky_relu", "hard_tanh", "log_softmax", "mish", "selu"),
]
OPTIMIZERS = [
    lambda: optimizers.SGD(0.1),
    lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 5, 0.5), weight_decay=0.01),
    lambda: optimizers.SGD(0.1, gradient_accumulation_steps=2),
    lambda: optimizers.Adam(0.01),
    lambda: optimizers.AdamW(0.01),
    lambda: optimizers.RMSprop(clipnorm=0.1),
    lambda: optimizers.Lamb(0.01),
    lambda: optimizers.Nadam(use_ema=True),
    lambda: optimizers.Lion(0.001, global_clipnorm=1.0),
    lambda: optimizers.Ftrl(0.05),
]
#: Output activation, loss, kind of targets.
HEADS = [
    ("softmax", losses.SparseCategoricalCrossentropy, {}, "labels"),
    ("softmax", losses.CategoricalCrossentropy, {"label_smoothing": 0.1}, "one-hot"),
    ("softmax", losses.CategoricalFocalCrossentropy, {}, "one-hot"),
    ("linear", losses.SparseCategoricalCrossentropy, {"from_logits": True}, "labels"),
    ("sigmoid", losses.BinaryCrossentropy, {}, "bits"),
    ("sigmoid", losses.SumBinaryCrossentropy, {}, "bits"),
    ("sigmoid", losses.BinaryFocalCrossentropy, {}, "bits"),
    ("sigmoid", losses.HalfSumSquaredError, {}, "real"),
    ("softmax", losses.HalfSumSquaredError, {}, "real"),
    ("linear", losses.HalfSumSquaredError, {}, "real"),
    ("linear", losses.MeanSquaredError, {}, "real"),
    ("tanh", losses.LogCosh, {}, "real"),
    ("exponential", losses.HalfPoissonDeviance, {}, "counts"),
    ("softplus", losses.Poisson, {}, "counts"),
]


def hidden(rng, plain):
    """A hidden layer or two."""
    units, activation = (
        int(rng.integers(2, 7)),
        str(rng.choice(ACTIVATIONS[: 5 if plain else None])),
    )
    kind = rng.integers(0, 2 if plain else 10)
    if kind == 1:
        return [layers.Dense(units), layers.Activation(activation)]
    if kind == 2:
        return [layers.Dense(units, activation), layers.Dropout(0.3)]
    if kind == 3:
        return [layers.Dense(units, use_bias=False), layers.BatchNormalization()]
    if kind == 4:
        return [layers.LayerNormalization(), layers.Dense(units, activation)]
    if kind == 5:
        return [layers.Dense(units, activation, kernel_regularizer="l2", bias_regularizer="l1")]
    if kind == 6:
        return [layers.Dense(units, activation, activity_regularizer="l2")]
    if kind == 7:
        return [layers.GaussianNoise(0.1), layers.Dense(units, activation, trainable=False)]
    if kind == 8:
        return [layers.Dense(units), layers.PReLU(), layers.AlphaDropout(0.2)]
    if kind == 9:
        return [layers.Dense(units, activation, kernel_constraint="max_norm"), layers.ReLU()]
    return [layers.Dense(units, activation)]


def targets(kind, rows, units, rng):
    if kind == "labels":
        return rng.integers(0, units, rows)
    if kind == "one-hot":
        return np.eye(units)[rng.integers(0, units, rows)]
    if kind == "bits":
        return rng.integers(0, 2, (rows, units)).astype(float)
    return rng.normal(size=(rows, units)) if kind == "real" else 1.0 * rng.poisson(2, (rows, units))


def network(seed, plain=False, dtype=None):
    """A compiled model, x, y and sample weights (or None)."""
    rng = np.random.default_rng(seed)
    activation, loss, arguments, kind = HEADS[rng.integers(len(HEADS))]
    rows, units, inputs = (int(n) for n in (rng.integers(1, 6), rng.integers(2, 5), 4))
    body = [layer for _ in range(rng.integers(0, 4)) for layer in hidden(rng, plain)]
    x = rng.normal(size=(rows, inputs))
    begin = 0 if plain else rng.integers(0, 6)
    if begin == 1:
        body, x = [layers.Flatten(), *body], rng.normal(size=(rows, 2, 3))
    elif begin == 2:
        body, x = [layers.Embedding(5, 2), layers.Flatten(), *body], rng.integers(0, 5, (rows, 3))
    elif begin == 3:
        body = [layers.Rescaling(0.5, 1.0), layers.UnitNormalization(), *body]
    last = layers.Dense(units, activation)
    end = [last] if rng.integers(2) else [layers.Dense(units), layers.Activation(activation)]
    dtype = dtype or str(rng.choice(["float32", "float64"]))
    model = Sequential([*body, *end], seed=int(seed), dtype=dtype)
    reduction = "sum" if rng.integers(3) == 0 else "sum_over_batch_size"
    optimizer = OPTIMIZERS[rng.integers(len(OPTIMIZERS))]()
    model.compile(optimizer, loss(reduction=reduction, **arguments))
    weights = rng.uniform(0.5, 2, rows) if rng.integers(4) == 0 else None
    return model, x, targets(kind, rows, units, rng), weights
