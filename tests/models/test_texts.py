"""Texts of models: what is no model is one clear error, and no name plays tricks on a terminal."""

from __future__ import annotations

import json

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from annlib import Input, Sequential, callbacks, layers, metrics, plots
from annlib.core.errors import ConfigurationError, UnknownNameError
from annlib.models import model_from_json

mpl.use("agg")

GOOD = Sequential([Input((3,)), layers.Dense(2)], seed=1).to_json()


def changed(**config):
    given = json.loads(GOOD)
    given["config"] |= config
    return json.dumps(given)


def with_layer(name, **config):
    return changed(layers=[{"class_name": name, "config": config}])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "hello",
        "[" * 100_000,
        '{"a":' * 100_000,
        "[]",
        "{}",
        "null",
        None,
        7,
        {"config": {}},
        b"\xff\xfe{}",
        '{"config": []}',
        '{"config": {}, "class_name": 7}',
        '{"config": {}, "class_name": ["Sequential"]}',
        '{"config": {}, "class_name": "Dense"}',
        changed(layers="dense"),
        changed(layers=7),
        changed(layers={"a": 1}),
        changed(layers=[None]),
        changed(layers=[[]]),
        changed(layers=[{"class_name": "Dense"}]),
        changed(layers=[{"config": {"units": 2}}]),
        changed(layers=[{"class_name": "Dense", "config": None}]),
        changed(layers=[{"class_name": "Dense", "config": [2]}]),
        changed(layers=[{"class_name": None, "config": {}}]),
        changed(layers=[*json.loads(GOOD)["config"]["layers"], {"class_name": "x", "config": {}}]),
        changed(seed="x"),
        changed(seed=-1),
        changed(dtype=7),
        changed(name=7),
        changed(name="\x1b[2J"),
        changed(other=1),
        with_layer("Dense", units=None),
        with_layer("Dense", units=2, activation={"class_name": "relu"}),
        with_layer("Dense", units=2, activation=[1]),
        with_layer("Dense", units=2, kernel_initializer=7),
        with_layer("Dense", units=2, input_dim=10**12),
        with_layer("Dense", units=2**80, input_dim=2),
        with_layer("\x1b[31mDense", units=2),
        with_layer("Normalization", mean="x", variance=[1]),
        with_layer("Normalization", mean=json.loads("[" * 300 + "]" * 300), variance=[1]),
        with_layer("Reshape", target_shape={"a": 1}),
    ],
)
def test_another_text_is_one_error(text):
    with pytest.raises(ConfigurationError) as raised:
        model_from_json(text)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 1500


def test_a_model_comes_back():
    model = model_from_json(GOOD)
    assert model.to_json() == GOOD


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "\a", "\u202egpj", "\x00", "\x9b31m", "a\tb"])
def test_names_are_printable(name):
    for make in (
        lambda: Sequential(name=name),
        lambda: layers.Dense(1, name=name),
        lambda: metrics.MeanSquaredError(name=name),
        lambda: type(name, (layers.Dense,), {}),
        lambda: type(name, (callbacks.Callback,), {}),
        lambda: layers.get(name),
        lambda: layers.get({"class_name": name, "config": {}}),
        lambda: Sequential([layers.Dense(1)]).get_layer(name),
        lambda: Sequential([layers.Dense(1)]).compile(name, "mse"),
        lambda: Sequential([layers.Dense(1)]).compile("sgd", name),
        lambda: Sequential([layers.Dense(1)]).compile("sgd", "mse", metrics=[name]),
        lambda: layers.Dense(1, **{name: 1}),
    ):
        with pytest.raises((ConfigurationError, ValueError)) as raised:  # type knows no null
            make()
        assert str(raised.value).replace("\n", "").isprintable()


def test_the_lines_of_an_error_stay():
    assert str(UnknownNameError("one\ntwo\x1b")) == "one\ntwo\\x1b"


def test_dollars_in_names_are_shown_as_they_are():
    """Between two dollars Matplotlib looks for a formula, and raises if there is none."""
    name = r"US$ \frac a $"
    x = np.random.default_rng(0).normal(size=(20, 2))
    y = np.where(x[:, 0] > 0, name, "b$ ^ $")
    model = Sequential([layers.Dense(2, "tanh", name=name), layers.Dense(1, name="$^$")], seed=1)
    model.compile("sgd", "mse", metrics=[metrics.MeanAbsoluteError(name=name)])
    doctor = callbacks.Doctor(every=1)
    history = model.fit(x, x[:, 1], epochs=2, validation_split=0.2, verbose=0, callbacks=[doctor])

    def draw(how, *grid):
        figure = Figure()
        axes = figure.subplots(*grid)
        how(axes)
        figure.canvas.draw()
        return figure

    figure = draw(lambda ax: history.plot(name, ax=ax))
    assert figure.axes[0].get_ylabel().replace(r"\$", "$") == name
    draw(lambda ax: plots.compare_histories({name: history, "$^$": history}, name, ax=ax))
    for method in ("weights", "gradients", "activations"):
        draw(lambda ax, method=method: getattr(doctor, f"plot_{method}")(ax))
        draw(lambda ax, method=method: getattr(doctor, f"plot_{method}")(ax, layer=name))
    draw(doctor.plot_updates)
    sklearn = pytest.importorskip("annlib.estimators")
    estimator = sklearn.MLPClassifier(hidden_layer_sizes=(2,), solver="lbfgs", random_state=0)
    estimator.fit(x, y)
    draw(lambda ax: plots.confusion_matrix(estimator, x, y, ax=ax))
    draw(lambda ax: plots.decision_boundary(estimator, x, y, ax=ax))
    frame = pytest.importorskip("pandas").DataFrame(x, columns=[name, "$^$"])
    framed = sklearn.MLPClassifier(hidden_layer_sizes=(2,), solver="lbfgs", random_state=0)
    draw(lambda ax: plots.decision_boundary(framed.fit(frame, y), frame, y, ax=ax))
    figure = plots.first_layer(model, shape=(1, 2))[0].figure
    figure.canvas.draw()
    mpl.pyplot.close(figure)
