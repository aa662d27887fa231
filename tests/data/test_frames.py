"""Frames and series of pandas and polars are read as the numbers that they hold, uncopied."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from annlib.core.errors import DataError
from annlib.data import ArrayLoader, Table, as_source

pl = pytest.importorskip("polars")

N = 12
rng = np.random.default_rng(0)
COLUMNS = {
    "z": rng.integers(-5, 5, N),
    "a": rng.normal(size=N).astype("f4"),
    "flag": rng.random(N) < 0.5,
    "byte": rng.integers(0, 255, N).astype("u1"),
}
NUMBERS = np.column_stack([column.astype("f8") for column in COLUMNS.values()])
FRAMES = {
    "pandas": pd.DataFrame(COLUMNS),
    "pandas, nullable": pd.DataFrame(COLUMNS).convert_dtypes(),
    "pandas, nullable of one type": pd.DataFrame(NUMBERS, dtype="Float64"),
    "pandas, sparse": pd.DataFrame(NUMBERS).astype(pd.SparseDtype("float64", 0.0)),
    "pandas, categories that are numbers": pd.DataFrame(COLUMNS).astype({"z": "category"}),
    "polars": pl.DataFrame(COLUMNS),
    "polars of one type": pl.DataFrame(np.asfortranarray(NUMBERS)),
    "polars of one type, in pieces": pl.DataFrame(dict(zip("abcd", NUMBERS.T.copy(), strict=True))),
    "polars, joined of two": pl.concat(
        [pl.DataFrame(COLUMNS)[:5], pl.DataFrame(COLUMNS)[5:]], rechunk=False
    ),
}


def rows(source, order=None):
    batches = ArrayLoader(source, batch_size=5, dtype="f8", target_dtype="f8")
    parts = batches.sequential() if order is None else batches.take(order)
    return np.concatenate([batch.x.copy() for batch in parts])


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_is_its_numbers(kind):
    source = as_source(FRAMES[kind], "fit", "x")
    order = rng.permutation(N)
    assert source.shape == (N, 4)
    np.testing.assert_array_equal(rows(source), NUMBERS)
    np.testing.assert_array_equal(rows(source, order), NUMBERS[order])
    np.testing.assert_array_equal(rows(source[3:9]), NUMBERS[3:9])


def test_frames_are_read_where_they_lie():
    of_columns = as_source(FRAMES["polars"], "fit", "x")
    assert isinstance(of_columns, Table)
    assert np.shares_memory(of_columns.columns[0], FRAMES["polars"]["z"].to_numpy())
    whole = as_source(FRAMES["polars of one type"], "fit", "x")
    assert np.shares_memory(whole, FRAMES["polars of one type"].to_numpy())
    nullable = FRAMES["pandas, nullable"]["z"]
    column = as_source(FRAMES["pandas, nullable"], "fit", "x").columns[0]
    assert np.shares_memory(column, nullable.to_numpy(dtype="int64"))


@pytest.mark.parametrize("pieces", [False, True])
def test_a_large_frame_of_one_type_is_not_copied(pieces):
    frame = pd.DataFrame(np.zeros((400_000, 3)))
    if pieces:
        frame[3] = np.ones(400_000)
    tracemalloc.start()
    source = as_source(frame, "fit", "x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(source, Table) == pieces
    assert peak < 400_000  # a column has eight times as many bytes


@pytest.mark.parametrize("make", [pd.Series, pl.Series], ids=["pandas", "polars"])
def test_a_series_is_its_numbers(make):
    for column in COLUMNS.values():
        np.testing.assert_array_equal(as_source(make(column), "fit", "y"), column)
    nullable = pd.Series([1, 2, 3], dtype="Int8")
    np.testing.assert_array_equal(as_source(nullable, "fit", "y"), [1, 2, 3])


MISSING = {
    "pandas": pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [0.0, 1.0]}),
    "pandas, truth": pd.DataFrame({"a": pd.array([True, None], "boolean"), "b": [0.0, 1.0]}),
    "polars": pl.DataFrame({"a": [1, None], "b": [0.0, 1.0]}),
}


@pytest.mark.parametrize("frame", MISSING.values(), ids=MISSING)
def test_what_is_missing_is_named(frame):
    with pytest.raises(DataError, match=r'finite numbers in x\["a"\], got 1 NaN.* row 1'):
        as_source(frame, "fit", "x")
    with pytest.raises(DataError, match=r"finite numbers in y, got 1 NaN.* row 1"):
        as_source(frame["a"], "fit", "y")


def test_what_is_no_number_is_named():
    frame = pl.DataFrame({"a": [1.0, 2.0], "colour": ["red", "blue"]})
    with pytest.raises(DataError, match=r'x\["colour"\] to hold numbers.*red.* Encode'):
        as_source(frame, "fit", "x")
    with pytest.raises(DataError, match="x with rows, got <LazyFrame"):
        as_source(frame.lazy(), "fit", "x")


def test_arrows_types_that_hold_no_numbers():
    pyarrow = pytest.importorskip("pyarrow")
    frame = pd.DataFrame(COLUMNS)
    frame["name"] = pd.Series(["a", None] * (N // 2), dtype=pd.ArrowDtype(pyarrow.string()))
    with pytest.raises(DataError, match="to hold numbers, got"):
        as_source(frame, "fit", "x")
    frame["name"] = pd.Series(range(N), dtype=pd.ArrowDtype(pyarrow.int64()))
    assert as_source(frame, "fit", "x").shape == (N, 5)


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], (1, 2)], ids=str)
def test_records_are_no_numbers(value):
    frame = pl.DataFrame({"a": range(N), "odd": [value] * N})
    with pytest.raises(DataError, match="to hold numbers, got"):
        as_source(frame, "fit", "x")
