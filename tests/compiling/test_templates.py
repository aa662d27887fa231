"""Models of one structure share their machine code, and none gets what another's numbers need."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from annlib import Sequential, layers
from annlib.compiling import templates
from annlib.compiling.objective import StepRecorder


@pytest.fixture
def counted(monkeypatch):
    """How often code was generated, and a step recorded."""
    counts = {"generated": 0, "recorded": 0}
    make, record = templates.Template.__init__, StepRecorder.record

    def count(name, function):
        def counting(*arguments):
            counts[name] += 1
            return function(*arguments)

        return counting

    monkeypatch.setattr(templates, "_made", {})
    monkeypatch.setattr(templates.Template, "__init__", count("generated", make))
    monkeypatch.setattr(StepRecorder, "record", count("recorded", record))
    return counts


def data(rows=70, columns=5):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, columns))
    return x, x.sum(1, keepdims=True)


def fitted(jit_compile=True, activation="relu", units=6, seed=0, rate=0.1, more=()):
    stack = [layers.Dense(units, activation), *(x.clone() for x in more), layers.Dense(1)]
    model = Sequential(stack, seed=seed, dtype="float64")
    model.compile("sgd", "mse", jit_compile=jit_compile)
    model.optimizer.learning_rate = rate
    model.fit(*data(), epochs=3, batch_size=32, verbose=0)
    return model


def test_a_second_model_generates_nothing_and_records_once_a_shape(counted):
    fitted()
    # A whole batch and the last one, which is shorter, and the rule.
    known = counted["generated"]
    assert known >= 3 and counted["recorded"] == 4
    other = fitted(seed=1)
    assert counted == {"generated": known, "recorded": 6}
    np.testing.assert_allclose(
        other.predict(data()[0]), fitted(jit_compile=False, seed=1).predict(data()[0]), rtol=1e-10
    )


@pytest.mark.parametrize(
    "others",
    [
        {"units": 7},
        {"activation": "tanh"},
        {"activation": "elu"},
        {"more": (layers.Dropout(0.4, seed=1),)},
        {"more": (layers.BatchNormalization(),)},
    ],
    ids=str,
)
def test_what_differs_is_generated_anew_and_right(others, counted):
    fitted()
    known = counted["generated"]
    model = fitted(**others)
    assert counted["generated"] > known
    right = fitted(jit_compile=False, **others)
    np.testing.assert_allclose(model.predict(data()[0]), right.predict(data()[0]), rtol=1e-10)


def test_the_numbers_of_a_part_count(counted):
    for slope in (0.1, 0.3):
        found = fitted(more=(layers.LeakyReLU(slope),), activation=None)
        right = fitted(more=(layers.LeakyReLU(slope),), activation=None, jit_compile=False)
        np.testing.assert_allclose(found.predict(data()[0]), right.predict(data()[0]), rtol=1e-10)


def test_inputs_that_were_one_array_may_become_two():
    def losses(jit_compile):
        model = Sequential([layers.Dense(4, "tanh"), layers.Dense(5)], seed=0, dtype="float64")
        model.compile("sgd", "mse", jit_compile=jit_compile)
        x, _ = data(64)
        how = {"shuffle": False, "epochs": 3, "batch_size": 32, "verbose": 0}
        # In turn a batch is a view of the data, which are both input and target at first.
        return [fit for z in (x, x * 0.9) for fit in model.fit(z, x, **how).history["loss"]]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-10)
