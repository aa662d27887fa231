"""Targets of which some are missing, and a weight for each output: against separate fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.model_selection import cross_val_score

from annlib import (
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
    losses,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
Y = X @ rng.normal(size=(4, 3)) + rng.normal(size=(90, 3))
THERE = rng.uniform(size=Y.shape) > 0.3
MISSING = np.where(THERE, Y, np.nan)
LABELS = (Y > 0).astype(float)
MISSING_LABELS = np.where(THERE, LABELS, np.nan)
WEIGHTS = rng.uniform(0.1, 3, size=Y.shape)
EXACT = {"solver": "lbfgs", "alpha": 0.0, "tol": 1e-10, "max_iter": 999, "random_state": 0}


def linear(**parameters):
    return MLPRegressor(loss="mean_squared_error", hidden_layer_sizes=(), **EXACT, **parameters)


def logistic(**parameters):
    return MLPClassifier((), loss="binary_crossentropy", **EXACT, **parameters)


def network(loss="mse"):
    model = Sequential([layers.Dense(5, "relu"), layers.Dense(3)])
    model.compile("adam", loss)
    return model


BALANCED = {"class_weight": "balanced"}
MASKED = losses.MeanSquaredError(mask_nan=True)
REGRESSORS = {
    "MLP": MLPRegressor("mse", (5,), max_iter=5, random_state=0, loss__mask_nan=True),
    "object": SequentialRegressor(epochs=5, batch_size=90, random_state=0, loss=MASKED),
    "compiled": SequentialRegressor(network(MASKED), epochs=5, batch_size=90, random_state=0),
    "function": SequentialRegressor(
        lambda: network(MASKED), epochs=5, batch_size=90, random_state=0
    ),
}
each_regressor = pytest.mark.parametrize("net", REGRESSORS.values(), ids=REGRESSORS)


def test_weights_of_outputs_are_those_of_separate_regressions():
    net = linear().fit(X, Y, WEIGHTS)
    for column in range(3):
        alone = LinearRegression().fit(X, Y[:, column], WEIGHTS[:, column])
        assert_allclose(net.predict(X)[:, column], alone.predict(X), atol=1e-3)
    each = [r2_score(Y[:, i], net.predict(X)[:, i], sample_weight=WEIGHTS[:, i]) for i in range(3)]
    assert net.score(X, Y, WEIGHTS) == pytest.approx(np.mean(each))


def test_missing_numbers_are_left_out_of_their_output_alone():
    net = linear(loss__mask_nan=True).fit(X, MISSING)
    scores = []
    for column, there in enumerate(THERE.T):
        alone = LinearRegression().fit(X[there], Y[there, column])
        assert_allclose(net.predict(X)[:, column], alone.predict(X), atol=1e-3)
        scores.append(alone.score(X[there], Y[there, column]))
    assert net.score(X, MISSING) == pytest.approx(np.mean(scores), abs=1e-6)
    assert len(cross_val_score(net, X, MISSING, error_score="raise")) == 5


def test_weights_and_missing_labels_are_those_of_separate_regressions():
    weighed, masked = logistic(), logistic(loss__mask_nan=True)
    weighed.fit(X, LABELS, WEIGHTS)
    masked.fit(X, MISSING_LABELS)
    for column, there in enumerate(THERE.T):
        y = LABELS[:, column]
        alone = LogisticRegression(C=np.inf, tol=1e-10, max_iter=999)
        alone.fit(X, y, WEIGHTS[:, column])
        assert_allclose(
            weighed.predict_proba(X)[:, column], alone.predict_proba(X)[:, 1], atol=1e-3
        )
        alone.fit(X[there], y[there])
        assert_allclose(masked.predict_proba(X)[:, column], alone.predict_proba(X)[:, 1], atol=1e-3)
    right = (masked.predict(X) == LABELS) | ~THERE
    assert masked.score(X, MISSING_LABELS) == right.all(axis=1).mean()


@each_regressor
@pytest.mark.parametrize("container", [np.array, pd.DataFrame, lambda y: y.tolist()])
def test_missing_numbers_weigh_nothing(net, container):
    net.fit(X, container(MISSING))
    found = net.predict(X)
    assert np.isfinite(net.history_["loss"]).all()
    net.fit(X, container(np.where(THERE, Y, 1e6)), THERE.astype(float))
    assert_allclose(net.predict(X), found, rtol=1e-6)


@pytest.mark.parametrize("net", [REGRESSORS["MLP"], REGRESSORS["object"]])
def test_one_number_a_row_may_be_missing(net):
    y = MISSING[:, 0]
    net.fit(X, y)
    there = THERE[:, 0]
    assert net.score(X, y) == pytest.approx(r2_score(y[there], net.predict(X)[there]))


def test_scores_of_epochs_leave_them_out():
    net = MLPRegressor("mse", (5,), max_iter=9, random_state=0, early_stopping=True)
    net.set_params(loss__mask_nan=True).fit(X, MISSING)
    assert np.isfinite(net.validation_scores_).all()
    for scoring in (None, "r2", ["r2", "neg_mean_absolute_error"]):
        net = SequentialRegressor(loss=MASKED, epochs=2, scoring=scoring, random_state=0)
        net.fit(X, Y, X_val=X, y_val=MISSING)
        assert np.isfinite(net.history_["val_loss"]).all()
    whole = THERE.all(axis=1)
    assert net.history_["val_r2"][-1] == pytest.approx(net.score(X[whole], Y[whole]))


def test_missing_numbers_of_quantiles():
    net = MLPRegressor("quantile", (5,), max_iter=9, random_state=0, loss__quantile=[0.1, 0.9])
    net.set_params(loss__mask_nan=True).fit(X, MISSING[:, 0])
    there = THERE[:, 0]
    found, y = net.predict(X)[there], Y[there, 0]
    d2 = [d2_pinball_score(y, a, alpha=q) for q, a in zip((0.1, 0.9), found.T, strict=True)]
    assert net.score(X, MISSING[:, 0]) == pytest.approx(np.mean(d2))


def test_partial_fit_and_validation_data():
    net = MLPRegressor("mse", (5,), random_state=0, loss__mask_nan=True)
    for _ in range(2):
        net.partial_fit(X, MISSING, WEIGHTS, X_val=X, y_val=MISSING, sample_weight_val=WEIGHTS)
    assert np.isfinite(net.history_["val_loss"]).all()
    other = MLPRegressor("mse", (5,), random_state=0, loss__mask_nan=True)
    for _ in range(2):
        other.partial_fit(X, Y, np.where(THERE, WEIGHTS, 0))
    assert_allclose(net.predict(X), other.predict(X), rtol=1e-6)


def test_weights_of_outputs_mean_the_same_in_any_unit():
    for net in (
        SequentialRegressor(epochs=3, random_state=0),
        SequentialClassifier(epochs=3, random_state=0),
    ):
        y = LABELS if isinstance(net, SequentialClassifier) else Y
        first = net.fit(X, y, np.ones_like(Y)).predict(X)
        assert_array_equal(net.fit(X, y, np.full_like(Y, 4.0)).predict(X), first)
        assert_allclose(net.fit(X, y).predict(X), first, rtol=1e-5)


@pytest.mark.parametrize(
    ("net", "y", "weights", "message"),
    [
        (linear(), MISSING, None, "Input y contains NaN"),
        (logistic(), MISSING_LABELS, None, "Input y contains NaN"),
        (linear(loss__mask_nan=True), MISSING * np.nan, None, "targets that are there"),
        (linear(loss__mask_nan=True), np.where(THERE, MISSING, np.inf), None, "infinity"),
        (logistic(loss__mask_nan=True), MISSING_LABELS[:, 0], None, "several labels alone"),
        (logistic(loss__mask_nan=True), MISSING, None, "several labels alone"),
        (logistic(**BALANCED, loss__mask_nan=True), MISSING_LABELS, None, "class_weight"),
        (logistic(**BALANCED), LABELS, WEIGHTS, "class_weight"),
        (linear(), Y, -WEIGHTS, "Negative"),
        (linear(), Y, WEIGHTS[:, :2], "1D array or scalar"),
        (linear(), Y, WEIGHTS * 0, "above zero"),
        (linear(), Y[:, 0], WEIGHTS[:, :1], "1D array or scalar"),
        (MLPRegressor("cosine_similarity"), Y, WEIGHTS, "no part has a weight of its own"),
        (SequentialRegressor(loss="cosine_similarity"), Y, WEIGHTS, "no part has a weight"),
        (MLPClassifier((5,)), LABELS + np.arange(90)[:, None] % 2, WEIGHTS, r"shape \(90,\)"),
        (SequentialRegressor(network), MISSING, None, r"mask_nan=True"),
    ],
)  # fmt: skip
def test_others_are_refused(net, y, weights, message):
    with pytest.raises(ValueError, match=message):
        net.fit(X, y, weights)
    assert not hasattr(net, "model_")
