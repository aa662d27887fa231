"""How many calls of NumPy a training step makes: a slip shows at once, without a clock."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import Sequential, layers
from annlib.data import Batch
from annlib.training.loop import train_step

OTHERS = ("dot", "vdot", "copyto", "take", "put", "einsum", "clip", "where", "empty", "zeros")


class Counted:
    """A function of NumPy that counts its calls and those of its methods."""

    def __init__(self, function, name, seen):
        self.function, self.name, self.seen = function, name, seen

    def __call__(self, *arguments, **keywords):
        self.seen.append(self.name)
        return self.function(*arguments, **keywords)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Counted(getattr(self.function, name), name, self.seen)


def calls_of(step):
    """The names of NumPy's functions that it calls, in their order."""
    ufunc, seen = np.ufunc, []
    functions = {name: getattr(np, name) for name in dir(np)}
    try:
        for name, function in functions.items():
            if isinstance(function, ufunc) or name in OTHERS:
                setattr(np, name, Counted(function, name, seen))
        step()
    finally:
        for name, function in functions.items():
            setattr(np, name, function)
    return seen


def step_of(stack, loss, optimizer="adam", units=10):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 20)).astype("float32")
    y = rng.integers(0, units, 32) if loss.startswith("sparse") else x[:, :1]
    model = Sequential(stack, seed=0)
    model.compile(optimizer, loss, jit_compile=False)
    model.train_on_batch(x, y)
    step, batch = model._functions.step, Batch(x, y, None)

    def train():
        step.update_metrics(batch, train_step(step, batch))

    train()
    return train


# A product and a sum forward, two products and a sum of columns backward, the relu's mask and
# product; the last layer of a stack makes no product for its input. Adam: ten passes.
@pytest.mark.parametrize(
    ("depth", "loss", "most"),
    [(0, "mse", 22), (1, "mse", 29), (2, "mse", 36), (2, "sparse_categorical_crossentropy", 44)],
)
def test_a_step_makes_so_many_calls(depth, loss, most):
    last = layers.Dense(1) if loss == "mse" else layers.Dense(10, "softmax")
    seen = calls_of(step_of([*(layers.Dense(16, "relu") for _ in range(depth)), last], loss))
    assert len(seen) <= most, seen


@pytest.mark.parametrize(
    ("optimizer", "most"), [("sgd", 2), ("rmsprop", 9), ("adam", 10), ("adamw", 11), ("lion", 8)]
)
def test_an_optimizer_passes_so_often_over_its_vector(optimizer, most):
    plain, seen = (calls_of(step_of([layers.Dense(1)], "mse", o)) for o in ("sgd", optimizer))
    assert len(seen) - len(plain) + 2 <= most, seen
