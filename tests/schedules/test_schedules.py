"""Schedules are their closed forms, and Keras' numbers."""

from __future__ import annotations

import math

import pytest
from golden import recorded
from hypothesis import given
from hypothesis import strategies as st

from annlib import schedules
from annlib.core.errors import ConfigurationError
from annlib.schedules import ExponentialDecay

RECORDS = recorded("schedules")["schedules"]


@pytest.mark.parametrize("record", RECORDS["records"], ids=["smooth", "staircase"])
def test_rates_are_those_of_keras(record):
    schedule = getattr(schedules, record["class"])(**record["config"])
    rates = [schedule(step) for step in RECORDS["steps"]]
    assert rates == pytest.approx(record["rates"], rel=1e-12)
    assert all(type(rate) is float for rate in rates)


@given(st.floats(1e-3, 1.0), st.integers(1, 50), st.floats(0.1, 1.0), st.integers(0, 20), st.data())
def test_decay_multiplies_by_its_rate_every_decay_steps(first, steps, decay, periods, data):
    within = data.draw(st.integers(0, steps - 1))
    smooth = ExponentialDecay(first, steps, decay)
    stairs = ExponentialDecay(first, steps, decay, staircase=True)
    step = periods * steps + within
    product = first
    for _ in range(periods):
        product *= decay
    assert math.isclose(stairs(step), product, rel_tol=1e-9)
    assert math.isclose(math.log(smooth(step) / product), math.log(decay) * within / steps,
                        rel_tol=1e-6, abs_tol=1e-9)  # fmt: skip


def test_a_schedule_is_its_configuration():
    schedule = ExponentialDecay(0.1, 10, 0.5, staircase=True)
    described = {"class_name": "ExponentialDecay", "config": schedule.get_config()}
    assert schedules.get(described) == schedule
    assert schedules.get(schedule) is schedule


@pytest.mark.parametrize("steps", [0, -1, math.nan])
def test_a_decay_needs_steps(steps):
    with pytest.raises(ConfigurationError, match="decay_steps"):
        ExponentialDecay(0.1, steps, 0.5)
