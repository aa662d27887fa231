"""Gradients of k batches, accumulated, are those of one batch of k times the size."""

import numpy as np
import pytest
from cases import OPTIMIZERS

from annlib import Sequential, layers

rng = np.random.default_rng(0)
X = rng.normal(size=(96, 5))
Y = rng.integers(0, 3, 96)
WEIGHTS = rng.uniform(0.5, 1.5, 96)
ROWS = [
    row
    for row in OPTIMIZERS
    if not row.cls.full_batch
    and "gradient_accumulation_steps" not in row.keywords
    # A schedule counts the batches, and averages and constraints come with each, as in Keras.
    and not row.keywords.get("use_ema")
    and not any(callable(value) for value in (*row.arguments, *row.keywords.values()))
]


def trained(row, batch_size, **keywords):
    model = Sequential(
        [layers.Dense(8, "tanh", kernel_regularizer="l2"), layers.Dense(3, "softmax")],
        seed=0,
        dtype="float64",
    )
    optimizer = row.cls(*row.arguments, **row.keywords, **keywords)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size, epochs=3, sample_weight=WEIGHTS, shuffle=False, verbose=0)
    assert model.optimizer.iterations == 3 * 96 // 32
    return model.get_weights()


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_accumulating_over_four_batches_is_one_of_four_times_the_size(row):
    whole = trained(row, 32)
    parts = trained(row, 8, gradient_accumulation_steps=4)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-11)
