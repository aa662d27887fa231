"""What every optimizer does around its rule: limits, decay, means, averages, constraints, rates."""

from __future__ import annotations

import functools
import inspect
import itertools
import math

import numpy as np
import pytest
from cases import OPTIMIZERS
from stepping import FakeLayer, assert_same, drawn, more_steps, step_by, steps_of, vector_of

from annlib import Sequential, constraints, explain, layers, load_model, schedules
from annlib.core.errors import ConfigurationError
from annlib.optimizers import SGD, Adam, AdamW, Ftrl, Lion, RMSprop


def begins_with_rate(cls):
    """Whether the rate is the first argument."""
    return next(iter(inspect.signature(cls).parameters)) == "learning_rate"


# All of it, by parameter


def plain_policy(start, gradients, policy, constraint):
    """Momentum and all of the policy, one parameter after the other; ends with the averages."""
    w = {name: value.copy() for name, value in start.items()}
    velocity, total, average = ({name: 0.0 * value for name, value in w.items()} for _ in range(3))
    k = policy.get("gradient_accumulation_steps", 1)
    for call, raw in enumerate(gradients):
        total = {name: total[name] + raw[name] for name in w}
        if (call + 1) % k == 0:
            g = {name: value / k for name, value in total.items()}
            norms = {name: math.sqrt((value**2).sum()) for name, value in g.items()}
            together = math.sqrt(sum(norm**2 for norm in norms.values()))
            for name in start:
                if "clipvalue" in policy:
                    g[name] = np.clip(g[name], -policy["clipvalue"], policy["clipvalue"])
                if "clipnorm" in policy:
                    g[name] = g[name] * min(1.0, policy["clipnorm"] / norms[name])
                if "global_clipnorm" in policy:
                    g[name] = g[name] * min(1.0, policy["global_clipnorm"] / together)
                if name == "kernel":
                    w[name] = w[name] - 0.1 * policy.get("weight_decay", 0.0) * w[name]
                velocity[name] = 0.9 * velocity[name] - 0.1 * g[name]
                w[name] = w[name] + velocity[name]
                total[name] = 0.0 * w[name]
        for name in start:
            if policy.get("use_ema"):
                m = policy["ema_momentum"] if call >= k else 0.0
                average[name] = m * average[name] + (1 - m) * w[name]
                frequency = policy.get("ema_overwrite_frequency")
                if frequency and (call // k + 1) % frequency == 0:
                    w[name] = average[name].copy()
        if constraint is not None:
            w["kernel"] = np.maximum(w["kernel"], -constraint)
        yield {name: value.copy() for name, value in w.items()}
    yield average


class AtLeast(constraints.Constraint):
    """w <- max(w, low)."""

    def __init__(self, low):
        self.low = low

    def __call__(self, W):
        np.maximum(W, self.low, out=W)


EMA = {"use_ema": True, "ema_momentum": 0.7}
LIMITS = [{}, {"clipnorm": 0.8}, {"clipvalue": 0.4}, {"global_clipnorm": 1.1}]
DECAYS = [{}, {"weight_decay": 0.3}]
AVERAGES = [{}, EMA, {**EMA, "ema_overwrite_frequency": 2}]
MEANS = [{}, {"gradient_accumulation_steps": 3}]


@pytest.mark.parametrize("bound", [None, 0.5])
def test_all_of_it_is_what_it_is_by_parameter(bound):
    rng = np.random.default_rng(5)
    start = {name: rng.normal(size=shape) for name, shape in (("kernel", (4, 3)), ("bias", (3,)))}
    gradients = [{name: rng.normal(size=w.shape) for name, w in start.items()} for _ in range(13)]
    for parts in itertools.product(LIMITS, DECAYS, AVERAGES, MEANS):
        policy = {key: value for part in parts for key, value in part.items()}
        optimizer = SGD(0.1, momentum=0.9, **policy)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        constrained = {} if bound is None else {"kernel": AtLeast(-bound)}
        fake = FakeLayer(constrained=constrained, **start)
        actual = steps_of(optimizer, fake, gradients)
        *expected, averages = plain_policy(start, gradients, policy, bound)
        assert_same(actual, expected)
        optimizer.finalize()
        assert_same([fake.now], [averages] if "use_ema" in policy else expected[-1:])


# Limits


def descent(optimizer, gradients):
    """What one step of rate 1 subtracts from each parameter: the gradient that was used."""
    fake = FakeLayer(**{name: np.zeros(np.shape(g)) for name, g in gradients.items()})
    (after,) = steps_of(optimizer, fake, [gradients])
    return {name: -value for name, value in after.items()}


GRADIENTS = {"kernel": np.array([[3.0, 0.0], [0.0, -4.0]]), "bias": np.array([0.3, -0.4])}


def test_clipnorm_limits_the_norm_of_each_parameter():
    used = descent(SGD(1.0, clipnorm=1.0), GRADIENTS)
    np.testing.assert_allclose(used["kernel"], [[0.6, 0.0], [0.0, -0.8]])
    np.testing.assert_array_equal(used["bias"], GRADIENTS["bias"])


def test_global_clipnorm_limits_the_norm_of_all_together():
    used = descent(SGD(1.0, global_clipnorm=1.0), GRADIENTS)
    assert math.isclose(math.hypot(*used["kernel"].ravel(), *used["bias"]), 1.0)
    np.testing.assert_allclose(used["kernel"] / used["bias"][0], GRADIENTS["kernel"] / 0.3)
    below = descent(SGD(1.0, global_clipnorm=6.0), GRADIENTS)
    np.testing.assert_array_equal(below["kernel"], GRADIENTS["kernel"])


def test_clipvalue_cuts_each_element():
    used = descent(SGD(1.0, clipvalue=0.35), GRADIENTS)
    np.testing.assert_array_equal(used["kernel"], [[0.35, 0.0], [0.0, -0.35]])
    np.testing.assert_array_equal(used["bias"], [0.3, -0.35])


@pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_a_gradient_of_zeros_is_not_divided_by_its_norm(limit):
    used = descent(SGD(1.0, **{limit: 0.1}), {"w": np.zeros(3)})
    np.testing.assert_array_equal(used["w"], 0.0)


@pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm"])
def test_a_norm_whose_square_overflows_is_limited_too(limit):
    used = descent(SGD(1.0, **{limit: 1.0}), {"w": np.array([3e300, -4e300])})
    np.testing.assert_allclose(used["w"], [0.6, -0.8])


# Means of gradients


def simple(row):
    """Whether each step is an update, at a rate that does not count the steps."""
    made = row.make()
    return not (made.full_batch or made.use_ema or made.gradient_accumulation_steps) and (
        made.learning_rate == made.get_config()["learning_rate"]
    )


@pytest.mark.parametrize("row", [row for row in OPTIMIZERS if simple(row)], ids=repr)
def test_accumulated_gradients_count_as_one_step_of_their_mean(row):
    fake, gradients = drawn(12)
    accumulating = type(row.make())(*row.arguments, **row.keywords, gradient_accumulation_steps=3)
    actual = steps_of(accumulating, fake, gradients)
    means = [{"w": sum(g["w"] for g in gradients[i : i + 3]) / 3} for i in range(0, 12, 3)]
    expected = steps_of(row.make(), FakeLayer(**fake.start), means)
    assert_same(actual[2::3], expected, rtol=1e-12)
    assert_same(actual[:2], [fake.start] * 2, rtol=0)
    assert (accumulating.steps, accumulating.iterations) == (12, 4)


def test_small_batches_that_accumulate_train_as_large_ones():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60, 3))
    weights = []
    for batch_size, steps in ((30, None), (10, 3)):
        hidden = layers.Dense(4, activation="tanh", kernel_regularizer="l2")
        model = Sequential([hidden, layers.Dense(3)], seed=0, dtype="float64")
        model.compile(Adam(0.01, clipnorm=0.1, gradient_accumulation_steps=steps), "mse")
        model.fit(x, y, epochs=3, batch_size=batch_size, shuffle=False, verbose=0)
        weights.append(model.vector.values)
    np.testing.assert_allclose(*weights, rtol=1e-10)


# Averages


def test_averages_are_there_after_the_first_step_and_only_if_asked_for():
    fake, gradients = drawn(3)
    optimizer = SGD(0.1, **EMA)
    assert optimizer.averages is None
    optimizer.build(vector_of(fake))
    optimizer.finalize()
    assert_same([fake.now], [fake.start], rtol=0)  # none yet
    (after,) = more_steps(optimizer, fake, gradients[:1])
    np.testing.assert_array_equal(optimizer.averages, after["w"].ravel())
    list(more_steps(optimizer, fake, gradients[1:]))
    averages = optimizer.averages.copy()
    assert not np.array_equal(averages, fake.now["w"].ravel())
    optimizer.finalize()
    np.testing.assert_array_equal(fake.now["w"].ravel(), averages)
    optimizer.reset()
    assert optimizer.averages is None
    steps_of(plain := SGD(0.1), *drawn(1))
    assert plain.averages is None


# What cannot be meant


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(clipnorm=1.0, clipvalue=1.0), "Adam: .*at most one limit, got clipnorm and"),
        (lambda: Adam(clipnorm=1, global_clipnorm=1), "at most one limit"),
        (lambda: SGD(clipnorm=-1.0), r"SGD: expected clipnorm as a number in \(0, inf\), got -1"),
        (lambda: SGD(clipvalue=0), r"clipvalue .*\(0, inf\), got 0"),
        (lambda: SGD(weight_decay=-0.1), r"weight_decay .*got -0\.1"),
        (lambda: AdamW(weight_decay=None), "AdamW: expected weight_decay as a number .*got None"),
        (lambda: SGD(learning_rate=-1.0), "learning_rate"),
        (lambda: SGD(learning_rate=math.nan), "learning_rate"),
        (lambda: SGD(learning_rate=math.inf), "learning_rate"),
        (lambda: SGD(learning_rate="fast"), "learning_rate"),
        (lambda: SGD(learning_rate=True), "learning_rate"),
        (lambda: SGD(momentum=2), r"momentum .*\[0, 1\], got 2"),
        (lambda: SGD(lr=0.1), "lr"),
        (lambda: SGD(ema_momentum=1.1), "ema_momentum"),
        (lambda: SGD(use_ema=True, ema_overwrite_frequency=0), "ema_overwrite_frequency .*>= 1"),
        (lambda: SGD(ema_overwrite_frequency=5), "use_ema=True with ema_overwrite_frequency"),
        (lambda: SGD(gradient_accumulation_steps=1), "gradient_accumulation_steps .*>= 2, got 1"),
        (lambda: SGD(gradient_accumulation_steps=2.5), "gradient_accumulation_steps"),
        (lambda: Adam(beta_2=1.0), r"Adam: expected beta_2 as a number in \[0, 1\), got 1\.0"),
        (lambda: AdamW(epsilon=-1.0), "AdamW: expected epsilon"),
        (lambda: RMSprop(rho="high"), "rho .*'high'"),
        (lambda: Lion(beta_1=0), r"beta_1 .*\(0, 1\], got 0"),
        (lambda: Ftrl(learning_rate_power=0.5), r"learning_rate_power .*\(-inf, 0\]"),
        (lambda: Ftrl(l1_regularization_strength=-1), "l1_regularization_strength"),
        (lambda: Ftrl(initial_accumulator_value=0), "initial_accumulator_value.* 0 / 0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


# Weight decay


def after_decay(exclude):
    """What one step with a zero gradient and a decay of 5 % leaves of parameters of ones."""
    optimizer = SGD(0.1, weight_decay=0.5)
    exclude(optimizer)
    fakes = [FakeLayer(name, kernel=np.ones(2), bias=np.ones(2)) for name in ("one", "two")]
    vector = vector_of(*fakes)
    optimizer.build(vector)
    step_by(optimizer, vector)
    left = {f"{fake.name}/{key}": value for fake in fakes for key, value in fake.now.items()}
    assert {value[0] for value in left.values()} <= {0.95, 1.0}
    return {path for path, value in left.items() if value[0] == 1.0}


def test_weight_decay_touches_every_parameter():
    assert after_decay(lambda optimizer: None) == set()


@pytest.mark.parametrize(
    ("keywords", "excluded"),
    [
        ({"var_list": ["one/bias"]}, {"one/bias"}),
        ({"var_list": ["one/bi.s", "ne/bias"]}, set()),
        ({"var_names": ["bias"]}, {"one/bias", "two/bias"}),
        ({"var_names": ["^two/"]}, {"two/kernel", "two/bias"}),
        (
            {"var_list": ["two/kernel"], "var_names": ["one/.*l$"]},
            {"one/kernel", "two/kernel"},
        ),
    ],
)
def test_parameters_can_be_excluded_from_weight_decay(keywords, excluded):
    assert after_decay(lambda optimizer: optimizer.exclude_from_weight_decay(**keywords)) == (
        excluded
    )


def test_exclusions_add_up_and_come_before_the_first_build():
    def twice(optimizer):
        optimizer.exclude_from_weight_decay(var_list=["one/bias"])
        optimizer.exclude_from_weight_decay(var_names=["two"])

    assert after_decay(twice) == {"one/bias", "two/kernel", "two/bias"}
    optimizer = SGD(weight_decay=0.1)
    optimizer.build(vector_of(FakeLayer(w=np.ones(2))))
    with pytest.raises(ConfigurationError, match="before compile"):
        optimizer.exclude_from_weight_decay(var_names=["w"])


# Constraints


def test_constraints_act_after_the_update():
    seen = []

    class Watch(constraints.Constraint):
        def __call__(self, W):
            seen.append(W.copy())
            W[...] = np.abs(W)

    fake = FakeLayer(constrained={"w": Watch()}, w=[[1.0, 2.0]], free=[1.0])
    (after,) = steps_of(SGD(1.0), fake, [{"w": [[3.0, 1.0]], "free": [3.0]}])
    np.testing.assert_array_equal(seen, [[[-2.0, 1.0]]])
    np.testing.assert_array_equal(after["w"], [[2.0, 1.0]])
    np.testing.assert_array_equal(after["free"], [-2.0])


def test_frozen_parameters_are_untouched():
    frozen = FakeLayer("frozen", trainable=False, w=[1.0, 2.0])
    half = FakeLayer("half", frozen=("mean",), mean=[3.0], scale=[4.0])
    optimizer = Adam(0.1, weight_decay=0.5)
    vector = vector_of(frozen, half)
    optimizer.build(vector)
    vector.gradients[...] = 1.0
    step_by(optimizer, vector)
    np.testing.assert_array_equal(frozen.now["w"], [1.0, 2.0])
    np.testing.assert_array_equal(half.now["mean"], [3.0])
    assert half.now["scale"] < 4.0
    assert optimizer.state.shape == (2, 1)


# The learning rate


def test_a_schedule_sees_the_number_of_updates():
    seen = []

    def schedule(step):
        seen.append(step)
        return 1.0 / (step + 1)

    fake = FakeLayer(w=[0.0])
    after = steps_of(SGD(schedule), fake, [{"w": [1.0]}] * 3)
    assert sorted(set(seen)) == [0, 1, 2]
    np.testing.assert_allclose([a["w"][0] for a in after], [-1.0, -1.5, -1.5 - 1 / 3])


def test_the_rate_can_be_set_and_the_configuration_keeps_its_own():
    optimizer = SGD(0.1)
    fake = FakeLayer(w=[0.0])
    steps_of(optimizer, fake, [{"w": [1.0]}])
    optimizer.learning_rate = 2
    (after,) = more_steps(optimizer, fake, [{"w": [1.0]}])
    np.testing.assert_allclose(after["w"], [-2.1])
    assert optimizer.learning_rate == 2.0
    assert optimizer.get_config()["learning_rate"] == 0.1
    assert optimizer.clone().learning_rate == 0.1


def test_a_rate_with_a_schedule_cannot_be_set():
    optimizer = Adam(schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="schedule"):
        optimizer.learning_rate = 0.1
    assert optimizer.learning_rate == 0.1  # still the schedule's at step 0
    optimizer.iterations = 10
    assert optimizer.learning_rate == 0.05


@pytest.mark.parametrize("rate", [-1, math.nan, None, "0.1"])
def test_a_rate_that_cannot_be_meant_is_not_set(rate):
    optimizer = SGD(0.1)
    with pytest.raises(ConfigurationError, match="learning_rate"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.1


def test_whole_numbers_and_numpys_are_rates():
    for rate in (1, np.float32(1), np.int64(1)):
        assert descent(SGD(rate), {"w": [0.5]})["w"] == 0.5


def test_a_schedule_survives_its_configuration():
    clone = SGD(schedules.ExponentialDecay(0.1, 10, 0.5)).clone()
    clone.iterations = 20
    assert math.isclose(clone.learning_rate, 0.025)


class Halving:
    """A schedule that knows nothing of annlib's."""

    def __call__(self, step):
        return 2.0**-step


def of_step_with_options(step, first=1.0):
    return first / 2**step


#: What may be a rate, and what it is in three steps.
CALLABLES = {
    "of nothing": (lambda: 0.25, [0.25] * 3),
    "a method": ([0.5].__len__, [1.0] * 3),
    "the rest of a function": (functools.partial(of_step_with_options, 2, 1.0), [0.25] * 3),
    "of nothing but a keyword": (lambda *, rate=0.25: rate, [0.25] * 3),
    "of the step": (lambda step: 2.0**-step, [1.0, 0.5, 0.25]),
    "of the step and options": (of_step_with_options, [1.0, 0.5, 0.25]),
    "of whatever": (lambda *arguments: 2.0 ** -arguments[0], [1.0, 0.5, 0.25]),
    "an object": (Halving(), [1.0, 0.5, 0.25]),
    "that returns NumPy's": (lambda: np.float32(0.25), [0.25] * 3),
    "that returns an array of one": (lambda step: np.array([2.0**-step]).sum(), [1.0, 0.5, 0.25]),
    "of a schedule's class": (schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25]), None),
}


@pytest.mark.parametrize(("rate", "expected"), CALLABLES.values(), ids=CALLABLES)
@pytest.mark.parametrize("later", [False, True])
def test_a_callable_of_nothing_or_of_the_step_is_a_rate(rate, expected, later):
    optimizer = SGD(0.5 if later else rate)
    if later:
        optimizer.learning_rate = rate
    after = steps_of(optimizer, FakeLayer(w=[0.0]), [{"w": [1.0]}] * 3)
    done = -np.cumsum(expected or [1.0, 0.5, 0.25])
    np.testing.assert_allclose([a["w"][0] for a in after], done)


@pytest.mark.parametrize("row", [o for o in OPTIMIZERS if begins_with_rate(o.cls)], ids=repr)
def test_every_optimizer_asks_a_callable_of_nothing_before_each_step(row):
    rates, now = (0.5, 0.25, 0.125), {"rate": 0.0}

    def after(rate, before):
        optimizer = row.cls(rate, *row.arguments[1:], **row.keywords)
        fake = FakeLayer(w=[1.0, -2.0])
        return steps_of(optimizer, fake, [{"w": [0.5, 1.0]}] * 3, lambda i: before(optimizer, i))

    asked = after(lambda: now["rate"], lambda _, i: now.update(rate=rates[i]))
    told = after(0.0, lambda optimizer, i: setattr(optimizer, "learning_rate", rates[i]))
    assert_same(asked, told, rtol=0)
    assert not np.array_equal(asked[0]["w"], asked[2]["w"])


@pytest.mark.parametrize(
    "rate",
    [
        lambda step, rate: rate,
        lambda step, *, rate: rate,
        lambda rate=0.1: rate,
        lambda step=0, rate=0.1: rate,
        functools.partial(of_step_with_options, 2),
        schedules.ExponentialDecay,
        float,
        "0.1",
        [0.1],
        {0: 0.1},
        None,
    ],
)
def test_other_callables_are_refused_when_the_optimizer_is_made_and_when_it_is_set(rate):
    with pytest.raises(ConfigurationError, match=r"SGD.*learning_rate"):
        SGD(rate)
    optimizer = Adam(0.1)
    with pytest.raises(ConfigurationError, match="learning_rate"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.1


@pytest.mark.parametrize("returned", [None, "fast", -0.1, math.nan, math.inf, [0.1, 0.2]])
def test_a_callable_that_returns_no_rate_is_named(returned):
    optimizer, fake = SGD(lambda: returned), FakeLayer(w=[0.0])
    with pytest.raises(ConfigurationError, match=r"expected <function .* to return a number >= 0"):
        steps_of(optimizer, fake, [{"w": [1.0]}])
    assert fake.now["w"] == [0.0]


def test_the_files_of_a_model_hold_schedules_and_no_functions(tmp_path):
    def model(rate):
        model = Sequential([layers.Dense(1)], seed=0)
        model.compile(SGD(rate), "mse")
        model.fit([[1.0]], [[1.0]], verbose=0)
        return model

    for rate in (lambda: 0.1, lambda step: 0.1):
        one = model(rate)
        with pytest.raises(ConfigurationError, match=r"SGD\.learning_rate.*<function"):
            one.optimizer.get_config()
        with pytest.raises(ConfigurationError, match=r"learning_rate.*<function"):
            one.save(tmp_path / "model.safetensors")
        assert not [*tmp_path.iterdir()]
        assert "lambda" in str(explain(one.optimizer))
    one = model(0.5)
    one.optimizer.learning_rate = schedules.ExponentialDecay(0.1, 10, 0.5)
    one.save(tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    again.optimizer.iterations = 10
    assert again.optimizer.learning_rate == 0.05


@pytest.mark.parametrize("rate", [lambda: 0.1, schedules.ExponentialDecay, lambda a, b: 0.1])
def test_a_warmup_leads_to_a_schedule_of_the_step(rate):
    with pytest.raises(ConfigurationError, match="LinearWarmup: expected schedule"):
        schedules.LinearWarmup(rate, 10)
