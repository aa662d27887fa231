"""ReduceLROnPlateau and LearningRateScheduler set the rates that Keras sets, and report them."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import scripted
from golden import recorded
from scripted import ScriptedModel

from annlib import Input, Sequential, layers, optimizers, schedules
from annlib.callbacks import CallbackList, LearningRateScheduler, ReduceLROnPlateau
from annlib.core.errors import ConfigurationError

PLATEAUS = recorded("scripted_callbacks")["reduce_lr_on_plateau"]
TRAININGS = recorded("callbacks")["learning_rates"]
X, Y = (np.array(recorded("training")["training"]["data"][key]) for key in ("x", "y_value"))


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("record", PLATEAUS, ids=range(len(PLATEAUS)))
def test_plateaus_reduce_the_rate_as_in_keras(record, resume):
    callback = ReduceLROnPlateau(**record["config"])
    for again in record["runs"]:  # with the same object
        model, rates = ScriptedModel(learning_rate=0.25), []
        hooks = CallbackList([callback], model, "test")
        hooks.call("on_train_begin", {})
        for epoch, value in enumerate(again["values"]):
            logs = {"watched": value}
            hooks.call("on_epoch_end", epoch, logs)
            rates.append(model.optimizer.learning_rate)
            np.testing.assert_allclose(logs["learning_rate"], again["reported"][epoch], rtol=1e-12)
            if resume:  # with another object after each epoch
                hooks = scripted.resumed(hooks, model)
        np.testing.assert_allclose(rates, again["rates"], rtol=1e-12)


def test_the_records_have_every_case():
    rates = [tuple(run["rates"]) for record in PLATEAUS for run in record["runs"]]
    assert sum(len(set(run)) > 2 for run in rates) > 40  # reduced more than once
    assert any(run.count(run[-1]) > 6 for run in rates)  # patience, or the least rate
    for name, values in (
        ("patience", {0, 1, 2, 3}),
        ("cooldown", {0, 1, 2, 4}),
        ("mode", {"min", "max"}),
        ("factor", {0.0, 0.1, 0.5, 0.75}),
        ("min_delta", {0.0, 0.125, 0.25}),
        ("min_lr", {0.0, 0.01, 0.1}),
    ):
        assert {record["config"][name] for record in PLATEAUS} == values


@pytest.mark.parametrize(
    ("name", "callback"),
    [
        ("two_arguments", LearningRateScheduler(lambda epoch, rate: rate * 0.5)),
        ("one_argument", LearningRateScheduler(lambda epoch: 0.02 / (epoch + 1))),
        ("plateau", ReduceLROnPlateau(**TRAININGS["plateau_arguments"])),
    ],
)
def test_trainings_and_their_history_are_keras(name, callback):
    dense = layers.Dense(1, kernel_initializer="ones")
    model = Sequential([Input((6,)), dense], dtype="float64")
    model.compile("sgd", "mse", ["mae"])
    history = model.fit(X, Y, verbose=0, callbacks=[callback], **TRAININGS["fit"]).history
    record = TRAININGS["runs"][name]
    assert list(history) == list(record["history"])
    assert all(type(value) is float for values in history.values() for value in values)
    for key, values in history.items():
        np.testing.assert_allclose(values, record["history"][key], rtol=1e-9, err_msg=key)
    np.testing.assert_allclose(model.optimizer.learning_rate, record["rate"], rtol=1e-12)


def test_a_rate_below_the_least_stays(capsys):
    model = ScriptedModel(learning_rate=0.25)
    scripted.run(ReduceLROnPlateau("loss", 0.5, 1, 1, min_lr=0.5), [{"loss": 1.0}] * 9, model)
    assert model.optimizer.learning_rate == 0.25
    assert capsys.readouterr().out == ""


def rates_of(schedule, epochs=3, rate=1.0):
    model = ScriptedModel(learning_rate=rate)
    seen = scripted.run(LearningRateScheduler(schedule), [{"loss": 1.0}] * epochs, model)
    return [logs["learning_rate"] for logs in seen]


def with_more(epoch, rate, *, half=0.5):
    return rate * half


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch, rate: rate / 2,
        lambda epoch, rate=7.0: rate / 2,  # the present rate is passed on, as by Keras
        lambda *arguments: arguments[1] / 2,
        lambda epoch, **more: 0.5 ** (epoch + 1),
        lambda epoch: np.float32(0.5 ** (epoch + 1)),
        functools.partial(lambda by, epoch, rate: rate * by, 0.5),
        with_more,
        schedules.ExponentialDecay(0.5, 1, 0.5),
    ],
)
def test_a_schedule_is_given_what_it_takes(schedule):
    assert rates_of(schedule) == [0.5, 0.25, 0.125]


def test_whole_numbers_are_rates_too():
    assert rates_of(lambda epoch: epoch) == [0.0, 1.0, 2.0]


def test_an_error_in_the_schedule_is_not_hidden():
    """Keras takes any TypeError for a schedule of one argument and calls it again."""
    calls = []

    def schedule(epoch, rate=None):
        calls.append(rate)
        return rate + "0.1"

    with pytest.raises(TypeError, match="unsupported operand"):
        rates_of(schedule)
    assert calls == [1.0]


@pytest.mark.parametrize("bad", [None, "0.1", -0.1, math.nan, math.inf, True, np.ones(1)])
def test_a_schedule_that_returns_no_rate_is_an_error(bad):
    with pytest.raises(
        ConfigurationError, match=r"schedule\(0, ...\) to return a number >= 0, got"
    ):
        rates_of(lambda epoch: bad)


@pytest.mark.parametrize(
    "make", [lambda: LearningRateScheduler(lambda epoch: 0.1), lambda: ReduceLROnPlateau("loss")]
)
@pytest.mark.parametrize(
    ("optimizer", "message"),
    [(optimizers.SGD(schedules.ExponentialDecay(0.1, 2, 0.5)), "a schedule"),
     (optimizers.LBFGS(), "a line search")],
)  # fmt: skip
def test_a_rate_that_cannot_be_set_is_an_error_before_the_first_epoch(make, optimizer, message):
    model = Sequential([Input((6,)), layers.Dense(1)], seed=0)
    model.compile(optimizer.clone(), "mse")
    before = model.get_weights()
    with pytest.raises(TypeError, match=message):
        model.fit(X, Y, epochs=9, verbose=0, callbacks=[make()])
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LearningRateScheduler(0.1), r"schedule \(epoch, rate\) -> rate, got 0.1"),
        (lambda: LearningRateScheduler(lambda: 0.1), r"schedule \(epoch, rate\) -> rate, got <f"),
        (lambda: LearningRateScheduler(lambda a, b, c: 0.1), r"schedule \(epoch, rate\) -> rate"),
        (lambda: ReduceLROnPlateau(factor=1.0), r"factor as a number in \[0, 1\), got 1.0"),
        (lambda: ReduceLROnPlateau(factor=-0.5), "factor"),
        (lambda: ReduceLROnPlateau(patience=1.5), "patience as an integer >= 0, got 1.5"),
        (lambda: ReduceLROnPlateau(cooldown=-1), "cooldown"),
        (lambda: ReduceLROnPlateau(min_lr=-1), "min_lr"),
        (lambda: ReduceLROnPlateau(min_delta="small"), "min_delta"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_they_say_what_they_do_when_asked(capsys):
    model = ScriptedModel(learning_rate=0.5)
    scripted.run(ReduceLROnPlateau("loss", 0.1, 1, 1), [{"loss": 1.0}] * 3, model)
    scripted.run(LearningRateScheduler(lambda epoch: 0.25, verbose=1), [{}], model)
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: learning rate reduced to 0.05",
        "Epoch 3: learning rate reduced to 0.005",
        "Epoch 1: learning rate 0.25",
    ]
