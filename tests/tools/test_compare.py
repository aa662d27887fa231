"""Runs side by side."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tools.setups import data, model

from annlib import compare, layers, metrics
from annlib.core.errors import ConfigurationError
from annlib.tools.comparison import known_direction


@pytest.fixture
def histories():
    x, y = data("wine")
    order = np.random.default_rng(0).permutation(len(x))  # they are sorted by class
    x, y = x[order], y[order]
    runs = {}
    for optimizer in ("adam", "sgd"):
        net = model(layers.Dense(8, "relu"), layers.Dense(3, "softmax"))
        net.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        runs[optimizer] = net.fit(x, y, validation_split=0.3, epochs=4, verbose=0)
    return runs


def test_best_value_and_epoch(histories):
    compared = compare(histories)
    for run, history in histories.items():
        for name, values in history.history.items():
            best = compared.best[run][name]
            expected = max(values) if "accuracy" in name else min(values)
            assert best.value == expected
            assert values[best.epoch] == expected
            assert best.last == values[-1]


def test_frame(histories):
    pytest.importorskip("pandas")
    frame = compare(histories).to_frame()
    assert list(frame.index) == ["adam", "sgd"]
    assert frame.loc["adam", "loss"] == min(histories["adam"].history["loss"])
    assert frame.loc["sgd", "val_loss last"] == histories["sgd"].history["val_loss"][-1]


def test_table():
    runs = {"<i>": {"loss": [3.0, 1.0, 2.0], "accuracy": [0.1, 0.9, 0.9]}, "b": {"loss": [5.0]}}
    lines = repr(compare(runs)).splitlines()
    assert lines[0].split("  ")[-1].strip() == "best accuracy"
    assert lines[1].split() == ["<i>", "3", "1", "(epoch", "2)", "0.9", "(epoch", "2)"]
    assert lines[2].split() == ["b", "1", "5", "(epoch", "1)"]
    html = compare(runs)._repr_html_()
    assert "&lt;i&gt;" in html and "<i>" not in html


def test_epochs_without_a_value_and_nan():
    compared = compare({"a": {"loss": [np.nan, 2.0, np.nan]}, "b": {"loss": [np.nan]}})
    assert compared.best["a"]["loss"].value == 2.0
    assert compared.best["a"]["loss"].epoch == 1
    assert np.isnan(compared.best["b"]["loss"].value)


def test_plot(histories):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.subplots()
    assert compare(histories).plot("accuracy", ax) is ax
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    assert histories["sgd"].history["accuracy"] in drawn
    with pytest.raises(ConfigurationError, match='Did you mean "accuracy"'):
        compare(histories).plot("acuracy", ax)


@pytest.mark.parametrize("wrong", [{}, [1, 2], None])
def test_what_it_needs(wrong):
    with pytest.raises(ConfigurationError, match="compare: expected a dict of name to History"):
        compare(wrong)


def test_directions_of_registered_names():
    for name in ("loss", "val_loss", "mse", "mean_absolute_error", "weighted_mse", "huber"):
        assert known_direction(name) == "down", name
    for name in ("accuracy", "val_accuracy_1", "acc", "auc", "r2_score", "recall"):
        assert known_direction(name) == "up", name
    assert known_direction("own") is None


def run_with(metric):
    x, y = data("breast_cancer")
    net = model(layers.Dense(1, "sigmoid"), loss="binary_crossentropy")
    net.compile("adam", "binary_crossentropy", metrics=[metric])
    return net.fit(x, y, validation_split=0.3, epochs=5, verbose=0)


class Distance(metrics.MeanMetricWrapper):
    direction = "up"

    def __init__(self, name=None):
        super().__init__(lambda y, a: np.abs(y - a).mean(axis=-1), name or "distance")


@pytest.mark.parametrize(
    ("metric", "best"),
    [
        (metrics.AUC(name="roc"), max),
        (metrics.MeanSquaredError(name="accuracy"), min),
        (Distance(), max),
    ],
    ids=["roc", "an error called accuracy", "of one's own"],
)
def test_the_best_is_by_the_metric_and_not_by_its_name(metric, best):
    history = run_with(metric)
    for own in (history, pickle.loads(pickle.dumps(history))):
        compared = compare({"run": own, "dict": history.history})
        for name in (metric.name, f"val_{metric.name}"):
            for run in ("run", "dict"):  # what one run knows holds for the others
                assert compared.best[run][name].value == best(history.history[name])


def test_what_nobody_knows_is_said():
    compared = compare({"run": {"roc": [0.5, 0.9, 0.7], "val_roc": [0.2, 0.3, 0.1]}})
    assert compared.best["run"]["roc"] == (0.7, 2, 0.7)
    assert "last roc" in repr(compared) and 'directions={"roc": "up"' in repr(compared)
    assert "&quot;roc&quot;: &quot;up&quot;" in compared._repr_html_()
    compared = compare({"run": compared.histories["run"]}, directions={"roc": "up"})
    assert compared.best["run"]["roc"] == (0.9, 1, 0.7)
    assert compared.best["run"]["val_roc"].value == 0.3
    assert "best roc" in repr(compared) and "directions" not in repr(compared)
    with pytest.raises(ConfigurationError, match="directions"):
        compare({"run": {"roc": [0.5]}}, directions={"roc": "max"})
