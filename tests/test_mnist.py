"""MNIST: the figures that annlib promises, over five seeds."""

import os
from pathlib import Path

import numpy as np
import pytest

from annlib import Sequential, datasets, layers

HOME = os.environ.get("ANNLIB_DATA_HOME", "")
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not (Path(HOME) / "mnist.npz").is_file(), reason="no mnist.npz in ANNLIB_DATA_HOME"
    ),
]


def accuracy(seed, batch_size, epochs):
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data()
    model = Sequential(
        [
            layers.Flatten(),
            layers.Rescaling(1 / 255),
            layers.Dense(256, "relu"),
            layers.Dense(128, "relu"),
            layers.Dense(10, "softmax"),
        ],
        seed=seed,
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=0)
    value = model.evaluate(x_test, y_test, return_dict=True)["accuracy"]
    print(f"seed {seed}, batches of {batch_size}, {epochs} epochs: {value:.2%}")  # noqa: T201
    return value


def test_small_batches():
    values = [accuracy(seed, 128, 10) for seed in range(5)]
    assert np.mean(values) >= 0.977
    assert min(values) >= 0.975


def test_large_batches():
    assert accuracy(0, 2000, 20) >= 0.97
