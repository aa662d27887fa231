"""Activations: the rules, the paper's equations, arguments and axes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from cases import ACTIVATIONS

from annlib import activations
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace
from annlib.testing import check_activation

each = pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def forward(activation, Z, work):
    """f(Z), in place where the activation says that it may be."""
    Z = Z.copy()
    A = np.empty(activation.output_shape(Z.shape)) if activation.needs_input else Z
    activation.forward(Z, A, work)
    return Z, A


def backward(activation, dA, Z):
    work = Workspace(Z.dtype)
    Z, A = forward(activation, Z, work)
    work.fill(np.nan)  # backward has the arrays that it is given, and scratch
    dA = dA.copy()
    activation.backward(dA, Z, A, work)
    return dA


@each
def test_it_keeps_the_rules_of_an_activation(row):
    check_activation(row.make(), kinks=getattr(row, "kinks", ()))


@each
def test_called_with_an_array_it_returns_a_new_one_of_the_same_shape(row):
    activation = row.make()
    for x in (1.5, [1.5, -2.0], [[1, 2], [3, -4]], np.ones((2, 3, 4))):
        halved = row.cls is activations.GLU
        if halved and not np.ndim(x):
            continue
        y = activation(x)
        assert y.shape == ((*np.shape(x)[:-1], np.shape(x)[-1] // 2) if halved else np.shape(x))
        assert y.dtype == np.float64
        assert not np.shares_memory(x, y)
    for shape in ((0,), (0, 4), (3, 0)):
        expected = (*shape[:-1], shape[-1] // 2) if row.cls is activations.GLU else shape
        assert activation(np.zeros(shape, "f4")).shape == expected
    Z = np.random.default_rng(0).normal(size=(6, 4))
    deep = np.asfortranarray(Z.reshape(3, 2, 4))
    np.testing.assert_array_equal(activation(deep).reshape(6, -1), activation(Z))
    np.testing.assert_array_equal(activation(Z), forward(activation, Z, Workspace("f8"))[1])
    np.testing.assert_allclose(activation(Z[2]), activation(Z)[2], rtol=1e-15)


# -- the paper's section 8, row by row -------------------------------------------------------------

PAPER = {
    "linear": (lambda z: z, lambda z: 1.0),
    "relu": (lambda z: z if z >= 0 else 0.0, lambda z: 1.0 if z > 0 else 0.0),
    "sigmoid": (
        lambda z: 1 / (1 + math.exp(-z)),
        lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2,
    ),
    "tanh": (
        lambda z: (1 - math.exp(-2 * z)) / (1 + math.exp(-2 * z)),
        lambda z: 1 - math.tanh(z) ** 2,
    ),
}


@pytest.mark.parametrize("name", PAPER)
def test_case_1_is_the_papers_function_and_derivative(name):
    """{a_i} <- A({z_i}); dE/dz_i = dE/da_i da_i/dz_i (6.2, 7.2, 8)."""
    f, slope = PAPER[name]
    activation = activations.get(name)
    Z, dA = np.random.default_rng(3).normal(size=(2, 4, 3))
    A, dZ = activation(Z), backward(activation, dA, Z)
    for r in range(4):
        for i in range(3):
            assert A[r, i] == pytest.approx(f(Z[r, i]), rel=1e-12)
            assert dZ[r, i] == pytest.approx(dA[r, i] * slope(Z[r, i]), rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5, 33])
def test_softmax_backward_is_the_explicit_jacobian_row_by_row(k):
    """Eq. (7), [D_AZ] = [O] * ([I] - [O^T]), put into eq. (6), {D_EZ} = [D_AZ]^T {D_EA}."""
    Z, dA = np.random.default_rng(4).normal(size=(2, 6, k))
    dZ = backward(activations.softmax, dA, Z)
    for r in range(len(Z)):
        Q = np.exp(Z[r].reshape(k, 1))
        a = Q / Q.sum()
        O = a @ np.ones((1, k))
        jacobian = O * (np.eye(k) - O.T)
        expected = jacobian.T @ dA[r].reshape(k, 1)
        np.testing.assert_allclose(activations.softmax(Z)[r], a[:, 0], rtol=1e-12)
        np.testing.assert_allclose(dZ[r], expected[:, 0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("low", [0.0, 0.5])
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_relu_at_exactly_its_threshold_has_the_slope_asked_for(share, low):
    """Errata 13: that below it by default, that above it is the paper's case form."""
    Z = np.array([[-1.0, -0.0, 0.0, 2.0]])
    relu = activations.ReLU(low, slope_at_zero=share)
    at_zero = low + share * (1 - low)
    np.testing.assert_array_equal(
        backward(relu, np.full_like(Z, 3.0), Z), [[3 * low, 3 * at_zero, 3 * at_zero, 3.0]]
    )
    moved = activations.ReLU(low, threshold=0.5, slope_at_zero=share)
    np.testing.assert_array_equal(backward(moved, np.ones((1, 1)), np.array([[0.5]])), at_zero)
    assert activations.ReLU().slope_at_zero == 0


@pytest.mark.parametrize("low", [0.0, 0.1, 0.3, 0.7, 1.0, 2.6, 1e6])
@DTYPES
def test_slopes_of_rectifiers_are_exact(low, dtype):
    Z = np.array([[-2.0, 3.0]], dtype)
    for rectifier in (activations.ReLU(low), activations.LeakyReLU(low)):
        dZ = backward(rectifier, np.ones_like(Z), Z)
        np.testing.assert_array_equal(dZ, np.array([[low, 1]], dtype))


# -- calls and look-ups ----------------------------------------------------------------------------


def test_a_call_with_arguments_is_another_activation():
    x = np.array([-2.0, 3.0])
    np.testing.assert_array_equal(activations.leaky_relu(x, negative_slope=0.5), [-1.0, 3.0])
    np.testing.assert_array_equal(activations.relu(x, max_value=2.0), [0.0, 2.0])
    capped = activations.ReLU(max_value=2.0)
    np.testing.assert_array_equal(capped(x, negative_slope=0.5), [-1.0, 2.0])
    assert capped == activations.ReLU(max_value=2.0)
    np.testing.assert_allclose(activations.softmax(np.zeros((2, 3, 4)), axis=1), 1 / 3)
    with pytest.raises(ConfigurationError, match=r'LeakyReLU.*Did you mean "negative_slope"'):
        activations.leaky_relu(x, negative_slop=0.5)
    with pytest.raises(ConfigurationError, match="negative_slope as a number"):
        activations.leaky_relu(x, negative_slope=-1)


def test_none_is_the_identity():
    assert activations.get(None) == activations.Linear() == activations.get("identity")


@each
def test_each_is_there_by_its_names(row):
    for name in row.cls._names:
        assert activations.get(name) == row.cls()
        if name != "identity":
            assert getattr(activations, name) == row.cls()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: activations.ReLU(-0.1), "ReLU: expected negative_slope as a number"),
        (lambda: activations.ReLU(max_value=-1), "max_value"),
        (lambda: activations.ReLU(threshold=math.inf), "threshold"),
        (lambda: activations.ReLU(slope_at_zero=1.1), "slope_at_zero"),
        (lambda: activations.ReLU(slope_at_zero=math.nan), "slope_at_zero"),
        (lambda: activations.LeakyReLU("0.1"), "LeakyReLU: expected negative_slope"),
        (lambda: activations.ELU(-1), "ELU: expected alpha"),
        (lambda: activations.CELU(0), "CELU: expected alpha"),
        (lambda: activations.Softmax(0), "Softmax: expected axis"),
        (lambda: activations.LogSoftmax([1, 2]), "LogSoftmax: expected axis"),
        (lambda: activations.Softmax(True), "axis"),
        (lambda: activations.softmax(np.ones((2, 3)), axis=2), "axis 2 .* got shape"),
        (lambda: activations.softmax(np.ones((2, 3)), axis=-2), "batch"),
        (lambda: activations.get("gelo"), 'Did you mean "gelu"'),
        (lambda: activations.get(3), "got 3"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- along any axis --------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [1, 2, -1, -2, 3, -3])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows_run_along_any_axis_but_the_first(name, axis):
    Z, dA = np.random.default_rng(5).normal(size=(2, 3, 4, 2, 5))
    activation = type(activations.get(name))(axis)
    A, dZ = activation(Z), backward(activation, dA, Z)
    np.testing.assert_allclose(A, getattr(scipy.special, name)(Z, axis=axis), rtol=1e-13)
    turned = [np.ascontiguousarray(array.swapaxes(axis, -1)) for array in (Z, dA)]
    expected = backward(activations.get(name), turned[1], turned[0]).swapaxes(axis, -1)
    np.testing.assert_allclose(dZ, expected, rtol=1e-13, atol=1e-15)
    assert A.flags.c_contiguous
