"""Pickles and copies: they go on as the original, and what another version says."""

from __future__ import annotations

import copy
import functools
import pickle
import tempfile
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    callbacks,
    layers,
    optimizers,
)
from annlib.estimators import InconsistentVersionWarning, persistence

X, Y = load_iris(return_X_y=True)


@pytest.fixture
def net():
    return SequentialClassifier(epochs=3, random_state=0).fit(X, Y)


def regularized(n_outputs, output_activation):
    """A network whose training draws numbers and keeps statistics."""
    hidden = [layers.Dense(6, "relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    return Sequential([*hidden, layers.Dense(n_outputs, output_activation)])


def excluding(optimizer):
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


RANDOM = {"random_state": 0}
MLP = {"hidden_layer_sizes": (6,), "max_iter": 4, **RANDOM}
SEQUENTIAL = {"model": regularized, "epochs": 4, **RANDOM}
NETS = {
    "adam": MLPClassifier(**MLP),
    "dropout": MLPClassifier(dropout=0.3, batch_normalization=True, **MLP),
    "momentum": MLPRegressor(solver="sgd", **MLP),
    "invscaling": MLPRegressor(solver="sgd", learning_rate="invscaling", **MLP),
    "adaptive": MLPClassifier(
        solver="sgd", learning_rate="adaptive", tol=9, n_iter_no_change=1, **MLP
    ),
    "schedule": MLPClassifier(learning_rate=optimizers.schedules.CosineDecay(0.01, 9), **MLP),
    "averages": MLPClassifier(optimizer=optimizers.Adam(use_ema=True), **MLP),
    "accumulation": MLPClassifier(
        optimizer="nadam", optimizer__gradient_accumulation_steps=4, batch_size=50, **MLP
    ),
    "excluded": MLPRegressor(optimizer=excluding(optimizers.AdamW(weight_decay=0.1)), **MLP),
    "early stopping": MLPClassifier(early_stopping=True, warm_start=True, **MLP),
    "lbfgs": MLPClassifier(solver="lbfgs", warm_start=True, **MLP),
    "classifier": SequentialClassifier(**SEQUENTIAL),
    "regressor": SequentialRegressor(**SEQUENTIAL, optimizer="rmsprop"),
    "scheduler": SequentialClassifier(
        # Leaves the optimizer another rate than it was made with.
        callbacks=callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=9),
        **SEQUENTIAL,
    ),
    "validation": SequentialClassifier(validation_split=0.3, metrics=["accuracy"], **SEQUENTIAL),
    "generator": MLPClassifier(**{**MLP, "random_state": np.random.RandomState(3)}),
    "model's generator": SequentialClassifier(
        **{**SEQUENTIAL, "random_state": np.random.RandomState(3)}
    ),
}


def through_joblib(net, mmap_mode=None):
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(net, f"{folder}/net")
        return joblib.load(f"{folder}/net", mmap_mode=mmap_mode)


def of_plain_values(value):
    """Whether it is a tree of dicts, lists, numbers, texts and arrays: what needs no trust."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and of_plain_values(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(of_plain_values, value))
    return value is None or type(value) in (bool, int, float, str, np.ndarray)


def through_plain_values(net):
    """As ``skops.io`` writes and reads objects."""
    state = net.__getstate__()
    # The user's own function, and an optimizer that no configuration tells all of.
    own = state.pop("model", None)
    excludes = bool(getattr(net.optimizer, "policy", None) and net.optimizer.policy.excluded)
    assert of_plain_values(state) is not excludes
    state |= {} if own is None else {"model": own}
    made = object.__new__(type(net))
    made.__setstate__(copy.deepcopy(state))
    assert vars(made).keys() == vars(net).keys()
    return made


WAYS = {
    "plain values": through_plain_values,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "joblib": through_joblib,
    # Read-only arrays, as those that joblib gives to other processes.
    "memory map": functools.partial(through_joblib, mmap_mode="r"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", NETS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_copy_goes_on_as_the_original(kind, way):
    """As scikit-learn's perceptrons, which keep their optimizer: the same bits with and without."""
    # Of the generator's state a copy: fitting would advance the one that the table has.
    net = copy.deepcopy(NETS[kind]).fit(X, Y)
    copied = WAYS[way](net)
    for each in (net, copied):
        for _ in range(2):
            if each.warm_start:
                each.fit(X, Y)
            else:
                each.partial_fit(X, Y)
    np.testing.assert_array_equal(copied.model_.vector.values, net.model_.vector.values)
    assert copied.history_ == net.history_
    for each in (net, copied):
        each.set_params(warm_start=True).fit(X, Y)
    np.testing.assert_array_equal(copied.model_.vector.values, net.model_.vector.values)
    assert copied.model_.optimizer.steps == net.model_.optimizer.steps > 0


def test_the_copy_of_a_hidden_layer_has_a_network_that_goes_on():
    hidden = HiddenLayerTransformer(NETS["classifier"]).fit(X, Y)
    copied = pickle.loads(pickle.dumps(hidden))
    for each in (hidden, copied):
        each.estimator_.partial_fit(X, Y)
    np.testing.assert_array_equal(copied.transform(X), hidden.transform(X))


def test_the_state_of_a_model_is_of_plain_values():
    model = regularized(3, "softmax")
    model.compile(optimizers.AdamW(use_ema=True), "sparse_categorical_crossentropy", ["accuracy"])
    model.metadata["note"] = "petals"
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
    state = model.__getstate__()
    assert of_plain_values(state)
    copied = object.__new__(Sequential)
    copied.__setstate__(state)
    assert copied.metadata == model.metadata
    assert copied.history.history == history.history
    assert copied.history.epoch == history.epoch
    for each in (model, copied):
        each.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(copied.vector.values, model.vector.values)


def test_what_no_file_can_hold_stays_in_the_state():
    """As in a pickle: then its reader is asked to trust the classes."""
    model = Sequential([layers.Dense(3, "softmax")], seed=0)
    model.compile("adam", "mse", [lambda y, a: a[:, 0]])
    model.fit(X, np.eye(3)[Y], epochs=1, verbose=0)
    assert not of_plain_values(model.__getstate__())
    net = MLPClassifier(**MLP, learning_rate=lambda step: 0.1, solver="sgd")
    net.note, net.seen = "mine", {"rows": 3}
    copied = object.__new__(MLPClassifier)
    copied.__setstate__(net.__getstate__())
    assert copied.learning_rate is net.learning_rate
    assert (copied.note, copied.seen) == ("mine", {"rows": 3})


class Noted(MLPClassifier):
    """One whose state is the user's own."""

    def __getstate__(self):
        return {**super().__getstate__(), "note": "kept"}


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "joblib"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_state_of_the_users_own_is_heeded(way):
    net = Noted(**MLP).fit(X, Y)
    copied = WAYS[way](net)
    assert copied.note == "kept"
    np.testing.assert_array_equal(copied.predict_proba(X), net.predict_proba(X))


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_clone_begins_anew(kind):
    net = copy.deepcopy(NETS[kind])
    first = clone(net)
    again = clone(net.fit(X, Y))
    assert vars(again).keys() == vars(first).keys()
    if isinstance(net.random_state, int):
        np.testing.assert_array_equal(
            again.fit(X, Y).model_.vector.values, net.model_.vector.values
        )


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
