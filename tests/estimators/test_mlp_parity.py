"""The same numbers as scikit-learn's perceptrons: from one seed, weight by weight."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import sklearn
import sklearn.neural_network as theirs

import annlib

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
pytestmark = [
    pytest.mark.skipif(VERSION < (1, 7), reason="theirs had no weights and one loss before 1.7"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

ROWS = 110  # with batches of 32 the last has 14
RNG = np.random.default_rng(5)
X = RNG.normal(size=(ROWS, 6))
SIGNAL = X @ RNG.normal(size=(6, 3))
WEIGHTS = RNG.integers(1, 4, ROWS).astype(float)

#: By the kind of targets: the estimators' name, the targets and more arguments.
TARGETS = {
    "multiclass": ("MLPClassifier", SIGNAL.argmax(axis=1), {}),
    "binary": ("MLPClassifier", np.array(["no", "yes"])[(SIGNAL[:, 0] > 0).astype(int)], {}),
    "multilabel": ("MLPClassifier", (SIGNAL > 0).astype(int), {}),
    "number": ("MLPRegressor", np.tanh(SIGNAL[:, 0]), {}),
    "numbers": ("MLPRegressor", np.tanh(SIGNAL), {}),
    "counts": ("MLPRegressor", RNG.poisson(np.exp(SIGNAL[:, 0] / 3)), {"loss": "poisson"}),
}

SOLVERS = {
    "adam": {},
    "adam, other betas": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.05},
    "no momentum": {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0},
    "invscaling": {
        "solver": "sgd",
        "learning_rate_init": 0.5,
        "learning_rate": "invscaling",
        "power_t": 0.3,
    },
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.02,
        "tol": 1.0,  # so that there is no progress, whatever the loss
        "n_iter_no_change": 1,
    },
    "full batch": {"batch_size": ROWS, "activation": "tanh"},
    "large penalty": {"alpha": 3.0, "activation": "logistic"},
    "linear": {"activation": "identity", "hidden_layer_sizes": 3},
    "shuffled": {"shuffle": True},
    "early stopping": {"early_stopping": True, "shuffle": True, "validation_fraction": 0.2},
}


def pair(kind, **arguments):
    """Both estimators of one configuration, fitted."""
    name, y, more = TARGETS[kind]
    sample_weight = arguments.pop("sample_weight", None)
    default = {
        "hidden_layer_sizes": (9, 5),
        "max_iter": 10,
        "batch_size": 32,
        "shuffle": False,
        "random_state": 7,
        "learning_rate_init": 0.01,
    }
    made = [
        getattr(package, name)(**default | more | arguments).fit(X, y, sample_weight)
        for package in (annlib, theirs)
    ]
    return *made, y


def predictions(estimator):
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(X)
    return estimator.predict(X)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_ten_epochs(kind, solver, weighted):
    if (kind, solver) == ("binary", "early stopping") and VERSION < (1, 9):
        pytest.skip("theirs cannot score labels that are text before 1.9")
    own, other, y = pair(kind, **SOLVERS[solver], sample_weight=WEIGHTS if weighted else None)
    np.testing.assert_allclose(predictions(own), predictions(other), rtol=0, atol=1e-9)
    for name in ("coefs_", "intercepts_"):
        for mine, its in zip(getattr(own, name), getattr(other, name), strict=True):
            np.testing.assert_allclose(mine, its, rtol=0, atol=1e-9)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(own, name) == getattr(other, name), name
    if not weighted and kind != "numbers":  # their weighted curve is none, their mean no sum
        np.testing.assert_allclose(own.loss_curve_, other.loss_curve_, rtol=1e-12)
    if solver == "early stopping":
        np.testing.assert_allclose(own.validation_scores_, other.validation_scores_, rtol=1e-9)
        assert own.best_loss_ is None
    assert abs(own.score(X, y) - other.score(X, y)) < 1e-12


@pytest.mark.parametrize("kind", TARGETS)
def test_stopping_after_as_many_epochs(kind):
    arguments = {"max_iter": 300, "tol": 1e-2, "n_iter_no_change": 3, "learning_rate_init": 0.02}
    own, other, _ = pair(kind, **arguments)
    if kind != "numbers":
        assert own.n_iter_ == other.n_iter_ < 300
        assert own.best_loss_ == pytest.approx(other.best_loss_, rel=1e-9)


# With one minimum: of a linear model, or under a large penalty.
@pytest.mark.parametrize("kind", [kind for kind in TARGETS if kind != "numbers"])
@pytest.mark.parametrize(
    "arguments", [{"hidden_layer_sizes": ()}, {"alpha": 20.0, "activation": "tanh"}]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_lbfgs_optimum(kind, arguments, weighted):
    sample_weight = WEIGHTS if weighted else None
    own, other, _ = pair(
        kind, solver="lbfgs", max_iter=3000, tol=1e-7, **arguments, sample_weight=sample_weight
    )
    np.testing.assert_allclose(predictions(own), predictions(other), rtol=0, atol=1e-4)
    assert own.loss_ == pytest.approx(other.loss_, rel=1e-6)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "nesterov"])
def test_partial_fit(kind, solver):
    name, y, more = TARGETS[kind]
    arguments = {"hidden_layer_sizes": (5,), "random_state": 1, **more, **SOLVERS[solver]}
    made = [getattr(package, name)(**arguments) for package in (annlib, theirs)]
    for estimator in made:
        for start in (0, 40, 80, 0):
            rows = slice(start, start + 40)
            first = (
                {}
                if hasattr(estimator, "coefs_") or name != "MLPClassifier"
                else {"classes": np.arange(3) if y.ndim == 2 else np.unique(y)}
            )
            estimator.partial_fit(X[rows], y[rows], WEIGHTS[rows], **first)
    np.testing.assert_allclose(predictions(made[0]), predictions(made[1]), rtol=0, atol=1e-9)
    assert made[0].t_ == made[1].t_


def test_weights_that_are_put_into_both():
    own, other, _ = pair("multiclass", max_iter=1)
    for estimator in (own, other):
        rng = np.random.default_rng(0)
        estimator.coefs_ = [rng.normal(size=W.shape) for W in estimator.coefs_]
        estimator.intercepts_ = [rng.normal(size=b.shape) for b in estimator.intercepts_]
    np.testing.assert_allclose(predictions(own), predictions(other), rtol=0, atol=1e-12)


def test_every_argument_and_attribute_is_there():
    for name in ("MLPClassifier", "MLPRegressor"):
        own, other = getattr(annlib, name), getattr(theirs, name)
        mine = inspect.signature(own).parameters
        its = inspect.signature(other).parameters
        for parameter in its.values():
            assert mine[parameter.name].default == parameter.default, parameter
            assert mine[parameter.name].kind == parameter.kind, parameter
        positional = [p.name for p in its.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert list(mine)[: len(positional)] == positional
    for kind in ("binary", "number"):
        own, other, _ = pair(kind)
        for attribute in vars(other):
            if attribute.endswith("_"):
                assert hasattr(own, attribute), attribute
        for method in dir(type(other)):
            if not method.startswith("_"):
                assert hasattr(own, method), method
