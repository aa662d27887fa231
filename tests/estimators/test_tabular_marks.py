"""Values of a column of numbers that mean something of their own: which of them get flags."""

from __future__ import annotations

import numpy as np
import pytest

import annlib
from annlib import TabularClassifier, TabularRegressor

SHORT = {"epochs": 4, "members": 1, "random_state": 0}
EACH = 40


def codes(kinds=60, seed=0):
    """Codes as numbers, each with an effect of its own, and a second column that counts too."""
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=kinds) * 2
    code = np.repeat(np.arange(kinds), EACH)
    rng.shuffle(code)
    X = np.stack([code * 7.0 + 100, rng.normal(size=len(code))], axis=1)
    return X, effects[code] + X[:, 1] + rng.normal(size=len(code)) * 0.5


def marked(net):
    """How many flags each column has got."""
    return [len(feature.marks) for feature in net._features.features]


def test_codes_as_numbers_are_told_apart():
    X, y = codes()
    order = np.random.default_rng(1).permutation(len(X))
    fit, test = order[:1600], order[1600:]
    net = TabularRegressor(epochs=20, random_state=0).fit(X[fit], y[fit])
    assert marked(net) == [60, 0]
    assert "flags of their own: 0 (60)" in net.summary()
    # Of the variance of y the codes' effects are the largest part.
    assert net.score(X[test], y[test]) > 0.9
    assert net.feature_importances_[0] > net.feature_importances_[1]
    classes = TabularClassifier(**SHORT).fit(X, y > 0)
    assert marked(classes) == [60, 0]


@pytest.mark.parametrize(
    "effect",
    [
        lambda code, rng: rng.normal(size=len(code)),
        lambda code, rng: np.sin(code / 8) + rng.normal(size=len(code)) * 0.3,
        lambda code, rng: code + rng.normal(size=len(code)) * 9,
        lambda code, rng: np.where(code < 20, 0.0, 3.0) + rng.normal(size=len(code)) * 0.3,
    ],
    ids=["nothing", "waves", "line", "step"],
)
@pytest.mark.parametrize("seed", range(3))
def test_what_a_curve_tells_needs_no_flags(effect, seed):
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 60, 2000)
    X = np.stack([code, rng.normal(size=2000)], axis=1)
    assert marked(TabularRegressor(**SHORT).fit(X, effect(code, rng))) == [0, 0]


def test_amounts_that_most_rows_lack():
    """Each usual amount means something of its own, and most rows have none."""
    rng = np.random.default_rng(0)
    amounts = np.sort(rng.integers(100, 99_999, 60)).astype(float)
    x = np.where(rng.random(6000) < 0.8, 0.0, rng.choice(amounts, 6000))
    means = dict(zip([0.0, *amounts], [0.2, *(np.arange(60) % 2)], strict=True))
    y = rng.random(6000) < [means[value] for value in x]
    X = np.stack([x, rng.normal(size=6000)], axis=1)
    net = TabularClassifier(epochs=8, members=1, random_state=0).fit(X, y)
    assert marked(net) == [61, 0]
    rows = np.stack([amounts, np.zeros(60)], axis=1)
    assert ((net.predict_proba(rows)[:, 1] > 0.5) == np.arange(60) % 2).mean() > 0.95


def test_scales_missing_values_and_files(tmp_path):
    X, y = codes()
    X[::9, 0] = np.nan
    net = TabularRegressor(**SHORT).fit(X, y)
    assert marked(net) == [60, 0]
    found = net.predict(X)
    for scale in (2.0**20, 2.0**-900):
        assert np.array_equal(TabularRegressor(**SHORT).fit(X * scale, y).predict(X * scale), found)
    order = np.random.default_rng(0).permutation(len(X))
    assert np.array_equal(TabularRegressor(**SHORT).fit(X[order], y[order]).predict(X), found)
    net.save(tmp_path / "net.safetensors")
    loaded = annlib.load_estimator(tmp_path / "net.safetensors")
    assert np.array_equal(loaded.predict(X), found)
    assert loaded.summary() == net.summary()
    assert net.contributions(X[:3]).shape == (3, 2)


def test_repeated_rows_are_weights():
    X, y = codes()
    weights = np.arange(len(X)) % 3 + 1
    again = TabularRegressor(**SHORT).fit(X.repeat(weights, axis=0), y.repeat(weights))
    given = TabularRegressor(**SHORT).fit(X, y, sample_weight=weights)
    assert marked(again) == marked(given) == [60, 0]
    assert np.array_equal(again.predict(X), given.predict(X))
