"""Metrics and losses as functions: by themselves, and as metrics of a model."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from annlib import Sequential, layers, load_model, losses, metrics
from annlib.core.errors import AnnlibError, ConfigurationError, ShapeError

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 3))
LABELS = (X > 0).astype(float)


def network(*used, loss="mse", activation="sigmoid", how="metrics"):
    model = Sequential([layers.Dense(3, activation)], seed=0)
    model.compile("sgd", loss, **{how: list(used)})
    return model


@pytest.mark.parametrize("name", ["mse", "MAE", "mape", "msle", "kld", "logcosh", "hinge", "huber"])
def test_what_is_a_loss_is_the_losses_function(name):
    assert getattr(metrics, name) is getattr(losses, name)


def test_arguments_come_by_position_as_keras_has_them():
    p = [[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]
    assert metrics.binary_accuracy([[1, 0, 0]], [[0.4, 0.2, 0.1]], 0.3).tolist() == [1.0]
    assert metrics.top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], p, 2).tolist() == [1.0, 0.0]
    ids = metrics.sparse_top_k_categorical_accuracy([9, 9], [[9, 1], [2, 9]], 1, True)
    assert ids.tolist() == [1.0, 0.0]
    with pytest.raises(ConfigurationError, match=r"^categorical_accuracy: .*at most 0.*got 1"):
        metrics.categorical_accuracy([[0, 1]], [[0.1, 0.9]], 3)
    with pytest.raises(ConfigurationError, match='got "axes"'):
        metrics.pearson_correlation([[0, 1]], [[0.1, 0.9]], axes=0)


def test_what_has_no_rows_or_other_ones_is_refused():
    for y, p in (([], []), ([[0, 1]], [[0.1, 0.9]] * 2), (np.zeros((0, 2)), np.zeros((0, 2)))):
        with pytest.raises(ShapeError, match=r"^binary_accuracy: expected targets"):
            metrics.binary_accuracy(y, p)
    with pytest.raises(AnnlibError, match="binary_accuracy"):
        metrics.binary_accuracy(["a"], [0.5])


def test_a_function_is_the_metric_of_its_name():
    for function in (metrics.binary_accuracy, metrics.pearson_correlation):
        assert type(metrics.get(function)) is function.cls
        assert pickle.loads(pickle.dumps(function)).cls is function.cls
    assert type(metrics.get(losses.mse)) is metrics.MeanSquaredError
    assert type(metrics.get(losses.log_cosh)) is metrics.LogCoshError
    model = network(losses.mse, metrics.binary_accuracy, losses.huber, losses.cosine_similarity)
    assert model.metrics_names[1:] == [
        "mean_squared_error",
        "binary_accuracy",
        "huber",
        "cosine_similarity",
    ]


@pytest.mark.parametrize("how", ["metrics", "weighted_metrics"])
def test_a_model_gives_the_mean_of_its_rows(how, tmp_path):
    functions = [
        losses.mae,
        losses.huber,
        losses.cosine_similarity,  # of which the metric is the negative
        losses.binary_focal_crossentropy,
        metrics.binary_accuracy,
        metrics.concordance_correlation,
    ]
    model = network(*functions, how=how)
    weights = rng.uniform(0, 2, 30)
    found = model.evaluate(X, LABELS, sample_weight=weights, batch_size=7, verbose=0)
    p, w = model.predict(X), weights if how == "weighted_metrics" else None
    expected = [np.average(function(LABELS, p), weights=w) for function in functions]
    np.testing.assert_allclose(found[1:], expected, rtol=1e-5)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.metrics_names == model.metrics_names
    assert again.evaluate(X, LABELS, sample_weight=weights, batch_size=7, verbose=0) == found
    model.compile_from_config(model.get_compile_config())
    assert model.evaluate(X, LABELS, sample_weight=weights, batch_size=7, verbose=0) == found


def test_functions_of_probabilities_get_probabilities_of_logits():
    used = losses.binary_crossentropy, losses.binary_focal_crossentropy, metrics.binary_accuracy
    loss = losses.BinaryCrossentropy(from_logits=True)
    model = network(*used, loss=loss, activation=None)
    p = 1 / (1 + np.exp(-model.predict(X)))
    expected = [function(LABELS, p).mean() for function in used]
    np.testing.assert_allclose(model.evaluate(X, LABELS, verbose=0)[1:], expected, rtol=1e-5)
    model = network(losses.BinaryFocalCrossentropy(), loss="mse", activation=None)
    with pytest.raises(ConfigurationError, match="probabilities"):
        model.fit(X, LABELS, verbose=0)
