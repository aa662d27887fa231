"""Every parameter of the perceptrons that changes between two fits counts, or is refused.

scikit-learn's perceptrons, with plain gradient descent, tell the right numbers for their own
parameters: its warm start makes a new optimizer, which differs from one that stays only by moments.
"""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    callbacks,
    layers,
    optimizers,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1:UserWarning"),
    pytest.mark.filterwarnings("ignore:lbfgs failed to converge:UserWarning"),
]

X, CODES = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
NUMBERS = np.abs(X @ np.array([1.0, 0.5, -0.3, 0.2]) + np.sin(X[:, 0]))
TARGETS = {MLPClassifier: CODES, MLPRegressor: NUMBERS}

#: Plain gradient descent, which has no moments.
BASE = {
    "hidden_layer_sizes": (8,),
    "solver": "sgd",
    "momentum": 0.0,
    "learning_rate_init": 0.1,
    "batch_size": 40,
    "max_iter": 5,
    "random_state": 0,
    "warm_start": True,
}
#: Rates and stopping without progress.
STUCK = {"tol": 9.0, "n_iter_no_change": 1, "max_iter": 20}
ADAM, LBFGS = {"solver": "adam"}, {"solver": "lbfgs", "max_iter": 3}
WATCHED = {"early_stopping": True}

#: By parameter: what else is set from the beginning, and what it changes to.
CHANGES = {
    "hidden_layer_sizes": ({}, (9,)),
    "activation": ({}, "tanh"),
    "solver": ({}, "adam"),
    "alpha": ({}, 5.0),
    "batch_size": ({}, 20),
    "learning_rate": ({"learning_rate": "adaptive", **STUCK}, "constant"),
    "learning_rate_init": ({}, 0.3),
    "power_t": ({"learning_rate": "invscaling"}, 0.1),
    "max_iter": ({}, 9),
    "shuffle": ({}, False),
    "random_state": ({}, 5),
    "tol": ({**STUCK, "learning_rate": "adaptive", "tol": 0.0}, 9.0),
    "verbose": ({}, True),
    "warm_start": ({}, False),
    "momentum": ({}, 0.9),
    "nesterovs_momentum": ({"momentum": 0.5}, False),
    "early_stopping": ({}, True),
    "validation_fraction": (WATCHED, 0.4),
    "beta_1": (ADAM, 0.5),
    "beta_2": (ADAM, 0.5),
    "epsilon": (ADAM, 0.5),
    "n_iter_no_change": ({**STUCK, "learning_rate": "adaptive", "n_iter_no_change": 9}, 1),
    "max_fun": (LBFGS, 1),
    "optimizer": ({}, "rmsprop"),
    "regularizer": ({}, "l1"),
    "dropout": ({}, 0.4),
    "batch_normalization": ({}, True),
    "callbacks": ({}, callbacks.LearningRateScheduler(lambda epoch, rate: rate / 10)),
    "scoring": (WATCHED, "loss"),
    "kernel_initializer": ({}, "he_normal"),
    "kernel_constraint": ({}, "non_neg"),
    "dtype": ({}, "float32"),
    # Arguments of parts.
    "optimizer__learning_rate": ({"optimizer": "sgd"}, 0.3),
    "optimizer__clipnorm": ({}, 0.01),
    "regularizer__l1": ({}, 0.1),
}
OF_CLASSIFIER = {
    "loss": ({}, "categorical_hinge"),
    "metrics": ({}, "accuracy"),
    "class_weight": ({}, {0: 9.0}),
    "loss__label_smoothing": ({}, 0.3),
    "loss__reduction": ({}, "sum"),
}
OF_REGRESSOR = {
    "loss": ({}, "poisson"),
    "loss__delta": ({"loss": "huber"}, 0.1),
    "metrics": ({}, ["mae"]),
}
CHANGES_OF = {MLPClassifier: CHANGES | OF_CLASSIFIER, MLPRegressor: CHANGES | OF_REGRESSOR}

#: Of another network, whose weights would be others.
REFUSED = ("hidden_layer_sizes", "batch_normalization", "kernel_initializer")
#: Of more epochs than one, of the validation that ``partial_fit`` has not, or of L-BFGS.
NOT_OF_PARTIAL_FIT = ("max_iter", "warm_start", "early_stopping", "validation_fraction", "scoring")
NOT_OF_PARTIAL_FIT += ("max_fun",)

each_change = pytest.mark.parametrize(
    ("Estimator", "name"),
    [(Estimator, name) for Estimator, changes in CHANGES_OF.items() for name in changes],
)


def made(Estimator, name):
    return Estimator(**{**BASE, **CHANGES_OF[Estimator][name][0]})


def fit(net):
    return net.fit(X, TARGETS[type(net)])


def partial_fit(net):
    more = {"classes": [0, 1, 2]} if isinstance(net, MLPClassifier) else {}
    for _ in range(3):
        net.partial_fit(X, TARGETS[type(net)], **more)
    return net


def found(net, told):
    """All that a training leaves: weights and their type, epochs, scores, and what it printed."""
    weights = net.model_.vector.values
    return weights.dtype, weights.tobytes(), net.n_iter_, repr(net.history_), told.readouterr().out


@pytest.mark.parametrize("Estimator", CHANGES_OF)
def test_every_parameter_is_in_the_table(Estimator):
    parameters = inspect.signature(Estimator).parameters
    assert {name for name in CHANGES_OF[Estimator] if "__" not in name} == set(parameters)


@each_change
@pytest.mark.parametrize("step", [fit, partial_fit])
def test_a_changed_parameter_counts_or_is_refused(Estimator, name, step, capsys):
    if step is partial_fit and name in NOT_OF_PARTIAL_FIT:
        pytest.skip("without a meaning for one epoch on a part of the rows")
    net = step(made(Estimator, name))
    unchanged = copy.deepcopy(net)
    before = copy.deepcopy(vars(net)), net.predict(X)
    capsys.readouterr()
    value = CHANGES_OF[Estimator][name][1]
    net.set_params(**{name: value})
    if name in REFUSED:
        with pytest.raises(ValueError, match=f"The '{name}' parameter of .*, as (in|before)"):
            step(net)
        np.testing.assert_array_equal(net.predict(X), before[1])
        assert net.history_ == before[0]["history_"]
        step(net.set_params(warm_start=False, **{name: getattr(unchanged, name)}))
        return
    changed = found(step(net), capsys)
    assert changed != found(step(unchanged), capsys)
    # What has been heeded once stays in force and continues.
    again = pickle.loads(pickle.dumps(net)) if name != "callbacks" else copy.deepcopy(net)
    for each in (net, again):
        capsys.readouterr()
        step(each)
    np.testing.assert_array_equal(net.model_.vector.values, again.model_.vector.values)


OWN = [*inspect.signature(theirs.MLPClassifier).parameters, "loss"]
#: scikit-learn restores what it has changed in place meanwhile, or fails with AttributeError.
NO_REFERENCE = ("early_stopping", "validation_fraction", "hidden_layer_sizes")


@pytest.mark.parametrize("Estimator", CHANGES_OF)
@pytest.mark.parametrize("name", [name for name in OWN if name not in NO_REFERENCE])
def test_a_warm_start_with_a_changed_parameter_is_scikit_learns(Estimator, name, capsys):
    reference = getattr(theirs, Estimator.__name__)
    if name not in inspect.signature(reference).parameters:
        pytest.skip("not in scikit-learn's classifier")
    if Estimator is MLPRegressor and name == "loss":
        pytest.skip("scikit-learn keeps the activation of the last layer")
    arguments, value = CHANGES_OF[Estimator][name]
    y = TARGETS[Estimator]
    arguments = {**BASE, **arguments}
    if name in ("tol", "n_iter_no_change"):
        del arguments["learning_rate"]  # a rate that has adapted stays adapted here alone
    nets = Estimator(**arguments), reference(**arguments)
    for net in nets:
        net.fit(X, y).set_params(**{name: value}).fit(X, y)
    own, other = nets
    assert own.n_iter_ == other.n_iter_
    for ours, reference_values in zip(
        [*own.coefs_, *own.intercepts_], other.coefs_ + other.intercepts_, strict=True
    ):
        np.testing.assert_allclose(ours, reference_values, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", ["alpha", "activation", "batch_size", "shuffle", "random_state"])
def test_partial_fit_with_a_changed_parameter_is_scikit_learns(name):
    """With Adam's moments, which stay in both. (Theirs ignores changes of the optimizer.)"""
    nets = [kind(**{**BASE, **ADAM}) for kind in (theirs.MLPRegressor, MLPRegressor)]
    for net in nets:
        net.partial_fit(X, NUMBERS).partial_fit(X, NUMBERS)
        net.set_params(**{name: CHANGES[name][1]})
        net.partial_fit(X, NUMBERS).partial_fit(X, NUMBERS)
    other, own = nets
    np.testing.assert_allclose(own.coefs_[0], other.coefs_[0], rtol=1e-7)


def test_a_penalty_that_grows_makes_the_weights_small():
    """The gradient descent on a penalty alone shrinks by 1 - rate alpha / n at each step."""
    still = {"learning_rate_init": 0.5, "batch_size": 150, "max_iter": 30, "tol": 0.0}
    net = MLPRegressor(**{**BASE, **still}, alpha=0.0).fit(X, np.zeros(150))
    start = sum(np.square(W).sum() for W in net.coefs_)
    net.set_params(alpha=100.0).fit(X, np.zeros(150))
    assert sum(np.square(W).sum() for W in net.coefs_) < start * (1 - 0.5 * 100 / 150) ** 60 + 1e-3


# -- what stays when something changes -------------------------------------------------------------


def test_the_moments_stay_when_the_network_learns_something_else():
    net = partial_fit(MLPClassifier(**{**BASE, **ADAM}))
    steps = net.model_.optimizer.steps
    assert steps == 12
    changes = {"alpha": 0.1, "activation": "tanh", "dropout": [0.2], "loss": "mse"}
    for name, value in changes.items():
        partial_fit(net.set_params(**{name: value}))
        assert net.model_.optimizer.steps == (steps := steps + 12), name
    partial_fit(net.set_params(beta_1=0.5))
    assert net.model_.optimizer.steps == 12, "another optimizer begins anew"
    assert len(net.history_["loss"]) == 3 * 6


def test_the_weights_stay_when_the_network_is_made_anew():
    still = {"learning_rate_init": 1e-300, "alpha": 0}
    net = partial_fit(MLPClassifier(**{**BASE, **still}))
    before = [W.copy() for W in (*net.coefs_, *net.intercepts_)]
    net.model_.layers[0].trainable = False
    for name, value in {"activation": "elu", "dropout": 0.5, "loss": "categorical_hinge"}.items():
        partial_fit(net.set_params(**{name: value}))
        for ours, then in zip((*net.coefs_, *net.intercepts_), before, strict=True):
            np.testing.assert_array_equal(ours, then)
    kinds = [type(layer) for layer in net.model_.layers]
    assert kinds == [layers.Dense, layers.Dropout, layers.Dense]
    assert [layer.activation._names[0] for layer in net.model_.layers[::2]] == ["elu", "linear"]
    assert net.out_activation_ == "identity"
    assert not hasattr(net, "predict_proba")
    assert [layer.trainable for layer in net.model_.layers] == [False, True, True]
    net.set_params(dtype="float32")
    partial_fit(net)
    assert {W.dtype for W in net.coefs_} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(net.coefs_[0], before[0].astype(np.float32))
    partial_fit(net.set_params(dtype=None))
    assert net.coefs_[0].dtype == np.float32, "None is the arithmetic of the network that there is"


def test_a_loss_of_other_outputs_is_refused():
    net = MLPClassifier(**BASE).fit(X, CODES > 0)
    assert net.n_outputs_ == 1
    with pytest.raises(ValueError, match=r"'loss' parameter .* one with 1 output, as in"):
        net.set_params(loss="categorical_crossentropy").fit(X, CODES > 0)


def test_dropout_goes_on_drawing_and_another_seed_begins_anew():
    net = partial_fit(MLPClassifier(**BASE, shuffle=False, dropout=0.5))
    same, other = copy.deepcopy(net), copy.deepcopy(net).set_params(random_state=5)
    for each in (net, same, other):
        partial_fit(each)
    np.testing.assert_array_equal(net.coefs_[0], same.coefs_[0])
    assert (net.coefs_[0] != other.coefs_[0]).any()


def test_parameters_that_decay_leaves_out():
    """They are no argument of the optimizer's constructor."""
    decaying = {"learning_rate": 0.01, "weight_decay": 5.0}
    net = partial_fit(MLPClassifier(**BASE, optimizer=optimizers.AdamW(**decaying)))
    optimizer = optimizers.AdamW(**decaying)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    unchanged = partial_fit(copy.deepcopy(net))
    partial_fit(net.set_params(optimizer=optimizer))
    assert np.abs(net.coefs_[0]).mean() > np.abs(unchanged.coefs_[0]).mean()


@pytest.mark.parametrize("changes", [{"scoring": "neg_log_loss"}, {"activation": "identity"}])
def test_the_best_weights_by_another_score_are_forgotten(changes):
    """An accuracy near 1 is more than every minus log loss, whatever is learned by that."""
    held_out = {"X_val": X[::3], "y_val": CODES[::3]}
    arguments = {**BASE, "max_iter": 40, "learning_rate_init": 0.05, **WATCHED}
    net = MLPClassifier(**arguments).fit(X, CODES, **held_out)
    assert net.best_validation_score_ > 0.9
    net.set_params(**changes).fit(X, CODES, **held_out)
    assert net.best_validation_score_ == max(net.validation_scores_[-net.n_iter_ :])
    score = net.score(X[::3], CODES[::3])
    if "scoring" not in changes:
        assert score == net.best_validation_score_


def test_an_optimizer_set_by_hand_is_the_one_that_trains():
    net = MLPRegressor(**BASE, optimizer="adam").fit(X, NUMBERS)
    net.set_params(optimizer=optimizers.Lion(1e-3)).fit(X, NUMBERS)
    assert isinstance(net.model_.optimizer, optimizers.Lion)


# -- the transformer -------------------------------------------------------------------------------

OF_TRANSFORMER = {
    "estimator": MLPClassifier(**{**BASE, "hidden_layer_sizes": (5,)}),
    "layer": -1,
    "prefit": True,
    "random_state": 7,
    "estimator__alpha": 9.0,
    "estimator__activation": "tanh",
    "estimator__warm_start": False,
}


@pytest.mark.parametrize("name", OF_TRANSFORMER)
def test_a_changed_parameter_of_the_transformer_counts(name):
    """Each fit is of a clone, so that nothing continues and a warm start means nothing."""
    estimator = MLPClassifier(**BASE)
    if name == "prefit":
        estimator = FrozenEstimator(estimator.fit(X, CODES))
    hidden = HiddenLayerTransformer(estimator).fit(X, CODES)
    before = hidden.transform(X)
    np.testing.assert_array_equal(hidden.fit(X, CODES).transform(X), before)
    after = hidden.set_params(**{name: OF_TRANSFORMER[name]}).fit(X, CODES).transform(X)
    if name in ("prefit", "estimator__warm_start"):
        np.testing.assert_array_equal(after, before)
    else:
        assert after.shape != before.shape or (after != before).any()


def test_the_transformers_parameters_are_all_there():
    parameters = inspect.signature(HiddenLayerTransformer).parameters
    assert {name for name in OF_TRANSFORMER if "__" not in name} == set(parameters)


def test_arguments_of_an_estimator_that_is_not_known_yet():
    hidden = HiddenLayerTransformer()
    with pytest.raises(ValueError, match="expected an estimator that has estimator__alpha, got No"):
        hidden.set_params(layer=0, estimator__alpha=1.0)
    assert hidden.layer == -2, "nothing is changed"
    hidden.set_params(estimator=MLPClassifier(), estimator__alpha=1.0)
    assert hidden.estimator.alpha == 1.0


def test_a_network_that_is_not_fitted_is_not_prefit():
    hidden = HiddenLayerTransformer(MLPClassifier(**BASE)).fit(X, CODES)
    with pytest.raises(NotFittedError):
        hidden.set_params(prefit=True).fit(X, CODES)
