"""Makes the files of a version, with the numbers that their models give.

Run it once a version, in which something about the files has changed, and never again for the same
folder: what is in it is what users have on their disks.

    python tests/models/files/make.py 0.1
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from annlib import (
    Input,
    Sequential,
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)


class Cube(activations.Activation):
    """One of a user's own."""

    needs_input = True

    def forward(self, Z, A, work):
        np.power(Z, 3, out=A)

    def backward(self, dZ, Z, A, work):
        np.multiply(dZ, 3 * Z**2, out=dZ)


CUSTOM = {"Cube": Cube}


def data(model: Sequential) -> tuple[Any, Any]:
    """Numbers for the input and targets for the output of a model."""
    rng = np.random.default_rng(12)
    shape, codes = (model._network.expected_input_shape() or (None, 3))[1:], model.layers[0].codes
    x = rng.normal(size=(20, *shape)) if codes is None else rng.integers(0, codes, (20, *shape))
    units = model.compute_output_shape((None, *shape))[-1]
    if model.name == "classes":
        return x, rng.integers(0, units, size=20)
    return x, rng.uniform(0.1, 0.9, size=(20, units)).round()


def go_on(model: Sequential) -> dict[str, Any]:
    """The History of more training."""
    x, y = data(model)
    history = model.fit(x, y, epochs=3, batch_size=6, verbose=0, validation_split=0.2)
    return {name: np.asarray(values).tolist() for name, values in history.history.items()}


def plain(dtype: str) -> Sequential:
    model = Sequential(
        [layers.Dense(6, "relu", input_dim=4), layers.Dense(3, "softmax")], 1, dtype, "classes"
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def rich(dtype: str) -> Sequential:
    """Most of what a layer can have, with every kind of state."""
    model = Sequential(
        [
            Input((5,), name="rows"),
            layers.Normalization(name="scaled"),
            layers.Dense(
                7, activations.GELU(approximate=True), name="first",
                kernel_initializer=initializers.Orthogonal(0.5),
                kernel_regularizer=regularizers.L1L2(0.01, 0.02),
                bias_constraint=constraints.NonNeg(), activity_regularizer="l2",
            ),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.25),
            layers.Dense(6, "selu", trainable=False),
            layers.GaussianNoise(0.1, seed=9),
            layers.PReLU(shared_axes=[1]),
            layers.Dense(2, "sigmoid"),
        ], seed=2, dtype=dtype, name="rich",
    )  # fmt: skip
    model.layers[0].adapt(np.random.default_rng(3).normal(2, 3, size=(30, 5)))
    optimizer = optimizers.AdamW(
        schedules.CosineDecay(0.01, 100, warmup_target=0.05, warmup_steps=5), 0.1, clipnorm=1.0,
        use_ema=True, ema_momentum=0.9, gradient_accumulation_steps=2, amsgrad=True,
    )  # fmt: skip
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "alpha"])
    model.compile(
        optimizer, losses.BinaryCrossentropy(label_smoothing=0.1),
        metrics=[metrics.AUC(50, name="area"), "accuracy"], weighted_metrics=["mae"],
    )  # fmt: skip
    return model


def codes(dtype: str) -> Sequential:
    model = Sequential(
        [
            layers.Embedding(9, 3, input_shape=(4,)), layers.Flatten(), layers.LayerNormalization(),
            layers.Dense(8, "tanh"), layers.Reshape((4, 2)), layers.Softmax(-1), layers.Flatten(),
            layers.AlphaDropout(0.1), layers.Dense(3, Cube()),
        ], seed=3, dtype=dtype,
    )  # fmt: skip
    model.compile(optimizers.RMSprop(0.01, momentum=0.5, centered=True), losses.Huber(0.5))
    return model


def quasi_newton(dtype: str) -> Sequential:
    model = Sequential([layers.Dense(4, "tanh", input_dim=3), layers.Dense(1)], seed=4, dtype=dtype)
    model.compile(optimizers.LBFGS(maxcor=5), "mse", metrics=["mae"])
    return model


def untrained(dtype: str) -> Sequential:
    """Not compiled."""
    return Sequential([Input((3,)), layers.Dense(2, "elu"), layers.RMSNormalization()], 5, dtype)


def settled_later(dtype: str) -> Sequential:
    """Not built, and compiled by names that data will settle."""
    model = Sequential(
        [layers.Dense(4, "softplus"), layers.Dense(3, "softmax")], 6, dtype, "classes"
    )
    model.compile("sgd", "crossentropy", metrics=["acc"])
    return model


MODELS = (plain, rich, codes, quasi_newton, untrained, settled_later)


def write(make: Any, dtype: str, folder: Path) -> None:
    path = folder / f"{make.__name__}-{dtype}"
    model, record = make(dtype), {}
    if make not in (untrained, settled_later):
        x, y = data(model)
        slower = callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=1.0)
        some = [] if make in (rich, quasi_newton) else [slower]
        model.fit(x, y, epochs=2, batch_size=6, verbose=0, callbacks=some)
    model.save(path.with_suffix(".safetensors"))
    if model.built:
        record["predictions"] = model.predict(data(model)[0]).tolist()
    if model.compiled:
        record |= {"calls": model.optimizer.steps, "history": go_on(model)}
    path.with_suffix(".json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    where = Path(__file__).parent / sys.argv[1]
    where.mkdir()
    for made in MODELS:
        for kind in ("float32", "float64"):
            write(made, kind, where)
