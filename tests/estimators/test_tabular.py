"""TabularClassifier and TabularRegressor: targets, weights, rows held out, time, and what is left.

Trainings are short: what is tested is not how good they are (see test_tabular_quality).
"""

from __future__ import annotations

import copy
import functools
import pickle
import signal
import time

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import annlib
from annlib import (
    ConfigurationError,
    DataError,
    DivergenceError,
    ModelFormatError,
    TabularClassifier,
    TabularRegressor,
)
from annlib.estimators.tabular import training
from annlib.estimators.tabular.held_out import HeldOut
from annlib.estimators.tabular.progress import Progress
from annlib.estimators.tabular.task import Task
from annlib.saving import container

SHORT = {"epochs": 4, "members": 1, "random_state": 0}
KINDS = (TabularClassifier, TabularRegressor)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def table(n=80, columns=3, seed=0):
    """Numbers, and a target that depends on the first two."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, columns))
    return X, X[:, 0] * 2 + X[:, 1] + rng.normal(size=n) * 0.1


def data_for(kind, **arguments):
    X, y = table(**arguments)
    return (X, y) if kind is TabularRegressor else (X, np.where(y > 0, "yes", "no"))


def predictions(net, X):
    return net.predict_proba(X) if isinstance(net, TabularClassifier) else net.predict(X)


# -- scikit-learn's checks -------------------------------------------------------------------------


def check_name(value):
    return value.func.__name__ if hasattr(value, "func") else type(value).__name__


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pair
        for kind in KINDS
        for pair in estimator_checks_generator(kind(members=1, epochs=30))
        if check_name(pair[1]) != "check_array_api_input"  # which needs a setting of SciPy's
    ],
    ids=check_name,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


# -- what is predicted -----------------------------------------------------------------------------


def test_it_learns():
    X, y = table(400)
    net = TabularRegressor(epochs=30, random_state=0).fit(X[:300], y[:300])
    assert net.score(X[300:], y[300:]) > 0.9
    labels = y > 0
    sure = TabularClassifier(epochs=30, random_state=0).fit(X[:300], labels[:300])
    assert sure.score(X[300:], labels[300:]) > 0.9
    assert log_loss(labels[300:], sure.predict_proba(X[300:])) < 0.25


@pytest.mark.parametrize(
    "classes",
    [[0, 1], [-1, 1], ["no", "yes"], [False, True], [2.0, 5.0, 7.0], ["a", "b", "c", "d"]],
    ids=str,
)
def test_classes_are_anything(classes):
    X, _ = table(60)
    labels = np.array(classes)[np.arange(60) % len(classes)]
    net = TabularClassifier(**SHORT).fit(X, labels)
    assert net.classes_.tolist() == sorted(classes)
    probabilities = net.predict_proba(X)
    assert probabilities.shape == (60, len(classes))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (net.predict(X) == net.classes_[probabilities.argmax(axis=1)]).all()
    assert net.predict(X).dtype == labels.dtype
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(net.predict_log_proba(X), np.log(probabilities))


def test_decisions_are_log_odds():
    X, labels = data_for(TabularClassifier)
    net = TabularClassifier(**SHORT).fit(X, labels)
    p = net.predict_proba(X)
    np.testing.assert_allclose(net.decision_function(X), np.log(p[:, 1] / p[:, 0]))


def test_a_class_of_one_row_and_a_single_class():
    X, _ = table(30)
    net = TabularClassifier(**SHORT).fit(X, ["once"] + ["often"] * 29)
    assert net.predict_proba(X).shape == (30, 2)
    alone = TabularClassifier(**SHORT).fit(X, ["same"] * 30)
    assert set(alone.predict(X)) == {"same"}
    assert (alone.predict_proba(X) == 1).all()


def test_several_columns_of_classes_and_labels():
    X, _ = table(60)
    columns = np.stack([np.arange(60) % 3, np.arange(60) % 2], axis=1)
    net = TabularClassifier(**SHORT).fit(X, columns)
    assert [each.shape for each in net.predict_proba(X)] == [(60, 3), (60, 2)]
    assert [each.shape for each in net.decision_function(X)] == [(60, 3), (60, 2)]
    assert net.predict(X).shape == (60, 2)
    assert net.score(X, columns) == (net.predict(X) == columns).all(axis=1).mean()
    labels = np.stack([np.arange(60) % 2, X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)
    net = TabularClassifier(**SHORT).fit(X, labels)
    assert net.predict_proba(X).shape == net.decision_function(X).shape == (60, 3)
    assert ((net.predict_proba(X) > 0.5) == net.predict(X)).all()


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1.0, 1e6, 1e200])
def test_numbers_of_any_size(scale):
    X, y = table(100)
    net = TabularRegressor(epochs=30, random_state=0).fit(X, (y + 3) * scale)
    plain = TabularRegressor(epochs=30, random_state=0).fit(X, y + 3)
    np.testing.assert_allclose(net.predict(X) / scale, plain.predict(X), rtol=1e-2)
    assert net.loss_out_of_fold_ == pytest.approx(plain.loss_out_of_fold_ * scale, rel=0.1)


def test_several_columns_of_numbers():
    X, y = table(100)
    Y = np.stack([y, -1e6 * y, np.ones(100)], axis=1)
    net = TabularRegressor(epochs=30, random_state=0).fit(X, Y)
    mean, deviation = net.predict(X, return_std=True)
    assert mean.shape == deviation.shape == (100, 3)
    assert r2_score(y, mean[:, 0]) > 0.8
    assert r2_score(-1e6 * y, mean[:, 1]) > 0.8
    np.testing.assert_allclose(mean[:, 2], 1)
    assert net.predict_interval(X).shape == (100, 3, 2)
    assert net.contributions(X[:2]).shape == (2, 3, 3)


def test_no_prediction_is_outside_the_range_of_y():
    X, y = table(100)
    net = TabularRegressor(**SHORT).fit(X, y)
    found = net.predict(X * 1e6)
    assert found.min() >= y.min()
    assert found.max() <= y.max()


# -- rows, their order and weights -----------------------------------------------------------------


@each_kind
def test_the_order_of_rows_changes_no_bit(kind):
    X, y = data_for(kind)
    order = np.random.default_rng(1).permutation(len(X))
    one = kind(**SHORT).fit(X, y)
    other = kind(**SHORT).fit(X[order], y[order])
    assert np.array_equal(predictions(one, X), predictions(other, X))
    assert np.array_equal(one.feature_importances_, other.feature_importances_)


@each_kind
def test_repeated_rows_are_weights_and_rows_without_weight_are_none(kind):
    X, y = data_for(kind)
    counts = np.arange(len(X)) % 3
    one = kind(**SHORT).fit(X, y, sample_weight=counts * 0.5)
    other = kind(**SHORT).fit(X.repeat(counts, axis=0), y.repeat(counts))
    assert np.array_equal(predictions(one, X), predictions(other, X))


def test_balanced_classes_count_alike():
    """Probabilities are those of a table with as many rows of either class."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    odds = np.exp(X[:, 0] - 2.2)
    labels = rng.random(1500) < odds / (1 + odds)
    shares = []
    for class_weight in (None, "balanced"):
        net = TabularClassifier("fast", class_weight=class_weight, random_state=0)
        shares.append(net.fit(X, labels).predict_proba(X)[:, 1].mean())
    odds *= (~labels).sum() / labels.sum()
    assert abs(shares[0] - labels.mean()) < 0.03
    assert abs(shares[1] - (odds / (1 + odds)).mean()) < 0.04


def test_class_weights_are_weights_of_rows():
    X, labels = data_for(TabularClassifier, n=200)
    by_hand = TabularClassifier(epochs=8, random_state=0, class_weight={"yes": 3.0})
    weights = np.where(labels == "yes", 3.0, 1.0)
    given = TabularClassifier(epochs=8, random_state=0).fit(X, labels, sample_weight=weights)
    assert np.array_equal(by_hand.fit(X, labels).predict_proba(X), given.predict_proba(X))


@each_kind
def test_seeds_and_threads(kind):
    X, y = data_for(kind)
    found = predictions(kind(**SHORT).fit(X, y), X)
    for same in ({"n_jobs": 2}, {"n_jobs": -1}):
        assert np.array_equal(predictions(kind(**SHORT, **same).fit(X, y), X), found)
    other = kind(**{**SHORT, "random_state": 1}).fit(X, y)
    assert not np.array_equal(predictions(other, X), found)


@each_kind
@pytest.mark.parametrize("n", [1, 2, 3, 7, 20])
def test_few_rows(kind, n):
    X, y = data_for(kind, n=n)
    net = kind(**SHORT).fit(X, y)
    assert np.isfinite(predictions(net, X)).all()
    assert net.feature_importances_.shape == (3,)


# -- rows held out ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_score_out_of_fold_is_honest():
    """Of a target that nothing tells, it does not pretend to know."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    net = TabularClassifier(members=4, epochs=60, random_state=0)
    net.fit(X, rng.integers(0, 2, 300))
    assert 0.35 < net.score_out_of_fold_ < 0.65
    assert net.loss_out_of_fold_ > 0.6


def test_like_rows_are_not_judged_by_each_other():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = rng.integers(0, 2, 60)
    net = TabularClassifier(members=4, epochs=60, random_state=0)
    net.fit(np.tile(X, (4, 1)), np.tile(y, 4))
    assert net.score_out_of_fold_ < 0.8


def test_rows_that_come_often_are_no_surprise():
    """Of a table of few different rows, all of which are in every fold."""
    codes = np.random.default_rng(0).integers(0, 40, 2000)
    X, y = codes.astype(str)[:, np.newaxis], codes % 3 == 0
    net = TabularClassifier(members=1, random_state=0).fit(X, y)
    assert net.score(X, y) > 0.95
    assert net.score_out_of_fold_ > 0.95


@each_kind
def test_rows_of_ones_own_to_judge_by(kind):
    X, y = data_for(kind, n=200)
    net = kind(**SHORT).fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    predicted = net.predict(X[100:])
    score = accuracy_score if kind is TabularClassifier else r2_score
    assert net.score_out_of_fold_ == pytest.approx(score(y[100:], predicted), abs=0.01)
    for given in ({"X_val": X}, {"y_val": y}):
        with pytest.raises(ValueError, match="is provided, but"):
            kind(**SHORT).fit(X, y, **given)
    with pytest.raises(ValueError, match="features"):
        kind(**SHORT).fit(X, y, X_val=X[:, :2], y_val=y)


def test_history_and_what_was_decided():
    X, y = table()
    net = TabularRegressor(**SHORT).fit(X, y)
    assert net.history_.keys() == {
        *("periodic_loss", "periodic_val_loss", "piecewise_loss", "piecewise_val_loss")
    }
    assert all(len(values) == 4 for values in net.history_.values())
    assert sum(net.shares_.values()) == pytest.approx(1)
    text = net.summary()
    assert "number: 3 (0, 1, 2)" in text
    assert "periodic pack: 1 network, epoch" in text
    assert f"score {net.score_out_of_fold_:.4f}, root mean squared error" in text


@each_kind
def test_what_was_decided_is_shown(kind):
    pandas = pytest.importorskip("pandas")
    X, y = data_for(kind)
    frame = pandas.DataFrame(X, columns=["one", "<b>", "three"])
    frame["many"] = [f"name {k % 39}" for k in range(80)]
    frame.loc[::4, "one"] = np.nan
    net = kind(**SHORT)
    before = repr(net)
    assert "\n" not in before
    assert "annlib-decisions" not in net._repr_html_()
    net.fit(frame, y)
    assert repr(net) == f"{before}\n{net.summary()}"
    for line in ("embedded: 1 (many)", "labels: many 39", "known by a flag: 1 (one)"):
        assert line in repr(net)
    weights = [f"{pack.count_params():,} weights" for pack in net._ensemble.packs]
    assert all(text in repr(net) for text in weights)
    for page in (net._repr_html_(), net._repr_mimebundle_()["text/html"]):
        assert page.count('<table class="annlib-decisions">') == 1
        assert "sk-estimator" in page
        assert "&lt;b&gt;" in page
        assert "<b>," not in page
    # Inside of others it is one of their parts, with its parameters.
    assert "pack" not in repr(make_pipeline(StandardScaler(), net))
    assert "counts" not in make_pipeline(StandardScaler(), net)._repr_html_()
    with sklearn.config_context(display="text"):
        assert not hasattr(net, "_repr_html_")
        assert net._repr_mimebundle_() == {"text/plain": repr(net)}


def test_importances_and_contributions():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    X[:, 4] = 1.0
    y = 3 * X[:, 1] + X[:, 2]
    net = TabularRegressor(epochs=30, random_state=0).fit(X, y)
    importances = net.feature_importances_
    assert importances.argsort()[-2:].tolist() == [2, 1]
    assert importances[4] == 0
    found = net.contributions(X[:20])
    assert found.shape == (20, 5)
    base = net.contributions(np.median(X, axis=0, keepdims=True))
    np.testing.assert_allclose(base, 0, atol=1e-6)
    # They add up to the prediction beside that of the typical row.
    typical = net.predict(np.median(X, axis=0, keepdims=True))
    inside = np.abs(net.predict(X[:20]) - y.min()) > 0
    np.testing.assert_allclose((found.sum(axis=1) + typical)[inside], net.predict(X[:20])[inside])
    assert np.corrcoef(found[:, 1], X[:20, 1])[0, 1] > 0.95
    assert (found[:, 4] == 0).all()


def test_contributions_of_classes():
    X, labels = data_for(TabularClassifier)
    net = TabularClassifier(**SHORT).fit(X, labels)
    found = net.contributions(X[:5])
    typical = net.decision_function(np.median(X, axis=0, keepdims=True))
    np.testing.assert_allclose(found.sum(axis=1) + typical, net.decision_function(X[:5]))
    three = TabularClassifier(**SHORT).fit(X, np.arange(80) % 3)
    assert three.contributions(X[:5]).shape == (5, 3, 3)
    with pytest.raises(ConfigurationError, match="orders"):
        net.contributions(X, orders=0)


def test_intervals_grow_with_the_noise():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, size=(1200, 1))
    y = 10 * X[:, 0] + rng.normal(size=1200) * (0.1 + 2 * X[:, 0])
    net = TabularRegressor(members=4, epochs=10, random_state=0).fit(X[:800], y[:800])
    low, high = net.predict_interval(X[800:], coverage=0.9).T
    covered = (low <= y[800:]) & (y[800:] <= high)
    assert 0.82 < covered.mean() < 0.97
    narrow = net.predict_interval(X[800:], coverage=0.5)
    assert (np.diff(narrow, axis=1)[:, 0] < high - low).all()
    _, deviation = net.predict([[0.1], [0.9]], return_std=True)
    assert deviation[1] > 2 * deviation[0]
    for coverage in (0, 1, "half"):
        with pytest.raises(ConfigurationError, match="coverage"):
            net.predict_interval(X, coverage=coverage)


def test_intervals_of_few_rows_are_wide_enough():
    held = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(220, 2))
        y = X[:, 0] + rng.normal(size=220)
        net = TabularRegressor(epochs=10, members=1, random_state=0).fit(X[:20], y[:20])
        low, high = net.predict_interval(X[20:]).T
        held.append(((low <= y[20:]) & (y[20:] <= high)).mean())
    assert 0.7 < np.mean(held) < 0.98


# -- time ------------------------------------------------------------------------------------------


def test_a_time_limit_shortens_the_training_and_says_so():
    X, y = table(400, columns=20)
    net = TabularRegressor(epochs=10**6, members=1, time_limit=1.0, random_state=0)
    start = time.perf_counter()
    with pytest.warns(UserWarning, match="time_limit=1.0 has ended the training early"):
        net.fit(X, y)
    assert len(net.history_["piecewise_loss"]) < 10**5
    assert time.perf_counter() - start < 30  # and not the days that all epochs take


@each_kind
def test_a_time_limit_that_is_too_short_leaves_the_estimator_as_it_was(kind):
    X, y = data_for(kind)
    net = kind(**SHORT).fit(X, y)
    found = predictions(net, X)
    with pytest.raises(ConfigurationError, match="time_limit in which a first epoch fits"):
        net.set_params(time_limit=1e-9).fit(X[:40, :2], y[:40])
    assert np.array_equal(predictions(net, X), found)


def test_the_last_epoch_is_kept_unless_one_before_was_clearly_better(monkeypatch):
    X, y = table()
    given = {}

    def losses(self, predicted, task):
        told.append(0)
        return given[len(told)]

    rows = np.random.default_rng(0).normal(size=8)
    for gain, noise, kept in [(0.1, 0.05, 1), (0.1, 2.0, 3), (-0.1, 0.05, 3), (0.0, 0.0, 3)]:
        told = []
        doubt = noise * np.arange(-3.5, 4) / 2  # with the mean 0
        given = dict.fromkeys(range(1, 5), rows + gain + doubt) | {2: rows}
        given |= {epoch + 4: values for epoch, values in given.items()}
        with monkeypatch.context() as patched:
            patched.setattr(HeldOut, "losses", losses)
            net = TabularRegressor(**SHORT).fit(X, y)
        size = len(told)
        assert size == 8
        assert net.best_epochs_ == {"periodic": kept, "piecewise": kept}
        assert len(net.history_["periodic_loss"]) == 4


def test_what_is_learned_by_heart_is_not_kept():
    """Few rows with much noise: the best epochs are early ones."""
    X, y = load_diabetes(return_X_y=True)
    net = TabularRegressor(random_state=0).fit(X[:300], y[:300])
    for kind, best in net.best_epochs_.items():
        assert best < len(net.history_[f"{kind}_loss"]) // 2
    assert net.score(X[300:], y[300:]) > 0.4


def test_epochs_are_compared_at_the_temperature_that_suits_them():
    """What is too sure is as good as what is not."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.98, 400)
    codes = (rng.random(400) < p).astype(int)[:, np.newaxis]
    task = Task((2,), 0)
    plain = np.stack([1 - p, p], axis=1)
    sure = task.tempered(plain, np.exp(-0.4))
    held_out = HeldOut([], codes, None)
    losses = [held_out.losses(found, task) for found in (plain, sure)]
    assert held_out.loss(sure, task) > held_out.loss(plain, task) + 1e-3
    np.testing.assert_allclose(losses[0].mean(), losses[1].mean(), rtol=0.01)
    mean, error = held_out.gain(*losses)
    assert abs(mean) < error


def test_gains_of_rows_that_count_more():
    before, after = np.array([3.0, 1.0, 5.0, 2.0]), np.array([2.0, 1.5, 1.0, 2.5])
    counts = np.array([1, 3, 2, 1])
    weighed = HeldOut([], np.zeros((4, 1)), counts.astype(float)).gain(before, after)
    gains = np.repeat(before - after, counts)
    assert weighed[0] == pytest.approx(gains.mean())
    even = HeldOut([], np.zeros((4, 1)), None).gain(before, after)
    assert even == pytest.approx((1.0, np.std(before - after) / 2))


@each_kind
@pytest.mark.parametrize("how", ["step", "held out"])
def test_the_epochs_before_a_loss_that_is_not_finite_are_kept(kind, how, monkeypatch):
    X, y = data_for(kind)
    whole = kind(**SHORT).fit(X, y)
    loss, told = HeldOut.loss, []

    class Broken(training._Judge):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if how == "step" and epoch == 2:
                weights = self.model.get_weights()
                self.model.set_weights([np.full_like(w, 1e30) for w in weights])

    def infinite(self, predicted, task):
        told.append(0)
        return np.inf if len(told) == 4 else loss(self, predicted, task)

    monkeypatch.setattr(training, "_Judge", Broken)
    if how == "held out":
        monkeypatch.setattr(training.Lessons, "guess", lambda self, held_out: 0.0)
        monkeypatch.setattr(HeldOut, "loss", infinite)
    with pytest.warns(UserWarning, match="not in epoch 4 of periodic"):
        net = kind(**SHORT).fit(X, y)
    for name in ("periodic_loss", "periodic_val_loss"):
        assert len(net.history_[name]) == 3
        if kind is TabularRegressor:
            assert net.history_[name] == whole.history_[name][:3]
    assert np.isfinite(predictions(net, X)).all()


def test_a_first_epoch_that_is_not_finite_leaves_the_estimator_as_it_was(monkeypatch):
    X, y = data_for(TabularRegressor)
    net = TabularRegressor(**SHORT).fit(X, y)
    found = predictions(net, X)
    monkeypatch.setattr(HeldOut, "loss", lambda self, predicted, task: np.nan)
    with pytest.raises(DivergenceError, match="not in the first epoch"):
        net.fit(X, y)
    assert np.array_equal(predictions(net, X), found)


def test_ctrl_c_keeps_what_was_learned(monkeypatch):
    told = []

    def tell(self, kind, loss):
        told.append(kind)
        if len(told) == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "tell", tell)
    X, y = table()
    with pytest.warns(UserWarning, match="Training interrupted by user."):
        net = TabularRegressor(epochs=10**5, members=1, random_state=0).fit(X, y)
    assert told == ["periodic"] * 3
    assert len(net.history_["periodic_loss"]) == 3
    assert net.shares_ == {"periodic": 1.0}
    assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose(capsys, verbose):
    X, y = table()
    net = TabularRegressor(**SHORT, verbose=verbose).fit(X, y)
    shown = capsys.readouterr().out
    last = net.history_["piecewise_val_loss"][-1]
    assert f"val_loss: {last:.4f}" in shown
    if verbose == 2:
        assert f"piecewise - epoch 4 - val_loss: {last:.4f}\n" in shown
    # Where no row is held out there is no loss to show.
    TabularClassifier(**SHORT, verbose=verbose).fit(X[:3], ["a", "b", "c"])
    shown = capsys.readouterr().out
    assert "piecewise" in shown
    assert "val_loss" not in shown


# -- copies and files ------------------------------------------------------------------------------


@each_kind
def test_pickles_and_files(kind, tmp_path):
    pandas = pytest.importorskip("pandas")
    X, y = data_for(kind)
    frame = pandas.DataFrame(X, columns=["one", "two", "three"])
    frame["text"] = np.array(["a", "b", None])[np.arange(80) % 3]
    frame["many"] = [f"name {k % 39}" for k in range(80)]
    net = kind(**SHORT, verbose=False).fit(frame, y)
    net.save(tmp_path / "net.safetensors")
    loaded = annlib.load_estimator(tmp_path / "net.safetensors")
    for again in (loaded, pickle.loads(pickle.dumps(net))):
        assert np.array_equal(predictions(again, frame), predictions(net, frame))
        assert np.array_equal(again.contributions(frame[:3]), net.contributions(frame[:3]))
        assert again.get_params() == net.get_params()
        assert again.summary() == net.summary()
        assert again.history_ == net.history_
        assert again.feature_names_in_.tolist() == frame.columns.tolist()
    if kind is TabularRegressor:
        assert np.array_equal(loaded.predict_interval(frame), net.predict_interval(frame))
    loaded.save(tmp_path / "again.safetensors")
    first, second = (tmp_path / f"{n}.safetensors" for n in ("net", "again"))
    assert first.read_bytes() == second.read_bytes()
    assert np.array_equal(predictions(loaded.fit(frame, y), frame), predictions(net, frame))


@pytest.mark.parametrize("labels", [2, 3, "columns", "indicators"])
def test_files_of_all_targets(labels, tmp_path):
    X, _ = table(40)
    codes = np.arange(40)
    y = {
        "columns": np.stack([codes % 3, codes % 2], axis=1),
        "indicators": np.stack([codes % 2, codes // 2 % 2], axis=1),
    }.get(labels, codes % labels if isinstance(labels, int) else None)
    net = TabularClassifier(**SHORT).fit(X, y)
    net.save(tmp_path / "net.safetensors")
    loaded = annlib.load_estimator(tmp_path / "net.safetensors")
    assert np.array_equal(loaded.predict(X), net.predict(X))
    assert np.array_equal(np.hstack(loaded.predict_proba(X)), np.hstack(net.predict_proba(X)))


@each_kind
def test_files_that_say_what_cannot_be_are_refused(kind, tmp_path):
    X, y = data_for(kind)
    path = tmp_path / "net.safetensors"
    kind(**SHORT).fit(X, y).save(path)
    header, tensors = container.read(path, "estimator")
    header = {n: v for n, v in header.items() if n not in ("annlib", "format", "kind", "numpy")}
    changes = [
        (("packs",), []),
        (("packs", 0, "config", "layers", 1, "config", "members"), 10**6),
        (("packs", 0, "config", "layers", 0, "class_name"), "other"),
        (("packs", 1, "config", "layers", -1, "config", "units"), 7),
        (("packs", 1), {}),
        (("kinds",), ["periodic"]),
        (("kinds", 0), "other"),
        (("columns",), []),
        (("columns", 0), ["Number", 0, 0.0, "1", False]),
        (("columns", 0), ["Sequential", 1]),
        (("learned", "shares"), [1.0]),
        (("learned", "temperature"), 0.0),
        (("learned", "history"), [1]),
        (("data", "n_features"), 2),
        (("data", "targets"), {"kind": "labels", "units": 3}),
    ]
    for place, value in changes:
        changed = copy.deepcopy(header)
        *inner, last = place
        functools.reduce(lambda part, key: part[key], inner, changed)[last] = value
        container.write(path, "estimator", changed, tensors)
        with pytest.raises(ModelFormatError):
            annlib.load_estimator(path)
    whole = [n for n in tensors if tensors[n].size and not n.endswith("quantiles")]
    for name in whole:
        container.write(path, "estimator", header, tensors | {name: tensors[name].ravel()[:-1]})
        with pytest.raises(ModelFormatError):
            annlib.load_estimator(path)


def test_before_fit(tmp_path):
    for method in ("predict", "contributions"):
        with pytest.raises(NotFittedError):
            getattr(TabularRegressor(), method)([[1.0]])
    with pytest.raises(NotFittedError):
        TabularRegressor().save(tmp_path / "net.safetensors")


# -- within scikit-learn ---------------------------------------------------------------------------


def test_cross_validation_and_clones():
    X, y = load_iris(return_X_y=True)
    net = TabularClassifier(epochs=8, members=1, random_state=0)
    assert cross_val_score(net, X, y, cv=3).mean() > 0.8
    assert clone(net.fit(X, y)).get_params() == net.get_params()
    X, y = load_diabetes(return_X_y=True)
    net = TabularRegressor(epochs=8, members=1, random_state=0)
    assert cross_val_score(net, X, y, cv=3).mean() > 0.3


def test_metadata_is_routed():
    X, y = table(120)
    weights = np.where(np.arange(120) < 60, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        net = TabularRegressor(**SHORT).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, net).fit(X, y, sample_weight=weights)
    scaled = StandardScaler().fit(X).transform(X)
    alone = TabularRegressor(**SHORT).fit(scaled[:60], y[:60])
    assert np.array_equal(routed.predict(X), alone.predict(scaled))


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preset", "better"),
        ("members", 0),
        ("epochs", 1.5),
        ("categorical_features", "all"),
        ("n_jobs", 0),
        ("time_limit", 0),
        ("verbose", 3),
        ("random_state", "one"),
    ],
)
@each_kind
def test_parameters(kind, name, value):
    X, y = data_for(kind)
    with pytest.raises(ConfigurationError, match=f"The '{name}' parameter of {kind.__name__}"):
        kind(**{name: value}).fit(X, y)


def test_targets_that_are_refused():
    X, y = table()
    with pytest.raises(DataError, match=r"Unknown label type: continuous.* take TabularRegressor"):
        TabularClassifier(**SHORT).fit(X, y)
    for kind in KINDS:
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            kind(**SHORT).fit(X, np.ones(79))
    with pytest.raises(DataError, match=r"numbers in y, got 'b' in row 1\. Of classes take Tab"):
        TabularRegressor(**SHORT).fit(X, ["1", "b"] * 40)
    for dates in (np.arange(80).astype("M8[D]"), np.arange(80).astype("m8[s]")):
        with pytest.raises(DataError, match=r"numbers in y, got .*64"):
            TabularRegressor(**SHORT).fit(X, dates)


@each_kind
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda y: np.where(y > 1, np.nan, 1.0), "Input y contains NaN: .* got nan in row"),
        (lambda y: np.where(y > 1, np.inf, 1.0), "Input y contains infinity .* got inf in row"),
        (lambda y: np.where(y > 1, None, 1), "Input y contains NaN: .* got None in row"),
        (lambda y: np.ma.array(y > 0, mask=y > 1), "Input y contains NaN"),
        (lambda y: np.stack([y > 0, np.where(y > 1, np.nan, 1)], axis=1), "Input y contains NaN"),
    ],
    ids=["NaN", "infinity", "None", "masked", "of two columns"],
)
def test_targets_that_are_missing_are_named(kind, make, message):
    X, y = table()
    with pytest.raises(DataError, match=rf"{kind.__name__}\.fit: {message}") as caught:
        kind(**SHORT).fit(X, make(y))
    first, count = np.flatnonzero(y > 1)[0], np.count_nonzero(y > 1)
    assert f"in row {first} and {count - 1} more. Drop these rows." in str(caught.value)


def test_classes_that_are_objects():
    X, y = table()
    for classes in ([0, 1], [False, True], [0.0, 2.0]):
        plain = np.array(classes)[(y > 0) * 1]
        net = TabularClassifier(**SHORT).fit(X, plain.astype(object))
        assert net.classes_.dtype == plain.dtype
        assert np.array_equal(net.predict(X), TabularClassifier(**SHORT).fit(X, plain).predict(X))


@pytest.mark.parametrize(
    ("labels", "judged"),
    [(["a", "b"], ["a", "c"]), (["a", "b"], [1, 2]), ([0, 1], ["a", "b"])],
    ids=str,
)
def test_classes_to_judge_by_that_y_lacks(labels, judged):
    X, y = table()
    y = np.array(labels)[(y > 0) * 1]
    net = TabularClassifier(**SHORT)
    with pytest.raises(DataError, match=r"fit: expected y_val with the classes .* of y, got"):
        net.fit(X, y, X_val=X[:2], y_val=judged)
    with pytest.raises(DataError, match="Input y_val contains NaN"):
        net.fit(X, y, X_val=X[:2], y_val=[labels[0], None])
    with pytest.raises(DataError, match="y_val with the columns of numbers of y"):
        TabularRegressor(**SHORT).fit(X, y == y[0], X_val=X[:2], y_val=np.ones((2, 2)))


def test_weights_so_small_that_nothing_can_be_divided_by_them():
    X, y = table()
    weights = np.arange(80) % 3 + 1.0
    plain = TabularRegressor(**SHORT).fit(X, y, weights)
    tiny = TabularRegressor(**SHORT).fit(X, y, weights * 2.0**-1040)
    np.testing.assert_allclose(tiny.predict(X), plain.predict(X), rtol=1e-3)
