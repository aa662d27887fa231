"""Schedules have the rates of Keras and PyTorch, and train as they do."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from cases.schedules import SCHEDULES
from golden import recorded
from hypothesis import given
from hypothesis import strategies as st

from annlib import Sequential, layers, optimizers, schedules
from annlib.core.errors import ConfigurationError
from annlib.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LinearWarmup,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

RECORDS = recorded("schedules")
STEPS = RECORDS["schedules"]["steps"]
each_row = pytest.mark.parametrize("row", SCHEDULES, ids=repr)


def parametrize(records):
    return pytest.mark.parametrize(
        "record", records, ids=lambda r: f"{r.get('class')}{r['config']}"
    )


def build(record):
    return getattr(schedules, record["class"])(**record["config"])


# -- the rates -------------------------------------------------------------------------------------


@parametrize(RECORDS["schedules"]["records"])
def test_rates_and_defaults_are_those_of_keras(record):
    schedule = build(record)
    assert [schedule(step) for step in STEPS] == pytest.approx(
        record["rates"], rel=1e-12, abs=1e-15
    )
    assert schedule.get_config() == record["full_config"]


@parametrize(RECORDS["one_cycle"])
def test_one_cycle_has_pytorchs_rates_and_keeps_the_last(record):
    schedule = OneCycle(record["max_learning_rate"], **record["config"])
    n = schedule.total_steps
    rates = [schedule(step) for step in range(n)]
    assert rates == pytest.approx(record["rates"], rel=1e-12, abs=1e-15)
    assert schedule(n) == schedule(10 * n) == rates[-1]


def test_one_cycle_has_rates_where_pytorch_divides_by_zero():
    for three_phase in (False, True):
        schedule = OneCycle(1.0, 10, pct_start=0.1, three_phase=three_phase)
        assert schedule(0) == 1.0
        assert schedule(1) < 1.0
        assert schedule(9) == pytest.approx(1 / 25e4)


@pytest.mark.parametrize("t_mul", [1, 2, 3, 5])
def test_a_restart_is_at_its_step_and_not_one_later(t_mul):
    """Keras misses the fifth restart with t_mul=3: it rounds log 243 / log 3 down to 4."""
    schedule = CosineDecayRestarts(0.1, 10, t_mul=t_mul, m_mul=0.5)
    start, length = 0, 10
    for period in range(8):
        assert schedule(start) == pytest.approx(0.1 * 0.5**period, rel=1e-12)
        assert schedule(start + length - 1) < 0.03 * 0.5**period
        start, length = start + length, length * t_mul


@each_row
def test_rates_are_python_floats_at_any_step(row):
    schedule = row.make()
    rates = [schedule(step) for step in [*range(100), 10**9]]
    assert all(type(rate) is float and 0 <= rate < 1 for rate in rates)


def test_numbers_of_numpy_are_taken_as_numbers():
    one, other = CosineDecay(np.float32(0.5), np.int64(10)), CosineDecay(0.5, 10)
    assert repr(one) == repr(other)
    assert type(one(3)) is float
    assert PiecewiseConstantDecay(np.arange(2), np.ones(3)) == PiecewiseConstantDecay(
        [0, 1], [1] * 3
    )


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


# -- the warm-up before another --------------------------------------------------------------------


def test_a_warm_up_before_a_cosine_is_keras_cosine_with_a_warm_up():
    for record in RECORDS["schedules"]["records"]:
        if "warmup_target" in record["config"]:
            config = record["full_config"]
            after = CosineDecay(config["warmup_target"], config["decay_steps"], config["alpha"])
            first = config["initial_learning_rate"]
            schedule = LinearWarmup(after, config["warmup_steps"], first)
            rates = [schedule(step) for step in STEPS]
            assert rates == pytest.approx(record["rates"], rel=1e-12, abs=1e-15)


def test_a_warm_up_rises_to_a_number_a_function_and_a_description():
    assert [LinearWarmup(0.4, 4)(step) for step in range(6)] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.4]
    )
    halves = LinearWarmup(lambda step: 2 ** -(step + 1), 2, initial_learning_rate=0.25)
    assert [halves(step) for step in range(5)] == [0.25, 0.375, 0.5, 0.25, 0.125]
    inner = PiecewiseConstantDecay([3], [0.2, 0.1])
    described = {"class_name": "PiecewiseConstantDecay", "config": inner.get_config()}
    assert LinearWarmup(described, 5) == LinearWarmup(inner, 5)
    assert LinearWarmup(0.1, 0)(0) == 0.1


def test_a_nested_schedule_is_part_of_the_configuration():
    schedule = LinearWarmup(LinearWarmup(CosineDecay(0.1, 10), 3), 2)
    assert repr(schedule) == "LinearWarmup(LinearWarmup(CosineDecay(0.1, 10), 3), 2)"
    described = {"class_name": "LinearWarmup", "config": schedule.get_config()}
    again = schedules.get(json.loads(json.dumps(described)))
    assert again == schedule
    assert again != LinearWarmup(LinearWarmup(CosineDecay(0.1, 11), 3), 2)
    assert schedule.clone().schedule is not schedule.schedule
    optimizer = optimizers.Adam(schedule)
    assert optimizers.Adam.from_config(optimizer.get_config()).get_config() == (
        optimizer.get_config()
    )
    with pytest.raises(ConfigurationError, match=r"LinearWarmup\.schedule.*register"):
        LinearWarmup(lambda step: 0.1, 5).get_config()


# -- in training -----------------------------------------------------------------------------------


def trained(optimizer, epochs=4):
    """The rate of the next update after each epoch on the recorded data, and the last weights."""
    data = RECORDS["training"]
    layer = layers.Dense(2, input_dim=3)
    model = Sequential([layer], dtype="float64", seed=0)
    layer.set_weights([data["kernel"], np.zeros(2)])
    model.compile(optimizer, "mse")
    rates = []
    for _ in range(epochs):
        model.fit(
            np.array(data["x"]),
            np.array(data["y"]),
            batch_size=data["batch_size"],
            shuffle=False,
            verbose=0,
        )
        rates.append(model.optimizer.learning_rate)
    return rates, model


@parametrize(RECORDS["training"]["runs"])
def test_training_is_that_of_keras(record):
    rates, model = trained(optimizers.SGD(build(record)))
    assert rates == pytest.approx(record["rates"], rel=1e-12, abs=1e-15)
    for found, expected in zip(model.get_weights(), record["weights"], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11)


@each_row
def test_an_optimizer_follows_its_schedule_and_a_clone_begins_anew(row):
    schedule = row.make()
    rates, model = trained(optimizers.SGD(schedule), epochs=3)
    assert rates == [schedule(3), schedule(6), schedule(9)]
    assert model.optimizer.clone().learning_rate == schedule(0)


# -- what cannot be meant --------------------------------------------------------------------------


def test_a_schedule_is_its_configuration():
    schedule = ExponentialDecay(0.1, 10, 0.5, staircase=True)
    described = {"class_name": "ExponentialDecay", "config": schedule.get_config()}
    assert schedules.get(described) == schedule
    assert schedules.get(schedule) is schedule


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.5), "ExponentialDecay.*decay_steps"),
        (lambda: ExponentialDecay(0.1, math.nan, 0.5), "decay_steps"),
        (lambda: ExponentialDecay(-0.1, 10, 0.5), "initial_learning_rate"),
        (lambda: ExponentialDecay(0.1, 10, -0.5), "decay_rate"),
        (lambda: InverseTimeDecay(0.1, -1, 0.5), "InverseTimeDecay.*decay_steps"),
        (lambda: InverseTimeDecay("fast", 1, 0.5), "initial_learning_rate.*'fast'"),
        (lambda: PiecewiseConstantDecay([2, 2], [1, 2, 3]), r"ascending order, got \[2, 2\]"),
        (lambda: PiecewiseConstantDecay([2, 3], [1, 2]), "2 values for 2 boundaries"),
        (lambda: PiecewiseConstantDecay(2, [1, 2]), "boundaries as a list"),
        (lambda: PiecewiseConstantDecay([2], [1, "2"]), "values"),
        (lambda: PolynomialDecay(0.1, 10, -1), "end_learning_rate"),
        (lambda: PolynomialDecay(0.1, 10, power=-1), "power"),
        (lambda: PolynomialDecay(0.1, math.inf), "decay_steps"),
        (lambda: CosineDecay(0.1, 10, alpha=1.5), "alpha"),
        (lambda: CosineDecay(0.1, 10, warmup_steps=5), "expected a warmup_target"),
        (lambda: CosineDecay(0.1, 10, warmup_target=-1, warmup_steps=5), "warmup_target"),
        (lambda: CosineDecay(0.1, 10, warmup_target=1, warmup_steps=-5), "warmup_steps"),
        (lambda: CosineDecayRestarts(0.1, 0), "first_decay_steps"),
        (lambda: CosineDecayRestarts(0.1, 5, t_mul=0.5), "t_mul"),
        (lambda: CosineDecayRestarts(0.1, 5, m_mul=-1), "m_mul"),
        (lambda: OneCycle(0.1, 2.5), "total_steps"),
        (lambda: OneCycle(0.1, 10, pct_start=1.5), r"pct_start as a number in \[0, 1\]"),
        (lambda: OneCycle(0.1, 10, pct_start=0.6, three_phase=True), r"pct_start.*\[0, 0.5\]"),
        (lambda: OneCycle(0.1, 10, div_factor=0), "div_factor"),
        (lambda: OneCycle(0.1, 10, final_div_factor=-1), "final_div_factor"),
        (lambda: OneCycle(0.1, 10, anneal_strategy="cosine"), "anneal_strategy one of cos, linear"),
        (lambda: LinearWarmup("cosine_decay", 10), "schedule"),
        (lambda: LinearWarmup(0.1, 1.5), "warmup_steps"),
        (lambda: LinearWarmup(0.1, 10, -1.0), "initial_learning_rate"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_named(make, named):
    with pytest.raises(ConfigurationError, match=named):
        make()
