"""Images of weights and of mistakes show the right pixels with the right words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plots.geometry import check_texts
from sklearn.naive_bayes import GaussianNB

from annlib import MLPClassifier, Sequential, TabularClassifier, layers, plots
from annlib.core.errors import ConfigurationError, NotBuiltError, ShapeError

rng = np.random.default_rng(0)
IMAGES = rng.uniform(size=(80, 4, 4)).astype("f4")
Y = (IMAGES[:, :2].sum(axis=(1, 2)) > IMAGES[:, 2:].sum(axis=(1, 2))).astype(int)


def fitted(*first):
    model = Sequential([*first, layers.Dense(7, "relu"), layers.Dense(2, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    x = IMAGES if first else IMAGES.reshape(80, 16)
    model.fit(x, Y, epochs=8, verbose=0)
    return model


def pictures(axes):
    return [np.asarray(ax.images[0].get_array()) for ax in axes]


def test_a_picture_a_column_of_the_first_kernel(canvas):
    model = fitted(layers.Flatten())
    W = model.layers[1].kernel
    axes = plots.first_layer(model)
    np.testing.assert_array_equal(pictures(axes), W.T.reshape(7, 4, 4))
    assert [ax.get_title() for ax in axes] == list("0123456")
    low, high = axes[0].images[0].get_clim()
    assert -low == high == pytest.approx(np.abs(W).max())
    given = canvas.subplots(1, 2)[1]
    drawn = plots.first_layer(fitted(), shape=(2, 8), count=2, ax=given)
    assert drawn.tolist() == given.tolist()
    assert pictures(drawn)[0].shape == (2, 8)


def worst(model, x):
    """Surest mistakes first, from the definition."""
    A = model.predict(x)
    wrong = [i for i in range(80) if A[i].argmax() != Y[i]]
    return sorted(wrong, key=lambda i: -A[i].max()), A


def test_mistakes_are_the_surest_ones_in_their_order():
    model = fitted(layers.Flatten())
    order, A = worst(model, IMAGES)
    assert len(order) > 5
    axes = plots.mistakes(model, IMAGES, Y, count=5, names=["top", "bottom"])
    np.testing.assert_array_equal(pictures(axes), IMAGES[order[:5]])
    for ax, i in zip(axes, order, strict=False):
        taken, sure = ("top", "bottom")[A[i].argmax()], A[i].max()
        said = ax.get_title()
        assert said.startswith(f"{taken} (")
        assert said.endswith(f"is {('top', 'bottom')[Y[i]]}")
        share = float(said.split("(")[1].split(" %")[0])
        assert sure - 0.001 <= share / 100 <= sure


def test_rows_of_pixels_and_estimators_serve_as_well():
    model = fitted()
    order, _ = worst(model, IMAGES.reshape(80, 16))
    axes = plots.mistakes(model, IMAGES.reshape(80, 16), np.eye(2)[Y], shape=(4, 4))
    np.testing.assert_array_equal(pictures(axes), IMAGES[order[:12]])
    names = np.array(["x", "y"])[Y]
    estimator = GaussianNB().fit(IMAGES.reshape(80, 16), names)
    axes = plots.mistakes(estimator, IMAGES[:, :, :, None], names, count=1)
    wrong = estimator.predict(IMAGES.reshape(80, 16)) != names
    assert len(axes) == min(1, wrong.sum()) == 1
    assert axes[0].get_title().split("is ")[1] in ("x", "y")


def test_without_mistakes_there_is_nothing_to_draw(canvas):
    model = fitted(layers.Flatten())
    right = model.predict(IMAGES).argmax(axis=1)
    assert plots.mistakes(model, IMAGES, right).size == 0
    assert canvas.get_fignums() == []


def test_what_cannot_be_drawn_is_refused():
    model = fitted()
    for call, error, said in (
        (lambda: plots.first_layer(model, shape=(3, 5)), ShapeError, r"16 pixels, got \(3, 5\)"),
        (lambda: plots.first_layer(model, count=0), ConfigurationError, "count"),
        (lambda: plots.first_layer(Sequential([layers.Dense(2)])), NotBuiltError, "built"),
        (lambda: plots.first_layer(Sequential()), ConfigurationError, "Dense layer"),
        (
            lambda: plots.first_layer(Sequential([layers.Dense(2, input_dim=15)])),
            ShapeError,
            r"shape=\(height, width\)",
        ),
        (lambda: plots.mistakes(3, IMAGES, Y), ConfigurationError, "Sequential or a scikit"),
    ):
        with pytest.raises(error, match=said):
            call()


# -- long names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 12, 30])
@pytest.mark.parametrize("name", ["short", "Größe in μm, eine Überlänge, äöü", "x" * 70])
def test_titles_of_mistakes_stay_apart(count, name):
    model = Sequential([layers.Flatten(), layers.Dense(2, "softmax")], seed=0)
    model.build((None, 4, 4))
    wrong = 1 - model.predict(IMAGES).argmax(axis=1)
    axes = plots.mistakes(model, IMAGES, wrong, count=count, names=[f"{name} a", f"{name} b"])
    assert len(axes) == count
    check_texts(axes[0].figure)
    for ax in axes:
        title = ax.get_title()
        assert " is " in title.replace("\n", " ")
        assert "%)" in title


# -- tables ----------------------------------------------------------------------------------------


def on_frame(units, features=6, net=None):
    columns = [f"feature {k} in $ and €, with a name" for k in range(features)]
    frame = pd.DataFrame(rng.normal(size=(80, features)), columns=columns)
    if net is not None:
        return net.fit(frame, Y), columns
    model = Sequential([layers.Dense(units, "relu"), layers.Dense(2, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(frame, Y, epochs=2, verbose=0)
    return model, columns


def rows_of(ax):
    return [label.get_text().replace("\\$", "$") for label in ax.get_yticklabels()]


def by_size(W):
    return sorted(range(len(W)), key=lambda k: -np.linalg.norm(W[k]))


@pytest.mark.parametrize("units", [1, 3])
def test_a_few_units_of_a_table_have_bars_by_name(units):
    model, columns = on_frame(units)
    axes = plots.first_layer(model)
    W = model.layers[0].kernel
    order = by_size(W)
    assert len(axes) == units
    for unit, ax in enumerate(axes):
        assert [bar.get_width() for bar in ax.patches] == W[order, unit].tolist()
    shown = rows_of(axes[0])
    assert [name[:18] for name in shown] == [columns[k][:18] for k in order]
    check_texts(axes[0].figure)
    assert axes[0].yaxis_inverted()  # the first on top


def test_many_units_of_a_table_are_one_picture():
    model, columns = on_frame(12, features=40)
    (ax,) = plots.first_layer(model, count=9)
    W = model.layers[0].kernel[:, :9]
    order = by_size(W)[:30]
    np.testing.assert_array_equal(ax.images[0].get_array(), W[order])
    assert [name[:10] for name in rows_of(ax)] == [columns[k][:10] for k in order]
    assert "without 10 smaller ones" in ax.get_title("left")
    (bar,) = (other for other in ax.figure.axes if other is not ax)
    assert bar.get_ylabel() == "weight"
    low, high = ax.images[0].get_clim()
    assert -low == high == pytest.approx(np.abs(W).max())
    check_texts(ax.figure)


def test_names_are_taken_from_where_they_are():
    plain = fitted()
    names = [f"n{k}" for k in range(16)]
    (ax,) = plots.first_layer(plain, names=names)
    assert sorted(rows_of(ax)) == sorted(names)
    assert len(plots.first_layer(plain, shape=(4, 4), names=names)) == 7  # images all the same
    with pytest.raises(ShapeError, match="names as those of the 16 inputs"):
        plots.first_layer(plain, names=["a"])
    net, columns = on_frame(0, net=MLPClassifier((2,), max_iter=300, tol=1.0, random_state=0))
    assert len(rows_of(plots.first_layer(net)[0])) == len(columns)
    # Behind layers that make other numbers of the columns these have no names.
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80)})
    model = Sequential([layers.PeriodicEmbedding(3), layers.Dense(4), layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(frame, Y, verbose=0)
    width = len(model.layers[1].kernel)
    assert len(plots.first_layer(model, shape=(1, width))) == 4
    tabular, _ = on_frame(0, net=TabularClassifier("fast", epochs=1, random_state=0))
    with pytest.raises(ConfigurationError, match=r"plots\.feature_importances"):
        plots.first_layer(tabular)
