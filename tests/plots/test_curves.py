"""What History.plot, to_frame and compare_histories draw is what was measured."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from annlib import MLPRegressor, Sequential, TabularRegressor, layers, metrics
from annlib.callbacks import History, LambdaCallback
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
