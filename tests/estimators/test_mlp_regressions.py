"""Bugs of scikit-learn's perceptrons that annlib's do not have; the numbers are its issues."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network as theirs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import has_fit_parameter

from annlib import MLPClassifier, MLPRegressor, losses
from annlib.data import Batch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = np.tanh(X @ RNG.normal(size=(4, 3)))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_the_gradient_of_several_outputs_is_that_of_their_loss(loss):
    """#8349: theirs is as many times too large as there are outputs."""
    net = MLPRegressor(loss, (5,), activation="tanh", solver="lbfgs", alpha=0.1, max_iter=1)
    net.set_params(random_state=0).fit(X, np.abs(Y))
    step, vector = net.model_._functions.step, net.model_.vector
    targets = np.abs(Y)
    step.loss_and_gradient(Batch(X, targets, None))
    gradient = vector.gradients.copy()
    direction = RNG.normal(size=gradient.shape)
    start, values = vector.values.copy(), []
    for h in (1e-5, -1e-5):
        vector.values[:] = start + h * direction
        values.append(step.loss_and_gradient(Batch(X, targets, None)))
    slope = (values[0] - values[1]) / 2e-5
    assert slope == pytest.approx(gradient @ direction, rel=1e-6)


def test_a_sum_over_outputs_finds_what_their_separate_fits_find():
    one = MLPRegressor("squared_error", (), solver="lbfgs", tol=1e-9, max_iter=500, random_state=0)
    both = one.fit(X, Y).predict(X)
    for column in range(3):
        alone = one.fit(X, Y[:, column]).predict(X)
        np.testing.assert_allclose(both[:, column], alone, atol=1e-4)


def test_a_regressor_by_lbfgs_has_no_partial_fit():
    assert not hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")
    assert not hasattr(MLPRegressor(optimizer="lbfgs"), "partial_fit")
    assert hasattr(MLPRegressor(solver="lbfgs", optimizer="sgd"), "partial_fit")


def test_the_loss_curve_is_the_weighted_loss():
    weights = RNG.integers(0, 5, 60).astype(float)
    arguments = {
        "max_iter": 1,
        "random_state": 0,
        "batch_size": 7,
        "learning_rate_init": 1e-12,
        "alpha": 0,
    }
    net = MLPRegressor("squared_error", (5,), shuffle=False, **arguments).fit(X, Y[:, 0], weights)
    expected = np.average((net.predict(X) - Y[:, 0]) ** 2, weights=weights) / 2
    assert net.loss_ == pytest.approx(expected, rel=1e-9)


def test_the_pickle_is_no_more_than_training_goes_on_with():
    """#19959, and what has been stripped by hand since: the best weights where none are watched."""
    arguments = {"hidden_layer_sizes": (100, 50), "max_iter": 3, "random_state": 0}
    for vectors, more in ((3, {}), (4, {"early_stopping": True})):  # weights, moments, the best
        net = MLPClassifier(**arguments, **more).fit(X, Y[:, 0] > 0)
        other = theirs.MLPClassifier(**arguments, **more).fit(X, Y[:, 0] > 0)
        weights = sum(array.nbytes for array in net.coefs_ + net.intercepts_)
        assert len(pickle.dumps(net)) < vectors * weights + 8_000
        assert len(pickle.dumps(other)) > 3 * weights


def test_float32_stays_float32():
    """Theirs leaks through Adam's rate, through y and through lbfgs."""
    for solver in ("adam", "sgd", "lbfgs"):
        net = MLPRegressor(solver=solver, max_iter=3, random_state=0)
        net.fit(X.astype(np.float32), Y[:, 0])
        assert {array.dtype for array in net.coefs_ + net.intercepts_} == {np.dtype(np.float32)}
        assert net.predict(X.astype(np.float32)).dtype == np.float32
        if solver != "lbfgs":
            assert net.model_.optimizer.state.dtype == np.float32
            assert net.model_.vector.gradients.dtype == np.float32


def test_warm_start_keeps_the_moments():
    """#12605, #24764: theirs begins with an empty optimizer each time."""
    arguments = {"random_state": 0, "shuffle": False, "n_iter_no_change": 100}
    whole = MLPClassifier(max_iter=6, **arguments).fit(X, Y.argmax(axis=1))
    parts = MLPClassifier(max_iter=3, warm_start=True, **arguments)
    for _ in range(2):
        parts.fit(X, Y.argmax(axis=1))
    np.testing.assert_array_equal(whole.coefs_[0], parts.coefs_[0])
    assert parts.model_.optimizer.iterations == 6
    assert len(parts.history_["loss"]) == len(parts.loss_curve_) == 6
    assert parts.n_iter_ == 3
    parts.set_params(beta_1=0.5).fit(X, Y.argmax(axis=1))
    assert parts.model_.optimizer.iterations == 3, "another optimizer begins anew"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"early_stopping": True},
        {"early_stopping": True, "validation_fraction": 0.5, "scoring": "loss"},
        {"early_stopping": True, "n_iter_no_change": np.inf},
        {"early_stopping": True, "solver": "lbfgs"},
    ],
)
def test_a_training_that_diverges_says_so_with_early_stopping_too(more):
    """#29504: scikit-learn's says so without; with it, it keeps weights whose R2 is -1e20."""
    arguments = {"solver": "sgd", "activation": "identity", "random_state": 0, "max_iter": 60}
    net = MLPRegressor(learning_rate_init=1e6, **{**arguments, **more})
    classifier = MLPClassifier(**{**arguments, **more})
    rows = X * 1e200  # of which the first step overflows
    for fit in (
        lambda: net.fit(X if net.solver == "sgd" else rows, Y),
        lambda: classifier.fit(rows, Y.argmax(axis=1)),
        lambda: net.fit(rows, Y, X_val=X, y_val=Y),
    ):
        with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
            fit()


def test_a_continued_training_that_diverges_keeps_the_last_good_weights():
    net = MLPRegressor(random_state=0).partial_fit(X, Y)
    before = net.predict(X)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        net.partial_fit(X * 1e200, Y)
    np.testing.assert_array_equal(net.predict(X), before)


@pytest.mark.parametrize("scoring", [None, "loss", lambda net, X, y: np.nan])
def test_validation_without_a_score_is_no_early_stopping(scoring):
    """Predictions whose squares overflow: no R2, no loss, by which one epoch were the best."""
    net = MLPRegressor(early_stopping=True, scoring=scoring, max_iter=30, random_state=0)
    with pytest.raises(
        ValueError, match=r"early_stopping: expected a finite score .* got (nan|-inf)"
    ):
        net.fit(X, Y, X_val=X * 1e200, y_val=Y)
    net.set_params(early_stopping=False).fit(X, Y, X_val=X * 1e200, y_val=Y)
    assert not np.isfinite(net.history_["val_score"]).any()


def test_a_score_of_nan_is_no_improvement():
    scores = iter([1.0, 2.0, np.nan, np.nan, np.nan, np.nan, 3.0])
    net = MLPRegressor(
        early_stopping=True, scoring=lambda *arguments: next(scores), n_iter_no_change=3
    ).fit(X, Y)
    # The third epoch after the best one is the last that may pass without an improvement.
    assert net.n_iter_ == 2 + 3 + 1
    assert net.best_validation_score_ == 2.0


def test_weights_of_zero_are_rows_that_are_not_there():
    y = Y.argmax(axis=1)
    kept = np.arange(60) % 3 > 0
    arguments = {"batch_size": 60, "max_iter": 5, "random_state": 0}
    weighted = MLPClassifier(**arguments).fit(X, y, kept.astype(float))
    with pytest.warns(UserWarning, match="clipped"):
        fewer = MLPClassifier(**arguments).fit(X[kept], y[kept])
    np.testing.assert_allclose(weighted.predict_proba(X), fewer.predict_proba(X), rtol=1e-9)


def test_a_batch_without_weight_changes_nothing_by_its_rows():
    """Theirs divides by zero."""
    weights = np.r_[np.zeros(20), np.ones(40)]
    net = MLPRegressor(batch_size=20, shuffle=False, max_iter=3, random_state=0)
    net.fit(X, Y[:, 0], weights)
    assert np.isfinite(net.loss_curve_).all()
    other = theirs.MLPRegressor(batch_size=20, shuffle=False, max_iter=3)
    if has_fit_parameter(other, "sample_weight"):  # as of 1.7
        with pytest.raises(ZeroDivisionError):
            other.fit(X, Y[:, 0], weights)


def test_the_poisson_loss_of_several_outputs_is_their_sum():
    """The mean of squares and the sum of deviances are of one kind here: both are sums."""
    net = MLPRegressor("poisson", (4,), max_iter=1, learning_rate_init=1e-12, alpha=0)
    counts = RNG.poisson(3, (60, 2))
    net.set_params(random_state=0, batch_size=60).fit(X, counts)
    loss = losses.HalfPoissonDeviance()(counts, net.predict(X))
    assert net.loss_ == pytest.approx(loss, rel=1e-9)


def test_what_ends_a_fit_is_said_once():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached") as caught:
        MLPClassifier(max_iter=2).fit(X, Y.argmax(axis=1))
    assert len(caught) == 1
    assert caught[0].filename == __file__, "it points to the user's line"


def test_labels_that_are_text_with_early_stopping():
    """#33774: theirs failed before 1.9. #24873: and frames with names warned."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    names = np.array(["ant", "bee", "cat"])[Y.argmax(axis=1)]
    for scoring in (None, "loss", "f1_macro"):
        net = MLPClassifier(early_stopping=True, scoring=scoring, max_iter=5, random_state=0)
        assert len(net.fit(frame, names).validation_scores_) == 5


def test_partial_fit_of_many_labels():
    """#12505: which are columns, so that there are no classes to come."""
    labels = (Y > 0).astype(int)
    for more in ({}, {"classes": [0, 1, 2]}):
        net = MLPClassifier(random_state=0).partial_fit(X, labels, **more).partial_fit(X, labels)
        assert net.predict(X).shape == (60, 3)


def test_partial_fit_with_early_stopping_is_refused_before_anything_is_changed():
    """#25693."""
    net = MLPClassifier(early_stopping=True)
    before = dict(vars(net))
    with pytest.raises(ValueError, match="does not support early_stopping"):
        net.partial_fit(X, Y.argmax(axis=1), classes=[0, 1, 2])
    assert vars(net) == before


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (Y.argmax(axis=1), "multiclass"),
        (np.where(Y[:, 0] > 0, "yes", "no"), "binary"),
        ((Y > 0).astype(int), "multilabel-indicator"),
    ],
)
def test_converters_find_what_kind_of_targets_there_are(y, kind):
    """skl2onnx's converter of perceptrons asks for it, besides coefs_ and out_activation_."""
    net = MLPClassifier(max_iter=1).fit(X, y)
    assert net._label_binarizer.y_type_ == kind
