"""HiddenLayerTransformer: which layer, of whose network, and under which names."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    parallel,
)
from annlib import layers as L  # short, for a table

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
MODEL = Sequential(
    [L.Dense(6, "tanh", name="first"), L.Dense(5, "relu"), L.Dropout(0.5), L.Dense(3, "softmax")]
)
NET = SequentialClassifier(MODEL, epochs=5, random_state=0)


def by_hand(fitted, X):
    """The first two layers in plain NumPy."""
    W, b, V, c = fitted.model_.get_weights()[:4]
    first = np.tanh(X @ W + b)
    return first, np.maximum(first @ V + c, 0)


@pytest.mark.parametrize(
    ("layer", "which"), [(-2, 1), (-3, 1), (1, 1), ("dense", 1), (0, 0), ("first", 0), (-4, 0)]
)
def test_the_output_of_a_layer(layer, which):
    hidden = HiddenLayerTransformer(NET, layer=layer).fit(X, Y)
    expected = by_hand(hidden.estimator_, X)[which]
    np.testing.assert_allclose(hidden.transform(X), expected, atol=1e-12)
    np.testing.assert_allclose(hidden.transform(sp.csr_array(X)), expected, atol=1e-12)
    assert not hasattr(NET, "model_")


def test_prefit_and_frozen_networks_stay_as_they_are():
    fitted = clone(NET).fit(X, Y)
    before = fitted.model_.get_weights()
    expected = by_hand(fitted, X)[1]
    for hidden in (
        HiddenLayerTransformer(fitted, prefit=True),
        HiddenLayerTransformer(fitted, prefit=True).fit(X),
        HiddenLayerTransformer(FrozenEstimator(fitted)).fit(X, Y),
    ):
        np.testing.assert_allclose(hidden.transform(X), expected, atol=1e-12)
        assert hidden.n_features_in_ == 4
        assert len(hidden.get_feature_names_out()) == 5
    for now, then in zip(fitted.model_.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    with pytest.raises(NotFittedError):
        HiddenLayerTransformer(clone(NET), prefit=True).fit(X, Y)
    with pytest.raises(NotFittedError):
        HiddenLayerTransformer(NET).transform(X)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_names_and_frames(container):
    table = pd.DataFrame(X, columns=list("abcd"))
    hidden = HiddenLayerTransformer(NET).set_output(transform=container).fit(table, Y)
    features = hidden.transform(table)
    assert list(features.columns) == [f"hiddenlayertransformer{i}" for i in range(5)]
    assert hidden.feature_names_in_.tolist() == list("abcd")
    assert list(hidden.get_feature_names_out()) == list(features.columns)


def test_without_an_estimator_the_kind_is_that_of_y():
    assert isinstance(HiddenLayerTransformer().fit(X, Y).estimator_, SequentialClassifier)
    assert isinstance(HiddenLayerTransformer().fit(X, X[:, 0]).estimator_, SequentialRegressor)
    assert isinstance(HiddenLayerTransformer().fit(X).estimator_, SequentialRegressor)
    with pytest.raises(ValueError, match="requires y to be passed"):
        HiddenLayerTransformer(NET).fit(X)


def test_in_a_pipeline_and_a_search():
    pipe = make_pipeline(HiddenLayerTransformer(NET, random_state=1), LogisticRegression())
    grid = {"hiddenlayertransformer__estimator__epochs": [1, 40]}
    search = GridSearchCV(pipe, grid, cv=3).fit(X, Y)
    assert search.score(X, Y) > 0.9


def test_weights_are_routed():
    weights = np.where(Y == 0, 10.0, 0.1)
    direct = clone(NET).fit(X, Y, sample_weight=weights)
    plain = HiddenLayerTransformer(NET).fit(X, Y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = clone(NET).set_fit_request(sample_weight=True)
        routed = make_pipeline(HiddenLayerTransformer(inner)).fit(X, Y, sample_weight=weights)
    for hidden in (plain, routed[0]):
        np.testing.assert_array_equal(hidden.estimator_.predict_proba(X), direct.predict_proba(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"layer": 2.0}, "The 'layer' parameter of HiddenLayerTransformer must be an int or a str"),
        ({"layer": 4}, "expected a layer of 4, got layer=4"),
        ({"layer": -5}, "expected a layer of 4, got layer=-5"),
        ({"layer": "second"}, "Known: first, dense, dropout, dense_1"),
        ({"prefit": 1}, "The 'prefit' parameter"),
        ({"estimator": LogisticRegression()}, "The 'estimator' parameter"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        HiddenLayerTransformer(**({"estimator": NET} | parameters)).fit(X, Y)


@pytest.mark.parametrize(
    ("variable", "urls", "address"),
    [
        (None, None, ""),
        (None, ["Source, https://a.example"], ""),
        (
            None,
            ["Source, https://a.example", "Documentation, https://b.example/v1"],
            "https://b.example/v1",
        ),
        ("https://c.example/", None, "https://c.example"),
        ("file:///docs", ["Documentation, https://b.example"], "file:///docs"),
    ],
)
@pytest.mark.parametrize(
    ("cls", "page"),
    [
        (HiddenLayerTransformer, "api/estimators/HiddenLayerTransformer.html"),
        (MLPClassifier, "api/estimators/MLPClassifier.html"),
        (parallel.DaskMLPClassifier, "api/parallel/DaskMLPClassifier.html"),
        (type("Mine", (MLPClassifier,), {}), None),
    ],
)
def test_the_html_links_to_the_reference_where_its_address_is_known(
    cls, page, variable, urls, address, monkeypatch
):
    class Metadata:
        def get_all(self, name):
            return urls

    monkeypatch.setattr("annlib.estimators.documentation.metadata", lambda name: Metadata())
    if variable is None:
        monkeypatch.delenv("ANNLIB_DOCS_URL", raising=False)
    else:
        monkeypatch.setenv("ANNLIB_DOCS_URL", variable)
    html = cls()._repr_mimebundle_()["text/html"]
    link = f"{address}/{page}" if address and page else ""
    assert cls()._get_doc_link() == link
    assert (f'href="{link}"' in html) == bool(link)
    assert "https://scikit-learn.org" not in html


# -- of what else has a network --------------------------------------------------------------------


def regression():
    model = Sequential([L.Dense(6, "relu"), L.Dense(1)], seed=0)
    model.compile("adam", "mse")
    model.fit(X, X[:, 0], verbose=0)
    return model


def test_of_a_trained_model():
    model = regression()
    hidden = HiddenLayerTransformer(model, prefit=True)
    expected = Sequential(model.layers[:1]).predict(X)
    np.testing.assert_array_equal(hidden.transform(X), expected)
    np.testing.assert_array_equal(hidden.fit(X).transform(X), expected)
    assert hidden.n_features_in_ == 4
    assert hidden.get_feature_names_out().shape == (6,)
    with pytest.raises(ValueError, match="no weights"):
        HiddenLayerTransformer(Sequential([L.Dense(2)]), prefit=True).fit(X)


def test_a_model_is_copied_and_trained():
    model = Sequential([L.Dense(6, "relu"), L.Dense(1)], seed=0)
    hidden = HiddenLayerTransformer(model, random_state=0).fit(X, X[:, 0])
    assert hidden.transform(X).shape == (len(X), 6)
    assert isinstance(hidden.estimator_, SequentialRegressor)
    assert not model.built
    clone(hidden)


@pytest.mark.parametrize("prefit", [True, False])
@pytest.mark.parametrize("searched", [True, False])
def test_of_a_pipeline_and_a_search(prefit, searched):
    whole = make_pipeline(StandardScaler(), SequentialClassifier(epochs=2, random_state=0))
    if searched:
        whole = GridSearchCV(whole, {"sequentialclassifier__model__units": [3, 7]}, cv=2)
    whole.fit(10 * X, Y)
    hidden = HiddenLayerTransformer(whole, prefit=prefit).fit(10 * X, Y)
    best = whole.best_estimator_ if searched else whole
    scaled = best[:-1].transform(10 * X)
    expected = HiddenLayerTransformer(best[-1], prefit=True).transform(scaled)
    np.testing.assert_allclose(hidden.transform(10 * X), expected, rtol=1e-12)
    assert hidden.get_feature_names_out().shape == expected.shape[1:]


def test_of_scaled_targets():
    net = TransformedTargetRegressor(MLPRegressor("squared_error", (5,), max_iter=3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hidden = HiddenLayerTransformer(net).fit(X, X[:, 0])
    assert hidden.transform(X).shape == (len(X), 5)


def test_without_y_it_is_an_auto_encoder():
    low = X[:, :2] @ np.random.default_rng(0).normal(size=(2, 6))
    net = SequentialRegressor(
        Sequential([L.Dense(2), L.Dense(6)], seed=0),
        epochs=200,
        optimizer__learning_rate=0.03,
        random_state=0,
    )
    hidden = HiddenLayerTransformer(net).fit(low)
    assert hidden.transform(low).shape == (len(low), 2)
    again = hidden.estimator_.predict(low)
    assert 1 - np.square(again - low).mean() / np.square(low).mean() > 0.99
    pipe = make_pipeline(HiddenLayerTransformer(net), KMeans(2, n_init=1, random_state=0)).fit(low)
    assert set(pipe.predict(low)) == {0, 1}
