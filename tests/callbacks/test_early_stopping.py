"""EarlyStopping stops where Keras 3 stops and restores what it restores."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scripted
from golden import recorded
from scripted import ScriptedModel

from annlib import Input, Sequential, layers, metrics
from annlib.callbacks import Callback, EarlyStopping

RECORDS = recorded("scripted_callbacks")["early_stopping"]


def run(callback, values, key="watched", model=None, **how):
    """The last epoch, and the number of the epoch whose weights the model has in the end."""
    model = model or ScriptedModel()
    seen = scripted.run(callback, [{key: value} for value in values], model, **how)
    return len(seen) - 1, model.weights


@pytest.mark.parametrize("record", RECORDS, ids=range(len(RECORDS)))
def test_it_does_what_keras_does(record):
    callback = EarlyStopping(**record["config"])
    for _ in range(2):  # the second time with the same object
        last, weights = run(callback, record["values"])
        assert last == record["last_epoch"]
        assert weights == record["weights_of_epoch"]
        assert callback.stopped_epoch == record["stopped_epoch"]
        assert callback.best_epoch == record["best_epoch"]
        assert callback.best == record["best"]
    resumed = run(EarlyStopping(**record["config"]), record["values"], resume=True)
    assert resumed == (record["last_epoch"], record["weights_of_epoch"])


def test_the_records_have_every_case():
    restored = [r for r in RECORDS if r["config"]["restore_best_weights"]]
    assert any(r["stopped_epoch"] == 0 and r["weights_of_epoch"] < 7 for r in restored)
    assert any(r["stopped_epoch"] > 0 and r["weights_of_epoch"] < r["last_epoch"] for r in restored)
    assert {r["config"]["patience"] for r in RECORDS} == {0, 1, 2, 3, 6}
    assert {r["config"]["start_from_epoch"] for r in RECORDS} == {0, 2}
    assert len({r["config"]["baseline"] for r in RECORDS}) == 3


@pytest.mark.parametrize(
    ("arguments", "values", "last"),
    [
        ({}, [3, 2, 1, 1, 0], 3),  # patience 0: the first epoch that is no better
        ({"patience": 2}, [3, 2, 2, 2, 1], 3),
        ({"patience": 2}, [3, 2, 2, 1, 1, 1], 5),
        ({"min_delta": 0.5}, [3, 2, 1.75, 0], 2),
        ({"min_delta": -0.5}, [3, 2, 1.75, 0], 2),
        ({"baseline": 1.0, "patience": 2}, [3, 2.5, 2, 1.5, 1.5, 0], 4),
        ({"start_from_epoch": 2}, [1, 2, 3, 2, 4, 0], 4),
        ({"mode": "max"}, [1, 2, 3, 3, 4], 3),
    ],
)
def test_it_stops_at_the_epoch_that_the_rule_says(arguments, values, last):
    assert run(EarlyStopping("watched", **{"mode": "min", **arguments}), values)[0] == last


def test_not_a_number_is_no_improvement():
    stopper = EarlyStopping("watched", mode="min", patience=2, restore_best_weights=True)
    assert run(stopper, [1.0, math.nan, math.nan, 0.0]) == (2, 0)
    assert run(stopper, [math.nan, 2.0, 1.0, math.nan, math.nan]) == (4, 2)
    # The first epoch never stops the training.
    assert run(EarlyStopping("watched", mode="min"), [math.nan, 2.0, 3.0])[0] == 2


@pytest.mark.parametrize(
    ("metric", "better", "worse"),
    [(metrics.BinaryAccuracy("acc"), 0.9, 0.5), (metrics.MeanSquaredError("acc"), 0.5, 0.9)],
)
@pytest.mark.parametrize("key", ["acc", "val_acc"])
def test_auto_takes_the_direction_of_the_metric(metric, better, worse, key):
    rises = run(EarlyStopping(key), [worse, better, worse], key, ScriptedModel(metric))
    assert rises[0] == 2
    falls = run(EarlyStopping(key), [better, worse, better], key, ScriptedModel(metric))
    assert falls[0] == 1


@pytest.mark.parametrize("key", ["loss", "val_loss"])
def test_auto_knows_that_losses_go_down(key):
    assert run(EarlyStopping(key), [2.0, 1.0, 1.5], key)[0] == 2


def test_it_says_when_it_stops_and_what_it_restores(capsys):
    stopper = EarlyStopping("watched", mode="min", verbose=1, restore_best_weights=True)
    run(stopper, [2.0, 1.0, 1.5])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 3: early stopping",
        "Restoring the weights of the best epoch, 2",
    ]
    run(EarlyStopping("watched", mode="min"), [2.0, 1.0, 1.5])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("values", "best", "epochs"), [([3, 1, 2, 2], 1, 4), ([3, 2, 1], 2, 3)])
def test_a_trained_model_has_the_weights_of_the_best_epoch(values, best, epochs):
    class Script(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["watched"] = values[epoch]
            self.weights = [*getattr(self, "weights", []), self.model.get_weights()]

    script = Script()
    stopper = EarlyStopping("watched", mode="min", patience=2, restore_best_weights=True)
    model = Sequential([Input((2,)), layers.Dense(1), layers.BatchNormalization()], seed=0)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(20, 2))
    history = model.fit(x, x[:, 0], epochs=len(values), verbose=0, callbacks=[script, stopper])
    assert len(history.epoch) == epochs
    for i, kept in enumerate(script.weights):
        same = all(map(np.array_equal, kept, model.get_weights()))
        assert same == (i == best)
