"""Sparse X: scikit-learn's numbers, and nothing of the size of the dense matrix."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.neural_network
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder

import annlib
from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
)

rng = np.random.default_rng(0)
ROWS, FEATURES = 240, 60
X = sp.random_array((ROWS, FEATURES), density=0.1, format="csr", rng=0)
SCORES = X @ rng.normal(size=(FEATURES, 3))
CLASSES = SCORES.argmax(axis=1)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("form", [sp.csr_array, sp.csr_matrix, sp.csc_array])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam"},
        {"solver": "sgd", "learning_rate": "adaptive", "hidden_layer_sizes": (8, 6)},
        {"solver": "lbfgs", "max_iter": 7, "activation": "tanh"},
        {"solver": "adam", "early_stopping": True, "batch_size": 11},
        {"solver": "sgd", "shuffle": False, "hidden_layer_sizes": ()},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_the_numbers_are_those_of_scikit_learn(name, options, dtype, form):
    x, y = form(X.astype(dtype)), CLASSES if name == "MLPClassifier" else SCORES[:, :2]
    arguments = {"hidden_layer_sizes": (9,), "max_iter": 5, "random_state": 3, **options}
    own, other = (
        getattr(package, name)(**arguments).fit(x, y)
        for package in (annlib, sklearn.neural_network)
    )
    near = {"rtol": 1e-9, "atol": 1e-12} if dtype == "float64" else {"rtol": 2e-3, "atol": 1e-5}
    assert own.n_iter_ == other.n_iter_
    for found, expected in zip(
        [*own.coefs_, *own.intercepts_], [*other.coefs_, *other.intercepts_], strict=True
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, **near)
    method = "predict_proba" if is_classifier(own) else "predict"
    for rows in (x, x[:1], x.toarray()):
        found, expected = (getattr(net, method)(rows) for net in (own, other))
        np.testing.assert_allclose(found, expected, **near)


def test_partial_fit_goes_on():
    nets = [
        package.MLPClassifier((7,), random_state=1) for package in (annlib, sklearn.neural_network)
    ]
    for start in (0, 80, 160):
        part = slice(start, start + 80)
        for net in nets:
            net.partial_fit(X[part], CLASSES[part], classes=[0, 1, 2])
    for found, expected in zip(nets[0].coefs_, nets[1].coefs_, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


SMALL = {"random_state": 0, "epochs": 3}
FEW = {"random_state": 0, "max_iter": 3}
NETS = [
    MLPClassifier((5,), **FEW, class_weight="balanced"),
    MLPRegressor(hidden_layer_sizes=(5,), **FEW, early_stopping=True, validation_fraction=0.3),
    MLPClassifier((5,), **FEW, batch_normalization=True),
    SequentialClassifier(**SMALL, validation_split=0.2),
    SequentialRegressor(**SMALL, model__units=5),
]


@pytest.mark.parametrize("net", NETS, ids=lambda net: type(net).__name__)
def test_the_same_as_dense_rows_but_for_rounding(net):
    y = CLASSES if is_classifier(net) else SCORES[:, 0]
    weights = rng.uniform(0.5, 2, ROWS)
    given = {"sample_weight": weights, "X_val": X[:50], "y_val": y[:50]}
    dense_given = {**given, "X_val": X[:50].toarray()}
    sparse = clone(net).fit(X, y, **given)
    plain = clone(net).fit(X.toarray(), y, **dense_given)
    near = (
        {"rtol": 1e-4, "atol": 1e-5}
        if sparse.model_.dtype == "float32"
        else {"rtol": 1e-7, "atol": 1e-10}
    )
    for name, values in plain.history_.items():
        np.testing.assert_allclose(sparse.history_[name], values, **near)
    method = "predict_proba" if is_classifier(net) else "predict"
    found, expected = getattr(sparse, method)(X), getattr(plain, method)(X.toarray())
    np.testing.assert_allclose(found, expected, **near)
    again = clone(net).fit(X, y, **given)
    np.testing.assert_array_equal(getattr(again, method)(X), found)
    hidden, of_dense = (
        HiddenLayerTransformer(one, layer=0, prefit=True) for one in (sparse, plain)
    )
    np.testing.assert_allclose(hidden.transform(X), of_dense.transform(X.toarray()), **near)


def test_a_pipeline_that_encodes_categories():
    codes = rng.integers(0, 40, (ROWS, 3)).astype(str)
    y = codes[:, 0] < "2"
    scores = []
    for package in (annlib, sklearn.neural_network):
        net = package.MLPClassifier((8,), random_state=0, max_iter=20)
        pipeline = make_pipeline(OneHotEncoder(handle_unknown="ignore"), MaxAbsScaler(), net)
        scores.append(cross_val_score(pipeline, codes, y).tolist())
    assert scores[0] == scores[1]


def wide():
    rows, features = 1_000, 200_000
    columns = np.sort(rng.integers(0, features, (rows, 50)))
    parts = np.ones(columns.size), columns.ravel(), np.arange(0, columns.size + 1, 50)
    return sp.csr_matrix(parts, shape=(rows, features)), np.arange(rows) % 2


@pytest.mark.parametrize(
    "net",
    [
        MLPClassifier((5,), max_iter=2, random_state=0),
        MLPClassifier((5,), max_iter=2, random_state=0, solver="sgd", early_stopping=True),
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0, batch_normalization=True),
        SequentialClassifier(
            Sequential([layers.Dense(5, "relu"), layers.Dense(2, "softmax")]), epochs=2
        ),
    ],
    ids=lambda net: type(net).__name__,
)
def test_nothing_of_the_size_of_the_dense_matrix_is_made(net):
    x, y = wide()
    net.fit(x[:100], y[:100])  # what is loaded at the first fit
    batch = 200 * x.shape[1] * 8
    for call in (lambda: clone(net).fit(x, y), lambda: net.predict(x), lambda: net.score(x, y)):
        tracemalloc.start()
        call()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < batch / 4  # of a few vectors as long as the weights, 8 MB each
