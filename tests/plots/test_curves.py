"""What History.plot, to_frame and compare_histories draw is what was measured."""

from __future__ import annotations

import itertools
import sys
import warnings

import numpy as np
import pytest
from plots.geometry import check_texts, legend_covers

from annlib import (
    MLPRegressor,
    Sequential,
    TabularRegressor,
    layers,
    metrics,
    optimizers,
    schedules,
)
from annlib.callbacks import EarlyStopping, History, LambdaCallback, ReduceLROnPlateau
from annlib.core.errors import ConfigurationError
from annlib.plots import compare_histories, plot_history

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))


def fitted(**how):
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(X, X[:, 0], **{"epochs": 6, "verbose": 0, **how})


def data(ax):
    return [((line.get_xdata() - 1).tolist(), line.get_ydata().tolist()) for line in ax.lines]


def test_a_quantity_an_axes_with_training_and_validation(canvas):
    history = fitted(validation_split=0.2)
    axes = history.plot()
    assert [ax.get_ylabel() for ax in axes] == ["loss", "mae"]
    for ax, name in zip(axes, ["loss", "mae"], strict=True):
        assert data(ax) == [(history.epoch, history.history[k]) for k in (name, f"val_{name}")]
        assert [t.get_text() for t in ax.get_legend().get_texts()] == ["training", "validation"]
        assert ax.get_xlabel() == "epoch"
        assert all(tick == int(tick) for tick in ax.get_xticks())
    assert len(canvas.get_fignums()) == 1


def test_epochs_without_validation_leave_gaps_where_they_are():
    history = fitted(validation_split=0.2, validation_freq=[2, 5], initial_epoch=1)
    ax = history.plot("loss")
    assert [x for x, _ in data(ax)] == [[1, 2, 3, 4, 5], [1, 4]]
    frame = history.to_frame()
    assert frame.index.name == "epoch"
    assert frame.index.tolist() == [1, 2, 3, 4, 5]
    assert frame.columns.tolist() == list(history.history)
    assert frame["loss"].tolist() == history.history["loss"]
    assert frame["val_loss"].dropna().to_dict() == dict(
        zip([1, 4], history.history["val_loss"], strict=True)
    )


def test_a_frame_holds_arrays_and_text_and_nothing_at_all():
    def add(epoch, logs):
        logs |= {"pair": np.arange(2) + epoch, "text": "x"}

    history = fitted(callbacks=[LambdaCallback(on_epoch_end=add)])
    frame = history.to_frame()
    np.testing.assert_array_equal(frame["pair"][5], [5, 6])
    assert set(frame["text"]) == {"x"}
    assert [ax.get_ylabel() for ax in history.plot()] == ["loss", "mae", "pair"]
    assert History().to_frame().empty


def test_axes_given_are_drawn_on_and_returned(canvas):
    history = fitted(validation_split=0.2)
    figure, axes = canvas.subplots(1, 3)
    assert history.plot(ax=axes[0]) is axes[0]
    assert axes[0].get_ylabel() == "loss"
    drawn = history.plot(["mae", "loss"], ax=axes[1:])
    assert drawn[0] is axes[1]
    assert [ax.get_ylabel() for ax in axes] == ["loss", "mae", "loss"]
    assert canvas.get_fignums() == [figure.number]


def test_the_scale_is_logarithmic_where_a_quantity_falls_by_decades():
    falling, rising = [10.0, 1.0, 0.05], [0.005, 0.5, 0.9]
    axes = plot_history({"loss": falling, "accuracy": rising, "mae": [3.0, 2.0, 1.0]})
    assert [ax.get_yscale() for ax in axes] == ["log", "linear", "linear"]
    assert plot_history({"loss": [10.0, 1.0, 0.0]}).get_yscale() == "linear"
    assert plot_history({"loss": [10.0, np.nan, 0.01]}).get_yscale() == "log"


def test_a_metric_of_several_numbers_is_a_line_each():
    model = Sequential([layers.Dense(3, "softmax")], seed=0)
    model.compile("sgd", "categorical_crossentropy", [metrics.F1Score(name="f1")])
    history = model.fit(X, np.eye(3)[np.arange(60) % 3], epochs=4, verbose=0)
    ax = history.plot("f1")
    found = np.transpose([line.get_ydata() for line in ax.lines])
    np.testing.assert_array_equal(found, history.history["f1"])
    assert len(ax.get_legend().get_texts()) == 1


def test_several_runs_have_a_colour_each(canvas):
    one, other = fitted(validation_split=0.2), fitted(validation_split=0.2, epochs=3)
    ax = compare_histories({"one": one, "other": other, "third": {"loss": [1.0]}})
    assert [y for _, y in data(ax)] == [
        one.history["loss"],
        one.history["val_loss"],
        other.history["loss"],
        other.history["val_loss"],
        [1.0],
    ]
    colours = [line.get_color() for line in ax.lines]
    assert colours[0] == colours[1] != colours[2] == colours[3] != colours[4]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["one", "other", "third"]
    many = compare_histories({str(i): {"loss": [1.0, 2.0]} for i in range(16)})
    looks = {(line.get_color(), line.get_linewidth()) for line in many.lines}
    assert len(looks) == 16


def test_what_cannot_be_drawn_is_refused(canvas, monkeypatch):
    history = fitted()
    for call, said in (
        (lambda: history.plot("los"), 'Did you mean "loss"'),
        (lambda: History().plot(), "Call fit first"),
        (lambda: history.plot(ax=3), "Matplotlib Axes, got 3"),
        (lambda: history.plot(["loss", "mae"], ax=canvas.subplots()[1]), r"2 Matplotlib Axes"),
        (lambda: plot_history(3), "expected a History"),
        (lambda: compare_histories(history), "dictionary of histories"),
        (lambda: compare_histories({"a": history}, "f1"), 'got "f1"'),
    ):
        with pytest.raises(ConfigurationError, match=said):
            call()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib", None)
        without.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match=r"pip install .*\[plot\]"):
            history.plot()
        with pytest.raises(ImportError, match="pip install pandas"):
            history.to_frame()


def test_an_estimator_of_packs_has_its_curves_and_the_epoch_that_is_kept():
    X = np.random.default_rng(0).normal(size=(60, 2))
    net = TabularRegressor("fast", epochs=4, random_state=0).fit(X, X[:, 0])
    axes = plot_history(net)
    assert [ax.get_ylabel() for ax in axes] == ["periodic loss", "piecewise loss"]
    for ax, kind in zip(axes, ("periodic", "piecewise"), strict=True):
        training, validation, kept = ax.lines
        assert training.get_ydata().tolist() == net.history_[f"{kind}_loss"]
        assert validation.get_ydata().tolist() == net.history_[f"{kind}_val_loss"]
        assert [value for _, value in rings(ax)] == [min(net.history_[f"{kind}_val_loss"])]
        assert set(kept.get_xdata()) == {net.best_epochs_[kind] + 1}
    assert len(plot_history(net.history_)[0].lines) == 2
    assert plot_history(net, "piecewise_loss").get_ylabel() == "piecewise loss"


def test_any_fitted_estimator_has_its_curves():
    X = np.random.default_rng(0).normal(size=(60, 2))
    net = MLPRegressor(max_iter=5, early_stopping=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(X, X[:, 0])
    ax = plot_history(net, "loss")
    assert ax.lines[0].get_ydata().tolist() == net.history_["loss"]
    assert set(ax.lines[-1].get_xdata()) == {net.best_epoch_ + 1}


# -- the best epoch, the restored one, rate and seconds --------------------------------------------


def rings(ax):
    """Epochs, from 1, and values that are marked."""
    return [tuple(point) for dots in ax.collections for point in dots.get_offsets().tolist()]


def test_the_best_epoch_is_marked_in_every_panel():
    model = Sequential([layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")], seed=0)
    model.compile(optimizers.SGD(2.0), "binary_crossentropy", metrics=["accuracy"])
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
    history = model.fit(X, y, epochs=12, verbose=0, validation_split=0.3)
    axes = history.plot()
    check_texts(axes[0].figure)
    for ax, name, best in zip(axes, ("val_loss", "val_accuracy"), (min, max), strict=True):
        value = best(history.history[name])
        epoch = history.history[name].index(value) + 1
        assert rings(ax) == [(epoch, value)]
        assert ax.get_title("right") == f"best {value:.4g}, epoch {epoch}"
    (ring,) = rings(fitted().plot("mae"))  # without validation that of training
    assert ring[0] == 6


def test_nothing_is_marked_where_nobody_knows_what_is_better():
    curves = {"loss": [3.0, 1.0, np.inf, 2.0], "roc": [1, 2, 3, 4], "none": [np.nan] * 4}
    axes = plot_history(curves)
    assert [rings(ax) for ax in axes] == [[(2.0, 1.0)], [], []]
    assert rings(plot_history({"loss": [np.nan] * 3})) == []


def test_the_restored_epoch_has_a_line():
    stop = EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    how = {"validation_data": (X, rng.normal(size=60)), "epochs": 50, "callbacks": [stop]}
    history = fitted(**how)
    assert history.restored_epoch == stop.best_epoch < history.epoch[-1]
    for ax in history.plot():
        line = ax.lines[-1]
        assert set(line.get_xdata()) == {stop.best_epoch + 1}
        assert line.get_label() == "restored"
        assert "restored" in [t.get_text() for t in ax.get_legend().get_texts()]
    again = fitted(**{**how, "callbacks": [EarlyStopping("val_loss", patience=3)]})
    assert again.restored_epoch is None
    assert len(again.plot("loss").lines) == 2


def test_the_learning_rate_has_a_panel_if_it_changed(canvas):
    rate = schedules.ExponentialDecay(0.1, 2, 0.1)  # two steps an epoch
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile(optimizers.SGD(rate), "mse")
    history = model.fit(X, X[:, 0], epochs=4, verbose=0)
    np.testing.assert_allclose(history.learning_rates, [0.1, 0.01, 0.001, 0.0001], rtol=1e-6)
    ax = history.plot()
    assert ax.get_ylabel() == "loss"
    own, panel = ax.figure.axes
    assert own is ax
    assert panel.get_ylabel() == "learning rate"
    assert data(panel) == [([0, 1, 2, 3], history.learning_rates)]
    assert panel.get_yscale() == "log"
    assert panel.get_legend() is None
    assert len(fitted().plot("loss").figure.axes) == 1
    given = canvas.subplots()[1]
    assert history.plot(ax=given).figure.axes == [given]
    named = history.plot(["learning_rate", "seconds"])
    assert [each.get_ylabel() for each in named] == ["learning rate", "seconds"]
    assert data(named[1])[0][1] == history.seconds
    # What a callback measures has its panel already.
    reduced = fitted(callbacks=[ReduceLROnPlateau("loss", patience=1, min_delta=9.0)])
    assert [each.get_ylabel() for each in reduced.plot()] == ["loss", "mae", "learning rate"]
    assert reduced.history["learning_rate"] == reduced.learning_rates


def test_how_long_it_took_is_said():
    history = fitted()
    assert len(history.seconds) == 6
    assert all(0 < seconds < 60 for seconds in history.seconds)
    history.seconds = [20.0, 30.5, 15.0, 0.5, 1.0, 7.0]
    axes = history.plot()
    assert axes[0].get_title("left") == "6 epochs in 1 min 14 s"
    assert axes[1].get_title("left") == ""
    check_texts(axes[0].figure)
    one = fitted(epochs=1)
    one.seconds = [0.0123]
    assert one.plot("loss").get_title("left") == "1 epoch in 0.012 s"


@pytest.mark.parametrize("epochs", [1, 2, 7, 40])
def test_epochs_count_from_one(epochs):
    ax = plot_history({"loss": np.linspace(2, 1, epochs).tolist()})
    low, high = ax.get_xlim()
    assert 0 < low < 1
    assert high > epochs
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert min(ticks) >= 1
    check_texts(ax.figure)


def test_many_quantities_have_rows_of_panels():
    names = [f"a_metric_with_a_long_name_{k}" for k in range(9)]
    axes = plot_history({name: [1.0, 2.0, 3.0] for name in ["loss", *names]})
    check_texts(axes[0].figure)
    assert len({round(ax.get_position().y0, 3) for ax in axes}) == 4


# -- many runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 12, 30])
def test_many_runs_are_told_apart(count):
    noise = np.random.default_rng(1).uniform(size=(count, 2, 20))
    names = [f"run {k} with a name that is far too long for it" for k in range(count)]
    runs = {
        name: {"loss": (noise[k, 0] + k).tolist(), "val_loss": (noise[k, 1] + k).tolist()}
        for k, name in enumerate(names)
    }
    ax = compare_histories(runs)
    check_texts(ax.figure)
    assert legend_covers(ax) == 0
    assert len(ax.get_legend().get_texts()) == count
    training = [line for line in ax.lines if line.get_linestyle() == "-"]
    validation = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert len(training) == len(validation) == count
    assert len({line.get_color() for line in training}) == count
    # Without colours, marks and their places tell neighbours apart.
    looks = [(line.get_marker(), line.get_markevery()) for line in training]
    assert len(set(looks)) >= min(count, 16)
    assert all(one != other for one, other in itertools.pairwise(looks))
    for line, other in zip(training, validation, strict=True):
        assert line.get_color() == other.get_color()


def test_many_runs_on_given_axes_have_their_legend_beside(canvas):
    ax = canvas.subplots()[1]
    compare_histories({str(k): {"loss": [2.0, 1.0 + k]} for k in range(12)}, ax=ax)
    assert legend_covers(ax) == 0
