"""Activations give the right numbers: Keras', SciPy's, and those at the ends of the range."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import scipy.special
from cases import ACTIVATIONS, extremes
from golden import recorded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annlib import activations
from annlib.core.workspace import Workspace

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
KERAS = recorded("activations")
RAISE = {"over": "raise", "divide": "raise", "invalid": "raise"}


def passes(activation, Z, dA):
    """The output and dE/dZ, without a floating-point warning; scratch does not last."""
    work, Z, dA = Workspace(Z.dtype), Z.copy(), dA.copy()
    A = np.empty_like(dA) if activation.needs_input else Z
    with np.errstate(**RAISE):
        activation.forward(Z, A, work)
        work.fill(np.nan)
        dA = activation.gradient(dA, Z, A, work)
    assert A.dtype == dA.dtype == work.dtype
    return A, dA


def of_record(record):
    return type(activations.get(record["name"]))(**record.get("config", {}))


# -- Keras -----------------------------------------------------------------------------------------

#: PyTorch has a constant of these derivatives in float32, in float64 too.
ROUNDED = {"celu": 1e-6, "hard_sigmoid": 4e-8}


@pytest.mark.parametrize(
    "record", KERAS["activations"]["records"], ids=lambda r: f"{r['name']}-{r['config']}"
)
def test_activations_and_their_derivatives_are_those_of_keras(record):
    numbers = (np.array(KERAS["activations"][key]).reshape(-1) for key in ("x", "cotangent"))
    shapes = np.shape(record["gradient"]), np.shape(record["output"])
    Z, dA = (a[: math.prod(s)].reshape(s) for a, s in zip(numbers, shapes, strict=True))
    A, dZ = passes(of_record(record), Z, dA)
    np.testing.assert_allclose(A, record["output"], rtol=1e-13, atol=1e-15)
    rtol = ROUNDED.get(record["name"], 1e-13)
    np.testing.assert_allclose(dZ, record["gradient"], rtol=rtol, atol=2e-15)


@pytest.mark.parametrize("record", KERAS["extremes"]["records"], ids=lambda r: r["name"])
def test_at_extreme_numbers_they_are_those_of_keras(record):
    """To rounding at the size of the function; relative to tiny numbers see below."""
    finite = [None not in pair for pair in zip(record["output"], record["gradient"], strict=True)]
    Z = np.array(KERAS["extremes"]["x"])[finite].reshape(-1, 1)
    A, dZ = passes(of_record(record), Z, np.ones_like(Z))
    for found, key in ((A, "output"), (dZ, "gradient")):
        expected = np.array(record[key], float)[finite].reshape(-1, 1)
        rtol = ROUNDED.get(record["name"], 1e-13) if key == "gradient" else 1e-13
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-15)


# -- SciPy and C, from one end of the range to the other -------------------------------------------

expit = scipy.special.expit
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


def sech_squared(Z):
    return 4 * expit(2 * Z) * expit(-2 * Z)


def gate(Z):
    """Twice the argument of tanh in the approximate GELU, and z times its derivative."""
    Z = np.clip(Z, -99, 99)
    c = 2 * math.sqrt(2 / math.pi)
    return c * (Z + 0.044715 * Z**3), c * (Z + 3 * 0.044715 * Z**3)


def bent(p, q, r=1.0):
    """The exponential linear unit of slope p, depth q and width r, and its derivative."""
    return (
        lambda Z: np.where(Z > 0, p * Z, q * np.expm1(np.minimum(Z, 0) / r)),
        lambda Z: np.where(Z > 0, p, q / r * np.exp(np.minimum(Z, 0) / r)),
    )


def tanh_shrink(z):
    """By its definition in 2,000 digits, in which nothing cancels."""
    with localcontext(prec=2000):
        if abs(z) > 100 or not z:
            return z - np.sign(z)
        power = Decimal(2 * z).exp()
        return float(Decimal(z) - (power - 1) / (power + 1))


def squareplus(z):
    with localcontext(prec=700):
        return float((Decimal(z) + (Decimal(z) ** 2 + 4).sqrt()) / 2)


def squareplus_slope(z):
    with localcontext(prec=700):
        return float((1 + Decimal(z) / (Decimal(z) ** 2 + 4).sqrt()) / 2)


#: f and f', computed in float64 from float32 or float64 numbers.
TRUTHS = [
    (activations.linear, lambda Z: Z, np.ones_like),
    (activations.relu, lambda Z: np.where(Z > 0, Z, 0), lambda Z: Z > 0),
    (
        activations.ReLU(0.25, 1.5, 0.5),
        lambda Z: np.where(Z > 0.5, np.minimum(Z, 1.5), 0.25 * (Z - 0.5)),
        lambda Z: np.where(Z > 0.5, Z < 1.5, 0.25),
    ),
    (activations.relu6, lambda Z: np.clip(Z, 0, 6), lambda Z: (Z > 0) & (Z < 6)),
    (
        activations.leaky_relu,
        lambda Z: np.where(Z > 0, Z, 0.2 * Z),
        lambda Z: np.where(Z > 0, 1, 0.2),
    ),
    (
        activations.LeakyReLU(1.05),
        lambda Z: np.where(Z > 0, Z, 1.05 * np.minimum(Z, 0)),
        lambda Z: np.where(Z > 0, 1, 1.05),
    ),
    (activations.elu, *bent(1, 1)),
    (activations.ELU(0.3), *bent(1, 0.3)),
    (activations.celu, *bent(1, 1)),
    (activations.CELU(0.01), *bent(1, 0.01, 0.01)),
    (activations.CELU(3e3), *bent(1, 3e3, 3e3)),
    (activations.selu, *bent(SCALE, SCALE * ALPHA)),
    (activations.exponential, np.exp, np.exp),
    (activations.sigmoid, expit, lambda Z: expit(Z) * expit(-Z)),
    (activations.tanh, lambda Z: np.vectorize(math.tanh)(Z), sech_squared),
    (activations.softsign, lambda Z: Z / (1 + np.abs(Z)), lambda Z: (1 + np.abs(Z)) ** -2.0),
    (activations.softplus, lambda Z: np.logaddexp(0, Z), expit),
    (activations.log_sigmoid, scipy.special.log_expit, lambda Z: expit(-Z)),
    (activations.silu, lambda Z: Z * expit(Z), lambda Z: expit(Z) * (1 + Z * expit(-Z))),
    (
        activations.mish,
        lambda Z: Z * np.tanh(np.logaddexp(0, Z)),
        lambda Z: np.tanh(np.logaddexp(0, Z)) + Z * expit(Z) * sech_squared(np.logaddexp(0, Z)),
    ),
    (
        activations.gelu,
        lambda Z: Z * scipy.special.ndtr(Z),
        lambda Z: scipy.special.ndtr(Z) + Z * np.exp(-Z * Z / 2) / math.sqrt(2 * math.pi),
    ),
    (
        activations.GELU(approximate=True),
        lambda Z: Z * expit(gate(Z)[0]),
        lambda Z: expit(gate(Z)[0]) * (1 + gate(Z)[1] * expit(-gate(Z)[0])),
    ),
    (
        activations.hard_sigmoid,
        lambda Z: np.clip(Z / 6 + 0.5, 0, 1),
        lambda Z: (np.abs(Z) < 3) / 6,
    ),
    (
        activations.hard_silu,
        lambda Z: Z * np.clip(Z / 6 + 0.5, 0, 1),
        lambda Z: np.where(np.abs(Z) < 3, Z / 3 + 0.5, Z > 0),
    ),
    (
        activations.hard_shrink,
        lambda Z: np.where(np.abs(Z) > 0.5, Z, 0),
        lambda Z: np.abs(Z) > 0.5,
    ),
    (
        activations.SoftShrink(1.5),
        lambda Z: np.sign(Z) * np.maximum(np.abs(Z) - 1.5, 0),
        lambda Z: np.abs(Z) > 1.5,
    ),
    (activations.tanh_shrink, np.vectorize(tanh_shrink), lambda Z: np.tanh(Z) ** 2),
    (
        activations.Threshold(0.5, -2.0),
        lambda Z: np.where(Z > 0.5, Z, -2),
        lambda Z: Z > 0.5,
    ),
    (
        activations.sparse_plus,
        lambda Z: np.where(Z < 1, np.maximum(Z + 1, 0) ** 2 / 4, Z),
        lambda Z: np.clip((Z + 1) / 2, 0, 1),
    ),
    (
        activations.sparse_sigmoid,
        lambda Z: np.clip((Z + 1) / 2, 0, 1),
        lambda Z: (np.abs(Z) < 1) / 2,
    ),
    (activations.squareplus, np.vectorize(squareplus), np.vectorize(squareplus_slope)),
    (activations.hard_tanh, lambda Z: np.clip(Z, -1, 1), lambda Z: np.abs(Z) < 1),
]


def ends(dtype):
    """Where exponentials end, and almost the ends of the type."""
    top = 0.9 * np.finfo(dtype).max
    more = [0.01, 2.0, 2.9, 3.1, 5.0, 9.0, 13.0, 24.5, 35.0, 50.0, 745.0, top]
    return np.concatenate([extremes(dtype), np.array([*more, *(-x for x in more)], dtype)])


def close(found, expected, precision, floor):
    """Below ``floor`` nothing is asked of the relative error."""
    rtol = precision * np.finfo(found.dtype).eps
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=floor)


@pytest.mark.parametrize(
    ("activation", "f", "slope"), TRUTHS, ids=lambda x: getattr(x, "_names", x)
)
@DTYPES
def test_no_input_overflows_and_every_output_is_right(activation, f, slope, dtype):
    """From one end of the range to the other, as far down as the smallest normal number."""
    Z = ends(dtype).reshape(-1, 1)
    if activation == activations.exponential:
        Z = Z[np.log(np.finfo(dtype).max) > Z].reshape(-1, 1)
    A, dZ = passes(activation, Z, np.ones_like(Z))
    info = np.finfo(dtype)
    wide = Z.astype(np.float64)
    with np.errstate(all="ignore"):
        A_true, dZ_true = f(wide), slope(wide)
    # exp(-z^2 / 2) multiplies the rounding of z by z^2.
    precision = 512 if isinstance(activation, activations.GELU) else 8
    close(A, A_true, precision, info.tiny)
    # A derivative that is made of the output is as right as that is: 1 - a is 0 where a is 1.
    close(dZ, dZ_true, precision, info.tiny if activation.needs_input else 2 * info.eps)


def test_every_activation_has_a_truth():
    rowwise = {row.cls for row in ACTIVATIONS if not row.cls.elementwise}
    assert {row.cls for row in ACTIVATIONS} == {type(truth[0]) for truth in TRUTHS} | rowwise


@pytest.mark.parametrize("row", ACTIVATIONS, ids=repr)
def test_nan_stays_nan(row):
    Z = np.array([[np.nan], [1.0]])
    if row.cls is activations.GLU:
        Z = np.array([[np.nan, 0.0], [0.0, 1.0]])
    A, _ = passes(row.make(), Z, np.ones((2, 1)))
    np.testing.assert_array_equal(np.isnan(A), [[True], [False]])


@DTYPES
def test_gelu_is_the_normal_distribution_everywhere(dtype):
    Z = np.linspace(-40, 40, 20_001, dtype=dtype).reshape(-1, 1)
    A, _ = passes(activations.gelu, Z, np.ones_like(Z))
    wide = Z.astype(np.float64)
    expected, info = wide * scipy.special.ndtr(wide), np.finfo(dtype)
    error = np.abs(A - expected)
    assert (error <= info.eps * (8 + 2 * wide**2) * np.abs(expected) + info.tiny).all()
    near = np.abs(activations.GELU(approximate=True)(Z) - A).max()
    assert 1e-4 < near < 5e-4


# -- rows ------------------------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("k", [1, 4, 40])
def test_softmax_is_right_for_numbers_however_far_apart(dtype, k):
    Z = np.random.default_rng(0).choice(ends(dtype), size=(300, k))
    A, dZ = passes(activations.softmax, Z, np.eye(k, dtype=dtype)[np.arange(300) % k])
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        expected = scipy.special.softmax(Z.astype(np.longdouble), axis=1)
    close(A, expected.astype(np.float64), 1024, info.tiny)  # exp(z) multiplies z's rounding by z
    close(A.sum(axis=1), 1, 8, 0)
    assert np.isfinite(dZ).all()


@DTYPES
@pytest.mark.parametrize("k", [1, 4, 40])
def test_log_softmax_is_right_for_numbers_however_far_apart(dtype, k):
    numbers = ends(dtype)
    numbers = numbers[np.abs(numbers) < 0.4 * np.finfo(dtype).max]  # differences are numbers
    Z = np.random.default_rng(0).choice(numbers, size=(300, k))
    dA = np.random.default_rng(1).normal(size=Z.shape).astype(dtype)
    A, dZ = passes(activations.log_softmax, Z, dA)
    wide, info = Z.astype(np.float64), np.finfo(dtype)
    close(A, scipy.special.log_softmax(wide, axis=1), 8, 8 * info.eps)
    sums = dA.sum(axis=1, keepdims=True, dtype=np.float64)
    close(dZ, dA - scipy.special.softmax(wide, axis=1) * sums, 64, 64 * info.eps)


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


@DTYPES
@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_sparsemax_is_the_nearest_point_of_the_simplex(dtype, k):
    """By its conditions (Karush, Kuhn, Tucker), to the ends of the type."""
    rng = np.random.default_rng(k)
    for Z in (rng.normal(size=(200, k)), rng.choice(ends(dtype), size=(200, k))):
        Z = Z.astype(dtype)
        A = activations.sparsemax(Z)
        close(A.sum(axis=1), 1, 16, 0)
        assert (A >= 0).all()
        wide = Z.astype(np.longdouble)
        t = np.where(A > 0, wide - A, -np.inf).max(axis=1, keepdims=True)
        size = np.maximum(1, np.abs(wide).max(axis=1, keepdims=True)) * np.finfo(dtype).eps * 8
        assert (np.abs(np.where(A > 0, wide - A - t, 0)) <= size).all()
        assert (np.where(A > 0, -np.inf, wide) <= t + size).all()
