"""What is left of old gradients: it must not decay into numbers that are slow to compute with."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import optimizers
from annlib.testing.optimizers import OptimizerTrial


def after(optimizer, dtype, steps):
    """The trial after one step with a gradient and many without."""
    trial = OptimizerTrial(optimizer)
    trial.start(dtype=dtype)
    trial.vector.gradients[...] = 0.5
    trial.step()
    for _ in range(steps):
        trial.vector.gradients[...] = 0.0
        trial.step()
    return trial


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop", "adamax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dead_inputs_leave_no_denormal_numbers(name, dtype):
    steps = 1500 if dtype == "float32" else 7500
    state = after(optimizers.get(name), dtype, steps).optimizer.state
    tiny = np.finfo(dtype).tiny
    assert not ((state != 0) & (np.abs(state) < tiny)).any()
    assert (state == 0).any()


def test_nothing_is_let_go_that_could_matter():
    """The weights end where the plain recurrence ends."""
    trial = after(optimizers.Adam(0.01), "float64", 2000)
    m, v = 0.05, 0.25e-3
    theta = OptimizerTrial(optimizers.Adam()).start()
    for t in range(1, 2002):
        alpha = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        theta = theta - alpha * m / (np.sqrt(v) + 1e-7)
        m, v = 0.9 * m, 0.999 * v
    np.testing.assert_allclose(trial.vector.values, theta, rtol=1e-12)


def test_without_an_epsilon_nothing_becomes_0_over_0():
    trial = after(optimizers.Adam(epsilon=0.0), "float32", 300)
    assert np.isfinite(trial.vector.values).all()


def test_where_the_sign_counts_nothing_is_let_go():
    """Lion goes on by its rate as long as there is any momentum."""
    state = after(optimizers.Lion(), "float64", 7500).optimizer.state
    np.testing.assert_allclose(state, 0.5 * 0.99**7500, rtol=1e-9)
