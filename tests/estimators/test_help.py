"""What an estimator says beside its predictions: how sure they are, and why it does not learn."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import annlib
from annlib import (
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    checkup,
    layers,
    lr_find,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 3))
Y = X[:, 0] ** 2


def dropped(n_outputs):
    return Sequential(
        [
            layers.Dense(16, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(n_outputs),
        ]
    )


NETS = {
    "MLP": MLPRegressor("squared_error", (16,), dropout=0.2, max_iter=5, random_state=0),
    "Sequential": SequentialRegressor(dropped, epochs=5, random_state=0),
}


# -- Monte Carlo dropout ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.parametrize("y", [Y, np.column_stack([Y, -Y])], ids=["one", "two"])
def test_the_spread_of_predictions_with_dropout(net, y):
    net.fit(X, y)
    states = net.model_._network.streams.state()
    mean, std = net.predict(X, return_std=True)
    assert mean.shape == std.shape == y.shape
    assert (std > 0).mean() > 0.9
    again = net.predict(X, return_std=True)
    assert_array_equal(mean, again[0])
    assert_array_equal(std, again[1])
    assert net.model_._network.streams.state() == states
    # Of 100 draws the mean is as near as their spread allows.
    assert np.abs(mean - net.predict(X)).max() < 1.0 * std.max()


def test_it_is_the_spread_of_a_linear_network():
    """y = m x w / (1 - p), m of Bernoulli(1 - p): a standard deviation of |x w| sqrt(p / (1-p))."""
    model = Sequential([layers.Input((1,)), layers.Dropout(0.2), layers.Dense(1)], seed=0)
    model.set_weights([np.array([[3.0]]), np.array([1.0])])
    mean, std = SequentialRegressor.from_fitted(model).predict(np.full((600, 1), 2.0), True)
    assert std.mean() == pytest.approx(6.0 * 0.5, rel=0.02)
    assert mean.mean() == pytest.approx(7.0, abs=0.05)


def test_without_dropout_there_is_none():
    net = SequentialRegressor(epochs=1).fit(X, Y)
    with pytest.raises(annlib.ConfigurationError, match=r"a network with dropout.*dropout=0\.1"):
        net.predict(X, return_std=True)


# -- targets that are far from unit scale ----------------------------------------------------------

FAR = [
    MLPRegressor(random_state=0, tol=1e12, n_iter_no_change=2),
    SequentialRegressor(random_state=0, epochs=5),
]


@pytest.mark.parametrize("net", FAR)
def test_a_hint_where_y_is_far_from_unit_scale(net):
    with pytest.warns(ConvergenceWarning, match=r"unit scale.*5e\+03.*TransformedTargetRegressor"):
        net.fit(X, 5000 + Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        scaled = TransformedTargetRegressor(
            SequentialRegressor(random_state=0, epochs=5), transformer=StandardScaler()
        ).fit(X, 5000 + Y)
        SequentialRegressor(epochs=1, random_state=0).fit(X, Y)
        SequentialClassifier(epochs=1, random_state=0).fit(X, 5000 * (Y > 1))
    assert scaled.score(X, 5000 + Y) > 0


# -- tools -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "y"),
    [
        (MLPClassifier(random_state=0), np.where(Y > 1, "a", "b")),
        (SequentialClassifier(random_state=0), np.where(Y > 1, "a", "b")),
        (MLPRegressor(random_state=0), Y),
        (SequentialRegressor(random_state=0), Y),
    ],
)
def test_tools_take_an_estimator(net, y):
    frame = pd.DataFrame(X * [1, 1, 1000], columns=["a", "b", "income"])
    report = checkup(net, frame, y)
    assert not report.ok
    assert "income" in str(report)
    assert "input scale" not in checkup(net, X, y)
    found = lr_find(net, X, y)
    assert 1e-5 < found.suggestion < 1
    assert not hasattr(net, "model_")
    assert lr_find(net, X, y).suggestion == found.suggestion


def test_tools_refuse_what_fit_would():
    with pytest.raises(ValueError, match="'alpha' parameter"):
        checkup(MLPClassifier(alpha=-1), X, Y > 1)
