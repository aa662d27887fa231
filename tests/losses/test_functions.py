"""Losses as functions: one number a row, in Keras' names and with the arguments of the classes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn.metrics
from golden import recorded

from annlib import Sequential, layers, losses
from annlib.losses import LossFunction

rng = np.random.default_rng(0)
Y, A = rng.normal(size=(2, 6, 3))
FUNCTIONS = {name: f for name, f in vars(losses).items() if isinstance(f, LossFunction)}
#: Keras' functions, the short names among them, for dense networks (``keras.losses``, 3.15).
OF_KERAS = """
    KLD MAE MAPE MSE MSLE binary_crossentropy binary_focal_crossentropy categorical_crossentropy
    categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge
    cosine_similarity hinge huber kl_divergence kld kullback_leibler_divergence log_cosh logcosh mae
    mape mean_absolute_error mean_absolute_percentage_error mean_squared_error
    mean_squared_logarithmic_error mse msle poisson sparse_categorical_crossentropy squared_hinge
"""


def test_they_are_those_of_keras():
    assert sorted(FUNCTIONS) == sorted(OF_KERAS.split())


def test_a_function_has_one_number_a_row():
    expected = [sklearn.metrics.mean_squared_error(y, a) for y, a in zip(Y, A, strict=True)]
    np.testing.assert_allclose(losses.mean_squared_error(Y, A), expected, rtol=1e-12)
    np.testing.assert_allclose(losses.MAE(Y, A), np.abs(Y - A).mean(axis=1), rtol=1e-12)


def test_the_arguments_are_those_of_the_class_in_its_order():
    y, z = [[0.0], [1.0]], np.array([[0.3], [-1.0]])
    expected = np.log1p(np.exp(z * np.array([[1], [-1]])))[:, 0]
    for found in (
        losses.binary_crossentropy(y, z, True),
        losses.binary_crossentropy(y, z, from_logits=True),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(losses.huber(Y, A, 0.1), losses.Huber(0.1, "none")(Y, A))
    with pytest.raises(ValueError, match="delta"):
        losses.huber(Y, A, delta=-1)
    with pytest.raises(ValueError, match="one length"):
        losses.mse(Y, A[:2])


RECORDED = recorded("losses")["losses"]
PLAIN = [
    r
    for r in RECORDED["records"]
    if r["reduction"] == "sum_over_batch_size" and not r["weighted"] and r["dtype"] == "float64"
]


@pytest.mark.parametrize("record", PLAIN, ids=lambda r: f"{r['class']}-{r['inputs']}")
def test_the_mean_of_its_numbers_is_the_loss_of_keras(record):
    function = next(f for f in FUNCTIONS.values() if f.cls.__name__ == record["class"])
    inputs = RECORDED["inputs"][record["inputs"]]
    found = function(inputs["y_true"], np.array(inputs["y_pred"]), **record["config"])
    assert found.shape == (len(inputs["y_pred"]),)
    assert found.mean() == pytest.approx(record["value"], rel=1e-6)


@pytest.mark.parametrize("name", ["mse", "hinge", "logcosh"])
def test_a_model_is_compiled_with_a_function(name):
    function = FUNCTIONS[name]
    by_function, by_name = (
        Sequential([layers.Input((3,)), layers.Dense(3)], seed=0) for _ in range(2)
    )
    y = np.sign(Y)
    by_function.compile("sgd", function)
    by_name.compile("sgd", function.cls())
    kept = [m.fit(A, y, epochs=2, verbose=0).history["loss"] for m in (by_function, by_name)]
    assert kept[0] == kept[1]
    assert by_function.to_json()
    assert pickle.loads(pickle.dumps(function)).cls is function.cls
