"""Every loss by its name in every estimator: it learns, and what the estimator gives agrees."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from annlib import (
    ConfigurationError,
    DataError,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    ShapeError,
    layers,
    load_estimator,
    losses,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NAMES = list(dict.fromkeys(cls._names[0] for cls in losses.registry))
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
X[rng.uniform(size=X.shape) < 0.3] = 0
Z = X @ [1.0, -1.0, 0.5, 0.0]
CLASSES = {
    "two": np.where(Z > 0, "b", "a"),
    "three": np.array(["x", "y", "z"])[np.digitize(Z, [-0.5, 0.5])],
    "labels": np.column_stack([Z > 0, Z > 0.5, X[:, 0] > 0]).astype(int),
    "one": np.full(120, "only"),
}
NUMBERS = {
    "shares": 1 / (1 + np.exp(-Z)) * 0.98 + 0.01,
    "several": 1 / (1 + np.exp(-np.column_stack([Z, X[:, 0]]))),
    "counts": np.floor(np.exp(Z / 2)),
}
CLASSIFIERS = {
    "MLP": lambda loss, **more: MLPClassifier(
        (8,), loss=loss, max_iter=30, learning_rate_init=0.02, random_state=0, **more
    ),
    "Sequential": lambda loss, **more: SequentialClassifier(
        loss=loss, epochs=15, optimizer__learning_rate=0.01, random_state=0, **more
    ),
}
REGRESSORS = {
    "MLP": lambda loss, **more: MLPRegressor(
        loss, (8,), max_iter=60, learning_rate_init=0.02, random_state=0, **more
    ),
    "Sequential": lambda loss, **more: SequentialRegressor(
        loss=loss, epochs=30, optimizer__learning_rate=0.01, random_state=0, **more
    ),
}
REFUSED = ConfigurationError, DataError, ShapeError
# Those that cannot have these targets; of the rest each must learn.
OF_LOGITS, POSITIVE = {"block_crossentropy"}, {"gamma"}
OF_CODES = {"sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"}
REFUSES = {
    "two": OF_LOGITS | POSITIVE,
    "three": OF_LOGITS | POSITIVE,
    "labels": OF_LOGITS | POSITIVE | OF_CODES,
    "one": OF_LOGITS | POSITIVE,
}
# Medians of zeros and ones, which are mostly zero, and what heeds directions alone.
LEARN_LITTLE = {"mean_absolute_error", "mean_absolute_percentage_error", "cosine_similarity"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("family", CLASSIFIERS)
def test_classes(family, kind, name):
    net, y = CLASSIFIERS[family](name), CLASSES[kind]
    if name in REFUSES[kind]:
        with pytest.raises(REFUSED):
            net.fit(X, y)
        return
    net.fit(X, y)
    predicted, decisions = net.predict(X), net.decision_function(X)
    assert np.isfinite(net.history_["loss"]).all()
    if kind in ("two", "three") and name not in LEARN_LITTLE | {"quantile"}:
        assert net.score(X, y) > {"two": 0.8, "three": 0.6}[kind]
    if kind == "two":
        assert_array_equal(net.classes_[(decisions > 0).astype(int)], predicted)
    elif kind == "three":
        assert_array_equal(net.classes_[decisions.argmax(axis=1)], predicted)
    elif kind == "labels":
        assert_array_equal(decisions > 0, predicted > 0)
    if hasattr(net, "predict_proba"):
        shares = net.predict_proba(X)
        assert 0 <= shares.min() <= shares.max() <= 1
        if kind == "labels":
            assert_array_equal(shares > 0.5, predicted > 0)
        else:
            assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
            assert_array_equal(net.classes_[shares.argmax(axis=1)], predicted)


@pytest.mark.parametrize("name", [n for n in NAMES if losses.get(n).task != "classes"])
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("family", REGRESSORS)
def test_numbers(family, kind, name):
    net, y = REGRESSORS[family](name), NUMBERS[kind]
    loss = losses.get(name)
    try:
        net.fit(X, y)
    except REFUSED:
        assert loss.margin or (kind == "counts" and (loss.task == "binary" or name in POSITIVE))
        return
    assert net.predict(X).shape == y.shape
    assert np.isfinite(net.predict(X)).all()
    if kind != "counts" and name not in LEARN_LITTLE | {"mean_squared_logarithmic_error"}:
        assert net.score(X, y) > 0.5
    if loss.fuses_with == "exponential" or name == "poisson":
        assert net.predict(X).min() > 0
    if loss.fuses_with == "sigmoid":
        assert 0 < net.predict(X).min() < net.predict(X).max() < 1


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_LOGITS | POSITIVE])
@pytest.mark.parametrize("family", CLASSIFIERS)
def test_other_ways_to_fit(family, name, tmp_path):
    y = CLASSES["two"]
    net = CLASSIFIERS[family](name).fit(X, y)
    sparse = clone(net).fit(scipy.sparse.csr_matrix(X), y)
    assert_allclose(sparse.decision_function(X), net.decision_function(X), rtol=1e-4, atol=1e-6)
    weights = np.where(np.arange(120) % 3, 1.0, 0.0)
    kept = clone(net).set_params(shuffle=False, batch_size=120)
    weighed = clone(kept).fit(X, y, sample_weight=weights)
    kept.set_params(batch_size=80).fit(X[weights > 0], y[weights > 0])
    assert_allclose(weighed.decision_function(X), kept.decision_function(X), rtol=1e-4, atol=1e-5)
    for _ in range(2):
        clone(net).partial_fit(X, y, classes=["a", "b"])
    clone(net).set_params(warm_start=True).fit(X, y).fit(X, y)
    net.save(tmp_path / "net")
    assert_array_equal(load_estimator(tmp_path / "net").predict(X), net.predict(X))


def test_a_function_is_told_the_last_layer_that_fits_the_loss():
    told = {}

    def build(n_outputs, output_activation):
        told["last"] = n_outputs, output_activation
        return Sequential([layers.Dense(n_outputs, output_activation)])

    for make, loss, y, last in [
        (SequentialRegressor, "poisson", NUMBERS["counts"], (1, "exponential")),
        (SequentialRegressor, "huber", NUMBERS["counts"], (1, "linear")),
        (SequentialClassifier, "hinge", CLASSES["two"], (1, "linear")),
        (SequentialClassifier, "kl_divergence", CLASSES["two"], (2, "softmax")),
        (SequentialClassifier, "auto", CLASSES["two"], (1, "sigmoid")),
    ]:
        make(build, loss=loss, epochs=1).fit(X, y)
        assert told["last"] == last
