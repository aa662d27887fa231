"""What the callbacks share that watch a value: its direction, its absence, what is better."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import scripted
from scripted import ScriptedModel

from annlib import Input, Sequential, layers, metrics
from annlib.callbacks import (
    EarlyStopping,
    ModelCheckpoint,
    MonitorCallback,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TensorBoard,
    TerminateOnNaN,
)
from annlib.core.errors import ConfigurationError

WATCHERS = [
    EarlyStopping,
    ReduceLROnPlateau,
    lambda monitor, **how: ModelCheckpoint("best", monitor, save_best_only=True, **how),
]
each = pytest.mark.parametrize("make", WATCHERS, ids=["stop", "reduce", "save"])


@each
def test_a_direction_that_nothing_says_is_an_error_before_the_first_epoch(make):
    known = metrics.BinaryAccuracy("acc")
    function = metrics.get(lambda y, a: np.mean(a))
    function.rename("watched")
    for name, near in (("watched", ""), ("val_watched", ""), ("ac", 'Did you mean "acc"? ')):
        model = ScriptedModel(known, function)
        message = rf'mode="min" or mode="max", got "{name}".*{near}Known: loss, acc, val_loss, val_'
        with pytest.raises(ConfigurationError, match=message.replace("?", r"\?")):
            scripted.run(make(name), [], model)
        scripted.run(make(name, mode="max"), [], model)
    scripted.run(make("val_acc"), [], model)
    with pytest.raises(ConfigurationError, match="mode one of auto, min, max, got 'least'"):
        make("loss", mode="least")


def test_who_saves_every_epoch_needs_no_direction():
    model = ScriptedModel()
    scripted.run(ModelCheckpoint("last", "watched"), [{"loss": 1.0}], model)
    assert model.saved == [["save", "last"]]


@each
def test_a_monitor_that_is_not_there_is_one_warning_a_run(make):
    callback = make("val_loss")
    for _ in range(2):
        model = ScriptedModel()
        with pytest.warns(UserWarning, match='"val_loss" in the logs, got loss') as caught:
            scripted.run(callback, [{"loss": 1.0}] * 4, model)
        assert len(caught) == 1
        assert not model.stop_training
        assert model.optimizer.learning_rate == 0.01
        assert len(model.saved) == (4 if type(callback) is ModelCheckpoint else 0)  # as in Keras


@each
@pytest.mark.parametrize("value", [np.array([0.5, 0.5]), np.array(0.5), "0.5", True, None])
def test_what_is_not_one_number_cannot_be_watched(make, value):
    with pytest.raises(ConfigurationError, match='one number as "f1", got'):
        scripted.run(make("f1", mode="max"), [{"f1": value}])


def test_the_direction_is_that_of_the_trained_models_metric():
    class Watcher(MonitorCallback):
        def __init__(self, monitor):
            super().__init__(monitor, "auto", 0.0)

        def on_epoch_end(self, epoch, logs=None):
            self.rises = self.better(1.0, 0.0)

    x = np.random.default_rng(0).normal(size=(20, 3))
    rises = {"loss": False, "accuracy": True, "mae": False, "weighted_accuracy": True, "auc": True}
    model = Sequential([Input((3,)), layers.Dense(1, "sigmoid")], seed=0)
    model.compile("sgd", "mse", ["accuracy", "mae", "auc"], weighted_metrics=["accuracy"])
    for name, expected in rises.items():
        for monitor in (name, f"val_{name}"):
            model.fit(x, x[:, 0] > 0, verbose=0, callbacks=[watcher := Watcher(monitor)])
            assert watcher.rises == expected, monitor


@pytest.mark.parametrize("mode", ["min", "max"])
def test_better_is_a_strict_order(mode):
    watcher = MonitorCallback("watched", mode, 0.0)
    watcher.set_model(model := ScriptedModel())
    watcher.on_train_begin()
    del model
    values = [-math.inf, -1e308, -1.0, 0.0, 5e-324, 1.0, 1e308, math.inf]
    for i, one in enumerate(values):
        for j, other in enumerate(values):
            assert watcher.better(one, other) == (i > j if mode == "max" else i < j)
        assert watcher.better(one, math.nan)
        assert not watcher.better(math.nan, one)
    assert not watcher.better(math.nan, math.nan)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (EarlyStopping, "restore_best_weights"),
        (partial(ModelCheckpoint, "a"), "save_best_only"),
        (partial(ModelCheckpoint, "a"), "save_weights_only"),
        (SwapEMAWeights, "swap_on_epoch"),
        (TensorBoard, "write_graph"),
        (TensorBoard, "write_steps_per_second"),
        (TerminateOnNaN, "raise_error"),
    ],
)
def test_a_flag_is_true_or_false(cls, name):
    with pytest.raises(ConfigurationError, match=f"{name}.*'yes'"):
        cls(**{name: "yes"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": "low"}, "baseline as a number"),
        ({"start_from_epoch": -1}, "start_from_epoch as an integer >= 0"),
        ({"patience": 0.5}, "patience as an integer >= 0"),
        ({"min_delta": None}, "min_delta as a number"),
    ],
)
def test_early_stopping_refuses_what_cannot_be_meant(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        EarlyStopping(**arguments)
