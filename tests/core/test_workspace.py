"""Workspaces: memory that is allocated once."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annlib.core.workspace import Workspace


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), min_size=1, max_size=12))
def test_any_sequence_of_shapes_gets_them_contiguous_from_one_buffer(shapes):
    work, largest = Workspace("float32"), -1
    for shape in shapes:
        before = work._buffers.get("Z")
        array = work.array("Z", *shape)
        assert array.shape == tuple(shape)
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert np.shares_memory(array, work._buffers["Z"]) or not array.size
        if array.size <= largest:
            assert work._buffers["Z"] is before
        largest = max(largest, array.size)


def test_a_shorter_batch_gets_the_first_rows_of_the_same_memory():
    work = Workspace()
    long = work.array("Z", 32, 10)
    short = work.array("Z", 7, 10)
    assert short.ctypes.data == long.ctypes.data
    short[...] = 3
    np.testing.assert_array_equal(long[:7], short)
    assert work.array("Z", 32, 10).ctypes.data == long.ctypes.data


def test_nothing_is_allocated_after_the_first_batch():
    work = Workspace()
    first = work.array("Z", 32, 10)
    assert work.array("Z", 32, 10) is first
    assert work.array("Z", 32, 11) is not first


def test_names_do_not_share_memory_and_each_has_its_type():
    work = Workspace("float64")
    mask = work.array("mask", 4, dtype=bool)
    assert mask.dtype == bool
    assert work.array("Z", 4).dtype == np.float64
    assert not np.shares_memory(mask, work.array("Z", 4))
    assert work.array("mask", 9, dtype=bool).dtype == bool


def test_fill_overwrites_the_numbers_and_leaves_the_rest():
    work = Workspace()
    Z, labels = work.array("Z", 3), work.array("labels", 3, dtype=np.intp)
    labels[...], Z[...] = 7, 1
    work["kept"] = "yes"
    work.fill(np.nan)
    assert np.isnan(Z).all()
    assert (labels == 7).all()
    assert work["kept"] == "yes"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ones_are_ones(dtype):
    work = Workspace(dtype)
    for n in (3, 8, 5, 0, 8):
        ones = work.ones(n)
        assert ones.shape == (n,)
        assert ones.dtype == dtype
        assert (ones == 1).all()
    work.fill(np.nan)
    assert (work.ones(8) == 1).all()


def test_a_copy_starts_empty_with_the_random_stream():
    work = Workspace("float64", np.random.default_rng(1))
    work.array("Z", 4)
    work["x"] = 1
    expected = copy.deepcopy(work.rng).integers(0, 99, 4)
    for other in (copy.deepcopy(work), pickle.loads(pickle.dumps(work))):
        assert not other
        assert not other._buffers
        assert other.dtype == np.float64
        np.testing.assert_array_equal(other.rng.integers(0, 99, 4), expected)
