"""Pictures of how sure predictions are show what can be counted on the rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from annlib import (
    ConfigurationError,
    DataError,
    Sequential,
    TabularClassifier,
    TabularRegressor,
    layers,
    plots,
)

SHORT = {"epochs": 20, "members": 1, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 2))
AMOUNT = X[:, 0] + RNG.normal(size=400)


@pytest.fixture(scope="module")
def number():
    return TabularRegressor(**SHORT).fit(X[:200], AMOUNT[:200])


def dots(ax):
    return np.asarray(ax.collections[-1].get_offsets())


# -- calibration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [(0, 1), ("no", "yes"), (False, True)], ids=str)
def test_two_classes_like_scikit_learn(names, canvas):
    y = np.array(names)[(AMOUNT > 0) * 1]
    model = LogisticRegression().fit(X, y)
    given = canvas.subplots()[1]
    assert plots.calibration(model, X, y, ax=given, bins=8) is given
    p = model.predict_proba(X)[:, 1]
    shares, means = calibration_curve(y == names[1], p, n_bins=8)
    np.testing.assert_allclose(dots(given), np.stack([means, shares], axis=1))
    counts = np.histogram(p, 8, (0, 1))[0]
    expected = np.average(abs(means - shares), weights=counts[counts > 0])
    assert given.get_title() == f"expected calibration error: {expected:.3f}"
    assert given.get_xlabel() == f"probability of {names[1]}"
    sizes = given.collections[-1].get_sizes()
    assert np.array_equal(np.argsort(sizes), np.argsort(counts[counts > 0]))


def test_several_classes_by_their_most_probable_one():
    y = np.digitize(AMOUNT, [-0.5, 0.5])
    model = LogisticRegression().fit(X, y)
    p = model.predict_proba(X)
    shares, means = calibration_curve(p.argmax(axis=1) == y, p.max(axis=1), n_bins=10)
    np.testing.assert_allclose(
        dots(plots.calibration(model, X, y)), np.stack([means, shares], axis=1)
    )


def test_a_bare_model_and_one_hot_rows():
    model = Sequential([layers.Dense(3, "softmax", input_dim=2)], seed=0)
    y = np.digitize(AMOUNT, [-0.5, 0.5])
    first = dots(plots.calibration(model, X, y))
    np.testing.assert_array_equal(dots(plots.calibration(model, X, np.eye(3)[y])), first)


def test_a_bin_whose_rows_are_all_right_has_an_error_bar():
    model = Sequential([layers.Dense(1, "sigmoid", input_dim=1, use_bias=False)])
    model.set_weights([[[1.0]]])
    ax = plots.calibration(model, np.full((4, 1), 2.0), [1] * 4)
    (bar,) = ax.collections[0].get_segments()
    assert bar[:, 1].max() == 1
    assert 0 < bar[:, 1].min() < 1


def test_what_has_no_calibration(number):
    y = AMOUNT > 0
    with pytest.raises(ConfigurationError, match="classifier with probabilities"):
        plots.calibration(LinearSVC().fit(X, y), X, y)
    with pytest.raises(ConfigurationError, match="classifier with probabilities"):
        plots.calibration(number, X, y)
    several = TabularClassifier(**SHORT).fit(X, np.stack([y, ~y], axis=1).astype(str))
    with pytest.raises(ConfigurationError, match="one column of classes"):
        plots.calibration(several, X, y)
    with pytest.raises(DataError, match="for each row"):
        plots.calibration(LogisticRegression().fit(X, y), X, y[:5])
    with pytest.raises(DataError, match=r"labels in y among \[False, True\], got"):
        plots.calibration(LogisticRegression().fit(X, y), X, ["yes"] * len(X))


# -- intervals -------------------------------------------------------------------------------------


def test_intervals_and_how_many_hold(number):
    ax = plots.prediction_intervals(number, X[200:], AMOUNT[200:], coverage=0.8)
    low, high = number.predict_interval(X[200:], coverage=0.8).T
    inside = (AMOUNT[200:] >= low) & (AMOUNT[200:] <= high)
    assert ax.get_title() == f"{inside.mean():.1%} of 200 are inside"
    band, held, outside = ax.collections
    corners = band.get_paths()[0].vertices
    for values in (low, high, number.predict(X[200:])):
        at = corners[:, 0] if values is not low and values is not high else corners[:, 1]
        assert all(np.isclose(at, value).any() for value in values)
    assert (len(held.get_offsets()), len(outside.get_offsets())) == (inside.sum(), (~inside).sum())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [
        "80 % interval",
        "prediction",
        f"inside: {inside.sum()}",
        f"outside: {(~inside).sum()}",
    ]


def test_one_row_and_no_truth(number):
    ax = plots.prediction_intervals(number, X[:1])
    (line,) = ax.collections[0].get_segments()
    np.testing.assert_allclose(line[:, 1], number.predict_interval(X[:1])[0])
    assert ax.get_title() == ""


def test_an_axes_for_each_column_of_y(canvas):
    y = np.stack([AMOUNT, 2 - AMOUNT], axis=1)
    net = TabularRegressor(**SHORT).fit(X, y)
    axes = plots.prediction_intervals(net, X, y, ax=canvas.subplots(1, 2)[1])
    assert [ax.get_xlabel() for ax in axes] == ["prediction of column 0", "prediction of column 1"]


def test_what_has_no_intervals(number):
    with pytest.raises(ConfigurationError, match="with predict_interval, such as"):
        plots.prediction_intervals(LinearRegression(), X)
    with pytest.raises(DataError, match=r"y of shape \(400, 1\), .*, got \(399,\)"):
        plots.prediction_intervals(number, X, AMOUNT[:-1])
    with pytest.raises(ConfigurationError, match=r"coverage as a number in \(0, 1\), got 90"):
        plots.prediction_intervals(number, X, coverage=90)
