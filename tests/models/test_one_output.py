"""Loss and metrics of one output: alone, in a list, or under the name of the last layer."""

from __future__ import annotations

import numpy as np
import pytest

from annlib import Sequential, layers, losses, metrics
from annlib.core.errors import ConfigurationError

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))


def network():
    return Sequential([layers.Dense(4, "tanh", name="hidden"), layers.Dense(1, name="out")], seed=0)


def results(**compiled):
    model = network()
    model.compile("sgd", **compiled)
    model.fit(X, Y, verbose=0)
    return model.metrics_names, model.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize(
    "loss", [["mse"], ("mse",), {"out": "mse"}, {"out": ["mse"]}, [losses.mse], {"out": losses.mse}]
)
def test_one_loss_may_stand_in_a_list_or_a_dictionary(loss):
    assert results(loss=loss) == results(loss="mse")


@pytest.mark.parametrize(
    "given",
    ["mae", ["mae"], ("mae",), [["mae"]], [("mae",)], {"out": "mae"}, {"out": ["mae"]}],
    ids=repr,
)
@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_metrics_may_too(given, argument):
    assert results(loss="mse", **{argument: given}) == results(loss="mse", **{argument: ["mae"]})


def test_one_metric_may_stand_alone_whatever_it_is():
    def error(y, a):
        return np.abs(y - a)

    expected = results(loss="mse", metrics=["mae"])[1]
    config = {"class_name": "MeanAbsoluteError", "config": {}}
    for one in (metrics.MeanAbsoluteError(), metrics.MeanAbsoluteError, losses.mae, error, config):
        assert results(loss="mse", metrics=one)[1] == pytest.approx(expected)
    for none in ([], (), {}, None, [[]]):
        assert results(loss="mse", metrics=none) == results(loss="mse")
    both = results(loss="mse", metrics=[["mae"], "mse"])
    assert both == results(loss="mse", metrics=["mae", "mse"])
    model = network()
    model.compile("sgd", "mse", {"out": ["mae"]})
    model.compile_from_config(model.get_compile_config())
    assert model.metrics_names == ["loss", "mae"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": {"ouput": "mse"}}, r'loss: expected the name of the last layer, "out".*"ouput"'),
        ({"loss": {"hidden": "mse"}}, r'"hidden", which is not the last'),
        ({"loss": {"out": "mse", "other": "mae"}}, r'"other", which names no layer'),
        ({"loss": {}}, r'"out".*got \{\}'),
        ({"loss": {"out": None}}, "one loss for the one output"),
        ({"loss": [None]}, "one loss for the one output"),
        ({"loss": []}, "one loss for the one output"),
        ({"loss": ["mse", "mae"]}, "one loss for the one output"),
        ({"loss": {"out": ["mse", "mae"]}}, "one loss for the one output"),
        ({"loss": "mse", "metrics": {"ouput": ["mae"]}}, r'metrics: expected.*"out".*got "ouput"'),
        ({"loss": "mse", "metrics": {"out": "mae", 3: "mse"}}, r"got 3, which names no layer"),
        ({"loss": "mse", "weighted_metrics": {"hidden": []}}, "weighted_metrics.*not the last"),
        ({"loss": "mse", "metrics": {"out": None}}, "got None"),
        ({"loss": "mse", "metrics": [None]}, "got None"),
        ({"loss": "mse", "metrics": {"mae"}}, "metrics as a list"),
        ({"loss": "mse", "metrics": 3}, "metrics as a list"),
        ({"loss": "mse", "metrics": "mea"}, 'Did you mean "mae"'),
        ({"loss": "mse", "metrics": [[["mae"]]]}, "metrics"),
        ({"optimizer": None, "loss": "mse"}, "compile.optimizer.*got None"),
    ],
)
def test_what_means_no_output_is_refused_and_changes_nothing(given, message):
    model = network()
    model.compile("adam", "mae", metrics=["mse"])
    before = model.get_compile_config()
    with pytest.raises(ConfigurationError, match=message):
        model.compile(**{"optimizer": "sgd", **given})
    assert model.get_compile_config() == before


def test_a_model_without_layers_has_no_names():
    with pytest.raises(ConfigurationError, match="expected a model with layers"):
        Sequential().compile("sgd", {"out": "mse"})
    model = Sequential()
    model.compile("sgd", ["mse"], "mae")
    model.add(layers.Dense(1))
    assert model.fit(X, Y, verbose=0).history["mae"]
