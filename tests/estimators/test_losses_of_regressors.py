"""The losses of a regressor by name: deviances and quantiles, and how predictions follow."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import GammaRegressor, QuantileRegressor, TweedieRegressor
from sklearn.metrics import d2_pinball_score, mean_pinball_loss

from annlib import MLPRegressor, Sequential, SequentialRegressor, layers, losses

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
MEAN = np.exp(X @ [0.6, -0.4, 0.2] + 0.5)
COSTS = rng.gamma(3.0, MEAN / 3.0)
CLAIMS = COSTS * (rng.random(300) < 0.7)
LINEAR = {"hidden_layer_sizes": (), "solver": "lbfgs", "max_iter": 1000, "tol": 1e-8, "alpha": 0.0}
LEVELS = [0.1, 0.5, 0.9]


@pytest.mark.parametrize(
    ("named", "y", "theirs"),
    [
        ({"loss": "gamma"}, COSTS, GammaRegressor(alpha=0, max_iter=1000, tol=1e-8)),
        ({"loss": "gamma", "loss__from_logits": True}, COSTS, GammaRegressor(alpha=0, tol=1e-8)),
        (
            {"loss": "tweedie", "loss__power": 1.3},
            CLAIMS,
            TweedieRegressor(power=1.3, alpha=0, link="log", max_iter=1000, tol=1e-8),
        ),
    ],
    ids=["gamma", "gamma from logits", "tweedie"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_one_is_that_of_scikit_learn(named, y, theirs, weighted):
    weights = {"sample_weight": np.where(X[:, 2] > 0, 3.0, 0.5)} if weighted else {}
    net = MLPRegressor(**named, **LINEAR, random_state=0).fit(X, y, **weights)
    theirs.fit(X, y, **weights)
    np.testing.assert_allclose(net.coefs_[0][:, 0], theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(net.predict(X), theirs.predict(X), rtol=1e-3)
    assert net.predict(X).shape == (300,)
    assert net.out_activation_ == ("identity" if "loss__from_logits" in named else "exp")


def test_targets_that_a_deviance_cannot_have_are_refused():
    with pytest.raises(ValueError, match=r"above 0, got 0\.0.*Tweedie"):
        MLPRegressor("gamma").fit(X, CLAIMS)


def several():
    model = Sequential([layers.Dense(16, "relu"), layers.Dense(3)])
    model.compile("adam", losses.Quantile(LEVELS))
    return model


each_with_quantiles = pytest.mark.parametrize(
    "net",
    [
        MLPRegressor("quantile", (16,), loss__quantile=LEVELS, learning_rate_init=0.01, tol=1e-3),
        MLPRegressor(losses.Quantile(LEVELS), (16,), early_stopping=True, learning_rate_init=0.01),
        SequentialRegressor(loss=losses.Quantile(LEVELS), epochs=60),
        SequentialRegressor(loss="quantile", loss__quantile=LEVELS, epochs=60),
        SequentialRegressor(several(), epochs=60),
        SequentialRegressor(several, epochs=60),
    ],
    ids=["by name", "as object", "Sequential", "Sequential by name", "compiled", "by function"],
)


@each_with_quantiles
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_several_quantiles_are_a_column_each(net, shape):
    net.set_params(random_state=0).fit(X, COSTS.reshape(shape))
    predicted = net.predict(X)
    assert predicted.shape == (300, 3)
    shares = (COSTS[:, None] <= predicted).mean(axis=0)
    np.testing.assert_allclose(shares, LEVELS, atol=0.2)
    each = [d2_pinball_score(COSTS, p, alpha=q) for p, q in zip(predicted.T, LEVELS, strict=True)]
    assert net.score(X, COSTS) == pytest.approx(np.mean(each))
    if getattr(net, "early_stopping", False):
        assert net.best_validation_score_ == pytest.approx(max(net.history_["val_score"]))


def test_one_quantile_is_that_of_scikit_learn():
    theirs = QuantileRegressor(quantile=0.8, alpha=0).fit(X, COSTS)
    net = MLPRegressor(
        *("quantile", ()),
        learning_rate_init=0.01,
        max_iter=2000,
        n_iter_no_change=100,
        alpha=0.0,
        loss__quantile=0.8,
        random_state=0,
    ).fit(X, COSTS)
    ours, best = (mean_pinball_loss(COSTS, e.predict(X), alpha=0.8) for e in (net, theirs))
    assert best <= ours < 1.01 * best


def test_another_number_of_quantiles_needs_another_network():
    net = MLPRegressor("quantile", (4,), loss__quantile=LEVELS, warm_start=True, tol=9)
    net.set_params(n_iter_no_change=1).fit(X, COSTS)
    before = net.predict(X)
    with pytest.raises(ValueError, match="3 outputs"):
        net.set_params(loss__quantile=[0.5]).fit(X, COSTS)
    np.testing.assert_array_equal(net.predict(X), before)


def test_quantiles_of_several_numbers_are_one_each():
    Y = np.column_stack([COSTS, -COSTS, X[:, 0]])
    net = MLPRegressor("quantile", (8,), loss__quantile=LEVELS, tol=1, n_iter_no_change=1).fit(X, Y)
    assert net.predict(X).shape == (300, 3)
    with pytest.raises(ValueError, match=r"2 units|3 units"):
        net.fit(X, Y[:, :2])
