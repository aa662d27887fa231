"""Batches from an array of any layout and type are its rows, and the array is never copied."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annlib.data import Gatherer

TYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g"]


def numbers(dtype, shape):
    """Small whole numbers, which every type holds."""
    size = int(np.prod(shape))
    return ((np.arange(size) * 7919) % 101).reshape(shape).astype(dtype)


def unaligned(a):
    memory = np.empty(a.nbytes + 1, np.uint8)
    view = memory[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def field(a):
    records = np.zeros(len(a), [("before", "u1"), ("x", a.dtype, a.shape[1:])])
    records["x"] = a
    return records["x"]


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def with_gaps(a, axis):
    """A view of every second of twice as many rows or columns."""
    wide = np.repeat(a, 2, axis=axis)
    return wide[:, ::2] if axis else wide[::2]


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "every second row": lambda a: with_gaps(a, 0),
    "every second column": lambda a: with_gaps(a, 1),
    "rows reversed": lambda a: a[::-1],
    "columns reversed": lambda a: a[:, ::-1],
    "all reversed": lambda a: np.flip(a),
    "F reversed": lambda a: np.flip(np.asfortranarray(a)),
    "rows cut out": lambda a: np.concatenate([a, a, a])[len(a) : 2 * len(a)],
    "columns cut out": lambda a: np.concatenate([a, a, a], axis=1)[:, 1 : 1 + a.shape[1]],
    "one row everywhere": lambda a: np.broadcast_to(a[1], a.shape),
    "one column everywhere": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder("S")),
    "other byte order, F": lambda a: np.asfortranarray(a.astype(a.dtype.newbyteorder("S"))),
    "unaligned": unaligned,
    "unaligned, reversed": lambda a: unaligned(a)[::-1],
    "field of records": field,
    "read only": read_only,
    "read only, F": lambda a: read_only(np.asfortranarray(a)),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def check(source, dtype, seed=0):
    """Batches of many lengths, by rows and by slices, against NumPy's plain indexing."""
    gatherer, before, n = Gatherer(source, dtype), np.array(source), len(source)
    assert len(gatherer) == n
    rng = np.random.default_rng(seed)
    for length in (n, 1, 5, n + 4, 2, 5):
        index = rng.integers(0, n, length)
        assert_same(gatherer.rows(index), before[index].astype(dtype))
        start = int(rng.integers(0, n))
        assert_same(gatherer.slice(start, start + length), before[start : start + length], dtype)
    np.testing.assert_array_equal(source, before)


def assert_same(batch, expected, dtype=None):
    expected = expected if dtype is None else expected.astype(dtype)
    np.testing.assert_array_equal(batch, expected)
    assert batch.dtype == expected.dtype
    assert batch.dtype.isnative
    assert batch.shape == expected.shape
    assert batch.flags.c_contiguous


@every_layout
@pytest.mark.parametrize("kind", TYPES)
def test_batches_are_the_rows(layout, kind):
    for shape in ((11, 4), (11, 3, 2), (6, 1), (1, 5)):
        source = layout(numbers(kind, shape)) if shape[0] > 1 else numbers(kind, shape)
        for dtype in ("float32", "float64", "intp"):
            check(source, dtype)


@every_layout
def test_batches_of_wide_rows_are_the_rows(layout):
    for width in (1_000, 9_000):  # some at a time, and one
        check(layout(numbers("f4", (40, width))), "float64")


@pytest.mark.parametrize("kind", [*TYPES, ">i2", ">f4"])
def test_vectors_are_gathered_too(kind):
    source = numbers(kind, (11,))
    for view in (source, source[::-1], source[1:-1:3], np.broadcast_to(source[:1], (7,))):
        for dtype in ("float32", "float64", "intp"):
            check(view, dtype)


def test_memory_maps_are_gathered(tmp_path):
    values = numbers("u1", (20, 6))
    values.tofile(tmp_path / "x")
    for order in "CF":
        source = np.memmap(tmp_path / "x", np.uint8, "r", shape=(20, 6), order=order)
        check(source, "float32")
    late = np.memmap(tmp_path / "x", ">u2", "r", offset=7, shape=(10, 4))
    check(late, "float64")


@st.composite
def views(draw):
    """An array and a view of it: axes in any order, each cut by any slice."""
    shape = tuple(draw(st.lists(st.integers(2, 7), min_size=1, max_size=3)))
    a = numbers(draw(st.sampled_from(TYPES)), shape)
    a = a.transpose(draw(st.permutations(range(a.ndim))))
    for axis in range(a.ndim):
        cut = draw(st.slices(a.shape[axis]).filter(lambda s: len(range(7)[s]) > 0))
        if len(range(a.shape[axis])[cut]):
            a = a[(slice(None),) * axis + (cut,)]
    return a


@given(views(), st.sampled_from(["float32", "float64", "intp"]), st.integers(0, 99))
def test_any_view_is_gathered(source, dtype, seed):
    check(source, dtype, seed)


def test_a_slice_of_the_right_type_is_a_view():
    source = numbers("f4", (10, 3))
    assert np.shares_memory(Gatherer(source, "float32").slice(2, 5), source)
    assert not np.shares_memory(Gatherer(source, "float64").slice(2, 5), source)


# Memory

ROWS, COLUMNS, BATCH = 100_000, 8, 64


def peak(action):
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@every_layout
@pytest.mark.parametrize("kind", ["u1", "f4", "f8"])
def test_the_array_is_never_copied(layout, kind):
    source = layout(numbers(kind, (ROWS, COLUMNS)))
    index = np.random.default_rng(0).integers(0, ROWS, BATCH)

    def epoch():
        gatherer = Gatherer(source, "float32")
        for start in (0, 5000, ROWS - 3):
            gatherer.rows(index)
            gatherer.slice(start, start + BATCH)

    # A batch and its scratch take some ten kilobytes, the smallest of the arrays 800.
    assert peak(epoch) < 60_000


@pytest.mark.parametrize("kind", ["u1", "f4", "f8"])
def test_a_second_batch_of_a_contiguous_array_allocates_nothing(kind):
    source = numbers(kind, (1000, 50))
    gatherer = Gatherer(source, "float32")
    index = np.arange(400)
    gatherer.rows(index)
    # A batch has 80,000 bytes, its smallest scratch array 3,200.
    assert peak(lambda: gatherer.rows(index)) < 2_500
    assert peak(lambda: gatherer.slice(0, 400)) < 2_500
    assert peak(lambda: gatherer.rows(index[:300])) < 2_500
