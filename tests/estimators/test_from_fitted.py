"""A trained ``Sequential`` as an estimator: it predicts as it is, and goes where one is taken."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression

import annlib
from annlib import Sequential, SequentialClassifier, SequentialRegressor, layers, losses, optimizers

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
CODES = np.digitize(X[:, 0], [-0.4, 0.4])
CLASSES = ["ant", "bee", "cicada"]
NAMES = np.array(CLASSES)[CODES]


def trained(*stack, loss, y, x=X, epochs=5):
    model = Sequential([layers.Dense(8, "relu"), *stack], seed=0)
    model.compile(optimizers.Adam(0.02), loss)
    model.fit(x, y, epochs=epochs, verbose=0)
    return model


@pytest.fixture
def model():
    return trained(
        layers.Dense(3, "softmax"), loss="sparse_categorical_crossentropy", y=CODES, epochs=20
    )


def test_it_predicts_as_the_model_does(model):
    net = SequentialClassifier.from_fitted(model, CLASSES)
    assert_allclose(net.predict_proba(X), model.predict(X), atol=1e-6)
    assert_array_equal(net.predict(X), np.array(CLASSES)[model.predict(X).argmax(axis=1)])
    assert net.classes_.tolist() == CLASSES
    assert net.n_features_in_ == 4
    assert net.n_iter_ == len(net.history_["loss"]) == 20
    assert net.score(X, NAMES) > 0.6


def test_what_takes_a_fitted_estimator_takes_it(model, tmp_path):
    model.save(tmp_path / "model")
    net = SequentialClassifier.from_fitted(annlib.load_model(tmp_path / "model"), CLASSES)
    before = net.predict_proba(X)
    calibrated = CalibratedClassifierCV(FrozenEstimator(net)).fit(X, NAMES)
    assert calibrated.predict_proba(X).shape == (120, 3)
    stack = StackingClassifier([("net", net)], LogisticRegression(), cv="prefit").fit(X, NAMES)
    assert stack.score(X, NAMES) > 0.6
    importance = permutation_importance(net, X, NAMES, random_state=0).importances_mean
    assert importance.argmax() == 0
    assert_array_equal(net.predict_proba(X), before)


def test_the_model_stays_as_it_is(model):
    before = model.get_weights()
    net = SequentialClassifier.from_fitted(model, CLASSES)
    steps = model.optimizer.steps
    assert net.model_.optimizer.steps == steps
    net.partial_fit(X, NAMES)
    assert net.n_iter_ == 21
    assert net.model_.optimizer.steps == steps + 4
    assert model.optimizer.steps == steps
    for one, other in zip(before, model.get_weights(), strict=True):
        assert_array_equal(one, other)


def test_it_goes_on_as_the_model_would(model):
    net = SequentialClassifier.from_fitted(model, CLASSES, shuffle=False)
    net.partial_fit(X.astype("f4"), NAMES)
    model.fit(X, CODES, shuffle=False, initial_epoch=20, epochs=21, verbose=0)
    assert_array_equal(net.predict_proba(X), model.predict(X))


def test_a_clone_is_an_estimator_of_the_same_model(model):
    net = SequentialClassifier.from_fitted(model, CLASSES, epochs=3)
    with pytest.raises(NotFittedError):
        clone(net).predict(X)
    again = clone(net).fit(X, NAMES)
    assert again.n_iter_ == 3
    assert again.score(X, NAMES) > 0.6


@pytest.mark.parametrize("classes", [None, [3, 5, 9], np.array(CLASSES, object)])
def test_classes(model, classes):
    net = SequentialClassifier.from_fitted(model, classes)
    assert_array_equal(net.classes_, [0, 1, 2] if classes is None else classes)
    assert set(net.predict(X)) == set(net.classes_)


def test_classes_of_one_unit():
    model = trained(layers.Dense(1, "sigmoid"), loss="binary_crossentropy", y=CODES > 0)
    net = SequentialClassifier.from_fitted(model, ["no", "yes"])
    assert_array_equal(net.predict(X) == "yes", model.predict(X)[:, 0] > 0.5)
    assert SequentialClassifier.from_fitted(model).classes_.tolist() == [0, 1]
    logits = trained(layers.Dense(1), loss=losses.BinaryCrossentropy(from_logits=True), y=CODES > 0)
    net = SequentialClassifier.from_fitted(logits, [False, True])
    assert_allclose(net.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logits.predict(X)[:, 0])), 1e-5)


def test_labels_and_columns():
    Y = np.column_stack([CODES > 0, CODES > 1]).astype(int)
    net = SequentialClassifier.from_fitted(
        trained(layers.Dense(2, "sigmoid"), loss="binary_crossentropy", y=Y)
    )
    assert net.predict(X).shape == net.predict_proba(X).shape == (120, 2)
    columns = trained(layers.Dense(5), loss=losses.BlockCrossentropy([3, 2]), y=np.eye(5)[CODES])
    net = SequentialClassifier.from_fitted(columns, [CLASSES, ["n", "y"]])
    assert net.predict(X).shape == (120, 2)
    assert [p.shape for p in net.predict_proba(X)] == [(120, 3), (120, 2)]


def test_a_regressor():
    model = trained(layers.Dense(1), loss="mse", y=X[:, 0])
    net = SequentialRegressor.from_fitted(model, epochs=2)
    assert_array_equal(net.predict(X), model.predict(X)[:, 0])
    assert net.partial_fit(X, X[:, 0]).n_iter_ == 6
    assert SequentialRegressor.from_fitted(
        trained(layers.Dense(2), loss="mse", y=X[:, :2])
    ).predict(X).shape == (120, 2)
    quantiles = trained(layers.Dense(3), loss=losses.Quantile([0.1, 0.5, 0.9]), y=X[:, 0])
    assert SequentialRegressor.from_fitted(quantiles).fit(X, X[:, 0]).predict(X).shape == (120, 3)


def test_names_of_columns():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = trained(layers.Dense(1), loss="mse", y=X[:, 0], x=frame)
    net = SequentialRegressor.from_fitted(model)
    assert net.feature_names_in_.tolist() == list("abcd")
    net.predict(frame)
    with pytest.raises(ValueError, match="feature names"):
        net.predict(frame[list("bacd")])


def test_a_model_that_was_not_compiled():
    model = Sequential([layers.Input((4,)), layers.Dense(3, "softmax")], seed=0)
    net = SequentialClassifier.from_fitted(model, CLASSES)
    assert_array_equal(net.predict_proba(X), model.predict(X))
    assert net.partial_fit(X, NAMES).n_iter_ == 1


def test_it_can_be_saved(model, tmp_path):
    net = SequentialClassifier.from_fitted(model, CLASSES)
    net.save(tmp_path / "net")
    loaded = annlib.load_estimator(tmp_path / "net")
    assert_array_equal(loaded.predict_proba(X), net.predict_proba(X))
    assert_array_equal(
        loaded.partial_fit(X, NAMES).predict_proba(X), net.partial_fit(X, NAMES).predict_proba(X)
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda m: (lambda: m, CLASSES), "a trained Sequential, got"),
        (lambda m: (Sequential([layers.Dense(3)]), CLASSES), "no weights.*Train it"),
        (lambda m: (m, CLASSES[::-1]), "sorted order.*argsort"),
        (lambda m: (m, ["a", "a", "b"]), "sorted order"),
        (lambda m: (m, [*CLASSES, "dragonfly"]), "4 classes"),
        (lambda m: (m, [False, True]), "two classes"),
    ],
)
def test_what_is_refused(model, given, message):
    with pytest.raises(annlib.ConfigurationError, match=message):
        SequentialClassifier.from_fitted(*given(model))


def test_parameters_that_would_change_the_model_are_refused(model):
    with pytest.raises(annlib.ConfigurationError, match="leave the model as it is"):
        SequentialClassifier.from_fitted(model, CLASSES, model__dense__units=3)
    with pytest.raises(TypeError, match="unexpected keyword"):
        SequentialClassifier.from_fitted(model, CLASSES, epoch=3)
