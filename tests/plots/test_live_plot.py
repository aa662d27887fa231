"""LivePlot draws what has been measured, seldom enough, and leaves no figure behind."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from annlib import Sequential, layers
from annlib.callbacks import Callback, LivePlot, live_plot
from annlib.core.errors import ConfigurationError

X = np.random.default_rng(0).normal(size=(80, 3))


def fit(plot, *more, **how):
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=["mae"])
    arguments = {"epochs": 5, "validation_split": 0.2, "batch_size": 16, "verbose": 0, **how}
    return model.fit(X, X[:, 0], callbacks=[plot, *more], **arguments)


class Clock:
    """A clock that goes on by itself, by so much a look."""

    def __init__(self, pace):
        self.now, self.pace = 0.0, pace

    def __call__(self):
        self.now += self.pace
        return self.now


@pytest.fixture
def notebook(monkeypatch):
    """A notebook's display: what it was given, output by output."""
    outputs = []

    class Handle:
        def __init__(self, picture):
            self.pictures = [picture]
            outputs.append(self)

        def update(self, picture):
            self.pictures.append(picture)

    def display(picture, display_id):
        assert display_id is True
        return Handle(picture)

    module = pytest.importorskip("IPython.display")
    monkeypatch.setattr(module, "display", display)
    monkeypatch.setattr(live_plot, "in_notebook", lambda: True)
    return outputs


@pytest.fixture
def slow(monkeypatch):
    """A clock by which to draw takes a tenth of a second; the times of the redraws."""
    clock, times = Clock(0.01), []

    def show(canvas):
        times.append(clock.now)
        clock.now += 0.1

    monkeypatch.setattr(live_plot._Canvas, "show", show)
    return clock, times


def test_the_curves_are_those_of_history(canvas):
    axes = canvas.subplots(1, 2)[1]
    history = fit(LivePlot(ax=axes))
    for ax, name in zip(axes, ["loss", "mae"], strict=True):
        assert ax.get_ylabel() == name
        found = [((line.get_xdata() - 1).tolist(), line.get_ydata().tolist()) for line in ax.lines]
        assert found == [(history.epoch, history.history[key]) for key in (name, f"val_{name}")]


def test_redraws_are_seldom_and_take_a_twentieth_of_the_time(canvas, slow):
    clock, times = slow
    plot = LivePlot(ax=canvas.subplots(1, 2)[1])
    plot.clock = clock
    fit(plot, epochs=300, batch_size=8)
    own = times[:-1]  # the last one comes when all is done
    assert len(own) > 5
    assert own[0] >= 2.0
    assert min(np.diff(own)) >= 0.5
    for number, time in enumerate(own, 1):
        assert 0.1 * number <= 0.05 * (time + 0.1)
    # And no more seldom than it must be.
    assert len(own) >= 0.8 * clock.now * 0.05 / 0.1


def test_within_an_epoch_the_running_values_are_drawn(canvas, slow):
    clock, times = slow
    ax, seen = canvas.subplots()[1], []

    class Watch(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if len(times) > len(seen):
                seen.append(
                    (self.epoch, batch, ax.lines[0].get_xydata()[-1].tolist(), logs["loss"])
                )

    clock.pace = 0.1
    plot = LivePlot(ax=ax)
    plot.clock = clock
    fit(plot, Watch(), epochs=6, initial_epoch=4, batch_size=1)
    assert {epoch for epoch, *_ in seen} == {4, 5}
    for epoch, batch, (x, y), loss in seen:
        assert x == (5 if epoch == 4 else pytest.approx(5 + (batch + 1) / 64))
        assert y == loss


def test_a_notebook_has_one_output_a_fit(canvas, notebook, monkeypatch):
    figure = canvas.figure()
    monkeypatch.setattr(live_plot, "_SHARE", 1.0)
    monkeypatch.setattr(live_plot, "_GUESS", 0.0)
    plot = LivePlot()
    plot.clock = Clock(0.3)
    fit(plot)
    assert len(notebook) == 1
    pictures = notebook[0].pictures
    assert len(pictures) > 2
    for picture in pictures:
        assert picture.data.startswith(b"\x89PNG")
        assert picture.width == int(2 * 4.6 * 72)
    assert plot._canvas is None
    assert canvas.get_fignums() == [figure.number]
    # The same object, and a copy of it, serve again.
    del plot.clock
    fit(plot)
    fit(pickle.loads(pickle.dumps(plot)))
    assert [len(output.pictures) for output in notebook[1:]] == [1, 1]


def test_metrics_are_chosen_and_fewer_axes_take_the_first(canvas, notebook):
    fit(LivePlot(["mae"]))
    assert notebook[0].pictures[-1].width == int(4.6 * 72)
    fit(LivePlot(["nothing of this name"]))
    assert len(notebook) == 1
    ax = canvas.subplots()[1]
    fit(LivePlot(ax=ax))
    assert ax.get_ylabel() == "loss"
    assert len(notebook) == 1


def test_what_is_no_axes_is_refused_at_once(canvas):
    for ax in (3, [canvas.subplots()[1], "x"], canvas.figure()):
        with pytest.raises(ConfigurationError, match="LivePlot: expected ax as a Matplotlib Axes"):
            LivePlot(ax=ax)
    assert LivePlot("loss").metrics == ["loss"]


def test_elsewhere_nothing_happens(canvas, capsys):
    plot = LivePlot()
    history = fit(plot)
    assert plot._curves["loss"] == [history.epoch, history.history["loss"]]
    assert canvas.get_fignums() == []
    assert capsys.readouterr().out == ""


def test_a_run_that_fails_leaves_its_last_picture(notebook):
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("planted")

    plot = LivePlot()
    with pytest.raises(RuntimeError, match="planted"):
        fit(plot, Fails())
    assert len(notebook) == len(notebook[0].pictures) == 1
    assert plot._curves["loss"][0] == [0, 1, 2]


def test_without_matplotlib_a_notebook_is_told_before_the_first_epoch(notebook, monkeypatch):
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r"annlib\[plot\]"):
            fit(LivePlot())
