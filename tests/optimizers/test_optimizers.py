"""Optimizers take the steps that Keras, PyTorch and the plain recurrence take."""

from __future__ import annotations

import functools
import math
import pickle

import numpy as np
import pytest
from cases import OPTIMIZERS
from golden import recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from annlib import Sequential, constraints, layers, optimizers, schedules
from annlib.core.errors import ConfigurationError
from annlib.core.parameters import Parameter, ParameterVector
from annlib.optimizers import SGD, Adam, Optimizer, RMSprop
from annlib.optimizers import base as optimizer_base
from annlib.testing import check_optimizer

NUMBERS = recorded("optimizers")
KERAS, TORCH = (
    {record["name"]: record for record in NUMBERS[section]}
    for section in ("optimizers", "torch_optimizers")
)


class FakeLayer:
    """All that a parameter vector needs of a layer."""

    def __init__(self, name="layer", trainable=True, frozen=(), constrained=None, **values):
        self.name = name
        self.trainable = trainable
        self.start = {key: np.asarray(value, float) for key, value in values.items()}
        self.now = self.start
        self.parameters = [
            Parameter(
                key,
                value.shape,
                lambda *arguments: None,
                constraint=(constrained or {}).get(key),
                trainable=key not in frozen,
            )
            for key, value in self.start.items()
        ]

    def values(self):
        return self.now

    def bind(self, values, gradients):
        self.now, self.gradients = values, gradients


def vector_of(*fakes):
    vector = ParameterVector(fakes, "float64")
    vector.allocate_gradients()
    return vector


def steps_of(optimizer, fake, gradients, before=lambda step: None):
    """The parameters of the layer after each step, as a list of dicts."""
    optimizer.build(vector_of(fake))
    return list(more_steps(optimizer, fake, gradients, before))


def more_steps(optimizer, fake, gradients, before=lambda step: None):
    for step, gradient in enumerate(gradients):
        for name, value in gradient.items():
            fake.gradients[name][...] = value
        before(step)
        optimizer.step()
        yield {name: value.copy() for name, value in fake.now.items()}


def case(record):
    """The start and the gradients of a record, by name."""
    names = record.get("variable_names", ["kernel", "bias"])
    fake = FakeLayer(**dict(zip(names, record["variables"], strict=True)))
    gradients = [dict(zip(names, pair, strict=True)) for pair in record["gradients"]]
    expected = [dict(zip(names, pair, strict=True)) for pair in record["steps"]]
    return fake, gradients, expected


def assert_same(actual, expected, rtol=1e-10):
    for step, (mine, theirs) in enumerate(zip(actual, expected, strict=True)):
        assert list(mine) == list(theirs)
        for name in mine:
            np.testing.assert_allclose(
                mine[name], theirs[name], rtol=rtol, atol=1e-14, err_msg=f"{name}, step {step}"
            )


def drawn(n_steps, shape=(3, 2), seed=0):
    """A layer with one parameter, and gradients for it."""
    rng = np.random.default_rng(seed)
    fake = FakeLayer(w=rng.normal(size=shape))
    return fake, [{"w": rng.normal(size=shape)} for _ in range(n_steps)]


# Recorded steps


@pytest.mark.parametrize("name", KERAS)
def test_steps_are_those_of_keras(name):
    record = KERAS[name]
    config = dict(record["config"])
    if isinstance(config.get("learning_rate"), dict):
        rate = config["learning_rate"]
        config["learning_rate"] = getattr(schedules, rate["class"])(**rate["config"])
    optimizer = getattr(optimizers, record["class"])(**config)
    if record["exclude_from_weight_decay"]:
        optimizer.exclude_from_weight_decay(var_names=record["exclude_from_weight_decay"])
    fake, gradients, expected = case(record)
    assert_same(steps_of(optimizer, fake, gradients), expected)


@pytest.mark.parametrize("name", ["sgd", "sgd_momentum", "sgd_nesterov"])
def test_sgd_steps_are_those_of_pytorch(name):
    config = dict(TORCH[name]["config"])
    optimizer = SGD(config.pop("lr"), **config)
    fake, gradients, expected = case(TORCH[name])
    assert_same(steps_of(optimizer, fake, gradients), expected)


@pytest.mark.parametrize("name", ["adam", "adam_options"])
def test_adam_steps_are_those_of_pytorch_when_epsilon_is_scaled_as_there(name):
    # PyTorch adds epsilon to the corrected root, Keras to the uncorrected one: theirs is ours
    # times sqrt(1 - beta_2^t).
    config = TORCH[name]["config"]
    beta_1, beta_2 = config.get("betas", (0.9, 0.999))
    optimizer = Adam(config["lr"], beta_1, beta_2)

    def scale_epsilon(step):
        optimizer.epsilon = config.get("eps", 1e-8) * math.sqrt(1 - beta_2 ** (step + 1))

    fake, gradients, expected = case(TORCH[name])
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


# The policy of a step


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


@pytest.mark.parametrize(
    "limits",
    [{"clipnorm": 1.0, "clipvalue": 1.0}, {"clipnorm": 1.0, "global_clipnorm": 1.0}],
)
def test_only_one_limit_is_allowed(limits):
    with pytest.raises(ConfigurationError, match="at most one limit"):
        Adam(**limits)


@pytest.mark.parametrize(
    "keywords",
    [
        {"clipnorm": -1.0},
        {"weight_decay": -0.1},
        {"learning_rate": -1.0},
        {"learning_rate": math.nan},
        {"learning_rate": "fast"},
        {"learning_rate": True},
        {"momentum": 2},
        {"lr": 0.1},
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(keywords):
    with pytest.raises(ConfigurationError, match=next(iter(keywords))):
        SGD(**keywords)


def after_decay(exclude):
    """What one step with a zero gradient and a decay of 5 % leaves of parameters of ones."""
    optimizer = SGD(0.1, weight_decay=0.5)
    exclude(optimizer)
    fakes = [FakeLayer(name, kernel=np.ones(2), bias=np.ones(2)) for name in ("one", "two")]
    optimizer.build(vector_of(*fakes))
    optimizer.step()
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
    optimizer.step()
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


# State and layout

every_optimizer = pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)


@every_optimizer
def test_it_keeps_the_rules_of_an_optimizer(row):
    check_optimizer(row.make())


@every_optimizer
def test_a_long_vector_is_updated_to_its_end(row):
    n = 2 * optimizer_base._PART + 3
    fake, gradients = drawn(3, (n,))  # of an odd number of equal steps some are left over
    gradients = [{"w": 0.1 * np.sign(g["w"]) / math.sqrt(n)} for g in gradients]
    long = steps_of(row.make(), fake, gradients)[-1]["w"]
    some = np.r_[:5, optimizer_base._PART - 2 : optimizer_base._PART + 2, n - 5 : n]
    few = [{"w": g["w"][some]} for g in gradients]
    # No limit bites on either: the short vector is an excerpt of the long one.
    short = steps_of(row.make(), FakeLayer(w=fake.start["w"][some]), few)[-1]["w"]
    np.testing.assert_allclose(long[some], short, rtol=1e-12)
    assert (long != fake.start["w"]).all()


def test_a_pickle_holds_the_state_and_no_views():
    optimizer = Adam()
    steps_of(optimizer, *drawn(1, (1000,)))
    assert len(pickle.dumps(optimizer)) < optimizer.state.nbytes + 2000


def test_a_clone_has_the_configuration_and_no_state():
    make = functools.partial(Adam, 0.1, amsgrad=True, weight_decay=0.01)
    optimizer = make()
    steps_of(optimizer, *drawn(3))
    clone = optimizer.clone()
    assert clone.get_config() == optimizer.get_config()
    fake, gradients = drawn(3)
    assert_same(
        steps_of(clone, fake, gradients),
        steps_of(make(), FakeLayer(**fake.start), gradients),
        rtol=0,
    )


# A further one, with the public interface alone


class Adagrad(Optimizer):
    """theta <- theta - rate g / sqrt(sum + epsilon),  sum <- sum + g^2 (Duchi et al., 2011)."""

    slots = ("sum",)

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **keywords
    ):
        super().__init__(learning_rate, **keywords)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def initial_state(self):
        return [self.initial_accumulator_value]

    def update(self, theta, gradient, rate, total, *, scratch):
        total += gradient**2
        np.sqrt(total + self.epsilon, out=scratch)
        theta -= rate * gradient / scratch


def test_a_further_optimizer_takes_its_own_steps():
    fake, gradients = drawn(5)
    after = steps_of(Adagrad(0.5, clipvalue=1.0), fake, gradients)[-1]["w"]
    for position in np.ndindex(3, 2):
        w, total = fake.start["w"][position], 0.1
        for gradient in gradients:
            g = min(max(gradient["w"][position], -1.0), 1.0)
            total += g * g
            w -= 0.5 * g / math.sqrt(total + 1e-7)
        assert math.isclose(after[position], w, rel_tol=1e-12)


def test_a_further_optimizer_keeps_the_rules():
    check_optimizer(Adagrad(0.5, weight_decay=0.01))


def test_a_further_optimizer_trains_a_model():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3))
    y = x @ [[1.0], [-2.0], [0.5]]
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile(Adagrad(0.5), "mse")
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.01 * losses[0]
    twin = pickle.loads(pickle.dumps(model))
    assert twin.optimizer.initial_accumulator_value == 0.1
    assert repr(Adagrad(epsilon=0.1)) == "Adagrad(epsilon=0.1)"
