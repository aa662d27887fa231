"""Networks that look up texts, as estimators: frames and objects reach the first layer."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import get_tags

from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    callbacks,
    layers,
    load_estimator,
)

rng = np.random.default_rng(0)
ROWS = 120
TOWN = rng.choice(["bern", "oslo", "rome"], ROWS)
NUMBER = rng.normal(size=ROWS)
CODE = rng.integers(0, 5, ROWS)
Y = (TOWN == "rome") | (NUMBER > 1)
T = NUMBER + (TOWN == "rome")
PANDAS = pd.DataFrame({"town": TOWN, "number": NUMBER, "code": CODE})
POLARS = pl.DataFrame({"town": TOWN, "number": NUMBER, "code": CODE})
OBJECTS = PANDAS.to_numpy()
assert OBJECTS.dtype == object


def columns(by_name=True):
    town, _, code = PANDAS.columns if by_name else range(3)
    words = [layers.StringLookup(vocabulary=["oslo", "rome"]), layers.Embedding(4, 3)]
    return layers.Columns(
        [([*words, layers.Flatten()], [town]), (layers.CategoryEncoding(5), [code])]
    )


def build(units=5, activation="sigmoid", by_name=True):
    stack = [columns(by_name), layers.Dense(units, "relu"), layers.Dense(1, activation)]
    return Sequential(stack)


def classifier(model=None, **parameters):
    parameters = {"epochs": 5, "random_state": 0, **parameters}
    return SequentialClassifier(build() if model is None else model, **parameters)


DATA = {
    "pandas": (PANDAS, True),
    "polars": (POLARS, True),
    "category": (PANDAS.astype({"town": "category"}), True),
    "by place": (PANDAS, False),
    "objects": (OBJECTS, False),
    "lists": (OBJECTS.tolist(), False),
}


@pytest.mark.parametrize(("X", "by_name"), DATA.values(), ids=DATA)
@pytest.mark.parametrize("called", [False, True])
def test_all_containers_give_what_the_model_gives(X, by_name, called):
    """The network alone, of the same weights, is the oracle."""
    model = build(by_name=by_name)
    net = classifier(lambda: build(by_name=by_name)) if called else classifier(model)
    net.fit(X, Y)
    assert net.n_features_in_ == 3
    if hasattr(X, "columns"):
        assert net.feature_names_in_.tolist() == ["town", "number", "code"]
    assert_array_equal(net.predict_proba(X)[:, 1], net.model_.predict(X, verbose=0)[:, 0])
    again = classifier(model).fit(*((PANDAS, Y) if by_name else (OBJECTS, Y)))
    assert_array_equal(net.predict_proba(X), again.predict_proba(PANDAS if by_name else OBJECTS))


def test_one_hot_texts_are_those_of_scikit_learn():
    X = TOWN[:, None]
    terms = ["bern", "oslo", "rome"]
    lookup = layers.StringLookup(vocabulary=terms, output_mode="one_hot", num_oov_indices=0)
    net = classifier(Sequential([lookup, layers.Dense(1, "sigmoid")])).fit(X, Y)
    dense = classifier(Sequential([layers.Dense(1, "sigmoid")]))
    encoded = make_pipeline(OneHotEncoder(categories=[terms], sparse_output=False), dense).fit(X, Y)
    assert_array_equal(net.predict_proba(X), encoded.predict_proba(X))


def test_a_regressor_and_its_deviations():
    model = build(activation=None)
    net = SequentialRegressor(model, epochs=40, random_state=0).fit(PANDAS, T)
    assert net.score(PANDAS, T) > 0.5
    net = SequentialRegressor(Sequential([columns(), layers.Dropout(0.2), layers.Dense(1)]))
    mean, deviation = net.set_params(epochs=2).fit(PANDAS, T).predict(PANDAS, return_std=True)
    assert mean.shape == deviation.shape == (ROWS,)
    assert deviation.min() > 0


def test_frames_of_other_columns_are_refused():
    net = classifier().fit(PANDAS, Y)
    for X in (PANDAS[["number", "town", "code"]], PANDAS[["town", "code"]], POLARS[["code"]]):
        with pytest.raises(ValueError, match="feature names"):
            net.predict(X)
    for X in (PANDAS.assign(town=None), PANDAS.assign(number=np.nan), PANDAS.assign(town=1.5)):
        with pytest.raises(ValueError, match=r"expected (texts|finite numbers)"):
            net.predict(X)
    unknown = net.predict_proba(PANDAS.assign(town="lima"))
    assert_array_equal(unknown, net.predict_proba(PANDAS.assign(town="bern")))


def test_what_goes_with_it_in_scikit_learn(tmp_path):
    net = classifier().fit(PANDAS, Y)
    expected = net.predict_proba(PANDAS)
    net.save(tmp_path / "net")
    loaded = load_estimator(tmp_path / "net")
    for other in (loaded, pickle.loads(pickle.dumps(net)), clone(net).fit(PANDAS, Y)):
        assert_array_equal(other.predict_proba(PANDAS), expected)
    assert_array_equal(
        loaded.partial_fit(POLARS, Y).predict(PANDAS), net.partial_fit(PANDAS, Y).predict(PANDAS)
    )
    assert len(cross_val_score(net, PANDAS, Y, error_score="raise")) == 5
    search = GridSearchCV(net, {"model__dense__units": [2, 5]}, cv=2, error_score="raise")
    assert search.fit(PANDAS, Y).best_estimator_.n_features_in_ == 3
    search = GridSearchCV(classifier(build), {"model__units": [2, 5]}, cv=2, error_score="raise")
    assert search.fit(PANDAS, Y).best_params_["model__units"] in (2, 5)
    piped = make_pipeline("passthrough", net).fit(PANDAS, Y)
    calibrated = CalibratedClassifierCV(net, cv=2).fit(PANDAS, Y)
    assert calibrated.predict_proba(PANDAS).shape == piped.predict_proba(PANDAS).shape
    assert permutation_importance(net, PANDAS, Y, n_repeats=1).importances.shape == (3, 1)
    hidden = HiddenLayerTransformer(net, prefit=True).transform(PANDAS)
    assert hidden.shape == (ROWS, 5)


def test_validation_and_continued_training():
    stop = callbacks.EarlyStopping("val_score", mode="max", patience=9)
    net = classifier(scoring="roc_auc", validation_split=0.2, callbacks=stop).fit(PANDAS, Y)
    assert len(net.history_["val_score"]) == 5
    net = classifier(lambda: build(), scoring="roc_auc").fit(PANDAS, Y, X_val=POLARS, y_val=Y)
    assert len(net.history_["val_loss"]) == 5
    net.set_params(warm_start=True).fit(PANDAS, Y)
    assert len(net.history_["loss"]) == 10


def test_a_trained_model_as_it_is():
    model = build()
    model.compile("adam", "binary_crossentropy")
    model.fit(PANDAS, Y, epochs=2, verbose=0)
    net = SequentialClassifier.from_fitted(model)
    assert_array_equal(net.predict_proba(PANDAS)[:, 1], model.predict(PANDAS, verbose=0)[:, 0])
    assert net.feature_names_in_.tolist() == ["town", "number", "code"]


def test_tags_say_so():
    assert get_tags(classifier()).input_tags.string
    assert not get_tags(classifier()).input_tags.sparse
    tags = get_tags(SequentialClassifier(Sequential([layers.Dense(1, "sigmoid")]))).input_tags
    assert tags.sparse
    assert not tags.string


@pytest.mark.parametrize(
    ("net", "X", "message"),
    [
        (classifier(Sequential([layers.Dense(1, "sigmoid")])), PANDAS, "convert string to float"),
        (classifier(lambda: Sequential([layers.Dense(1, "sigmoid")])), PANDAS, "string to float"),
        (MLPClassifier(), PANDAS, "convert string to float"),
        (classifier(Sequential([layers.StringLookup(), layers.Dense(1)])), TOWN[:, None], "adapt"),
        (classifier(), PANDAS[["number", "code"]], "town"),
    ],
)
def test_others_are_refused(net, X, message):
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y)
    assert not hasattr(net, "model_")


def test_numbers_in_arrays_of_objects_go_to_any_function():
    X = PANDAS[["number", "code"]]
    plain = lambda: Sequential([layers.Dense(1, "sigmoid")])  # noqa: E731
    net = classifier(plain).fit(X.to_numpy().astype(object), Y)
    assert_array_equal(
        net.predict(X.to_numpy()), classifier(plain).fit(X.to_numpy(), Y).predict(X.to_numpy())
    )
