"""A loss of two plain functions."""

from __future__ import annotations

import functools
import pickle

import numpy as np
import pytest

from annlib import Sequential, layers, losses
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.testing import check_loss

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))


def squares(y_true, y_pred):
    return np.square(y_pred - y_true).mean(axis=-1)


def slopes(y_true, y_pred):
    return 2 * (y_pred - y_true) / y_pred.shape[-1]


def trained(loss):
    model = Sequential([layers.Dense(4, "tanh"), layers.Dense(2)], seed=0, dtype="float64")
    model.compile("sgd", loss)
    return model.fit(X, Y, epochs=3, verbose=0, sample_weight=np.arange(20) % 3 * 1.0), model


def test_a_function_with_its_gradient_trains_as_the_class_does():
    (one, model), (other, same) = trained((squares, slopes)), trained("mse")
    np.testing.assert_allclose(one.history["loss"], other.history["loss"], rtol=1e-12)
    for weight, expected in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_it_keeps_the_rules_of_a_loss(reduction):
    check_loss(losses.LossFunctionWrapper(squares, slopes, reduction), Y, Y[::-1])
    check_loss(losses.get((squares, slopes)))


def test_a_wrong_gradient_is_found():
    wrong = losses.get((squares, lambda y_true, y_pred: y_true - y_pred))
    with pytest.raises(AssertionError, match="the gradient is the derivative of the value"):
        check_loss(wrong, Y, Y[::-1])


def test_its_name_is_the_functions():
    assert losses.get((squares, slopes)).name == "squares"
    assert losses.LossFunctionWrapper(squares, slopes, name="mine").name == "mine"
    partial = functools.partial(squares)
    assert losses.get((partial, slopes)).name == "loss_function_wrapper"


def test_copies_are_equal_and_only_a_configuration_is_not_to_be_had():
    loss = losses.LossFunctionWrapper(squares, slopes, "sum", "mine")
    for other in (loss.clone(), pickle.loads(pickle.dumps(loss))):
        assert other == loss
        assert other.name == "mine"
        assert other(Y, X[:, :2]) == loss(Y, X[:, :2])
    assert loss != losses.LossFunctionWrapper(squares, squares, "sum", "mine")
    assert "squares" in repr(loss)
    with pytest.raises(ConfigurationError, match=r"LossFunctionWrapper\.fn.*register"):
        loss.get_config()


def test_a_function_alone_is_refused_and_told_about_gradients():
    for compile_ in (losses.get, Sequential([layers.Dense(1)]).compile):
        with pytest.raises(ConfigurationError, match=r"squares.*differentiation.*\(fn, gradient\)"):
            compile_(loss=squares) if compile_ is not losses.get else compile_(squares)


@pytest.mark.parametrize("wrong", [(squares, None), ("mse", slopes), (squares, float)])
def test_what_is_no_function_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=r"expected (fn|gradient) as a function"):
        losses.get(wrong)


@pytest.mark.parametrize("kind", [list, dict])
def test_other_collections_of_functions_are_refused(kind):
    with pytest.raises(ConfigurationError, match="expected a name, an object"):
        losses.get(kind([(squares, slopes)]))


@pytest.mark.parametrize(
    ("fn", "gradient", "error", "message"),
    [
        (lambda y, a: (a - y) ** 2, slopes, ShapeError, r"fn to return shape \(20,\).*mean\(axis"),
        (lambda y, a: ((a - y) ** 2).mean(), slopes, ShapeError, r"fn .* got \(\)"),
        (lambda y, a: None, slopes, ShapeError, r"fn .* got \(\)"),
        (lambda y, a: ["x"] * len(a), slopes, DataError, "what fn returns to hold numbers"),
        (squares, squares, ShapeError, r"gradient to return shape \(20, 2\).*got \(20,\)"),
        (squares, lambda y, a: 1j * a, DataError, "what gradient returns .*complex"),
    ],
)
def test_what_functions_return_is_checked(fn, gradient, error, message):
    with pytest.raises(error, match=message):
        trained((fn, gradient))


def test_functions_cannot_write_to_the_batch():
    def write(y_true, y_pred):
        y_pred -= y_true
        return y_pred.mean(axis=1)

    with pytest.raises(ValueError, match="read-only"):
        losses.get((write, slopes))(Y, Y)


def test_targets_have_the_predictions_shape():
    with pytest.raises(ShapeError, match="expected targets y of shape"):
        losses.get((squares, slopes))(Y[:, :1], Y)
    assert losses.get((squares, slopes))([1.0, 2.0], [[2.0], [2.0]]) == 0.5
