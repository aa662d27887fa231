"""Optimizers take the steps that Keras, PyTorch and the plain recurrences take."""

from __future__ import annotations

import math

import numpy as np
import pytest
from golden import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from stepping import FakeLayer, assert_same, drawn, steps_of

from annlib import constraints, optimizers, schedules
from annlib.optimizers import SGD, Adam, Ftrl, Lamb, Nadam, RMSprop

NUMBERS = recorded("optimizers")["optimizers"]


def by_name(records):
    return pytest.mark.parametrize("record", records, ids=lambda record: record["name"])


def named(values):
    return dict(zip(("kernel", "bias"), values, strict=True))


def case(record, **keywords):
    """The start of the records, their gradients, and the steps of this one, all by name."""
    fake = FakeLayer(**named(NUMBERS["variables"]), **keywords)
    return fake, [named(pair) for pair in NUMBERS["gradients"]], [named(s) for s in record["steps"]]


# What Keras lacks, or does not need for its steps.
OWN = {"name", "learning_rate_factors", "weight_decay_factors"}


# Recorded steps


@by_name(NUMBERS["keras"])
def test_steps_are_those_of_keras(record):
    config = dict(record["config"])
    if isinstance(config.get("learning_rate"), dict):
        rate = config["learning_rate"]
        config["learning_rate"] = getattr(schedules, rate["class"])(**rate["config"])
    optimizer = getattr(optimizers, record["class"])(**config)
    optimizer.exclude_from_weight_decay(var_names=record.get("exclude"))
    constrained = {}
    if limit := record.get("constraint"):
        constrained = {"kernel": getattr(constraints, limit["class"])(**limit["config"])}
    fake, gradients, expected = case(record, constrained=constrained)
    actual = steps_of(optimizer, fake, gradients)
    assert_same(actual, expected)
    optimizer.finalize()
    assert_same([fake.now], [named(record["final"])] if "final" in record else actual[-1:])


def test_every_optimizer_of_keras_is_recorded_with_each_of_its_options():
    given = {}
    for record in NUMBERS["keras"]:
        given.setdefault(record["class"], set()).update(record["config"])
    of_keras = {cls for cls in optimizers.registry if cls.__name__ in given}
    assert given.keys() == {cls.__name__ for cls in of_keras}
    policy = {*optimizers.Optimizer()._arguments()} - {"learning_rate"} - OWN
    for cls in of_keras:
        assert {*cls()._arguments()} - policy - OWN <= given[cls.__name__]
    assert policy <= set.union(*given.values())


def of_pytorch(config):
    """Keras' names for PyTorch's arguments."""
    names = {"lr": "learning_rate", "eps": "epsilon", "alpha": "rho"}
    config = {names.get(name, name): value for name, value in config.items()}
    config.pop("momentum_decay", None)  # recorded at Keras' own
    if "betas" in config:
        config["beta_1"], config["beta_2"] = config.pop("betas")
    return config


@by_name(NUMBERS["torch"])
def test_steps_are_those_of_pytorch(record):
    cls = getattr(optimizers, {"NAdam": "Nadam"}.get(record["class"], record["class"]))
    optimizer = cls(**of_pytorch(record["config"]))

    def scale_epsilon(step):
        # PyTorch adds epsilon to the corrected root, Keras to the uncorrected one: theirs is ours
        # times sqrt(1 - beta_2^t).
        if isinstance(optimizer, Adam):
            epsilon = record["config"].get("eps", 1e-8)
            # Past the guard of what an optimizer was made with.
            vars(optimizer)["epsilon"] = epsilon * math.sqrt(1 - optimizer.beta_2 ** (step + 1))

    fake, gradients, expected = case(record)
    assert_same(steps_of(optimizer, fake, gradients, scale_epsilon), expected)


# The plain recurrences, number by number


def plain_sgd(w, gradients, rate, momentum, nesterov):
    velocity = 0.0
    for g in gradients:
        velocity = momentum * velocity - rate * g
        w += momentum * velocity - rate * g if nesterov else velocity
        yield w


def plain_adam(w, gradients, rate, beta_1, beta_2, epsilon, amsgrad):
    m = v = largest = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        largest = max(largest, v)
        alpha = rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w -= alpha * m / (math.sqrt(largest if amsgrad else v) + epsilon)
        yield w


def plain_nadam(w, gradients, rate, beta_1, beta_2, epsilon):
    m, v, product = 0.0, 0.0, 1.0
    for t, g in enumerate(gradients, start=1):
        mu, following = (beta_1 * (1 - 0.5 * 0.96**i) for i in (t, t + 1))
        product *= mu
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        ahead = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        w -= rate * ahead / (math.sqrt(v / (1 - beta_2**t)) + epsilon)
        yield w


def plain_rmsprop(w, gradients, rate, rho, momentum, epsilon, centered):
    v = mean = velocity = 0.0
    for g in gradients:
        v = rho * v + (1 - rho) * g**2
        mean = rho * mean + (1 - rho) * g
        step = rate * g / math.sqrt((v - mean**2 if centered else v) + epsilon)
        velocity = momentum * velocity + step
        w -= velocity
        yield w


share = st.floats(0, 0.99)
arguments = {
    SGD: (plain_sgd, st.tuples(st.floats(0, 1), share, st.booleans())),
    Adam: (
        plain_adam,
        st.tuples(st.floats(0, 1), share, share, st.floats(1e-8, 1e-2), st.booleans()),
    ),
    Nadam: (plain_nadam, st.tuples(st.floats(0, 1), share, share, st.floats(1e-8, 1e-2))),
    RMSprop: (
        plain_rmsprop,
        st.tuples(st.floats(0, 1), share, share, st.floats(1e-6, 1e-2), st.booleans()),
    ),
}


@pytest.mark.parametrize("cls", arguments)
def test_steps_are_the_plain_recurrence_for_any_arguments(cls):
    recurrence, drawn_arguments = arguments[cls]

    @settings(max_examples=40, deadline=None)
    @given(drawn_arguments, st.integers(1, 8), st.integers(0, 2**32))
    def check(config, n_steps, seed):
        fake, gradients = drawn(n_steps, (4,), seed)
        actual = [step["w"] for step in steps_of(cls(*config), fake, gradients)]
        for i, start in enumerate(fake.start["w"]):
            expected = list(recurrence(start, [float(g["w"][i]) for g in gradients], *config))
            np.testing.assert_allclose([w[i] for w in actual], expected, rtol=1e-8, atol=1e-10)

    check()


def test_nadams_momentum_after_more_than_a_thousand_steps():
    fake, gradients = drawn(1100, (1,))
    config = 0.01, 0.999, 0.999, 1e-7
    actual = [step["w"][0] for step in steps_of(Nadam(*config), fake, gradients)]
    expected = plain_nadam(
        float(fake.start["w"][0]), [float(g["w"][0]) for g in gradients], *config
    )
    np.testing.assert_allclose(actual, list(expected), rtol=1e-10)


# What is particular to one of them


def test_lamb_takes_each_parameter_by_itself():
    rng = np.random.default_rng(0)
    start = {"kernel": rng.normal(size=(4, 3)), "bias": 10 * rng.normal(size=3)}
    gradients = [{name: rng.normal(size=w.shape) for name, w in start.items()} for _ in range(4)]
    together = steps_of(Lamb(0.1), FakeLayer(**start), gradients)
    for name, w in start.items():
        alone = steps_of(Lamb(0.1), FakeLayer(**{name: w}), [{name: g[name]} for g in gradients])
        assert_same([{name: step[name]} for step in together], alone, rtol=0)


def test_lambs_step_is_as_long_as_the_rate_says_and_of_its_own_length_from_zero():
    fake = FakeLayer(kernel=[[3.0, 4.0]], bias=[0.0, 0.0])
    gradients = {"kernel": [[1.0, -2.0]], "bias": [0.5, -8.0]}
    (after,) = steps_of(Lamb(0.1, epsilon=0.0), fake, [gradients])
    # The direction of a first step is the sign of the gradient.
    np.testing.assert_allclose(after["kernel"], [[3 - 0.5 / math.sqrt(2), 4 + 0.5 / math.sqrt(2)]])
    np.testing.assert_allclose(after["bias"], [-0.1, 0.1])


def test_ftrl_makes_small_weights_exactly_zero():
    fake, gradients = drawn(5, (200,))
    optimizer = Ftrl(0.1, l1_regularization_strength=5.0)
    after = steps_of(optimizer, fake, gradients)[-1]["w"]
    z = optimizer.state_arrays()["z"]
    assert 20 < (after == 0).sum() < 180
    np.testing.assert_array_equal(after == 0, np.abs(z) <= 5.0)


def test_ftrl_at_a_rate_of_zero_waits():
    optimizer = Ftrl(lambda step: 0.1 if step else 0.0)
    fake, gradients = drawn(3)
    first, *others = steps_of(optimizer, fake, gradients)
    assert_same([first], [fake.start], rtol=0)
    assert_same(others, steps_of(Ftrl(0.1), FakeLayer(**fake.start), gradients[1:]), rtol=0)
