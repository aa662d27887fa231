"""Activations: derivatives, the paper's equations, and numbers at the ends of the range."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from cases import ACTIVATIONS, extremes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annlib import activations
from annlib.core.workspace import Workspace
from annlib.testing import check_activation

each = pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def forward(activation, Z, work):
    """f(Z), in place where the activation says that it may be."""
    Z = Z.copy()
    A = np.empty_like(Z) if activation.needs_input else Z
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
        y = activation(x)
        assert y.shape == np.shape(x)
        assert y.dtype == np.float64
        assert not np.shares_memory(x, y)
    for shape in ((0,), (0, 3), (3, 0)):
        assert activation(np.zeros(shape, "f4")).shape == shape
    Z = np.random.default_rng(0).normal(size=(6, 5))
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


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0])
def test_relu_at_exactly_zero_has_the_slope_asked_for(slope):
    """Errata 13: 0 by default, 1 is the paper's case form."""
    Z = np.array([[-1.0, -0.0, 0.0, 2.0]])
    dZ = backward(activations.ReLU(slope), np.full_like(Z, 3.0), Z)
    np.testing.assert_array_equal(dZ, [[0.0, 3 * slope, 3 * slope, 3.0]])
    assert activations.ReLU().slope_at_zero == 0


@pytest.mark.parametrize("slope", [-0.1, 1.1, math.nan])
def test_relu_refuses_what_is_no_subgradient(slope):
    with pytest.raises(ValueError, match="slope_at_zero"):
        activations.ReLU(slope)


# -- the ends of the range -------------------------------------------------------------------------

TRUTHS = {  # in float64 from the float32 or float64 input, by SciPy's or C's functions
    "linear": lambda Z: Z,
    "relu": lambda Z: np.where(Z > 0, Z, 0),
    "sigmoid": scipy.special.expit,
    "tanh": lambda Z: np.vectorize(math.tanh, otypes=[float])(Z),
    "softmax": lambda Z: scipy.special.softmax(Z, axis=1),
}


@each
@DTYPES
def test_no_input_overflows(row, dtype):
    """Finite output and gradient, and the right ones, from -1e300 to 1e300 (errata 11, 12)."""
    activation = row.make()
    ends = extremes(dtype)
    one_each = ends.reshape(-1, 1)
    rng = np.random.default_rng(0)
    mixed = rng.choice(ends, size=(200, 4))
    truth, info = TRUTHS[activation.names[0]], np.finfo(dtype)
    for Z in (one_each, mixed):
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            work = Workspace(dtype)
            used, A = forward(activation, Z, work)
            dZ = np.ones_like(A)
            activation.backward(dZ, used, A, work)
        assert np.isfinite(A).all()
        assert np.isfinite(dZ).all()
        with np.errstate(under="ignore"):
            expected = truth(Z.astype(np.float64))
        # Below the smallest normal number zero is as good.
        np.testing.assert_allclose(A, expected, rtol=8 * info.eps, atol=info.tiny)


@DTYPES
def test_softmax_rows_add_up_to_one_however_far_apart(dtype):
    Z = np.random.default_rng(1).choice(extremes(dtype), size=(300, 7))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        A = activations.softmax(Z)
    np.testing.assert_allclose(A.sum(axis=1), 1, rtol=8 * np.finfo(dtype).eps)


@given(
    Z=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.floats(-50, 50),
    ),
    shift=st.floats(-1e3, 1e3),
)
def test_softmax_of_any_shape_is_scipys_and_does_not_see_a_shift(Z, shift):
    expected = scipy.special.softmax(Z, axis=1)
    np.testing.assert_allclose(activations.softmax(Z), expected, rtol=1e-12)
    np.testing.assert_allclose(activations.softmax(Z + shift), expected, rtol=1e-9)


def test_every_activation_has_a_truth():
    assert {row.cls.names[0] for row in ACTIVATIONS} <= TRUTHS.keys()


def test_none_is_the_identity():
    assert activations.get(None) == activations.Linear() == activations.get("identity")
