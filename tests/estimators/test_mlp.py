"""What annlib's perceptrons have and scikit-learn's have not; and bad input."""

from __future__ import annotations

import copy
import pickle
import signal

import numpy as np
import pytest
import sklearn
import sklearn.neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, get_scorer, log_loss, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annlib import (
    MLPClassifier,
    MLPRegressor,
    Sequential,
    activations,
    callbacks,
    layers,
    load_model,
    losses,
    optimizers,
    regularizers,
    schedules,
)
from annlib.estimators.targets import r2

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DATA = load_iris()
X = StandardScaler().fit_transform(DATA.data)
y = DATA.target
NAMES = DATA.target_names[y]
FAST = {"max_iter": 20, "random_state": 0, "batch_size": 30, "learning_rate_init": 0.01}


def trained(Estimator=MLPClassifier, targets=y, **arguments):
    return Estimator(**{**FAST, **arguments}).fit(X, targets)


# -- the network -----------------------------------------------------------------------------------


def test_the_network_is_a_sequential_of_its_own(tmp_path):
    net = trained()
    assert isinstance(net.model_, Sequential)
    np.testing.assert_array_equal(net.model_.predict(X), net.predict_proba(X))
    net.model_.save(tmp_path / "net.safetensors")
    again = load_model(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.predict(X), net.predict_proba(X))
    assert again.layers[0].kernel_regularizer == regularizers.Ridge(1e-4)


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ({"activation": ["gelu", activations.Tanh()]}, ["GELU", "Tanh", "Softmax"]),
        ({"activation": "leaky_relu"}, ["LeakyReLU", "LeakyReLU", "Softmax"]),
        ({"hidden_layer_sizes": ()}, ["Softmax"]),
    ],
)
def test_activations(arguments, kinds):
    net = trained(**{"hidden_layer_sizes": (8, 6), **arguments})
    assert [type(layer.activation).__name__ for layer in net.model_.layers] == kinds
    assert net.score(X, y) > 0.8


def test_dropout_and_batch_normalization():
    net = trained(hidden_layer_sizes=(20, 10), dropout=[0.1, 0.0], batch_normalization=True)
    kinds = [type(layer) for layer in net.model_.layers]
    hidden = [layers.Dense, layers.BatchNormalization, layers.Activation]
    assert kinds == [*hidden, layers.Dropout, *hidden, layers.Dense]
    assert net.score(X, y) > 0.9
    assert [W.shape for W in net.coefs_] == [(4, 20), (20, 10), (10, 3)]
    again = trained(hidden_layer_sizes=(20, 10), dropout=[0.1, 0.0], batch_normalization=True)
    np.testing.assert_array_equal(net.coefs_[0], again.coefs_[0])
    plain = trained(hidden_layer_sizes=(20, 10), batch_normalization=True)
    assert (plain.coefs_[0] != net.coefs_[0]).any()


@pytest.mark.parametrize("seed", [0, np.random.RandomState(3)])
def test_dropout_leaves_first_weights_and_shuffling_as_they_are(seed):
    arguments = {"max_iter": 1, "learning_rate_init": 1e-300, "random_state": seed}
    with_it = trained(**{**arguments, "random_state": copy.deepcopy(seed)}, dropout=0.5)
    without = trained(**arguments)
    np.testing.assert_array_equal(with_it.coefs_[0], without.coefs_[0])


def test_a_regularizer_takes_the_place_of_alpha():
    rare = trained(regularizer=regularizers.L1(0.05), max_iter=60)
    dense = trained(max_iter=60)
    assert (np.abs(rare.coefs_[0]) < 1e-2).mean() > 2 * (np.abs(dense.coefs_[0]) < 1e-2).mean()
    assert trained(alpha=0).model_.layers[0].kernel_regularizer is None


@pytest.mark.parametrize(
    ("loss", "targets", "units"),
    [
        ("categorical_focal_crossentropy", NAMES, 3),
        ("binary_focal_crossentropy", y > 0, 1),
        ("sparse_categorical_crossentropy", y > 0, 2),
        (losses.CategoricalCrossentropy(label_smoothing=0.1), y, 3),
        (losses.CategoricalCrossentropy(from_logits=True), y, 3),
        (losses.BinaryCrossentropy(from_logits=True), NAMES == "setosa", 1),
        ("categorical_hinge", y, 3),
        ("hinge", NAMES == "setosa", 1),
    ],
)
def test_losses_of_a_classifier(loss, targets, units):
    net = trained(loss=loss, targets=targets)
    assert net.n_outputs_ == units
    assert net.score(X, targets) > 0.9
    if "hinge" in str(loss):
        with pytest.raises(AttributeError, match="no attribute 'predict_proba'"):
            net.predict_proba(X)
    else:
        np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("loss", ["huber", "mae", losses.LogCosh(), "poisson"])
def test_losses_of_a_regressor(loss):
    assert trained(MLPRegressor, loss=loss, max_iter=60).score(X, y) > 0.8


# -- the optimizer ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [
        "rmsprop",
        optimizers.AdamW(0.01, clipnorm=1.0),
        optimizers.Nadam(0.01).get_config() and "nadam",
    ],
)
def test_optimizers(optimizer):
    net = trained(optimizer=optimizer, max_iter=60)
    assert net.score(X, y) > 0.9
    assert net.model_.optimizer is not optimizer, "the user's own is not trained with"


def test_an_optimizer_by_its_configuration():
    config = {"class_name": "SGD", "config": {"learning_rate": 0.1}}
    assert trained(optimizer=config).model_.optimizer.learning_rate == 0.1


def test_parameters_of_the_optimizer_are_parameters():
    net = MLPClassifier(optimizer="sgd", optimizer__learning_rate=0.25)
    assert net.get_params()["optimizer__learning_rate"] == 0.25
    assert net.get_params()["optimizer__momentum"] == 0.0
    net.set_params(optimizer__momentum=0.5)
    same = clone(net)
    assert same.get_params(deep=False) == net.get_params(deep=False)
    optimizer = same.fit(X, y).model_.optimizer
    assert (optimizer.learning_rate, optimizer.momentum) == (0.25, 0.5)
    assert trained(optimizer__clipnorm=0.5).model_.optimizer.clipnorm == 0.5, "of a solver, too"


def test_parameters_of_the_other_parts():
    net = MLPClassifier(loss="binary_focal_crossentropy", callbacks="early_stopping", **FAST)
    net.set_params(loss__gamma=1.0, regularizer="l1", regularizer__l1=0.02)
    stop = {"monitor": "loss", "min_delta": 9.0, "patience": 2}
    net.set_params(**{f"callbacks__early_stopping__{name}": value for name, value in stop.items()})
    net = clone(net).fit(X, y > 0)
    assert net.n_iter_ == 3
    assert net.model_.loss.gamma == 1.0
    assert net.model_.layers[0].kernel_regularizer == regularizers.L1(0.02)
    assert "callbacks__early_stopping__baseline" in net.get_params()
    for wrong in (
        {"loss__gamma": 1.0},
        {"regularizer__alpha": 1.0},
        {"callbacks__csv_logger__x": 1},
        {"callbacks__early_stopping__patience": 5},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong)).partition("__")[0]):
            MLPClassifier(**wrong).fit(X, y)


def smoothed_log_loss(net, targets, smoothing):
    """- mean sum_k q_k log a_k with q = y (1 - s) + s / K, by hand."""
    a = net.predict_proba(X)
    q = np.eye(a.shape[1])[targets] * (1 - smoothing) + smoothing / a.shape[1]
    return -(q * np.log(a)).sum(axis=1).mean()


AT_REST = {"max_iter": 1, "batch_size": 150, "learning_rate_init": 1e-300, "random_state": 0}


@pytest.mark.parametrize("targets", [y, (y > 0).astype(int)], ids=["three", "two"])
def test_arguments_of_the_loss_that_follows_from_the_targets(targets):
    net = MLPClassifier(loss__label_smoothing=0.1, alpha=0, **AT_REST)
    by_setting = MLPClassifier(alpha=0, **AT_REST).set_params(loss__label_smoothing=0.1)
    assert clone(net).get_params() == by_setting.get_params()
    for each in (net, by_setting, clone(by_setting)):
        each.fit(X, targets)
        assert each.loss_ == pytest.approx(smoothed_log_loss(each, targets, 0.1), rel=1e-9)
    plain = MLPClassifier(loss__label_smoothing=0.0, alpha=0, **AT_REST).fit(X, targets)
    assert plain.loss_ == pytest.approx(log_loss(targets, plain.predict_proba(X)), rel=1e-9)
    logits = MLPClassifier(loss__from_logits=True, alpha=0, **AT_REST).fit(X, targets)
    np.testing.assert_allclose(logits.predict_proba(X), plain.predict_proba(X), rtol=1e-9)
    assert logits.loss_ == pytest.approx(plain.loss_, rel=1e-9)
    labels = np.column_stack([y == 0, X[:, 0] > 0])
    several = MLPClassifier(loss__label_smoothing=0.1, alpha=0, **AT_REST).fit(X, labels)
    a, q = several.predict_proba(X), labels * 0.9 + 0.05
    expected = -(q * np.log(a) + (1 - q) * np.log(1 - a)).sum(axis=1).mean()
    assert several.loss_ == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match=r"loss__label_smoothin. Did you mean \"label_smoothing"):
        MLPClassifier(loss__label_smoothin=0.1).fit(X, targets)


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_arguments_of_the_regularizer_without_one(Estimator):
    """l1 sum |w| + l2 sum w^2 in the place of alpha, as of ``regularizer="l1_l2"``."""
    net = Estimator(regularizer__l1=0.01, **AT_REST).fit(X, y)
    bare = Estimator(alpha=0, **AT_REST).fit(X, y)
    penalty = 0.01 * sum(np.abs(W).sum() for W in bare.coefs_)
    assert net.loss_ == pytest.approx(bare.loss_ + penalty, rel=1e-9)
    both = Estimator().set_params(regularizer__l1=0.01, regularizer__l2=0.1, **AT_REST).fit(X, y)
    penalty += 0.1 * sum(np.square(W).sum() for W in bare.coefs_)
    assert both.loss_ == pytest.approx(bare.loss_ + penalty, rel=1e-9)


def test_a_search_over_arguments_at_the_defaults():
    grid = {"loss__label_smoothing": [0.0, 0.2], "regularizer__l2": [0.0, 0.1]}
    search = GridSearchCV(MLPClassifier(max_iter=20, random_state=0), grid, cv=2)
    search.set_params(scoring="neg_log_loss").fit(X, NAMES)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.best_estimator_.model_.loss.label_smoothing in grid["loss__label_smoothing"]


def test_a_function_with_its_derivative_is_one_activation():
    pair = (np.sin, np.cos)
    for activation in (pair, [pair]):
        assert trained(activation=activation).score(X, y) > 0.8


def test_a_search_over_them():
    grid = {"optimizer__learning_rate": [1e-6, 0.3], "dropout": [0.0]}
    search = GridSearchCV(MLPClassifier(optimizer="sgd", max_iter=20, random_state=0), grid, cv=2)
    assert search.fit(X, NAMES).best_params_["optimizer__learning_rate"] == 0.3


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_schedules(solver):
    schedule = schedules.ExponentialDecay(0.05, 50, 0.5)
    rates = trained(learning_rate=schedule, solver=solver).history_["learning_rate"]
    np.testing.assert_allclose(rates, [schedule(5 * epoch) for epoch in range(1, 21)])


# -- validation ------------------------------------------------------------------------------------

TRAIN, REST = np.arange(150) % 3 > 0, np.arange(150) % 3 == 0


def with_validation(**arguments):
    net = MLPClassifier(**{**FAST, **arguments})
    weights = np.linspace(1, 2, REST.sum())
    return net.fit(
        X[TRAIN], NAMES[TRAIN], X_val=X[REST], y_val=NAMES[REST], sample_weight_val=weights
    ), weights


def test_validation_data_of_ones_own_leave_the_training_alone():
    net, weights = with_validation()
    plain = MLPClassifier(**FAST).fit(X[TRAIN], NAMES[TRAIN])
    np.testing.assert_array_equal(net.coefs_[0], plain.coefs_[0])
    assert net.history_.keys() == {"loss", "val_loss", "val_score", "learning_rate"}
    assert {len(curve) for curve in net.history_.values()} == {20}
    accuracy = accuracy_score(NAMES[REST], net.predict(X[REST]), sample_weight=weights)
    assert net.history_["val_score"][-1] == pytest.approx(accuracy)
    penalty = 0.5 * net.alpha * sum((W**2).sum() for W in net.coefs_) / weights.sum()
    data_loss = log_loss(NAMES[REST], net.predict_proba(X[REST]), sample_weight=weights)
    assert net.history_["val_loss"][-1] == pytest.approx(data_loss + penalty, rel=1e-9)
    assert net.validation_scores_ is None


@pytest.mark.parametrize(
    "scoring", [None, "loss", "neg_log_loss", "f1_macro", get_scorer("accuracy")]
)
def test_early_stopping_keeps_the_weights_of_the_best_score(scoring):
    arguments = {"early_stopping": True, "scoring": scoring, "n_iter_no_change": 2, "max_iter": 200}
    net, weights = with_validation(**arguments, tol=1e-3, learning_rate_init=0.05)
    assert net.n_iter_ < 200
    assert net.best_validation_score_ == max(net.validation_scores_)
    scorer = None if scoring in (None, "loss") else scoring
    if scorer is not None:
        scorer = get_scorer(scorer) if isinstance(scorer, str) else scorer
        found = scorer(net, X[REST], NAMES[REST], sample_weight=weights)
        assert found == pytest.approx(net.best_validation_score_)


def test_r2_is_scikit_learns():
    rng = np.random.default_rng(0)
    constant, column = np.ones(9), rng.normal(size=9)
    for truth in (column, constant, np.arange(9), np.column_stack([constant, column])):
        for predicted in (rng.normal(size=truth.shape), truth.astype(np.float32)):
            for weights in (None, rng.uniform(size=9)):
                expected = r2_score(truth, predicted, sample_weight=weights)
                assert r2(truth, predicted, weights) == pytest.approx(expected, rel=1e-12)


def test_validation_data_through_a_pipeline():
    raw = DATA.data
    weights = np.linspace(1, 2, TRAIN.sum())
    with sklearn.config_context(enable_metadata_routing=True):
        net = MLPClassifier(**FAST).set_fit_request(X_val=True, y_val=True, sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, net, transform_input=["X_val"])
        pipe.fit(raw[TRAIN], y[TRAIN], X_val=raw[REST], y_val=y[REST], sample_weight=weights)
    alone = MLPClassifier(**FAST).fit(scaler.transform(raw[TRAIN]), y[TRAIN], weights)
    np.testing.assert_array_equal(net.coefs_[0], alone.coefs_[0])
    assert pipe[-1].history_["val_score"][-1] == pytest.approx(pipe.score(raw[REST], y[REST]))


def test_callbacks_are_told_and_may_stop():
    seen = []
    watch = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)))
    stop = callbacks.EarlyStopping("loss", min_delta=10.0, patience=3)
    net = trained(callbacks=[watch, stop], max_iter=50)
    assert net.n_iter_ == len(seen) == 4
    assert seen[0] == ["learning_rate", "loss"]


@pytest.fixture
def ctrl_c():
    """Ctrl-C as Python has it, which a process in the background may have been told to ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("signals", [True, False], ids=["Ctrl-C", "an exception"])
def test_an_interrupted_training_keeps_what_it_has(solver, signals):
    def interrupt(epoch, logs):
        if epoch == 3:
            if not signals:
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGINT)

    stop = callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.warns(UserWarning, match="Training interrupted by user."):
        net = trained(callbacks=stop, solver=solver, max_iter=50)
    assert net.n_iter_ == 4
    assert net.score(X, y) > 0.5


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_validation_by_lbfgs(Estimator):
    net = Estimator(solver="lbfgs", max_iter=15, random_state=0)
    net.fit(X[TRAIN], y[TRAIN], X_val=X[REST], y_val=y[REST])
    assert len(net.history_["val_loss"]) == len(net.history_["val_score"]) == net.n_iter_
    assert net.history_["val_score"][-1] == pytest.approx(net.score(X[REST], y[REST]))
    assert not hasattr(net, "loss_curve_"), "as with scikit-learn"


# -- targets, weights, types -----------------------------------------------------------------------


def test_several_columns_of_classes():
    targets = np.column_stack([NAMES, np.where(y > 0, "a", "b")])
    net = trained(targets=targets)
    assert net.predict(X).shape == (150, 2)
    assert (net.predict(X) == targets).mean() > 0.9
    assert [list(classes) for classes in net.classes_] == [sorted(set(NAMES)), ["a", "b"]]
    proba = net.predict_proba(X)
    assert [p.shape for p in proba] == [(150, 3), (150, 2)]
    np.testing.assert_allclose(proba[0].sum(axis=1), 1)
    assert net.score(X, targets) == (net.predict(X) == targets).all(axis=1).mean()
    parts = MLPClassifier(random_state=0)
    classes = [np.unique(column) for column in targets.T]
    assert parts.partial_fit(X[:60], targets[:60], classes=classes).predict(X).shape == (150, 2)


def test_class_weights_are_factors_of_sample_weights():
    factors = {"setosa": 3.0, "versicolor": 0.5}
    weights = np.linspace(0.5, 1, 150)
    weighted = MLPClassifier(class_weight=factors, **FAST).fit(X, NAMES, weights)
    by_hand = weights * np.array([factors.get(name, 1.0) for name in NAMES])
    same = MLPClassifier(**FAST).fit(X, NAMES, by_hand)
    np.testing.assert_allclose(weighted.predict_proba(X), same.predict_proba(X), rtol=1e-9)
    few = np.r_[0:50, 50:60]
    balanced = MLPClassifier(class_weight="balanced", **FAST).fit(X[few], y[few])
    counts = np.array([60 / (2 * 50), 60 / (2 * 10)])
    same = MLPClassifier(**FAST).fit(X[few], y[few], counts[y[few]])
    np.testing.assert_allclose(balanced.predict_proba(X), same.predict_proba(X), rtol=1e-9)


def test_decisions_are_logits():
    two = trained(targets=y > 0)
    z = two.decision_function(X)
    assert z.shape == (150,)
    np.testing.assert_allclose(1 / (1 + np.exp(-z)), two.predict_proba(X)[:, 1], rtol=1e-9)
    three = trained().decision_function(X)
    proba = np.exp(three) / np.exp(three).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(proba, trained().predict_proba(X), rtol=1e-9)


def test_dtype_decides_the_arithmetic():
    assert trained().coefs_[0].dtype == np.float64
    single = trained(dtype="float32")
    assert single.coefs_[0].dtype == single.predict_proba(X).dtype == np.float32
    double = MLPClassifier(dtype="float64", **FAST).fit(X.astype(np.float32), y)
    assert double.predict_proba(X.astype(np.float32)).dtype == np.float64


# -- weights that are set, copies ------------------------------------------------------------------


def test_coefs_can_be_set_as_a_list_one_by_one_and_in_place():
    net, other = trained(), trained(random_state=1)
    expected = other.predict_proba(X)
    net.coefs_, net.intercepts_ = other.coefs_, other.intercepts_
    np.testing.assert_array_equal(net.predict_proba(X), expected)
    net.coefs_[1] = np.zeros_like(net.coefs_[1])
    net.intercepts_[1][:] = [0, 5, 0]
    assert (net.predict(X) == 1).all()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).coefs_[1], 0)
    net.partial_fit(X, y)
    assert 0 < np.abs(net.coefs_[1]).max() < 0.1
    np.testing.assert_array_equal(other.predict_proba(X), expected), "the other is another"
    net.coefs_ = net.coefs_[:1]
    with pytest.raises(ValueError, match="expected arrays of shapes"):
        net.predict(X)


# -- weights of a network with normalization -------------------------------------------------------


def scikit_learns(net):
    """scikit-learn's perceptron that reads the attributes of a fitted one."""
    reader = getattr(theirs, type(net).__name__)(net.hidden_layer_sizes, activation=net.activation)
    names = ["coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_", "classes_"]
    for name in [*names, "n_features_in_", "_label_binarizer"]:
        if hasattr(net, name):
            setattr(reader, name, getattr(net, name))
    return reader


NORMALIZED = {**FAST, "hidden_layer_sizes": (8, 6), "batch_normalization": True}
TARGETS = {
    "three": (MLPClassifier, NAMES),
    "two": (MLPClassifier, y > 0),
    "labels": (MLPClassifier, np.column_stack([y == 0, X[:, 0] > 0]).astype(int)),
    "number": (MLPRegressor, y.astype(float)),
}


@pytest.mark.parametrize("more", [{}, {"dropout": 0.3, "activation": "tanh"}, {"dtype": "float32"}])
@pytest.mark.parametrize("kind", TARGETS)
def test_whoever_reads_the_weights_of_a_normalized_network_predicts_the_same(kind, more):
    """Normalization at rest is affine: it is a part of kernel and bias for a reader."""
    Estimator, targets = TARGETS[kind]
    net = Estimator(**{**NORMALIZED, **more}).fit(X, targets)
    exact = {"rtol": 2e-4, "atol": 1e-5} if "dtype" in more else {"rtol": 1e-9, "atol": 1e-12}
    for again in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        reader, method = scikit_learns(again), "predict"
        if Estimator is MLPClassifier:
            np.testing.assert_array_equal(reader.predict(X), net.predict(X))
            method = "predict_proba"
        np.testing.assert_allclose(getattr(reader, method)(X), getattr(net, method)(X), **exact)
    assert [W.shape for W in net.coefs_] == [(4, 8), (8, 6), (6, net.n_outputs_)]
    assert {W.dtype.name for W in (*net.coefs_, *net.intercepts_)} == {net.model_.dtype}
    # Of the network itself, they follow all that changes it.
    net.partial_fit(X, targets)
    net.model_.get_layer("batch_normalization").gamma[...] *= 3
    reader = scikit_learns(net)
    np.testing.assert_allclose(getattr(reader, method)(X), getattr(net, method)(X), **exact)


def test_weights_of_a_normalized_network_while_it_trains():
    """A scorer, or a callback, that reads them after an epoch reads those of that epoch."""

    def by_reader(net, X, y):
        assert scikit_learns(net).score(X, y) == net.score(X, y)
        return net.score(X, y)

    net = MLPClassifier(**NORMALIZED, early_stopping=True, scoring=by_reader)
    assert len(net.fit(X, NAMES).validation_scores_) == net.n_iter_


def test_weights_that_are_put_into_a_normalized_network():
    """It then predicts what a network with these weights and no normalization does."""
    plain = trained(hidden_layer_sizes=(8, 6), targets=NAMES)
    net = MLPClassifier(**NORMALIZED).fit(X, NAMES)
    assert not hasattr(MLPClassifier(**NORMALIZED), "coefs_")
    for weights in (net.coefs_[0], net.intercepts_[1]):
        with pytest.raises(ValueError, match="read-only"):
            weights[...] = 0
    with pytest.raises(TypeError, match="does not support item assignment"):
        net.coefs_[0] = plain.coefs_[0]
    net.coefs_, net.intercepts_ = plain.coefs_, plain.intercepts_
    np.testing.assert_allclose(net.predict_proba(X), plain.predict_proba(X), rtol=1e-9)
    np.testing.assert_allclose(net.coefs_[0], plain.coefs_[0], rtol=1e-9)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    net.coefs_ = [np.zeros_like(W) for W in plain.coefs_]  # one of the two alone
    expected = np.exp(plain.intercepts_[2]) / np.exp(plain.intercepts_[2]).sum()
    np.testing.assert_allclose(net.predict_proba(X)[:1], expected[None], rtol=1e-9)
    before = net.predict_proba(X)
    net.model_.get_layer("batch_normalization_1").gamma[2] = 0
    net.coefs_ = plain.coefs_
    with pytest.raises(ValueError, match=r'a gamma other than 0 in "batch_normalization_1".*\[2\]'):
        net.predict(X)
    assert before.shape == net.model_.predict(X).shape


def test_weights_that_a_normalized_network_begins_with():
    plain = trained(hidden_layer_sizes=(8, 6), targets=NAMES)
    net = MLPClassifier(**{**NORMALIZED, "learning_rate_init": 1e-300})
    net.coefs_, net.intercepts_, net.n_features_in_ = plain.coefs_, plain.intercepts_, 4
    net.partial_fit(X, NAMES, classes=np.unique(NAMES))
    for layer in net.model_.layers:
        if hasattr(layer, "moving_mean"):  # as it was before the epoch
            layer.moving_mean[...], layer.moving_variance[...] = 0, 1
    np.testing.assert_allclose(net.predict_proba(X), plain.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_goes_on_as_the_original_would(again):
    net = MLPClassifier(random_state=0, dropout=0.2)
    net.partial_fit(X, NAMES, classes=DATA.target_names)
    other = again(net)
    for each in (net, other):
        each.partial_fit(X, NAMES)
    np.testing.assert_array_equal(net.coefs_[0], other.coefs_[0])


def test_the_lines_that_scikit_learn_prints(capsys):
    arguments = {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1}
    arguments |= {"verbose": True, "early_stopping": True, "random_state": 0, "max_iter": 12}
    lines = []
    for Estimator in (MLPClassifier, theirs.MLPClassifier):
        Estimator(**arguments).fit(X, y)
        lines.append(capsys.readouterr().out.splitlines())
    assert lines[0] == lines[1]
    assert "Setting learning rate" in "".join(lines[0])


def test_a_bar(capsys):
    trained(verbose="tqdm", max_iter=3)
    out, err = capsys.readouterr()
    assert not out
    assert "3/3" in err


# -- bad input -------------------------------------------------------------------------------------

WRONG = [
    ({"dropout": 1.5}, "a float in the range"),
    ({"dropout": [0.1, 0.1]}, "as many as there are hidden layers, 1"),
    ({"optimizer": "adm"}, "an optimizer of annlib"),
    ({"activation": "rel"}, "'identity', 'logistic'"),
    ({"activation": ["relu", "tanh"]}, "as many as there are hidden layers, 1"),
    ({"regularizer": "l3"}, "a regularizer of annlib"),
    ({"callbacks": [3]}, "a callback of annlib"),
    ({"scoring": 4}, "the name of a scorer"),
    ({"scoring": "acuracy"}, 'Did you mean "accuracy"'),
    ({"dtype": "int8"}, "one of {'float32', 'float64'}"),
    ({"class_weight": 3}, "a dict, 'balanced'"),
    ({"batch_normalization": 1}, "an instance of 'bool'"),
    ({"loss": "los"}, "a loss of annlib"),
    ({"learning_rate": "falling"}, "a schedule of annlib"),
    ({"verbose": "loud"}, "'tqdm'"),
    ({"dropout": 0.5, "solver": "lbfgs"}, "0 with LBFGS"),
    ({"batch_normalization": True, "solver": "lbfgs"}, "False with LBFGS"),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG, ids=lambda value: str(value))
def test_new_arguments_that_cannot_be_meant(arguments, text):
    net = MLPClassifier(**arguments)
    before = dict(vars(net))
    with pytest.raises(ValueError) as caught:
        net.fit(X, y)
    message = str(caught.value)
    assert message.startswith(f"The '{next(iter(arguments))}' parameter of MLPClassifier must be ")
    assert text in message
    assert " instead." in message
    assert vars(net) == before
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": -1},
        {"batch_size": 0},
        {"hidden_layer_sizes": -1},
        {"hidden_layer_sizes": (3, 0)},
        {"learning_rate_init": 0},
        {"max_iter": 2.5},
        {"momentum": 2},
        {"n_iter_no_change": 0},
        {"tol": -1.0},
        {"validation_fraction": 1},
        {"beta_1": 1.0},
        {"max_fun": 0},
    ],
    ids=str,
)
def test_the_messages_of_scikit_learn(arguments):
    messages = []
    for Estimator in (MLPClassifier, theirs.MLPClassifier):
        with pytest.raises(ValueError) as caught:
            Estimator(**arguments).fit(X, y)
        messages.append(str(caught.value).rstrip("."))
    assert messages[0] == messages[1]


def test_targets_that_the_loss_refuses_leave_nothing_behind():
    net = MLPRegressor("poisson")
    for given in ({"y": y - 5.0}, {"y": y, "X_val": X, "y_val": y - 5.0}):
        with pytest.raises(ValueError, match="targets y of at least 0"):
            net.fit(X, **given)
        assert not hasattr(net, "model_")


def test_validation_data_that_are_not_whole():
    for given, text in [
        ({"X_val": X}, "X_val is provided, but y_val was not provided."),
        ({"y_val": y}, "y_val is provided, but X_val was not provided."),
        ({"X_val": X[:, :2], "y_val": y}, "X has 2 features, but MLPClassifier is expecting 4"),
    ]:
        with pytest.raises(ValueError, match=text):
            MLPClassifier().fit(X, y, **given)


def test_partial_fit_that_cannot_be_meant():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="'class_weight' parameter"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    net = MLPClassifier().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not the same as on last call"):
        net.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"\[7\]"):
        net.partial_fit(X[:1], [7])


def test_unknown_arguments():
    with pytest.raises(TypeError, match="Did you mean"):
        MLPClassifier(drop_out=0.1)
    with pytest.raises(ValueError, match="Invalid parameter 'drop_out'"):
        MLPClassifier().set_params(drop_out=0.1)
    with pytest.raises(ValueError, match="optimizer__rate"):
        MLPClassifier(optimizer__rate=0.1).fit(X, y)
