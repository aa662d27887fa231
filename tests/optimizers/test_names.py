"""Names of optimizers, and arguments that they had in earlier versions of Keras."""

from __future__ import annotations

import re

import numpy as np
import pytest

from annlib import ConfigurationError, Sequential, layers, load_model, optimizers, schedules

# As Keras 3.15.1 names the first of each class.
KERAS = {
    "Adadelta": "adadelta",
    "Adafactor": "adafactor",
    "Adagrad": "adagrad",
    "Adam": "adam",
    "AdamW": "adam_w",
    "Adamax": "adamax",
    "Ftrl": "ftrl",
    "Lamb": "lamb",
    "Lion": "lion",
    "MultiOptimizer": "multi_optimizer",
    "Muon": "muon",
    "Nadam": "nadam",
    "RMSprop": "rm_sprop",
    "SGD": "sgd",
    "ScheduleFreeAdamW": "schedule_free_adam_w",
}


@pytest.mark.parametrize("cls", [*optimizers.registry], ids=lambda cls: cls.__name__)
def test_the_name_is_the_one_given_or_keras(cls, tmp_path):
    needed = cls.example_arguments
    assert cls(**needed).name == KERAS.get(cls.__name__, cls.__name__.lower())
    named = cls(**needed, name="mine")
    assert named.name == named.get_config()["name"] == "mine"
    assert cls.from_config(named.get_config()).name == named.clone().name == "mine"
    model = Sequential([layers.Input((3,)), layers.Dense(1, name="embedding")])
    model.compile(named, "mse")
    model.save(tmp_path / "m")
    assert load_model(tmp_path / "m").optimizer.name == "mine"
    with pytest.raises(AttributeError, match=r"\.name: expected no assignment"):
        named.name = "other"


def test_every_class_of_keras_is_compared():
    assert KERAS.keys() <= {cls.__name__ for cls in optimizers.registry}


@pytest.mark.parametrize("cls", [optimizers.SGD, optimizers.Adam, optimizers.RMSprop])
def test_decay_is_refused_and_the_schedule_that_is_shown_is_that_decay(cls):
    """Keras 2: rate / (1 + decay * iterations)."""
    with pytest.raises(ConfigurationError, match=r"expected no decay, got 0\.25") as raised:
        cls(0.5, decay=0.25)
    shown = re.search(r"schedules\.InverseTimeDecay\([^)]*\)", str(raised.value))[0]
    schedule = eval(shown, {"schedules": schedules})
    np.testing.assert_allclose(
        [schedule(step) for step in range(4)], [0.5 / (1 + 0.25 * step) for step in range(4)]
    )


def test_lr_is_refused_as_in_keras():
    with pytest.raises(ConfigurationError, match=r'"lr"\. Did you mean "learning_rate"'):
        optimizers.SGD(lr=0.1)
