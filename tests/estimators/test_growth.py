"""A warm start with larger hidden layers: the function stays, and training goes on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from annlib import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
Y = np.sin(X[:, 0]) + X[:, 1]
CODES = np.digitize(Y, [-1, 0.5])
START = {"max_iter": 20, "random_state": 0, "learning_rate_init": 0.01, "warm_start": True}


def grown(net, sizes, y=Y):
    """The output before and after, of an epoch with steps of almost nothing."""
    net = clone(net).fit(X, y)
    before = net.predict(X) if y is Y else net.predict_proba(X)
    net.set_params(hidden_layer_sizes=sizes, learning_rate_init=1e-12, max_iter=1).fit(X, y)
    return net, before, (net.predict(X) if y is Y else net.predict_proba(X))


@pytest.mark.parametrize(
    ("sizes", "larger"),
    [((5,), (9,)), (5, (5, 5)), ((5,), (12, 7, 20)), ((6, 4), (6, 9)), ((6, 4), (13, 8, 4))],
)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_function_stays(sizes, larger, solver):
    net = MLPRegressor(hidden_layer_sizes=sizes, solver=solver, **START)
    net, before, after = grown(net, larger)
    assert_allclose(after, before, atol=1e-9)
    assert [W.shape[1] for W in net.coefs_[:-1]] == list(np.atleast_1d(larger))
    assert net.n_layers_ == len(np.atleast_1d(larger)) + 2
    assert len(net.history_["loss"]) == net.n_iter_ + 20


@pytest.mark.parametrize(
    "setting",
    [
        {"activation": "tanh"},
        {"activation": "logistic"},
        {"dropout": 0.3},
        {"dtype": "float32"},
        {"activation": ["tanh", "relu"], "hidden_layer_sizes": (5, 6)},
    ],
)
def test_wider_with_other_settings(setting):
    start = {"hidden_layer_sizes": (5,), **START, **setting}
    larger = tuple(2 * size + 1 for size in start["hidden_layer_sizes"])
    for net, y in ((MLPRegressor(**start), Y), (MLPClassifier(**start), CODES)):
        _, before, after = grown(net, larger, y)
        assert_allclose(after, before, atol=1e-5 if "dtype" in setting else 1e-9)


def test_wider_with_normalization():
    net = MLPClassifier((5, 6), batch_normalization=True, **START).fit(X, CODES)
    before = net.model_
    net.set_params(hidden_layer_sizes=(8, 9), max_iter=1, learning_rate_init=1e-12)
    net.fit(X, CODES)
    # An epoch moves the statistics, of copies as of the units themselves.
    assert net.model_ is not before
    assert [W.shape[1] for W in net.coefs_] == [8, 9, 3]


def test_the_new_units_learn():
    net = MLPRegressor(hidden_layer_sizes=(2,), **START).fit(X, Y)
    small = clone(net).set_params(max_iter=300).fit(X, Y).score(X, Y)
    net.set_params(hidden_layer_sizes=(30, 30), max_iter=300).fit(X, Y)
    assert net.score(X, Y) > max(0.9, small)
    W = net.coefs_[0]
    assert len(np.unique(W.round(6), axis=1).T) == 30  # no two alike


def test_early_stopping_forgets_the_best_weights_of_the_smaller():
    net = MLPClassifier((3,), early_stopping=True, **START).fit(X, CODES)
    net.set_params(hidden_layer_sizes=(6,)).fit(X, CODES)
    assert net.predict(X).shape == (200,)


def test_partial_fit_grows_too():
    net = MLPRegressor(hidden_layer_sizes=(3,), **START).partial_fit(X, Y)
    net.set_params(hidden_layer_sizes=(6,)).partial_fit(X, Y)
    assert net.coefs_[0].shape == (4, 6)


@pytest.mark.parametrize(
    ("setting", "sizes", "larger", "message"),
    [
        ({}, (5,), (4,), "at least as many layers and units"),
        ({}, (5, 5), (9,), "at least as many layers and units"),
        ({}, (5,), (5, 3), "further layers of at least 5 units"),
        ({}, (), (5,), "for a linear or a normalized network"),
        ({"activation": "tanh"}, (5,), (5, 5), "as ReLU's does not"),
        ({"activation": "softmax"}, (5,), (7,), "mixes them"),
        ({"batch_normalization": True}, (5,), (5, 5), "for a linear or a normalized"),
    ],
)
def test_what_cannot_grow_is_refused(setting, sizes, larger, message):
    net = MLPRegressor(hidden_layer_sizes=sizes, **START, **setting).fit(X, Y)
    before = net.predict(X)
    with pytest.raises(ValueError, match=f"'hidden_layer_sizes' parameter.*{message}"):
        net.set_params(hidden_layer_sizes=larger).fit(X, Y)
    assert_array_equal(net.predict(X), before)
