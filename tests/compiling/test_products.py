"""Our own products of small matrices compute what NumPy's do, whatever the sizes are."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from annlib.compiling import machine, products
from annlib.core import threads


@pytest.fixture(params="fd")
def product(request):
    """What multiplies two matrices by machine code, each as it lies or turned."""
    found = machine.products(request.param)
    if not found:
        pytest.skip("made for processors with vectors of 512 bits")
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(None, *[pointer] * 3, *[whole] * 6)

    def multiply(a, b, turned_a, turned_b, margin=3):
        """The product, with what was not to be written around it."""
        lying = [
            np.ascontiguousarray(
                np.pad(x.T if turned else x, ((0, 0), (0, margin)), constant_values=np.nan)
            )
            for x, turned in ((a, turned_a), (b, turned_b))
        ]
        (rows, inner), columns = a.shape, b.shape[1]
        out = np.full((rows + 1, columns + margin), -7.0, request.param)
        steps = [x.shape[1] for x in (*lying, out)]
        addresses = [x.ctypes.data for x in (out, *lying)]
        kind(found[turned_a, turned_b])(*addresses, rows, columns, inner, *steps)
        return out

    multiply.kind = request.param
    return multiply


SIZES = [
    *((1, 1, 1), (8, 16, 1), (7, 17, 5), (15, 31, 33), (9, 33, 127), (33, 64, 128)),
    *((64, 40, 129), (65, 300, 260), (70, 7, 3), (3, 130, 300)),
]


@pytest.mark.parametrize("turned", products.TURNED, ids=str)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_what_numpy_computes_and_nothing_around_it(sizes, turned, product):
    rows, columns, inner = sizes
    rng = np.random.default_rng(0)
    a = rng.standard_normal((rows, inner)).astype(product.kind)
    b = rng.standard_normal((inner, columns)).astype(product.kind)
    out = product(a, b, *turned)
    scale = np.abs(a) @ np.abs(b) * np.finfo(product.kind).eps * 4
    assert (np.abs(out[:rows, :columns] - a @ b) <= scale).all()
    out[:rows, :columns] = -7.0
    assert (out == -7.0).all()


def test_what_is_not_finite_goes_on(product):
    a, b = np.ones((9, 20), product.kind), np.ones((20, 19), product.kind)
    a[3, 4], b[5, 17] = np.inf, np.nan
    out = product(a, b, turned_a=False, turned_b=False)[:9, :19]
    assert np.isnan(out[:, 17]).all()
    assert np.isposinf(np.delete(out[3], 17)).all()
    assert (np.delete(np.delete(out, 3, 0), 17, 1) == 20).all()


def test_large_products_are_left_to_blas_and_its_threads(monkeypatch):
    monkeypatch.setattr(threads, "multithreaded", lambda: True)
    assert products.suits(128, 64, 784)
    assert not products.suits(128, 512, 784)
    monkeypatch.setattr(threads, "multithreaded", lambda: False)
    assert products.suits(128, 512, 784)
    assert not products.suits(2048, 2048, 512)
    assert not products.suits(1, 512, 784)
