"""Losses give the numbers of scikit-learn and SciPy, and have the names that Keras gives them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.metrics
from golden import recorded
from sklearn.metrics.pairwise import paired_cosine_distances

from annlib import losses
from annlib.core.constructors import constructor_arguments

rng = np.random.default_rng(0)
Y, A = rng.normal(size=(2, 50, 4)) * 2
POSITIVE = np.abs(A) + 0.1
COUNTS = rng.poisson(3, size=(50, 4))
BITS = rng.integers(0, 2, size=(50, 4))
LABELS = rng.integers(0, 4, 50)
ONE_HOT = np.eye(4)[LABELS]
P, Q = rng.dirichlet(np.ones(4), size=(2, 50)) * 0.99 + 0.0025  # rows that sum to 1
WEIGHTS = rng.uniform(0, 2, 50)


def averaged(rows):
    """The mean of a number a row, as scikit-learn's functions are called."""
    return lambda y, a, sample_weight: np.average(rows(y, a), weights=sample_weight)


def of_elements(function):
    """The same of a number an element."""
    return averaged(lambda y, a: function(y, a).mean(axis=1))


REFERENCES = {
    "mse": (Y, A, sklearn.metrics.mean_squared_error),
    "mae": (Y, A, sklearn.metrics.mean_absolute_error),
    "mape": (Y, A, sklearn.metrics.mean_absolute_percentage_error),
    "msle": (COUNTS + 1, POSITIVE, sklearn.metrics.mean_squared_log_error),
    "huber": (Y, A, of_elements(lambda y, a: scipy.special.huber(1.0, a - y))),
    "log_cosh": (Y, A, of_elements(lambda y, a: np.log(np.cosh(a - y)))),
    "kld": (P, Q, averaged(lambda y, a: scipy.special.rel_entr(y, a).sum(axis=1))),
    "cosine_similarity": (Y, A, averaged(lambda y, a: paired_cosine_distances(y, a) - 1)),
    "hinge": (BITS, A, of_elements(lambda y, a: np.maximum(1 - np.where(y, a, -a), 0))),
    "squared_hinge": (BITS, A, of_elements(lambda y, a: np.fmax(1 - np.where(y, a, -a), 0) ** 2)),
    # Others than the right class are positive here: Keras compares with 0, too.
    "categorical_hinge": (
        ONE_HOT,
        POSITIVE,
        lambda y, a, **weights: sklearn.metrics.hinge_loss(LABELS, a, **weights),
    ),
    "binary_crossentropy": (BITS[:, 0], P[:, :1], sklearn.metrics.log_loss),
    "sum_binary_crossentropy": (
        BITS,
        P,
        lambda y, a, **weights: sum(
            sklearn.metrics.log_loss(y[:, i], a[:, i], **weights) for i in range(4)
        ),
    ),
    "half_poisson_deviance": (
        COUNTS,
        POSITIVE,
        lambda y, a, **weights: sum(
            sklearn.metrics.mean_poisson_deviance(y[:, i], a[:, i], **weights) / 2 for i in range(4)
        ),
    ),
    "categorical_crossentropy": (ONE_HOT, P, sklearn.metrics.log_loss),
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_a_loss_is_that_of_scikit_learn_or_scipy(name, weights):
    y, a, reference = REFERENCES[name]
    loss = losses.registry.find(name)(reduction="mean_with_sample_weight")
    percent = 100 if name == "mape" else 1
    expected = percent * reference(y, a, sample_weight=weights)
    assert loss(y, a, weights) == pytest.approx(expected, rel=1e-11)


def test_a_hinge_is_that_of_scikit_learn():
    for labels in (BITS[:, 0], 2 * BITS[:, 0] - 1):
        expected = sklearn.metrics.hinge_loss(labels, A[:, 0], sample_weight=WEIGHTS)
        hinge = losses.Hinge(reduction="mean_with_sample_weight")
        assert hinge(labels, A[:, :1], WEIGHTS) == pytest.approx(expected, rel=1e-12)


def test_poisson_is_the_likelihood_of_counts():
    """Less log(y!), and but for the 1e-7 that Keras adds to a prediction."""
    likelihood = scipy.stats.poisson.logpmf(COUNTS, POSITIVE) + scipy.special.gammaln(COUNTS + 1)
    assert losses.Poisson()(COUNTS, POSITIVE) == pytest.approx(-likelihood.mean(), rel=1e-6)


def test_the_poisson_deviance_from_logits_is_that_of_their_exponentials():
    """Also where they overflow or are nothing, which no warning tells."""
    of_logits, of_means = losses.HalfPoissonDeviance(from_logits=True), losses.HalfPoissonDeviance()
    assert of_logits(COUNTS, A) == pytest.approx(of_means(COUNTS, np.exp(A)), rel=1e-12)
    assert of_logits([[2.0]], [[-500.0]]) == pytest.approx(2 * np.log(2) + 998)
    assert of_means([[0.0]], [[0.0]]) == pytest.approx(1e-7)
    with pytest.raises(ValueError, match="counts"):
        of_means([[-1.0]], [[1.0]])


@pytest.mark.parametrize("power", [1.0, 1.25, 1.9, 2.0, 2.5, 3.0])
def test_deviances_are_half_of_those_of_scikit_learn(power):
    """From means and from their logarithms; with weights; zeros where there may be some."""
    y = POSITIVE[::-1] if power >= 2 else COUNTS
    expected = sklearn.metrics.mean_tweedie_deviance(
        y.reshape(-1), POSITIVE.reshape(-1), power=power
    )
    found = [losses.Tweedie(power)(y, POSITIVE), losses.Tweedie(power, True)(y, np.log(POSITIVE))]
    if power == 2:
        found += [losses.Gamma()(y, POSITIVE), losses.Gamma(True)(y, np.log(POSITIVE))]
    assert found == pytest.approx([expected / 2] * len(found), rel=1e-12)


@pytest.mark.parametrize("power", [1, 1.5, 2, 2.5])
def test_deviances_near_their_least_do_not_cancel(power):
    """Half of the deviance is about (a - y)^2 / (2 a^p) there."""
    y, step = np.array([[1e8], [1.0], [1e-3]]), 1e-7
    expected = np.mean((y * step) ** 2 / (2 * y**power))
    assert losses.Tweedie(power)(y, y * (1 + step)) == pytest.approx(expected, rel=1e-6)
    assert losses.Tweedie(power)(y, y) == 0


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.8])
def test_the_quantile_loss_is_the_pinball_loss_of_scikit_learn(quantile):
    expected = sklearn.metrics.mean_pinball_loss(Y, A, alpha=quantile)
    assert losses.Quantile(quantile)(Y, A) == pytest.approx(expected, rel=1e-12)


def test_several_quantiles_are_the_mean_of_their_losses():
    levels = [0.1, 0.25, 0.5, 0.9]
    y = Y[:, 0]
    each = [sklearn.metrics.mean_pinball_loss(y, A[:, i], alpha=q) for i, q in enumerate(levels)]
    for targets in (y, y[:, None], np.repeat(y[:, None], 4, axis=1)):
        assert losses.Quantile(levels)(targets, A) == pytest.approx(np.mean(each), rel=1e-12)
    with pytest.raises(ValueError, match="4 units"):
        losses.Quantile(levels)(y, A[:, :2])


@pytest.mark.parametrize("from_logits", [False, True])
def test_focal_losses_of_gamma_0_are_the_cross_entropies(from_logits):
    a = A if from_logits else Q
    options = {"gamma": 0, "from_logits": from_logits}
    for y, focal, plain, factor in (
        (BITS, losses.BinaryFocalCrossentropy(**options), losses.BinaryCrossentropy, 1),
        (
            BITS,
            losses.BinaryFocalCrossentropy(True, 0.5, **options),
            losses.BinaryCrossentropy,
            2,
        ),
        (
            ONE_HOT,
            losses.CategoricalFocalCrossentropy(**options),
            losses.CategoricalCrossentropy,
            4,
        ),
    ):
        assert factor * focal(y, a) == pytest.approx(plain(from_logits)(y, a), rel=1e-12)


# -- what Keras calls them -------------------------------------------------------------------------


@pytest.mark.parametrize(("string", "name"), recorded("losses")["strings"].items())
def test_keras_strings_mean_the_same_losses(string, name):
    assert type(losses.get(string)) is getattr(losses, name)


@pytest.mark.parametrize("name", recorded("losses")["names"])
def test_names_and_the_order_of_arguments_are_those_of_keras(name):
    cls = getattr(losses, name)
    assert cls().name == recorded("losses")["names"][name]
    arguments = [a for a in recorded("losses")["arguments"][name] if a != "dtype"]
    own = constructor_arguments(cls).values()
    by_position = [parameter for parameter in own if parameter.kind is not parameter.KEYWORD_ONLY]
    assert [parameter.name for parameter in by_position] == arguments
    defaults = [parameter.default for parameter in by_position]
    assert cls(*defaults) == cls()  # by position, too
