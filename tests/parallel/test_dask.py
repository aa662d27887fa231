"""Searches, predictions and training on a Dask cluster of real processes."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from annlib import (
    ConfigurationError,
    DataError,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    ShapeError,
    layers,
)
from annlib.callbacks import LambdaCallback
from annlib.parallel import (
    ClusterError,
    DaskMLPClassifier,
    DaskMLPRegressor,
    predict,
    search,
    searching,
)

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dask"),
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore"),  # what Dask warns of is its own
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = np.array(["a", "b", "c"])[RNG.integers(0, 3, 90)]
BLOCKS = (40, 30, 20)


def cluster_of(workers: int = 2):
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=50,
    )


@pytest.fixture(scope="module")
def client():
    with cluster_of() as cluster, distributed.Client(cluster, timeout=30) as client:
        yield client


class Deadly(ClassifierMixin, BaseEstimator):
    """A classifier that ends its worker the first time, or each time, that it is fitted."""

    def __init__(self, file: str = "", rate: float = 0.0) -> None:
        self.file, self.rate = file, rate

    def fit(self, X, y):
        if self.rate and not (self.file and os.path.exists(self.file)):
            if self.file:
                with open(self.file, "w"):
                    pass
            os.kill(os.getpid(), signal.SIGKILL)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > self.rate).astype(int)]


def assert_same_search(found, expected):
    assert list(found.cv_results_) == list(expected.cv_results_)
    for name, values in expected.cv_results_.items():
        if "time" in name:
            assert (found.cv_results_[name] >= 0).all()
        elif name == "params":
            assert found.cv_results_[name] == values
        else:
            np.testing.assert_array_equal(found.cv_results_[name], values)


@pytest.mark.parametrize(
    ("scoring", "refit"),
    [(None, True), ("balanced_accuracy", False), (["accuracy", "f1_macro"], "f1_macro")],
)
def test_a_search_is_that_of_scikit_learn(client, scoring, refit):
    net = MLPClassifier((5,), max_iter=3, n_iter_no_change=9, random_state=0)
    grid = [{"alpha": [1e-4, 1.0], "activation": ["relu", "tanh"]}, {"solver": ["sgd"]}]
    cv = StratifiedKFold(3, shuffle=True, random_state=1)
    given = {"cv": cv, "scoring": scoring, "refit": refit}
    found = search(net, grid, X, Y, client=client, **given)
    expected = GridSearchCV(net, grid, **given).fit(X, Y)
    assert_same_search(found, expected)
    if refit:
        assert found.best_params_ == expected.best_params_
        assert found.best_score_ == expected.best_score_
        np.testing.assert_array_equal(found.predict(X), expected.best_estimator_.predict(X))


def test_a_candidate_that_cannot_be_fitted_has_no_score(client):
    grid = {"C": [1.0, -1.0]}
    with pytest.warns(match="fits failed"):
        found = search(LogisticRegression(), grid, X, Y)  # the current client
    assert np.isnan(found.cv_results_["mean_test_score"]).tolist() == [False, True]
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        search(LogisticRegression(), {"C": [-1.0]}, X, Y, client=client)


def test_a_search_survives_a_worker(client, tmp_path):
    grid = {"rate": [0.0, 0.1, 0.2, 0.3]}
    found = search(Deadly(str(tmp_path / "ended")), grid, X, Y, client=client)
    expected = GridSearchCV(Deadly(str(tmp_path / "ended")), grid, cv=3).fit(X, Y)
    assert (tmp_path / "ended").exists()
    assert_same_search(found, expected)


def test_a_candidate_that_ends_every_worker(client, monkeypatch):
    monkeypatch.setattr(searching, "_AGAIN", 1)  # it takes seconds to start workers
    with pytest.raises(ClusterError, match="expected workers that live through"):
        search(Deadly(), {"rate": [0.0, 0.1]}, X, Y, client=client)
    client.wait_for_workers(1, timeout=30)
    assert search(Deadly(), {"rate": [0.0]}, X, Y, client=client).best_params_ == {"rate": 0.0}


def test_no_workers_and_a_closed_client():
    with cluster_of(0) as cluster:
        client = distributed.Client(cluster, timeout=30, set_as_default=False)
        with pytest.raises(ClusterError, match=r"got none for 0.5 s \(worker_timeout\)"):
            search(Deadly(), {"rate": [0.0]}, X, Y, client=client, worker_timeout=0.5)
        client.close()
        with pytest.raises(ConfigurationError, match="one that is closed"):
            search(Deadly(), {"rate": [0.0]}, X, Y, client=client)


def test_what_cannot_be_searched(client):
    held = Deadly(file=threading.Lock())
    for given, message in (
        ({"estimator": held}, "an estimator that can be pickled"),
        ({"grid": {"file": [threading.Lock()]}}, "a grid that can be pickled"),
        ({"client": "tcp://host"}, r"client as a distributed\.Client"),
        ({"worker_timeout": 0}, "worker_timeout"),
    ):
        right = {"estimator": Deadly(), "grid": {"rate": [0.0]}, "X": X, "y": Y, "client": client}
        with pytest.raises(ConfigurationError, match=message):
            search(**(right | given))


def net(shape: tuple[int, ...] = (4,)) -> Sequential:
    chain = [layers.Input(shape), layers.Flatten(), layers.Dense(3, activation="tanh")]
    return Sequential(chain, seed=0)


def test_predictions_of_a_network_are_lazy_and_its_own(client):
    x = da.from_array(X, chunks=(BLOCKS, 2))  # columns in two blocks
    found = predict(net(), x)
    assert isinstance(found, da.Array)
    assert (found.shape, found.dtype, found.chunks) == ((90, 3), np.float32, (BLOCKS, (3,)))
    assert found._meta.shape == (0, 0) and found._meta.dtype == np.float32
    np.testing.assert_allclose(found.compute(), net().predict(X, verbose=0), rtol=1e-5)
    assert found[45:50].compute().shape == (5, 3)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.filterwarnings("ignore:.*converge")
def test_predictions_of_an_estimator(client, method):
    fitted = MLPClassifier((5,), max_iter=3, random_state=0).fit(X, Y)
    found = predict(fitted, da.from_array(X, chunks=(BLOCKS, -1)), method)
    expected = getattr(fitted, method)(X)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    here = found.compute()
    assert here.dtype == expected.dtype
    if method == "predict":
        np.testing.assert_array_equal(here, expected)
    else:
        np.testing.assert_allclose(here, expected, rtol=1e-9)


def test_rows_of_several_axes_and_of_none(client):
    images = RNG.normal(size=(9, 2, 3))
    for model, rows in (
        (net((2, 3)), images),
        (Sequential([layers.Input((4,)), layers.Reshape((2, 2))]), X[:9]),
        (Sequential([layers.Input((2, 3)), layers.Reshape((3, 2))]), images),
        (Sequential([layers.Input((2, 3, 1)), layers.Reshape((6,))]), images[..., None]),
    ):
        found = predict(model, da.from_array(rows, chunks=4))
        expected = model.predict(rows, verbose=0)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.compute(), expected, rtol=1e-5)


def test_predictions_survive_a_worker(client):
    def slow(rows):
        time.sleep(0.3)
        return rows

    x = da.from_array(X, chunks=(10, -1)).map_blocks(slow, dtype=X.dtype)
    future = client.compute(predict(net(), x))
    time.sleep(0.5)
    client.restart_workers(list(client.nthreads())[:1], timeout=30)
    np.testing.assert_allclose(future.result(timeout=60), net().predict(X, verbose=0), rtol=1e-5)


def test_what_cannot_be_predicted():
    x = da.from_array(X, chunks=(30, -1))
    for model, rows, kind, message in (
        (net(), x[x[:, 0] > 0], DataError, r"blocks of known sizes.*x\.compute_chunk_sizes\(\)"),
        (net(), X, DataError, r"a dask\.array\.Array, got 'ndarray'.*from_array"),
        (net((5,)), x, ShapeError, "expected"),
        (None, x, ConfigurationError, "a model or a fitted estimator"),
        (MLPClassifier, x, ConfigurationError, "got the class"),
    ):
        with pytest.raises(kind, match=message):
            predict(model, rows)
    with pytest.raises(ConfigurationError, match="with method='guess'"):
        predict(net(), x, "guess")


def both(regression: bool):
    if regression:
        return DaskMLPRegressor, MLPRegressor, RNG.normal(size=(90, 2))
    return DaskMLPClassifier, MLPClassifier, Y


@pytest.mark.parametrize("regression", [False, True])
def test_a_fit_on_workers_is_a_local_fit(client, regression):
    cls, local, y = both(regression)
    given = {"hidden_layer_sizes": (5,), "max_iter": 4, "batch_size": 40, "random_state": 0}
    given |= {"alpha": 0.1, "momentum": 0.8, "solver": "sgd", "learning_rate_init": 0.1}
    given["metrics"] = "mae" if regression else "accuracy"
    weights = RNG.uniform(size=90) * (np.arange(90) >= 40)  # none in the first block
    x = da.from_array(X, chunks=(BLOCKS, 2))
    net = cls(**given)
    assert net.fit(x, da.from_array(y, chunks=30), weights) is net
    expected = local(**given).fit(X, y, weights)
    for here, there in zip(
        net.coefs_ + net.intercepts_, expected.coefs_ + expected.intercepts_, strict=True
    ):
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-12)
    assert list(net.history_) == list(expected.history_)
    for name, values in expected.history_.items():
        np.testing.assert_allclose(net.history_[name], values, rtol=1e-12)
    lazy = net.predict(x)
    assert isinstance(lazy, da.Array) and lazy.shape == y.shape
    there = expected.predict(X)
    for found in (
        lazy.compute(),
        net.to_local().predict(X),
        pickle.loads(pickle.dumps(net)).to_local().predict(X),
    ):
        if regression:
            np.testing.assert_allclose(found, there, rtol=1e-9)
        else:
            np.testing.assert_array_equal(found, there)
    assert net.score(x, y) == pytest.approx(expected.score(X, y))
    assert type(net.to_local()) is local and net.callbacks is None
    net.to_local().partial_fit(X, y)  # here, without the cluster
    if not regression:
        probabilities = net.predict_proba(x)
        np.testing.assert_allclose(probabilities.compute(), expected.predict_proba(X), rtol=1e-9)


def test_threads_of_a_worker_share_its_rows():
    given = {"hidden_layer_sizes": (5,), "max_iter": 3, "batch_size": 40, "random_state": 0}
    rows = np.asfortranarray(X, np.float32)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=3, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        net = DaskMLPClassifier(**given)
        net.client = client
        net.fit(da.from_array(rows, chunks=(BLOCKS, -1)), Y)
        diverging = DaskMLPRegressor(solver="sgd", learning_rate_init=1e9)
        diverging.client = client
        with pytest.raises(ValueError, match=r"non-finite.*layers' outputs or gradients are not"):
            diverging.fit(da.from_array(X, chunks=(BLOCKS, -1)), X)
    expected = MLPClassifier(**given).fit(rows, Y)
    for here, there in zip(net.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-5)


def test_a_worker_that_ends_costs_no_accuracy(client):
    def end(batch, logs):
        steps.append(batch)
        if len(steps) in (3, 8):
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    steps: list[int] = []
    given = {"hidden_layer_sizes": (5,), "max_iter": 4, "batch_size": 30, "random_state": 0}
    net = DaskMLPClassifier(**given, callbacks=LambdaCallback(on_train_batch_end=end))
    with distributed.Client(client.cluster, timeout=30, set_as_default=False) as another:
        net.client = another
        net.fit(da.from_array(X, chunks=(BLOCKS, -1)), Y)
    expected = MLPClassifier(**given).fit(X, Y)
    assert len(steps) == 12
    for here, there in zip(net.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-12)


def test_what_cannot_be_fitted_on_workers(client):
    x = da.from_array(X, chunks=(BLOCKS, -1))
    for given, rows, kind, message in (
        ({}, X, DataError, r"X as a dask\.array\.Array"),
        ({}, x[x[:, 0] > 0], DataError, r"X\.compute_chunk_sizes\(\)"),
        ({}, x[:, 0], DataError, "X with rows of numbers"),
        ({}, da.where(x > 2, np.nan, x), DataError, "finite numbers in X"),
        ({"dropout": 0.5}, x, ConfigurationError, r"dropout=0\.0 on Dask.*MPI"),
        ({"batch_normalization": True}, x, ConfigurationError, "batch_normalization=False"),
        ({"early_stopping": True}, x, ConfigurationError, "early_stopping=False"),
        ({"solver": "lbfgs"}, x, ConfigurationError, 'solver="adam" or "sgd"'),
        ({"optimizer": "lbfgs"}, x, ConfigurationError, "optimizer"),
    ):
        net = DaskMLPClassifier(**given)
        with pytest.raises(kind, match=message):
            net.fit(rows, Y)
        assert not hasattr(net, "model_")
    with pytest.raises(ConfigurationError, match=r"client as a distributed\.Client"):
        net.client = "tcp://host"
    with pytest.raises(NotFittedError):
        DaskMLPClassifier().predict(x)


def test_without_dask_it_is_said_what_to_install(monkeypatch):
    for name in ("dask", "dask.array", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    for call in (lambda: predict(net(), X), lambda: search(Deadly(), {}, X, Y)):
        with pytest.raises(ImportError, match=r"pip install .*\[dask\]"):
            call()


def test_dask_is_loaded_where_it_is_used():
    code = "import annlib.parallel, sys; print({'dask', 'distributed', 'sklearn'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "set()", run.stderr
