"""How many calls a training step makes, of NumPy and of Python: a slip shows without a clock."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from annlib import Sequential, layers
from annlib.core import numerics
from annlib.data import Batch
from annlib.training.loop import train_step

OTHERS = ("dot", "vdot", "copyto", "take", "put", "einsum", "clip", "where", "empty", "zeros")
#: Methods of arrays that compute; the others make views.
METHODS = ("dot", "take", "put", "fill", "copy", "astype", "clip", "sum", "max", "min")


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
    """The names of NumPy's functions, and of its arrays' methods, that it calls in their order."""
    ufunc, array, seen = np.ufunc, np.ndarray, []
    functions = {name: getattr(np, name) for name in dir(np)}
    clip = numerics.clip

    def of_arrays(frame, event, called):
        of = getattr(called, "__self__", None)
        if event == "c_call" and isinstance(of, array) and called.__name__ in METHODS:
            seen.append(called.__name__)

    try:
        for name, function in functions.items():
            if isinstance(function, ufunc) or name in OTHERS:
                setattr(np, name, Counted(function, name, seen))
        numerics.clip = Counted(clip, "clip", seen)
        sys.setprofile(of_arrays)
        step()
    finally:
        sys.setprofile(None)
        for name, function in functions.items():
            setattr(np, name, function)
        numerics.clip = clip
    return seen


def python_calls_of(step):
    """The names of all functions that it calls, but for NumPy's ufuncs."""
    seen = []

    def note(frame, event, called):
        if event == "call":
            seen.append(frame.f_code.co_name)
        elif event == "c_call":
            seen.append(called.__name__)

    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(None)
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
    [(0, "mse", 22), (1, "mse", 30), (2, "mse", 38), (2, "sparse_categorical_crossentropy", 48)],
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


# What is around the calls above: of a network as small as these it takes a third of the time.
@pytest.mark.parametrize(
    ("depth", "loss", "most"),
    [(0, "mse", 88), (2, "mse", 128), (2, "sparse_categorical_crossentropy", 148)],
)
def test_so_many_functions_are_around_them(depth, loss, most):
    last = layers.Dense(1) if loss == "mse" else layers.Dense(10, "softmax")
    step = step_of([*(layers.Dense(16, "relu") for _ in range(depth)), last], loss)
    seen = python_calls_of(step)
    assert len(seen) <= most, (len(seen), seen)
