"""Runs side by side."""

from __future__ import annotations

import numpy as np
import pytest
from tools.setups import data, model

from annlib import compare, layers
from annlib.core.errors import ConfigurationError
from annlib.tools.comparison import more_is_better


@pytest.fixture
def histories():
    x, y = data("wine")
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
    assert lines[1].split() == ["<i>", "3", "1", "(epoch", "1)", "0.9", "(epoch", "1)"]
    assert lines[2].split() == ["b", "1", "5", "(epoch", "0)"]
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


def test_directions():
    more = ["accuracy", "val_accuracy_1", "AUC", "r2_score", "precision", "sparse_top_k"]
    assert [name for name in more if more_is_better(name.lower())][:2] == more[:2]
    for name in ("loss", "val_loss", "mse", "mean_absolute_error", "weighted_mse", "own"):
        assert not more_is_better(name)
    for name in ("auc", "r2_score", "precision", "recall", "binary_accuracy"):
        assert more_is_better(name), name
