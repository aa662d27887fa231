"""The gradient check tells right gradients from wrong ones, and kinks from both."""

from __future__ import annotations

import numpy as np
import pytest
from tools.setups import (
    data,
    diabetes,
    model,
    wrong_activation_gradient,
    wrong_layer_gradient,
    wrong_loss_gradient,
)

from annlib import gradcheck, layers, losses
from annlib.core.errors import ConfigurationError
from annlib.tools.gradient_check import GradientError, GradientReport


def test_right_gradients():
    x, y = data("wine")
    net = model(
        layers.Dense(64, "gelu", kernel_regularizer="l2", activity_regularizer="l2"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(8, "tanh"),
        layers.LayerNormalization(),
        layers.Dense(3, "softmax"),
    )
    report = gradcheck(net, x, y, np.linspace(0.5, 1.5, len(x)))
    assert report.ok and bool(report)
    assert report.largest < 1e-8
    net.build((None, 13))
    trainable = {f"{w.name}/{p.name}" for w in net.layers for p in w._parameters if p.trainable}
    assert {each.name for each in report.errors} == trainable | {"x"}
    assert all(each.checked and not each.kinks for each in report.errors)


@pytest.mark.parametrize(
    ("setup", "wrong", "right"),
    [
        (wrong_activation_gradient, "dense/kernel", "dense_1/kernel"),
        (wrong_layer_gradient, "wrong_scale/factor", "dense/kernel"),
        (wrong_loss_gradient, "dense_1/kernel", None),
    ],
)
def test_wrong_gradients(setup, wrong, right):
    report = gradcheck(*setup())
    assert not report.ok
    names = [each.name for each in report.wrong]
    assert wrong in names and right not in names
    assert f"WRONG gradients: {', '.join(names)}" in repr(report)


def test_one_wrong_element_of_many_is_noticed():
    """All elements count in the two directions, also those that were not drawn."""

    class Off(layers.Dense):
        def backward(self, dy, work, *, input_gradient=True):
            dx = super().backward(dy, work, input_gradient=input_gradient)
            self.gradients["kernel"][-1, -1] += 0.1
            return dx

    x, y = data("digits")
    report = gradcheck(model(Off(60, "tanh"), layers.Dense(10, "softmax")), x, y, elements=5)
    assert [each.name for each in report.wrong] == ["off/kernel"]


def test_kinks_are_left_out_and_counted():
    """A row of zeros and no bias: the input of every relu is 0 there, to either side a slope."""
    x = np.array([[0.0, 0.0], [1.0, -2.0], [0.5, 1.0]])
    net = model(layers.Dense(4, "relu"), layers.Dense(1), loss="mse")
    report = gradcheck(net, x, [1.0, 2.0, -1.0])
    assert report.ok
    by_name = {each.name: each for each in report.errors}
    assert by_name["x"].kinks >= 1
    assert by_name["dense/bias"].kinks >= 1
    assert by_name["dense_1/kernel"].kinks == 0
    assert by_name["x"].kinks + by_name["x"].checked == x.size


def test_mean_absolute_error_and_hinge_have_kinks_of_their_own():
    net, x, y = diabetes()
    for loss in ("mae", "hinge"):
        net.compile("adam", losses.get(loss))
        assert gradcheck(net, x, np.sign(y)).ok


def test_codes_have_no_gradient():
    net = model(layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1), loss="mse")
    report = gradcheck(net, np.arange(8).reshape(4, 2) % 5, np.arange(4.0))
    assert report.ok and "x" not in [each.name for each in report.errors]


def test_the_model_is_not_touched():
    net, x, y = diabetes()
    net.fit(x, y, epochs=1, verbose=0)
    weights = [value.copy() for value in net.get_weights()]
    state = net.optimizer.state.copy()
    gradcheck(net, x, y)
    assert all(np.array_equal(a, b) for a, b in zip(weights, net.get_weights(), strict=True))
    assert np.array_equal(state, net.optimizer.state)


def test_bad_arguments():
    net, x, y = diabetes()
    for wrong in ({"rows": 0}, {"elements": 0}, {"tolerance": 0.0}):
        with pytest.raises(ConfigurationError, match="gradcheck: expected"):
            gradcheck(net, x, y, **wrong)


def test_a_gradient_that_is_not_finite_is_wrong():
    report = GradientReport([GradientError("<w>", (2,), 2, 0, float("nan"))], 1e-6)
    assert not report
    assert "&lt;w&gt;" in report._repr_html_() and "<w>" not in report._repr_html_()
