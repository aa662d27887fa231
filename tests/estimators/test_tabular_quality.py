"""How good tabular estimators are at their defaults, on tables that scikit-learn brings."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_friedman1,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from annlib import TabularClassifier, TabularRegressor

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_classes_beside_boosting(load):
    X, y = load(return_X_y=True)
    scores, losses = [], []
    for seed in range(2):
        X_fit, X_test, y_fit, y_test = train_test_split(X, y, random_state=seed, stratify=y)
        net = TabularClassifier(random_state=seed).fit(X_fit, y_fit)
        other = HistGradientBoostingClassifier(random_state=seed).fit(X_fit, y_fit)
        scores.append(net.score(X_test, y_test) - other.score(X_test, y_test))
        losses.append(
            log_loss(y_test, net.predict_proba(X_test))
            - log_loss(y_test, other.predict_proba(X_test))
        )
        assert abs(net.score_out_of_fold_ - net.score(X_test, y_test)) < 0.06
    assert np.mean(scores) > -0.005
    assert np.mean(losses) < 0.01


@pytest.mark.parametrize(
    "load",
    [
        lambda: load_diabetes(return_X_y=True),
        lambda: make_friedman1(1500, noise=1.0, random_state=0),
    ],
    ids=["diabetes", "friedman"],
)
def test_numbers_beside_boosting(load):
    X, y = load()
    scores, covered = [], []
    for seed in range(2):
        X_fit, X_test, y_fit, y_test = train_test_split(X, y, random_state=seed)
        net = TabularRegressor(random_state=seed).fit(X_fit, y_fit)
        other = HistGradientBoostingRegressor(random_state=seed).fit(X_fit, y_fit)
        scores.append(net.score(X_test, y_test) - other.score(X_test, y_test))
        low, high = net.predict_interval(X_test, coverage=0.9).T
        covered.append(((low <= y_test) & (y_test <= high)).mean())
    assert np.mean(scores) > 0.01
    assert 0.84 < np.mean(covered) < 0.96


def test_presets_cost_more_and_lose_less():
    X, y = make_friedman1(600, noise=1.0, random_state=0)
    X_fit, X_test, y_fit, y_test = train_test_split(X, y, random_state=0)
    errors, epochs = [], []
    for preset in ("fast", "default", "best"):
        net = TabularRegressor(preset, random_state=0).fit(X_fit, y_fit)
        errors.append(np.square(net.predict(X_test) - y_test).mean())
        epochs.append(len(net.history_["periodic_loss"]))
    assert epochs == sorted(epochs)
    assert errors[2] < errors[0]


def test_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 5))
    p = 1 / (1 + np.exp(-2 * np.sin(2 * X[:, 0]) - X[:, 1]))
    y = rng.random(6000) < p
    net = TabularClassifier(random_state=0).fit(X[:3000], y[:3000])
    found = net.predict_proba(X[3000:])[:, 1]
    assert np.abs(found - p[3000:]).mean() < 0.06
    bins = np.minimum((found * 10).astype(int), 9)
    gaps = [
        abs(found[bins == k].mean() - y[3000:][bins == k].mean()) * (bins == k).mean()
        for k in np.unique(bins)
    ]
    assert np.sum(gaps) < 0.03
