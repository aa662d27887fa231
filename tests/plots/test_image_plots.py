"""Images of weights and of mistakes show the right pixels with the right words."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from annlib import Sequential, layers, plots
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
