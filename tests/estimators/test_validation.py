"""What is measured on validation data: scores, metrics, the best epoch, with and without a stop."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, roc_auc_score
from sklearn.neural_network import MLPClassifier as TheirClassifier

from annlib import MLPClassifier, MLPRegressor, SequentialClassifier, SequentialRegressor, callbacks

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 4))
NAMES = np.where(X[:, 0] + 0.3 * rng.normal(size=150) > 0, "yes", "no")
NUMBER = X @ [1.0, -1.0, 0.5, 0.0]
TRAIN, REST = slice(0, 100), slice(100, 150)
HELD_OUT = {"X_val": X[REST], "y_val": NAMES[REST]}
SHORT = {"max_iter": 6, "random_state": 0, "learning_rate_init": 0.02}


@pytest.mark.parametrize(
    "net", [MLPClassifier((5,), **SHORT), SequentialClassifier(epochs=6, random_state=0)]
)
def test_metrics_are_those_of_compile(net):
    net = clone(net).set_params(metrics=["accuracy", "auc"]).fit(X[TRAIN], NAMES[TRAIN], **HELD_OUT)
    found = net.history_
    assert {"accuracy", "auc", "val_accuracy", "val_auc"} <= found.keys()
    last = accuracy_score(NAMES[REST], net.predict(X[REST]))
    assert found["val_accuracy"][-1] == pytest.approx(last)
    named = clone(net).set_params(metrics="accuracy").fit(X[TRAIN], NAMES[TRAIN])
    assert named.history_["accuracy"] == found["accuracy"]


def test_metrics_leave_the_training_alone_and_heed_weights():
    weights = np.where(NAMES[TRAIN] == "yes", 3.0, 0.0)
    setting = {**SHORT, "max_iter": 40, "learning_rate_init": 0.1, "alpha": 0.0}
    plain = MLPClassifier((5,), **setting).fit(X[TRAIN], NAMES[TRAIN], weights)
    net = MLPClassifier((5,), metrics=["accuracy"], **setting).fit(X[TRAIN], NAMES[TRAIN], weights)
    assert_array_equal(net.coefs_[0], plain.coefs_[0])
    assert net.history_["accuracy"][-1] == 1.0  # all others weigh nothing
    assert MLPRegressor(metrics=["mae"], **SHORT).fit(X, NUMBER).history_["mae"][0] > 0
    with pytest.raises(ValueError, match=r"mae|MeanAbsoluteError"):
        MLPClassifier(metrics=["mae"]).fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))


def test_metrics_go_on_with_a_warm_start():
    net = MLPClassifier((5,), metrics=["accuracy"], warm_start=True, **SHORT)
    assert len(net.fit(X, NAMES).fit(X, NAMES).history_["accuracy"]) == 12


def test_one_score():
    net = SequentialClassifier(epochs=6, random_state=0, scoring="roc_auc")
    net.fit(X[TRAIN], NAMES[TRAIN], **HELD_OUT)
    last = roc_auc_score(NAMES[REST] == "yes", net.predict_proba(X[REST])[:, 1])
    assert net.history_["val_score"][-1] == pytest.approx(last)
    assert net.best_epoch_ == int(np.argmax(net.history_["val_score"]))


@pytest.mark.parametrize(
    "scoring",
    [
        ["roc_auc", "accuracy"],
        ("roc_auc", "accuracy"),
        {"roc_auc": "roc_auc", "accuracy": make_scorer(accuracy_score)},
    ],
)
def test_several_scores(scoring):
    net = SequentialClassifier(epochs=4, random_state=0, scoring=scoring, validation_split=0.3)
    net.fit(X, NAMES)
    assert {"val_roc_auc", "val_accuracy"} <= net.history_.keys()
    assert len(net.history_["val_accuracy"]) == 4
    assert net.best_epoch_ == int(np.argmax(net.history_["val_roc_auc"]))


def test_callbacks_may_watch_the_scores():
    stop = callbacks.EarlyStopping("val_score", mode="max", patience=1, restore_best_weights=True)
    net = SequentialClassifier(
        epochs=40, random_state=0, scoring="accuracy", validation_split=0.3, callbacks=stop
    ).fit(X, NAMES)
    assert net.n_iter_ < 40
    assert net.best_epoch_ == int(np.argmax(net.history_["val_score"])) == stop.best_epoch


def test_weights_count_in_scores():
    weights = np.where(NAMES[REST] == "yes", 1.0, 0.0)
    net = SequentialClassifier(epochs=2, random_state=0, scoring=get_scorer("accuracy"))
    net.fit(X[TRAIN], NAMES[TRAIN], sample_weight_val=weights, **HELD_OUT)
    last = accuracy_score(NAMES[REST], net.predict(X[REST]), sample_weight=weights)
    assert net.history_["val_score"][-1] == pytest.approx(last)


def test_scores_of_a_regressor_and_by_the_loss():
    net = SequentialRegressor(epochs=3, random_state=0, scoring="r2", validation_split=0.3)
    assert len(net.fit(X, NUMBER).history_["val_score"]) == 3
    net.set_params(scoring="loss").fit(X, NUMBER)
    assert net.history_["val_score"] == [-loss for loss in net.history_["val_loss"]]


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("roc_uac", "Did you mean"),
        (["roc_auc", "acuracy"], "Did you mean"),
        ([], "'scoring' parameter"),
        (3, "'scoring' parameter"),
        ({"one": 3}, "'scoring' parameter"),
        ({3: "accuracy"}, "'scoring' parameter"),
        (["accuracy"], "other names than the metrics, which have val_accuracy"),
    ],
)
def test_other_scorings_are_refused(scoring, message):
    net = SequentialClassifier(scoring=scoring, validation_split=0.3, metrics=["accuracy"])
    with pytest.raises(ValueError, match=message):
        net.fit(X, NAMES)
    assert not hasattr(net, "model_")


# -- the best epoch --------------------------------------------------------------------------------


def test_the_best_epoch_of_an_early_stop_is_that_of_the_weights():
    net = MLPClassifier(
        (5,),
        early_stopping=True,
        max_iter=60,
        tol=0.0,
        n_iter_no_change=5,
        random_state=0,
        learning_rate_init=0.02,
    )
    net.fit(X[TRAIN], NAMES[TRAIN], **HELD_OUT)
    assert net.best_epoch_ == int(np.argmax(net.validation_scores_))
    assert net.score(X[REST], NAMES[REST]) == net.history_["val_score"][net.best_epoch_]


def test_the_best_epoch_without_validation_is_that_of_the_least_loss():
    for net in (MLPRegressor(hidden_layer_sizes=(5,), **SHORT), SequentialRegressor(epochs=5)):
        net.fit(X, NUMBER)
        assert net.best_epoch_ == int(np.argmin(net.history_["loss"]))


def test_the_best_epoch_by_the_loss_on_validation_data():
    net = SequentialRegressor(epochs=5, validation_split=0.3, random_state=0).fit(X, NUMBER)
    assert net.best_epoch_ == int(np.argmin(net.history_["val_loss"]))


@pytest.mark.parametrize(
    "net",
    [
        MLPClassifier((5,), warm_start=True, **SHORT),
        SequentialClassifier(epochs=6, warm_start=True, random_state=0),
    ],
)
def test_the_best_epoch_counts_over_warm_starts(net):
    net = clone(net)
    for _ in range(3):
        net.fit(X, NAMES)
    assert net.best_epoch_ == int(np.argmin(net.history_["loss"])) > 6
    net.set_params(warm_start=False).fit(X, NAMES)
    assert net.best_epoch_ == int(np.argmin(net.history_["loss"])) < 6


# -- a curve without a stop ------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_validation_fraction_gives_a_curve(solver):
    net = MLPClassifier((5,), validation_fraction=0.3, solver=solver, **SHORT).fit(X, NAMES)
    assert len(net.history_["val_loss"]) == len(net.history_["val_score"]) == net.n_iter_ > 0
    if solver != "lbfgs":
        assert net.validation_scores_ == net.history_["val_score"]
        assert net.best_validation_score_ == max(net.validation_scores_)
        assert net.loss_curve_ == net.history_["loss"]


def test_the_default_fraction_sets_nothing_aside():
    net = MLPClassifier((5,), **SHORT).fit(X, NAMES)
    theirs = TheirClassifier((5,), **SHORT).fit(X, NAMES)
    np.testing.assert_allclose(net.coefs_[0], theirs.coefs_[0], rtol=1e-9)
    assert "val_loss" not in net.history_
    assert net.validation_scores_ is None
    none = MLPClassifier((5,), validation_fraction=0.0, **SHORT).fit(X, NAMES)
    assert_array_equal(none.coefs_[0], net.coefs_[0])


# -- partial_fit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "net",
    [
        MLPClassifier((5,), scoring="roc_auc", **SHORT),
        SequentialClassifier(scoring="roc_auc", random_state=0),
    ],
)
def test_partial_fit_with_validation_data(net):
    class Seen(callbacks.Callback):
        logs: list[set[str]] = []

        def on_epoch_end(self, epoch, logs=None):
            self.logs.append(set(logs))

    net, plain = clone(net).set_params(callbacks=Seen()), clone(net)
    for _ in range(3):
        net.partial_fit(X[TRAIN], NAMES[TRAIN], classes=["no", "yes"], **HELD_OUT)
        plain.partial_fit(X[TRAIN], NAMES[TRAIN], classes=["no", "yes"])
    assert_array_equal(net.predict_proba(X), plain.predict_proba(X))
    assert len(net.history_["val_loss"]) == len(net.history_["val_score"]) == 3
    assert all({"val_loss", "val_score"} <= logs for logs in Seen.logs)
    last = roc_auc_score(NAMES[REST] == "yes", net.predict_proba(X[REST])[:, 1])
    assert net.history_["val_score"][-1] == pytest.approx(last)
    with pytest.raises(ValueError, match="y_val was not provided"):
        net.partial_fit(X, NAMES, X_val=X)


def test_partial_fit_of_regressors_with_validation_data():
    for net in (MLPRegressor(**SHORT), SequentialRegressor()):
        net.partial_fit(X[TRAIN], NUMBER[TRAIN], X_val=X[REST], y_val=NUMBER[REST])
        net.partial_fit(X[TRAIN], NUMBER[TRAIN])
        assert [len(net.history_[name]) for name in ("loss", "val_loss")] == [2, 1]


# -- kernels ---------------------------------------------------------------------------------------


def test_an_initializer_and_a_constraint_of_ones_own():
    net = MLPClassifier((5,), kernel_initializer="he_normal", kernel_constraint="non_neg", **SHORT)
    net.fit(X, NAMES)
    assert min(kernel.min() for kernel in net.coefs_) == 0
    ones = MLPRegressor(
        hidden_layer_sizes=(5,),
        kernel_initializer="constant",
        kernel_initializer__value=0.5,
        learning_rate_init=1e-12,
        max_iter=1,
    ).fit(X, NUMBER)
    np.testing.assert_allclose(ones.coefs_[0], 0.5, atol=1e-6)
    norm = MLPClassifier(kernel_constraint="max_norm", kernel_constraint__max_value=0.5, **SHORT)
    norms = np.linalg.norm(norm.fit(X, NAMES).coefs_[0], axis=0)
    assert norms.max() <= 0.5 + 1e-6
    for name in ("kernel_initializer", "kernel_constraint"):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            MLPClassifier(**{name: "none_such"}).fit(X, NAMES)
