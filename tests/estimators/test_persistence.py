"""Pickles: what stays behind, what comes along, and what another version says."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris

from annlib import SequentialClassifier
from annlib.estimators import InconsistentVersionWarning, persistence

X, Y = load_iris(return_X_y=True)


@pytest.fixture
def net():
    return SequentialClassifier(epochs=3, random_state=0).fit(X, Y)


def state_size(net):
    return pickle.loads(pickle.dumps(net)).model_.optimizer.state.size


def test_the_optimizers_state_stays_behind_unless_training_goes_on(net):
    parameters = net.model_.count_params()
    assert state_size(net) == 0
    assert net.model_.optimizer.state.size == 2 * parameters  # of the object itself, it stays
    assert state_size(net.partial_fit(X, Y)) == 2 * parameters
    assert state_size(net.fit(X, Y)) == 0
    assert state_size(net.set_params(warm_start=True)) == 2 * parameters


def test_a_pickled_network_is_compiled_and_trains(net):
    loaded = pickle.loads(pickle.dumps(net))
    assert loaded.model_.evaluate(X, Y) == pytest.approx(net.model_.evaluate(X, Y))
    loaded.model_.fit(X, Y, verbose=0)
    assert not np.array_equal(loaded.predict_proba(X), net.predict_proba(X))


def test_copies(net):
    shallow, deep = copy.copy(net), copy.deepcopy(net)
    assert shallow.model_ is net.model_
    assert deep.model_ is not net.model_
    before = net.predict_proba(X)
    deep.partial_fit(X, Y)
    np.testing.assert_array_equal(net.predict_proba(X), before)
    shallow.partial_fit(X, Y)  # it is the same network
    assert not np.array_equal(net.predict_proba(X), before)


def test_another_version_is_told_of(net, monkeypatch):
    data = pickle.dumps(net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(data)
    monkeypatch.setattr(persistence, "__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match="expected a pickle of annlib 99.0") as told:
        loaded = pickle.loads(data)
    np.testing.assert_array_equal(loaded.predict(X), net.predict(X))
    warning = pickle.loads(pickle.dumps(told[0].message))  # joblib sends it between processes
    assert warning.estimator_name == "SequentialClassifier"
    assert warning.current_annlib_version == "99.0"
    unfitted = pickle.loads(pickle.dumps(SequentialClassifier()))
    assert not hasattr(unfitted, "model_")
