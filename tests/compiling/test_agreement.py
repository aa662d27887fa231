"""The compiled step and the step as it stands, from the same state: the same numbers but for
rounding, for every part that is registered.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from cases import ACTIVATIONS, LAYERS, LOSSES, OPTIMIZERS, as_given, targets_and_predictions
from cases.random_networks import network

from annlib import Sequential, layers, optimizers, schedules
from annlib.testing.layers import LayerTrial

pytest.importorskip("llvmlite")

N = 12
NEAR = {"float32": 1e-5, "float64": 1e-12}
SLOW = pytest.mark.slow
BOTH = pytest.mark.parametrize("dtype", [pytest.param("float32", marks=SLOW), "float64"])


def numbers_of(model):
    vector, optimizer = model._network.vector, model.optimizer
    return [vector.values, *optimizer.state_arrays().values()]


def watched(model):
    """Each gradient that comes to the optimizer of a model: a rule may overwrite it."""
    seen, step = [], model.optimizer.checked_step

    def checked_step(vector, squares):
        seen.append(vector.gradients[: vector.n_trainable].copy())
        return step(vector, squares)

    object.__setattr__(model.optimizer, "checked_step", checked_step)
    return seen


def jumps_of(model, gradient, near):
    """Where a rule that divides by the size of a gradient, or takes its sign, makes a step of what
    would be 0 but for rounding. A constraint brings that to all of its parameter.
    """
    vector = model._network.vector
    small = np.zeros(vector.values.shape, bool)
    small[: gradient.size] = np.abs(gradient) <= near * np.abs(gradient).max(initial=0.0)
    for entry in vector.entries:
        if entry.trainable and entry.parameter.constraint is not None:
            small[entry.where] = small[entry.where].any()
    return small


def check_agreement(make, batches, near):
    """Two models from one state make a step with each batch, as it stands and compiled; returns the
    compiled step.
    """
    models = plain, compiled = make(False), make(True)
    seen = [watched(model) for model in models]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for batch in batches:
            values = [model.train_on_batch(*batch) for model in models]
            np.testing.assert_allclose(*values, rtol=near * 10, atol=near)
            gradient, found = (of_model[-1] for of_model in seen)
            scale = np.abs(gradient).max(initial=0.0)
            np.testing.assert_allclose(found, gradient, rtol=0, atol=near * max(scale, 1e-3))
            jumps = jumps_of(plain, gradient, near)
            for right, found in zip(*map(numbers_of, models), strict=True):
                scale = np.abs(right).max(initial=0.0)
                far = np.abs(found - right) > near * max(scale, 1e-3)
                if far.size in (jumps.size, gradient.size):  # of all parameters, or those trained
                    far &= ~jumps[: far.size]
                assert not far.any()
                found[...] = right
    return compiled._functions.step._compiled


def compiled_like(model, optimizer, loss, jit):
    model.compile(optimizer, loss, jit_compile=jit)
    return model


def repeated(x, y, weights=None, count=4):
    """Some batches of the rows, the last of them short."""
    rng = np.random.default_rng(0)
    for index in range(count + 4):
        rows = rng.permutation(len(x))[: None if index < count else len(x) // 2]
        yield x[rows], y[rows], *(() if weights is None else (weights[rows],))


@BOTH
@pytest.mark.parametrize("row", [r for r in LAYERS if r.cls is not layers.Input], ids=repr)
def test_layers(row, dtype):
    for shape in getattr(row, "shapes", [(5,), (2, 5)]):
        layer = row.make()
        x = as_given(layer, LayerTrial(row.make(), shape).data(N)[0])
        y = np.random.default_rng(1).normal(size=(N, 1))

        def make(jit):
            stack = [row.make(), layers.Flatten(), layers.Dense(1)]
            if not layer.takes_codes and not layer.encodes and x.dtype.kind == "f":  # noqa: B023
                stack.insert(0, layers.Rescaling(0.5))
            model = Sequential(stack, seed=3, dtype=dtype)
            return compiled_like(model, optimizers.SGD(0.01, momentum=0.5), "mse", jit)

        step = check_agreement(make, repeated(x, y), NEAR[dtype])
        assert not step._off and step._programs


@BOTH
@pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
def test_activations(row, dtype):
    rng = np.random.default_rng(2)
    x, y = 0.3 * rng.normal(size=(N, 4)), rng.normal(size=(N, 3))

    def make(jit):
        stack = [layers.Dense(6, row.make()), layers.Dense(4, row.make()), layers.Dense(3)]
        return compiled_like(
            Sequential(stack, seed=3, dtype=dtype), optimizers.SGD(0.01), "mse", jit
        )

    step = check_agreement(make, repeated(x, y), NEAR[dtype])
    assert not step._off and step._programs


OUTPUT = {"positive": "softplus", "unit": "sigmoid", "simplex": "softmax"}


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("row", LOSSES, ids=repr)
def test_losses(row, weighted, dtype):
    rng = np.random.default_rng(3)
    y, _ = targets_and_predictions(row, N, 4, rng)
    x, weights = rng.normal(size=(N, 5)), rng.uniform(0.5, 2, N) if weighted else None
    activation = OUTPUT.get(row.predictions, "linear")
    try:
        row.make()._replace(reduction="sum")
    except TypeError:
        pytest.skip("a loss of functions")
    for behind in ([], [layers.Rescaling(1.0)]):

        def make(jit):
            stack = [layers.Dense(6, "tanh"), layers.Dense(4, activation), *behind]  # noqa: B023
            model = Sequential(stack, seed=3, dtype=dtype)
            loss = row.make()
            loss = loss if loss.reduction != "none" else loss._replace(reduction="sum")
            return compiled_like(model, optimizers.SGD(0.05), loss, jit)

        step = check_agreement(make, repeated(x, y, weights), NEAR[dtype])
        assert not step._off and step._programs


@BOTH
@pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)
def test_optimizers(row, dtype):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(N, 5)), rng.integers(0, 3, N)
    if row.make().full_batch:
        pytest.skip("it drives the training itself")

    def make(jit):
        return labelled(row.make(), jit, dtype)

    near = NEAR[dtype] * 10
    check_agreement(make, repeated(x, y), near)


OPTIONS = [
    {"clipnorm": 0.1},
    {"clipvalue": 0.01},
    {"global_clipnorm": 0.1},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"learning_rate_factors": {"dense": 0.5}},
    {"learning_rate": schedules.ExponentialDecay(0.01, 3, 0.5)},
]
RULES = [
    *(optimizers.SGD, optimizers.RMSprop, optimizers.Adagrad, optimizers.Adadelta),
    *(optimizers.Adam, optimizers.AdamW, optimizers.Adamax, optimizers.Nadam, optimizers.Ftrl),
    *(optimizers.Lion, optimizers.Lamb, optimizers.Adafactor, optimizers.Muon),
    optimizers.ScheduleFreeAdamW,
]


def labelled(optimizer, jit, dtype="float64"):
    stack = [layers.Dense(6, "tanh", kernel_regularizer="l2"), layers.Dense(3, "softmax")]
    model = Sequential(stack, seed=3, dtype=dtype)
    return compiled_like(model, optimizer, "sparse_categorical_crossentropy", jit)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options)))
@pytest.mark.parametrize("cls", RULES)
def test_rules_with_each_option(cls, options):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(N, 5)), rng.integers(0, 3, N)
    check_agreement(lambda jit: labelled(cls(**options), jit), repeated(x, y), NEAR["float64"])


@pytest.mark.parametrize("cls", [cls for cls in RULES if cls is not optimizers.Lion])
def test_free_runs(cls):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    runs = []
    for jit in (False, True):
        model = labelled(cls(), jit)
        history = model.fit(x, y, batch_size=8, epochs=10, verbose=0)  # 50 steps
        runs.append([history.history["loss"], model._network.vector.values])
    for right, found in zip(*runs, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "seed", [*range(20), *(pytest.param(seed, marks=SLOW) for seed in range(20, 200))]
)
def test_random_networks(seed):
    _, x, y, weights = network(seed)

    def make(jit):
        model, *_ = network(seed)
        model.compile(**model._compiled.given | {"jit_compile": jit})
        return model

    model = make(False)
    batch = (x, y) if weights is None else (x, y, weights)
    check_agreement(make, [batch] * 5, NEAR[model.dtype] * 10)
