"""Stable functions on whole matrices, against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from cases import extremes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annlib.core import numerics
from annlib.core.workspace import Workspace

matrices = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=50),
    elements=st.floats(-1e300, 1e300),
)


@given(matrices)
def test_row_max(Z):
    np.testing.assert_array_equal(
        numerics.row_max(Z, Workspace("float64")), Z.max(axis=1, keepdims=True)
    )


@given(matrices, st.booleans())
def test_softmax_in_place_or_not_with_the_log_sum_exp_of_each_row(Z, in_place):
    before = Z.copy()
    A = Z if in_place else np.empty_like(Z)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        m, s = numerics.softmax(Z, A, Workspace("float64"))
    with np.errstate(under="ignore"):
        np.testing.assert_allclose(A, scipy.special.softmax(before, axis=1), rtol=1e-13)
        expected = scipy.special.logsumexp(before, axis=1, keepdims=True)
    np.testing.assert_allclose(m + np.log(s), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("in_place", [False, True])
def test_sigmoid_of_any_number(dtype, in_place):
    Z = extremes(dtype)
    before = Z.copy()
    A = Z if in_place else np.empty_like(Z)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert numerics.sigmoid(Z, A) is A
    info = np.finfo(dtype)
    expected = scipy.special.expit(before.astype(np.float64))
    np.testing.assert_allclose(A, expected, rtol=8 * info.eps, atol=info.tiny)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log1p_exp_of_any_number(dtype):
    Z = extremes(dtype)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        found = numerics.log1p_exp_neg_abs(Z, np.empty_like(Z))
    info = np.finfo(dtype)
    wide = -np.abs(Z.astype(np.longdouble))
    with np.errstate(under="ignore"):
        expected = np.log1p(np.exp(wide))
        np.testing.assert_allclose(found, expected.astype(dtype), rtol=8 * info.eps, atol=info.tiny)


@given(
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=4), elements=st.floats(-1e6, 1e6)),
)
def test_cos(X):
    """As near as the argument is known: a last bit of it moves the cosine by so much."""
    before, found = X.copy(), np.empty_like(X)
    numerics.cos(X, found, Workspace("float64"))
    np.testing.assert_array_equal(X, before)
    assert (np.abs(found - np.cos(X)) <= 1e-15 + 3e-16 * np.abs(X)).all()
    assert (np.abs(found) <= 1 + 1e-15).all()
    single = X.astype(np.float32)
    numerics.cos(single, of_single := np.empty_like(single), Workspace("float32"))
    np.testing.assert_array_equal(of_single, np.cos(single))


def test_cos_at_quarter_turns_and_of_nothing():
    quarters = np.arange(-8, 9) * (np.pi / 2)
    found = numerics.cos(quarters, np.empty_like(quarters), Workspace("float64"))
    np.testing.assert_allclose(found, np.cos(quarters), rtol=0, atol=2e-15)
    odd = np.array([np.nan, np.inf, -np.inf])
    with np.errstate(invalid="ignore"):
        assert np.isnan(numerics.cos(odd, np.empty_like(odd), Workspace("float64"))).all()
