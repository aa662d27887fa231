"""Runs side by side."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from tools.setups import data, model

from annlib import Sequential, compare, layers, metrics, optimizers, regularizers
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
    head = ["run", "epochs", "best loss", "last loss", "best accuracy", "last accuracy"]
    assert re.split(r"\s{2,}", lines[0].strip()) == head
    marked = ["1", "(epoch", "2)", "*", "2", "0.9", "(epoch", "2)", "*", "0.9"]
    assert lines[1].split() == ["<i>", "3", *marked]
    assert lines[2].split() == ["b", "1", "5", "(epoch", "1)", "5"]
    assert lines[3] == "  * the best of all runs"
    html = compare(runs)._repr_html_()
    assert "&lt;i&gt;" in html and "<i>" not in html
    bold = re.findall(r'<td style="[^"]*font-weight:bold">(.*?)</td>', html)
    assert bold == ["1 (epoch 2) *", "0.9 (epoch 2) *"]


def test_the_best_of_all_is_marked_where_there_are_others():
    runs = {"a": {"loss": [2.0], "accuracy": [0.5]}, "b": {"loss": [1.0], "accuracy": [0.25]}}
    assert compare(runs).winners == {"loss": "b", "accuracy": "a"}
    assert compare({"a": runs["a"]}).winners == {"loss": None, "accuracy": None}
    assert "*" not in repr(compare({"a": runs["a"]}))
    assert compare({**runs, "c": {"loss": [np.nan], "roc": [1.0]}}).winners["loss"] == "b"
    assert compare({**runs, "c": {"loss": [np.nan], "roc": [1.0]}}).winners["roc"] is None


def run(optimizer="adam", units=8, **how):
    x, y = data("iris")
    net = model(layers.Dense(units, "relu"), layers.Dense(3, "softmax"))
    net.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net.fit(x, y, **{"epochs": 2, "verbose": 0} | how)


def test_what_differs_between_the_runs_is_shown():
    compared = compare({"a": run(), "b": run(batch_size=16), "dict": {"loss": [1.0]}})
    assert compared.settings == {"a": {"batch_size": 32}, "b": {"batch_size": 16}, "dict": {}}
    rates = compare({"a": run(optimizers.Adam(0.01)), "b": run(optimizers.Adam(0.1, beta_1=0.8))})
    assert rates.settings["b"] == {"optimizer learning_rate": 0.1, "optimizer beta_1": 0.8}
    # Arguments of other classes say nothing about each other.
    rules = compare({"a": run(), "b": run(optimizers.SGD(0.1, momentum=0.9), units=16)})
    assert rules.settings["b"] == {
        "optimizer": "SGD(learning_rate=0.1, momentum=0.9)",
        "layer dense": "Dense(16, activation='relu')",
    }
    assert "SGD(learning_rate=0.1, momentum=0.9)" in repr(rules)
    assert "Dense(16, activation=&#x27;relu&#x27;)" in rules._repr_html_()
    assert compare({"a": run(), "b": run()}).settings == {"a": {}, "b": {}}


def test_seconds_are_those_of_the_history():
    one, other = run(), run()
    one.seconds, other.seconds = [1.5, 0.75], [float("nan"), 2.0]
    compared = compare({"one": one, "other": other, "dict": {"loss": [1.0]}})
    assert compared.seconds["one"] == 2.25
    assert compared.seconds["other"] == 2.0
    assert np.isnan(compared.seconds["dict"])
    columns = [line.split()[:3] for line in repr(compared).splitlines()[:3]]
    assert columns == [["run", "epochs", "seconds"], ["one", "2", "2.25"], ["other", "2", "2"]]
    assert "seconds" not in repr(compare({"dict": {"loss": [1.0]}}))


@pytest.mark.parametrize("count", [1, 3, 12])
def test_the_table_fits_eighty_columns(count):
    runs = {f"{k} is a run with a name that is long": run(units=k + 4) for k in range(count)}
    text = repr(compare(runs))
    assert max(map(len, text.splitlines())) < 80
    blocks = text.split("\n\n")
    assert all(block.splitlines()[0].split()[0] == "run" for block in blocks)
    shown = [title for b in blocks for title in re.split(r"\s{2,}", b.splitlines()[0].strip())[1:]]
    assert shown[:6] == [
        *("epochs", "seconds", "best loss", "last loss", "best accuracy", "last accuracy")
    ]
    assert shown[6:] == ["layer dense"] * (count > 1)


def test_epochs_without_a_value_and_nan():
    compared = compare({"a": {"loss": [np.nan, 2.0, np.nan]}, "b": {"loss": [np.nan]}})
    assert compared.best["a"]["loss"].value == 2.0
    assert compared.best["a"]["loss"].epoch == 1
    assert np.isnan(compared.best["b"]["loss"].value)


def test_plot(histories):
    to_rgba = pytest.importorskip("matplotlib.colors").to_rgba
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.subplots()
    assert compare(histories).plot("accuracy", ax) is ax
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    assert histories["sgd"].history["accuracy"] in drawn
    # The best of all, by the validation, has a ring.
    best = compare(histories).best
    winner = max(best, key=lambda run: best[run]["val_accuracy"].value)
    value, epoch, _ = best[winner]["val_accuracy"]
    assert [c.get_offsets().tolist() for c in ax.collections] == [[[epoch + 1, value]]]
    text = ax.xaxis.label.get_color()  # seen on a dark page, too
    assert ax.collections[0].get_edgecolor()[0].tolist() == list(to_rgba(text))
    assert ax.get_title("left") == f"best: {winner}, {value:.4g} in epoch {epoch + 1}"
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


def test_a_setting_in_the_middle_of_a_long_layer_is_told():
    def run(strength):
        long = layers.Dense(
            64,
            "relu",
            kernel_initializer="he_normal",
            bias_initializer="ones",
            kernel_regularizer=regularizers.L1L2(1e-5, strength),
            bias_regularizer="l2",
            kernel_constraint="max_norm",
            bias_constraint="non_neg",
            name="a_layer_of_many_words",
        )
        model = Sequential([long, layers.Dense(1)], seed=0)
        model.compile("sgd", "mse")
        return model.fit(np.zeros((4, 2)), np.zeros(4), verbose=0)

    found = compare({"weak": run(1e-4), "strong": run(1e-3)}).settings
    (weak,), (strong,) = found["weak"].values(), found["strong"].values()
    assert "l2=0.0001" in weak and "l2=0.001)" in strong
