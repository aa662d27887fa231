"""Estimators as ONNX: labels are equal and probabilities agree, alone and in pipelines."""

from __future__ import annotations

import io

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from export.exported import assert_equal, run
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from annlib import (
    ConfigurationError,
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    TabularClassifier,
    TabularRegressor,
    export,
    layers,
    losses,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, CODES = load_iris(return_X_y=True)
X = X.astype(np.float32)
NAMES = np.array(["setosa", "versicolor", "virginica"])
LABELS = {
    "integers": CODES,
    "small integers": (CODES * 2).astype(np.int8),
    "texts": NAMES[CODES],
    "texts as objects": NAMES[CODES].astype(object),
    "booleans": CODES > 0,
    "two texts": NAMES[np.minimum(CODES, 1)],
    "fractions": CODES / 1.0,
    "a single class": CODES * 0,
    "several labels": np.stack([CODES > 0, CODES < 2, X[:, 0] > 5.5], axis=1).astype(int),
    "several columns": np.stack([CODES, (X[:, 1] > 3) + 4], axis=1),
    "several columns of texts": NAMES[np.stack([CODES, 2 - CODES // 2], axis=1)],
}
NUMBERS = {"one": X[:, 3], "two": X[:, 2:]}


def exported(estimator, **arguments):
    file = io.BytesIO()
    export.onnx(estimator, file, **arguments)
    return file.getvalue()


def classifiers():
    yield MLPClassifier((8,), max_iter=15, random_state=0)
    yield SequentialClassifier(epochs=3, random_state=0, verbose=0)


def assert_agrees(data, estimator, x=X):
    labels, *probabilities = run(data, x)
    np.testing.assert_array_equal(labels, estimator.predict(x))
    expected = estimator.predict_proba(x)
    expected = expected if isinstance(expected, list) else [expected]
    for found, own in zip(probabilities, expected, strict=True):
        assert_equal(found, own, 1e-6)


@pytest.mark.parametrize("kind", LABELS)
def test_classifiers(kind):
    for estimator in classifiers():
        estimator.fit(X, LABELS[kind])
        data = exported(estimator)
        assert_agrees(data, estimator)
        session = onnxruntime.InferenceSession(data)
        names = [one.name for one in session.get_outputs()]
        assert names[0] == "label"
        assert all(name.startswith("probabilities") for name in names[1:])


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("loss", [None, "poisson"])
def test_regressors(kind, loss):
    more = {} if loss is None else {"loss": loss}
    for estimator in (
        MLPRegressor(hidden_layer_sizes=(8,), max_iter=15, random_state=0, **more),
        SequentialRegressor(epochs=3, random_state=0, verbose=0, **more),
    ):
        estimator.fit(X, NUMBERS[kind])
        (found,) = run(exported(estimator), X)
        expected = estimator.predict(X)
        assert_equal(found, expected.reshape(len(X), -1), 1e-6)


@pytest.mark.parametrize("kind", ["integers", "texts", "several labels", "several columns"])
def test_pipelines_of_skl2onnx(kind):
    for estimator in classifiers():
        pipeline = make_pipeline(StandardScaler(), estimator).fit(X, LABELS[kind])
        converted = convert_sklearn(
            pipeline, initial_types=[("X", FloatTensorType([None, X.shape[1]]))]
        )
        assert_agrees(converted.SerializeToString(), pipeline)


def test_pipelines_of_regressors():
    scaled = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), max_iter=15, random_state=0)
    )
    pipeline = scaled.fit(X, X[:, 3])
    data = to_onnx(pipeline, X[:1], target_opset=18).SerializeToString()
    assert_equal(run(data, X)[0], pipeline.predict(X).reshape(-1, 1), 1e-6)
    double = to_onnx(pipeline, X[:1].astype(np.float64)).SerializeToString()
    assert_equal(run(double, X)[0], pipeline.predict(X).reshape(-1, 1), 1e-6)


def test_searches():
    """Which skl2onnx looks up in a table of its own, alone and as a step."""
    for estimator in classifiers():
        grid = {"random_state": [0, 1]}
        search = GridSearchCV(estimator, grid, cv=2).fit(X, NAMES[CODES])
        assert_agrees(to_onnx(search, X[:1]).SerializeToString(), search)
        assert_agrees(exported(search), search)
        pipeline = make_pipeline(StandardScaler(), GridSearchCV(estimator, grid, cv=2))
        pipeline.fit(X, CODES)
        options = {"zipmap": False}
        assert_agrees(to_onnx(pipeline, X[:1], options=options).SerializeToString(), pipeline)
        several = GridSearchCV(estimator, grid, cv=2).fit(X, LABELS["several labels"])
        assert_agrees(to_onnx(several, X[:1]).SerializeToString(), several)
    regressor = MLPRegressor(hidden_layer_sizes=(8,), max_iter=15)
    search = RandomizedSearchCV(regressor, grid, n_iter=2, cv=2).fit(X, X[:, 3])
    assert_equal(run(exported(search), X)[0], search.predict(X).reshape(-1, 1), 1e-6)
    grid_search = GridSearchCV(regressor, grid, cv=2).fit(X, X[:, 2:])
    (found,) = run(to_onnx(grid_search, X[:1]).SerializeToString(), X)
    assert_equal(found, grid_search.predict(X), 1e-6)


def test_what_is_made_of_decisions_is_refused():
    """And not converted with probabilities in their place."""
    calibrated = CalibratedClassifierCV(MLPClassifier((8,), max_iter=15, random_state=0), cv=2)
    calibrated.fit(X, CODES)
    to_onnx(calibrated.estimator.fit(X, CODES), X[:1])  # since when skl2onnx knows the class
    with pytest.raises(ConfigurationError, match="its decision_function"):
        to_onnx(calibrated, X[:1])


def test_a_pipeline_is_not_annlibs_to_write():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=15)).fit(X, CODES)
    with pytest.raises(ConfigurationError, match=r"got Pipeline.*skl2onnx\.to_onnx"):
        exported(pipeline)


def test_a_network_with_batch_normalization():
    network = Sequential(
        [layers.Normalization(), layers.Dense(8), layers.BatchNormalization(momentum=0.5),
         layers.ReLU(), layers.Dropout(0.3), layers.Dense(3, "softmax")]
    )  # fmt: skip
    pipeline = make_pipeline(
        StandardScaler(), SequentialClassifier(network, epochs=4, random_state=0, verbose=0)
    )
    pipeline.fit(X, NAMES[CODES])
    assert_agrees(to_onnx(pipeline, X[:1]).SerializeToString(), pipeline)


@pytest.mark.parametrize(
    ("last", "loss", "y"),
    [
        (layers.Dense(3), losses.CategoricalCrossentropy(from_logits=True), CODES),
        (layers.Dense(1), None, CODES > 0),
        (layers.Dense(2, "softmax"), None, CODES > 0),
        (layers.Dense(3, "sigmoid"), "binary_crossentropy", CODES),
    ],
    ids=["logits", "a logit", "two units", "shares"],
)
def test_outputs_that_are_logits_or_shares(last, loss, y):
    more = {} if loss is None else {"loss": loss}
    network = Sequential([layers.Dense(6, "relu"), last])
    estimator = SequentialClassifier(network, epochs=3, random_state=0, verbose=0, **more)
    assert_agrees(exported(estimator.fit(X, y)), estimator)


def test_without_probabilities_there_are_labels():
    network = Sequential([layers.Dense(6, "relu"), layers.Dense(1)])
    estimator = SequentialClassifier(network, loss="hinge", epochs=3, random_state=0, verbose=0)
    estimator.fit(X, CODES > 0)
    (labels,) = run(exported(estimator), X)
    np.testing.assert_array_equal(labels, estimator.predict(X))


def test_columns_of_texts():
    x = np.stack([NAMES[CODES], NAMES[::-1][CODES]], axis=1).astype(object)
    x = np.concatenate([x, X.astype(object)], axis=1)
    branches = layers.Columns(
        [([layers.StringLookup(), layers.Embedding(5, 2), layers.Flatten()], [0, 1])]
    )
    branches.adapt(x)
    network = Sequential([branches, layers.Dense(3, "softmax")])
    estimator = SequentialClassifier(network, epochs=2, random_state=0, verbose=0).fit(x, CODES)
    assert_agrees(exported(estimator), estimator, x)
    types = [StringTensorType([None, 1])] * 2 + [FloatTensorType([None, 1])] * 4
    named = [(f"c{k}", kind) for k, kind in enumerate(types)]
    converted = convert_sklearn(estimator, initial_types=named)
    assert_agrees(converted.SerializeToString(), estimator, x)


def test_hidden_layers_as_features():
    features = HiddenLayerTransformer(MLPClassifier((6,), max_iter=15, random_state=0))
    pipeline = make_pipeline(StandardScaler(), features, LogisticRegression()).fit(X, CODES)
    assert_agrees(to_onnx(pipeline, X[:1], options={"zipmap": False}).SerializeToString(), pipeline)
    assert_equal(run(exported(features), X)[0], features.transform(X), 1e-6)
    inner = make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=15, random_state=0))
    with pytest.raises(ConfigurationError, match="Put the other steps in front"):
        exported(HiddenLayerTransformer(inner).fit(X, CODES))


def test_what_is_not_fitted_is_refused():
    for estimator in classifiers():
        with pytest.raises(NotFittedError):
            exported(estimator)


# -- tables ----------------------------------------------------------------------------------------


def table():
    """Numbers, some missing or of two values, and texts, few and many."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(200, 3))
    numbers[rng.random((200, 3)) < 0.05] = np.nan
    numbers[:, 2] = np.where(np.isnan(numbers[:, 2]), np.nan, np.where(numbers[:, 2] > 0, 3, 1))
    frame = pd.DataFrame(numbers, columns=["width", "height", "doors"])
    frame["city"] = rng.choice(["Bonn", "Ulm", "Rom"], 200)
    frame["street"] = rng.integers(0, 60, 200).astype(str)
    frame["planet"] = 1.0
    frame.loc[::17, "city"] = None
    return frame


def given(data, x):
    """The feed of a table: missing texts are empty."""
    inputs = onnxruntime.InferenceSession(data).get_inputs()
    if len(inputs) == 1:
        return np.asarray(x, float)
    columns = [x[one.name].fillna("") if "string" in one.type else x[one.name] for one in inputs]
    return np.stack([column.to_numpy(object) for column in columns], axis=1)


@pytest.mark.parametrize("texts", [False, True], ids=["numbers", "with texts"])
def test_tabular_estimators(texts):
    x = table() if texts else table()[["width", "height", "doors", "planet"]]
    number = np.nan_to_num(x["width"])
    codes = 1 * (number > 0) + (np.nan_to_num(x["height"]) > 1.0)
    for y in (codes > 0, NAMES[codes], np.stack([codes > 0, codes < 1], axis=1).astype(int),
              np.stack([codes, (number > 1) + 4], axis=1)):  # fmt: skip
        estimator = TabularClassifier(epochs=1, members=2, random_state=0).fit(x, y)
        data = exported(estimator)
        labels, *probabilities = run(data, given(data, x))
        np.testing.assert_array_equal(labels, estimator.predict(x))
        expected = estimator.predict_proba(x)
        for found, own in zip(
            probabilities, expected if isinstance(expected, list) else [expected], strict=True
        ):
            assert_equal(found, own, 1e-6)
    for y in (100 * number + 5, np.stack([number, -number], axis=1)):
        regressor = TabularRegressor(epochs=1, members=2, random_state=0).fit(x, y)
        data = exported(regressor)
        (found,) = run(data, given(data, x))
        assert_equal(found, regressor.predict(x).reshape(200, -1), 1e-6)


@pytest.mark.parametrize("y", [NAMES[CODES], CODES > 0], ids=["texts", "booleans"])
def test_tabular_estimators_in_pipelines(y):
    classifier = TabularClassifier(epochs=1, members=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), classifier).fit(X, y)
    assert_agrees(to_onnx(pipeline, X[:1]).SerializeToString(), pipeline)
    search = GridSearchCV(classifier, {"members": [1, 2]}, cv=2).fit(X, y)
    assert_agrees(to_onnx(search, X[:1]).SerializeToString(), search)
    regressor = TabularRegressor(epochs=1, members=2, random_state=0)
    scaled = make_pipeline(StandardScaler(), regressor).fit(X, X[:, 3])
    (found,) = run(to_onnx(scaled, X[:1]).SerializeToString(), X)
    assert_equal(found, scaled.predict(X).reshape(-1, 1), 1e-6)


def test_a_table_of_texts_and_numbers_in_one_column_is_refused():
    x = pd.DataFrame({"odd": np.array(["a", 1.5] * 20, object), "width": np.arange(40.0)})
    estimator = TabularClassifier(epochs=1, members=2, random_state=0).fit(x, np.arange(40) % 2)
    with pytest.raises(ConfigurationError, match="column 'odd' of both"):
        exported(estimator)
